use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::packed::Kept;
use crate::{Cell, Init};

/// The parameters of one layer in one direction, in PyTorch's layout: each matrix stacks the blocks of all gates, in
/// the gate order of [`Cell`].
#[derive(Module, Debug)]
pub struct Weights {
    /// The input weight matrix: `[gates × hidden, input]`.
    pub weight_ih: Param<Tensor<2>>,
    /// The recurrent weight matrix: `[gates × hidden, hidden]`.
    pub weight_hh: Param<Tensor<2>>,
    /// The bias that is added to the product of input and `weight_ih`: `[gates × hidden]`.
    pub bias_ih: Param<Tensor<1>>,
    /// The bias that is added to the product of hidden state and `weight_hh`: `[gates × hidden]`.
    pub bias_hh: Param<Tensor<1>>,
    /// The cache of packed weights (weights in the memory layout of the CPU kernels).
    #[module(skip)]
    pub(crate) packed: Kept,
}

impl Weights {
    /// Creates the parameters and draws all values immediately. A lazy parameter draws its values at first use, so the
    /// same seed would give different weights in a program that uses its modules in a different order.
    pub(crate) fn new(init: Init, cell: Cell, input: usize, hidden: usize, device: &Device) -> Self {
        Self {
            weight_ih: Param::from_tensor(init.weight_ih(cell, input, hidden, device)),
            weight_hh: Param::from_tensor(init.weight_hh(cell, hidden, device)),
            bias_ih: Param::from_tensor(init.bias_ih(cell, hidden, device)),
            bias_hh: Param::from_tensor(init.bias_hh(cell, hidden, device)),
            packed: Kept::default(),
        }
    }

    /// Returns the current values of the parameters.
    pub(crate) fn tensors(&self) -> WeightTensors {
        WeightTensors {
            weight_ih: self.weight_ih.val(),
            weight_hh: self.weight_hh.val(),
            bias_ih: self.bias_ih.val(),
            bias_hh: self.bias_hh.val(),
            packed: self.packed.clone(),
        }
    }
}

/// The values of the parameters in [`Weights`], with the same shapes, for one call of [`scan`](crate::scan::scan).
#[derive(Clone, Debug)]
pub(crate) struct WeightTensors {
    pub weight_ih: Tensor<2>,
    pub weight_hh: Tensor<2>,
    pub bias_ih: Tensor<1>,
    pub bias_hh: Tensor<1>,
    pub packed: Kept,
}

impl WeightTensors {
    /// Returns the input weights, the recurrent weights, the input bias and the recurrent bias as tensors of burn's
    /// backend `Dispatch`. Operations of a backend, such as the GPU kernels, take tensors of this type.
    #[cfg(feature = "cube")]
    pub fn into_dispatch(self) -> [burn::backend::tensor::FloatTensor<burn::backend::Dispatch>; 4] {
        let Self { weight_ih, weight_hh, bias_ih, bias_hh, .. } = self;
        [weight_ih.into_dispatch(), weight_hh.into_dispatch(), bias_ih.into_dispatch(), bias_hh.into_dispatch()]
    }

    /// Returns the number of hidden units.
    pub fn hidden_size(&self) -> usize {
        self.weight_hh.dims()[1]
    }
}
