//! The compile-time settings of the kernels, and the layout of their buffers.

use crate::Cell;

/// The number of values in one vector load.
pub(super) const LANES: usize = 4;

/// The compile-time settings of the kernels of one layer. Each plan is compiled to separate kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// The recurrence.
    pub cell: Cell,
    /// The number of hidden units of one direction, H.
    pub size: usize,
    /// The number of directions, D: 1, or 2 if one launch computes both. The second direction is the reverse direction.
    pub directions: usize,
    /// Whether the only direction is the reverse direction.
    pub reverse: bool,
    /// Whether a sequence may have fewer steps than the batch.
    pub ragged: bool,
    /// The number of units of a cube that share the recurrent sums of one hidden unit.
    pub slices: usize,
    /// Whether the forward pass saves the values that the backward pass needs.
    pub keep: bool,
}

impl Plan {
    /// The number of columns of the gates of one direction, G·H.
    pub fn width(&self) -> usize {
        self.cell.gates() * self.size
    }

    /// The number of vectors that hold one value per hidden unit: H / 4, rounded up. The last vector is padded with
    /// zeros.
    pub fn vectors(&self) -> usize {
        self.size.div_ceil(LANES)
    }

    /// The number of hidden units with padding.
    pub fn padded(&self) -> usize {
        self.vectors() * LANES
    }

    /// The number of states, S: 2 for an LSTM, otherwise 1.
    pub fn states(&self) -> usize {
        if self.cell.has_memory() { 2 } else { 1 }
    }

    /// Whether a step has two phases, because the candidate reads the product of the reset gate and the hidden state.
    pub fn has_two_phases(&self) -> bool {
        self.cell == Cell::GruResetBefore
    }

    /// The number of gates whose recurrent weights are multiplied with the hidden state. These are all gates, except
    /// the candidate of a cell with two phases, whose recurrent weights are multiplied with `r ⊙ h`.
    pub fn first_gates(&self) -> usize {
        if self.has_two_phases() { self.cell.gates() - 1 } else { self.cell.gates() }
    }

    /// The number of saved values per hidden unit beside the gates, in this order: Elman `h`, LSTM `c h`, GRU `q h`, GRU
    /// with the reset gate before the product `r⊙h h`. `h` and `c` are the states before the step, and `q` is the
    /// recurrent product of the candidate with its bias.
    pub fn extras(&self) -> usize {
        match self.cell {
            Cell::Elman | Cell::ElmanRelu => 1,
            Cell::Gru | Cell::GruResetBefore | Cell::Lstm => 2,
        }
    }

    /// The number of columns of the saved values: gates of all directions, then the extra values of all directions.
    pub fn saved_width(&self) -> usize {
        self.directions * (self.width() + self.extras() * self.size)
    }

    /// The first column of an extra value among the saved values of one direction.
    pub fn extra_column(&self, direction: usize, extra: usize) -> usize {
        self.directions * self.width() + (direction * self.extras() + extra) * self.size
    }

    /// The number of vectors of the packed weights of one direction: for the forward pass, and for the backward pass.
    /// The forward pass needs one row of vectors more, for the biases.
    pub fn packed_vectors(&self) -> [usize; 2] {
        [(self.vectors() + 1) * self.width(), self.vectors() * self.width()]
    }

    /// The number of values in shared memory that a kernel needs, forward or backward, whichever needs more.
    pub fn shared_values(&self) -> usize {
        let forward = 2 * self.padded() + self.gated_values() + self.partial_values(self.first_gates());
        let backward = self.size + self.cell.gates() * self.padded() + self.partial_values(1);
        forward.max(backward) + self.memory_values()
    }

    /// The partial sums in shared memory: one row per slice, or one unused value.
    pub fn partial_values(&self, gates: usize) -> usize {
        if self.slices > 1 { self.slices * gates * self.size } else { 1 }
    }

    /// The values in shared memory for the cell state or, in a cell with two phases, the update gate.
    pub fn memory_values(&self) -> usize {
        if self.cell.has_memory() || self.has_two_phases() { self.size } else { 1 }
    }

    /// The values in shared memory for the product of reset gate and hidden state.
    pub fn gated_values(&self) -> usize {
        if self.has_two_phases() { self.padded() } else { 1 }
    }
}
