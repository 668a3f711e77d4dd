use burn::nn::Initializer;
use burn::tensor::{Device, Distribution, Tensor};
use serde::{Deserialize, Serialize};

use crate::Cell;

/// The values that parameters start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// PyTorch's: all parameters uniform in `±1/√hidden_size`.
    #[default]
    Uniform,

    /// What papers on recurrent networks mostly use, gate by gate: recurrent weights orthogonal (Saxe et al. 2014), so
    /// that a state neither grows nor shrinks from step to step; input weights uniform after Glorot & Bengio (2010);
    /// biases zero, but 1 for the forget gate of an LSTM (Jozefowicz et al. 2015), which then remembers from the start.
    Orthogonal,
}

impl Init {
    /// The input weights: `[gates × hidden, input]`.
    pub(crate) fn weight_ih(self, cell: Cell, input: usize, hidden: usize, device: &Device) -> Tensor<2> {
        let bound = match self {
            Init::Uniform => pytorch_bound(hidden),
            Init::Orthogonal => (6.0 / (input + hidden) as f64).sqrt(),
        };
        uniform([cell.gates() * hidden, input], bound, device)
    }

    /// The recurrent weights: `[gates × hidden, hidden]`.
    pub(crate) fn weight_hh(self, cell: Cell, hidden: usize, device: &Device) -> Tensor<2> {
        match self {
            Init::Uniform => uniform([cell.gates() * hidden, hidden], pytorch_bound(hidden), device),
            Init::Orthogonal => {
                let gate = |_| Initializer::Orthogonal { gain: 1.0 }.init([hidden, hidden], device).into_value();
                Tensor::cat((0..cell.gates()).map(gate).collect(), 0).detach()
            }
        }
    }

    /// The bias added to the input product: `[gates × hidden]`.
    pub(crate) fn bias_ih(self, cell: Cell, hidden: usize, device: &Device) -> Tensor<1> {
        match self {
            Init::Uniform => uniform([cell.gates() * hidden], pytorch_bound(hidden), device),
            // Gates i, f, g, o.
            Init::Orthogonal if cell == Cell::Lstm => {
                let gate = |bias: f64| Tensor::full([hidden], bias, device);
                Tensor::cat([0.0, 1.0, 0.0, 0.0].map(gate).to_vec(), 0)
            }
            Init::Orthogonal => Tensor::zeros([cell.gates() * hidden], device),
        }
    }

    /// The bias added to the recurrent product: `[gates × hidden]`.
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
