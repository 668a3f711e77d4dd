use burn::nn::Initializer;
use burn::tensor::{Device, Distribution, Tensor};
use serde::{Deserialize, Serialize};

use crate::Cell;

/// The method that initialises the parameters of an [`Rnn`](crate::Rnn).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// PyTorch's default: all parameters are drawn uniformly from `−1/√hidden_size` to `1/√hidden_size`.
    #[default]
    Uniform,

    /// Orthogonal recurrent weights (Saxe et al. 2014), a common choice in papers on recurrent networks. The matrix of
    /// each gate is drawn separately. Multiplication by an orthogonal matrix does not change the norm of the hidden
    /// state, so the norm neither grows nor shrinks from step to step. Input weights are Glorot uniform (Glorot &
    /// Bengio 2010). Biases are 0, except the forget gate bias of an LSTM, which is 1 so that an untrained LSTM keeps
    /// its cell state (Jozefowicz et al. 2015).
    Orthogonal,
}

impl Init {
    /// Draws the input weight matrix: `[gates × hidden, input]`.
    pub(crate) fn weight_ih(self, cell: Cell, input: usize, hidden: usize, device: &Device) -> Tensor<2> {
        let bound = match self {
            Init::Uniform => pytorch_bound(hidden),
            Init::Orthogonal => (6.0 / (input + hidden) as f64).sqrt(),
        };
        uniform([cell.gates() * hidden, input], bound, device)
    }

    /// Draws the recurrent weight matrix: `[gates × hidden, hidden]`.
    pub(crate) fn weight_hh(self, cell: Cell, hidden: usize, device: &Device) -> Tensor<2> {
        match self {
            Init::Uniform => uniform([cell.gates() * hidden, hidden], pytorch_bound(hidden), device),
            Init::Orthogonal => {
                let gate = |_| Initializer::Orthogonal { gain: 1.0 }.init([hidden, hidden], device).into_value();
                Tensor::cat((0..cell.gates()).map(gate).collect(), 0).detach()
            }
        }
    }

    /// Draws the bias that is added to the product of input and `weight_ih`: `[gates × hidden]`.
    pub(crate) fn bias_ih(self, cell: Cell, hidden: usize, device: &Device) -> Tensor<1> {
        match self {
            Init::Uniform => uniform([cell.gates() * hidden], pytorch_bound(hidden), device),
            // The gates are in the order i, f, g, o; only the bias of the forget gate f is 1.
            Init::Orthogonal if cell == Cell::Lstm => {
                let gate = |bias: f64| Tensor::full([hidden], bias, device);
                Tensor::cat([0.0, 1.0, 0.0, 0.0].map(gate).to_vec(), 0)
            }
            Init::Orthogonal => Tensor::zeros([cell.gates() * hidden], device),
        }
    }

    /// Draws the bias that is added to the product of hidden state and `weight_hh`: `[gates × hidden]`.
    pub(crate) fn bias_hh(self, cell: Cell, hidden: usize, device: &Device) -> Tensor<1> {
        match self {
            Init::Uniform => uniform([cell.gates() * hidden], pytorch_bound(hidden), device),
            Init::Orthogonal => Tensor::zeros([cell.gates() * hidden], device),
        }
    }
}

fn pytorch_bound(hidden: usize) -> f64 {
    1.0 / (hidden as f64).sqrt()
}

fn uniform<const D: usize>(shape: [usize; D], bound: f64, device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-bound, bound), device)
}
