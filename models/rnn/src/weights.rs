use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::{Cell, Init};

/// The parameters of one layer in one direction, in PyTorch's layout: the blocks of all gates one above the other, in
/// the order that [`Cell`] gives.
#[derive(Module, Debug)]
pub struct Weights {
    /// What the gates take from the input: `[gates × hidden, input]`.
    pub weight_ih: Param<Tensor<2>>,
    /// What the gates take from the state: `[gates × hidden, hidden]`.
    pub weight_hh: Param<Tensor<2>>,
    /// Added to the input product: `[gates × hidden]`.
    pub bias_ih: Param<Tensor<1>>,
    /// Added to the recurrent product: `[gates × hidden]`.
    pub bias_hh: Param<Tensor<1>>,
}

impl Weights {
    /// Draws the values at once: a lazy parameter would draw at its first use, and the same seed would then give other
    /// weights in a program that uses its modules in another order.
    pub(crate) fn new(init: Init, cell: Cell, input: usize, hidden: usize, device: &Device) -> Self {
        Self {
            weight_ih: Param::from_tensor(init.weight_ih(cell, input, hidden, device)),
            weight_hh: Param::from_tensor(init.weight_hh(cell, hidden, device)),
            bias_ih: Param::from_tensor(init.bias_ih(cell, hidden, device)),
            bias_hh: Param::from_tensor(init.bias_hh(cell, hidden, device)),
        }
    }

    /// What they are now.
    pub(crate) fn values(&self) -> Values {
        Values {
            weight_ih: self.weight_ih.val(),
            weight_hh: self.weight_hh.val(),
            bias_ih: self.bias_ih.val(),
            bias_hh: self.bias_hh.val(),
        }
    }
}

/// The values of [`Weights`] for one reading; of the same shapes.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub weight_ih: Tensor<2>,
    pub weight_hh: Tensor<2>,
    pub bias_ih: Tensor<1>,
    pub bias_hh: Tensor<1>,
}

impl Values {
    /// The size of the state.
    pub fn hidden_size(&self) -> usize {
        self.weight_hh.dims()[1]
    }
}
