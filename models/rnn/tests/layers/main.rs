//! Tests of the layers, in one program so that burn is linked only once.

#![allow(clippy::unwrap_used)]

mod attention;
mod dropout;
mod init;
mod onnx;
mod padding;
mod pytorch;
mod refusals;
mod shapes;
mod store;
mod streaming;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Rnn, RnnConfig};

/// All cells.
const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

/// An autodiff device.
fn device() -> Device {
    Device::flex().autodiff()
}

/// Two stacked layers.
fn stacked(cell: Cell, bidirectional: bool) -> Rnn {
    RnnConfig::new(cell, 3, 4).with_num_layers(2).with_bidirectional(bidirectional).init(&device())
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device())
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().unwrap()
}

/// The largest difference between two tensors of the same shape; NaN if one of them contains NaN. The difference is
/// relative to the largest value if that value is above 1, because an Elman network with ReLU and an unstable weight
/// matrix can have gradients of several thousand.
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

/// The gradients of all parameters, concatenated.
fn parameter_gradients(rnn: &Rnn, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    parameter_gradients_each(rnn, gradients).concat()
}

/// The gradient of each parameter.
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
