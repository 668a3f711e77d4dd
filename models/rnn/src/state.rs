use burn::tensor::{Device, Tensor};

use crate::Cell;
use crate::scan::Carry;

/// What a layer remembers between steps, for every layer and direction of an [`Rnn`](crate::Rnn).
///
/// Rows are ordered as PyTorch orders them: layer 0 forward, layer 0 backward, layer 1 forward, …
#[derive(Clone, Debug)]
pub struct State {
    /// The hidden state `h`: `[layers × directions, batch, hidden]`.
    pub hidden: Tensor<3>,
    /// The cell state `c` of an LSTM, in the shape of `hidden`; other cells have none.
    pub cell: Option<Tensor<3>>,
}

impl State {
    /// The state before anything was read: zeros of `[layers × directions, batch, hidden]`.
    pub fn zero(cell: Cell, shape: [usize; 3], device: &Device) -> Self {
        let zeros = || Tensor::zeros(shape, device);
        Self { hidden: zeros(), cell: cell.has_memory().then(zeros) }
    }

    /// The same values, cut off from the graph they were computed in.
    ///
    /// Truncated backpropagation carries the state from one window of a long sequence to the next; without the cut each
    /// window's graph would hold on to all those before it.
    pub fn detach(self) -> Self {
        Self { hidden: self.hidden.detach(), cell: self.cell.map(Tensor::detach) }
    }

    /// The hidden state and, of an LSTM, the cell state.
    pub fn into_tensors(self) -> Vec<Tensor<3>> {
        std::iter::once(self.hidden).chain(self.cell).collect()
    }

    /// The inverse of [`into_tensors`](Self::into_tensors); `None` of none.
    pub fn from_tensors(tensors: Vec<Tensor<3>>) -> Option<Self> {
        let mut tensors = tensors.into_iter();
        let hidden = tensors.next()?;
        Some(Self { hidden, cell: tensors.next() })
    }

    /// The state of each layer and direction.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = Carry> {
        let row = |all: &Tensor<3>, index| all.clone().narrow(0, index, 1).squeeze_dim(0); // [B, H]
        let rows = self.hidden.dims()[0];
        (0..rows).map(move |index| Carry {
            hidden: row(&self.hidden, index),
            cell: self.cell.as_ref().map(|cell| row(cell, index)),
        })
    }

    /// The inverse of [`into_rows`](Self::into_rows).
    pub(crate) fn from_rows(rows: Vec<Carry>) -> Self {
        let (hidden, cells): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.hidden, row.cell)).unzip();
        let cells: Option<Vec<_>> = cells.into_iter().collect();
        Self { hidden: Tensor::stack(hidden, 0), cell: cells.map(|cells| Tensor::stack(cells, 0)) }
    }
}
