//! What the layers promise, in one program so that burn is linked once.

#![allow(clippy::unwrap_used)]

mod attention;
mod dropout;
mod init;
mod padding;
mod pytorch;
mod refusals;
mod shapes;
mod store;
mod streaming;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Rnn, RnnConfig};

/// All cells there are.
const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// A device that records.
fn device() -> Device {
    Device::flex().autodiff()
}

/// Two layers of each cell, in one or both directions.
fn stacked(cell: Cell, bidirectional: bool) -> Rnn {
    RnnConfig::new(cell, 3, 4).with_num_layers(2).with_bidirectional(bidirectional).init(&device())
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device())
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().unwrap()
}

/// The largest difference of two tensors of the same shape; NaN if there is one in either. It is a share of the
/// largest value where that is above 1: an Elman network with ReLU that drew an unstable matrix has gradients of
/// thousands, and they are rounded as such.
fn difference<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    difference_of(&values(a), &values(b))
}

fn difference_of(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let larger = |largest: f32, value: f32| if value > largest || value.is_nan() { value } else { largest };
    let scale = a.iter().map(|a| a.abs()).fold(1.0, larger);
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, larger) / scale
}

/// The gradients that one backward pass gave all parameters, one after the other.
fn parameter_gradients(rnn: &Rnn, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    parameter_gradients_each(rnn, gradients).concat()
}

/// The same, parameter by parameter.
fn parameter_gradients_each(rnn: &Rnn, gradients: &burn::tensor::Gradients) -> Vec<Vec<f32>> {
    struct Collect<'a>(&'a burn::tensor::Gradients, Vec<Vec<f32>>);
    impl burn::module::ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.1.push(values(&param.val().grad(self.0).unwrap()));
        }
    }
    let mut collect = Collect(gradients, Vec::new());
    rnn.visit(&mut collect);
    collect.1
}
