//! The compile-time settings of the GPU kernels of a recurrent layer, and the layout of the buffers of these kernels.

use crate::Cell;

/// The number of 32-bit floats that a thread loads at once, as a vector.
pub(super) const LANES: usize = 4;

/// The compile-time settings of the GPU kernels of one layer. The kernels are compiled separately for each plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// The type of the recurrent cell: Elman, GRU or LSTM.
    pub cell: Cell,
    /// The number of hidden units of one direction.
    pub size: usize,
    /// The number of directions: 1, or 2 if one launch computes both directions. The second direction is the reverse
    /// direction.
    pub directions: usize,
    /// Whether the only direction is the reverse direction.
    pub reverse: bool,
    /// Whether some sequences may be shorter than the number of steps of the batch.
    pub ragged: bool,
    /// The number of threads that compute the recurrent products of one hidden unit together. Each thread computes one
    /// slice (range of terms) of the sums.
    pub slices: usize,
    /// Whether the forward pass saves the values that the backward pass needs.
    pub keep: bool,
}

impl Plan {
    /// Returns the number of gate values per step of one direction: gates × hidden units.
    pub fn width(&self) -> usize {
        self.cell.gates() * self.size
    }

    /// Returns the number of vectors of four floats that are needed to store one float per hidden unit: hidden / 4,
    /// rounded up. The last vector is padded with zeros.
    pub fn vectors(&self) -> usize {
        self.size.div_ceil(LANES)
    }

    /// Returns the number of hidden units, rounded up to a multiple of four.
    pub fn padded(&self) -> usize {
        self.vectors() * LANES
    }

    /// Returns the number of states: 2 for an LSTM (hidden state and cell state), otherwise 1.
    pub fn states(&self) -> usize {
        if self.cell.has_memory() { 2 } else { 1 }
    }

    /// Returns whether a step has two phases: the reset and update gates first, and then the candidate, whose recurrent
    /// product reads the product of reset gate and hidden state.
    pub fn has_two_phases(&self) -> bool {
        self.cell == Cell::GruResetBefore
    }

    /// Returns the number of gates whose recurrent weights are multiplied with the hidden state. These are all gates,
    /// except the candidate of a cell with two phases, whose recurrent weights are multiplied with `r ⊙ h`, the product
    /// of reset gate and hidden state.
    pub fn first_gates(&self) -> usize {
        if self.has_two_phases() { self.cell.gates() - 1 } else { self.cell.gates() }
    }

    /// Returns the number of extra values, which are the saved values per hidden unit and step that are not gates. They
    /// are in this order: `h` for an Elman cell; `c`, `h` for an LSTM; `q`, `h` for PyTorch's GRU; `r ⊙ h`, `h` for the
    /// GRU with the reset gate before the recurrent product. `h` and `c` are the states before the step, `r` is the
    /// reset gate, and `q` is the recurrent product of the candidate plus the recurrent bias of the candidate.
    pub fn extras(&self) -> usize {
        match self.cell {
            Cell::Elman | Cell::ElmanRelu => 1,
            Cell::Gru | Cell::GruResetBefore | Cell::Lstm => 2,
        }
    }

    /// Returns the number of columns of the saved values: the gates of all directions, then the [extra
    /// values](Self::extras) of all directions.
    pub fn saved_width(&self) -> usize {
        self.directions * (self.width() + self.extras() * self.size)
    }

    /// Returns the first column, in the matrix of saved values, of an extra value of one direction. `extra` is the
    /// position of the value in the order that [`extras`](Self::extras) documents.
    pub fn extra_column(&self, direction: usize, extra: usize) -> usize {
        self.directions * self.width() + (direction * self.extras() + extra) * self.size
    }

    /// Returns the number of vectors of four values in the packed weights of one direction, first for the forward pass
    /// and then for the backward pass. Packed weights are copies in the order of access, see [`pack`](super::pack). The
    /// forward pass needs one more row of vectors, for the biases.
    pub fn packed_vectors(&self) -> [usize; 2] {
        [(self.vectors() + 1) * self.width(), self.vectors() * self.width()]
    }

    /// Returns how many 32-bit floats of shared memory the forward kernel or the backward kernel needs, whichever needs
    /// more.
    pub fn shared_values(&self) -> usize {
        let forward = 2 * self.padded() + self.gated_values() + self.partial_values(self.first_gates());
        let backward = self.size + self.cell.gates() * self.padded() + self.partial_values(1);
        forward.max(backward) + self.memory_values()
    }

    /// Returns the number of partial sums in shared memory for the given number of gates. If there is only one slice,
    /// no partial sums are needed; the result is then 1, because shared memory cannot be empty.
    pub fn partial_values(&self, gates: usize) -> usize {
        if self.slices > 1 { self.slices * gates * self.size } else { 1 }
    }

    /// Returns the number of values in shared memory for the cell state of an LSTM, or for the update gate of a GRU
    /// with the reset gate before the recurrent product. Other cells need none; the result is then 1, because shared
    /// memory cannot be empty.
    pub fn memory_values(&self) -> usize {
        if self.cell.has_memory() || self.has_two_phases() { self.size } else { 1 }
    }

    /// Returns the number of values in shared memory for the product of reset gate and hidden state. A cell that does
    /// not use this product has no such values; the result is then 1, because shared memory cannot be empty.
    pub fn gated_values(&self) -> usize {
        if self.has_two_phases() { self.padded() } else { 1 }
    }
}
