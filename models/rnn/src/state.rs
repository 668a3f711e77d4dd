use burn::tensor::{Device, Tensor};

use crate::Cell;
use crate::scan::LayerState;

/// The hidden state, and the cell state of an LSTM, of every layer and direction of an [`Rnn`](crate::Rnn).
///
/// The first dimension has PyTorch's order: layer 0 forward, layer 0 reverse, layer 1 forward, …
#[derive(Clone, Debug)]
pub struct State {
    /// The hidden state `h`: `[layers × directions, batch, hidden]`.
    pub hidden: Tensor<3>,
    /// The cell state `c` of an LSTM, with the shape of `hidden`; `None` for other cells.
    pub cell: Option<Tensor<3>>,
}

impl State {
    /// Creates the initial state: zeros of shape `[layers × directions, batch, hidden]`.
    pub fn zero(cell: Cell, shape: [usize; 3], device: &Device) -> Self {
        let zeros = || Tensor::zeros(shape, device);
        Self { hidden: zeros(), cell: cell.has_memory().then(zeros) }
    }

    /// Returns the state with the same values, detached from the autodiff graph.
    ///
    /// Truncated backpropagation passes the state from one window of a long sequence to the next. Without `detach`, the
    /// graph of each window would keep the graphs of all previous windows alive.
    pub fn detach(self) -> Self {
        Self { hidden: self.hidden.detach(), cell: self.cell.map(Tensor::detach) }
    }

    /// Returns the hidden state, followed by the cell state of an LSTM.
    pub fn into_tensors(self) -> Vec<Tensor<3>> {
        std::iter::once(self.hidden).chain(self.cell).collect()
    }

    /// Makes a state from the tensors that [`into_tensors`](Self::into_tensors) returns. Returns `None` if `tensors` is
    /// empty.
    pub fn from_tensors(tensors: Vec<Tensor<3>>) -> Option<Self> {
        let mut tensors = tensors.into_iter();
        let hidden = tensors.next()?;
        Some(Self { hidden, cell: tensors.next() })
    }

    /// Splits the state into one state per layer and direction, `[batch, hidden]`: layer 0 forward, layer 0 reverse,
    /// layer 1 forward, …
    pub(crate) fn into_layer_states(self) -> impl Iterator<Item = LayerState> {
        let row = |all: &Tensor<3>, index| all.clone().narrow(0, index, 1).squeeze_dim(0); // [B, H]
        let count = self.hidden.dims()[0];
        (0..count).map(move |index| LayerState {
            hidden: row(&self.hidden, index),
            cell_state: self.cell.as_ref().map(|cell| row(cell, index)),
        })
    }

    /// Joins the states of all layers and directions: the inverse of [`into_layer_states`](Self::into_layer_states).
    pub(crate) fn from_layer_states(states: Vec<LayerState>) -> Self {
        let (hidden, cells): (Vec<_>, Vec<_>) =
            states.into_iter().map(|state| (state.hidden, state.cell_state)).unzip();
        let cells: Option<Vec<_>> = cells.into_iter().collect();
        Self { hidden: Tensor::stack(hidden, 0), cell: cells.map(|cells| Tensor::stack(cells, 0)) }
    }
}
