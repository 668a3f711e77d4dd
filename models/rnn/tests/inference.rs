//! Inference without gradients. These tests also run without the feature `autodiff`:
//! `cargo test -p rnn --no-default-features`.

#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Distribution, Int, Tensor};
use rnn::{Cell, LockedDropout, RnnConfig, State, dense_cross_entropy};

const CELLS: [Cell; 5] = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru, Cell::GruResetBefore];

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

#[track_caller]
fn assert_near<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
    assert_eq!(a.dims(), b.dims());
    let difference: f64 = (a.cast(DType::F64) - b.cast(DType::F64)).abs().max().into_scalar();
    assert!(difference < 1e-5, "the results differ by {difference}");
}

struct ToF64;

impl ModuleMapper for ToF64 {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(DType::F64))
    }
}

/// The kernels support 32-bit floats only, so the same network in 64-bit floats uses the composed form.
#[test]
fn kernels_agree_with_the_composed_form() {
    for cell in CELLS {
        let rnn = RnnConfig::new(cell, 3, 20).with_num_layers(2).with_bidirectional(true).init(&Device::flex());
        let input = random([4, 7, 3]);
        let initial = State { hidden: random([4, 4, 20]), cell: cell.has_memory().then(|| random([4, 4, 20])) };
        let wide = State {
            hidden: initial.hidden.clone().cast(DType::F64),
            cell: initial.cell.clone().map(|cell| cell.cast(DType::F64)),
        };
        for lengths in [None, Some(&[7, 0, 3, 6][..])] {
            let (output, state) = rnn.forward(input.clone(), lengths, Some(initial.clone()));
            let composed = rnn.clone().map(&mut ToF64);
            let (expected, last) = composed.forward(input.clone().cast(DType::F64), lengths, Some(wide.clone()));
            assert_near(output, expected);
            for (tensor, expected) in state.into_tensors().into_iter().zip(last.into_tensors()) {
                assert_near(tensor, expected);
            }
        }
    }
}

#[test]
fn steps_give_the_results_of_the_whole_sequence() {
    for cell in CELLS {
        let rnn = RnnConfig::new(cell, 3, 20).init(&Device::flex());
        let input = random([2, 5, 3]);
        let mut state = rnn.zero_state(2, &Device::flex());
        let mut outputs = Vec::new();
        for step in input.clone().iter_dim(1) {
            let (output, next) = rnn.step(step.squeeze_dim(1), state);
            outputs.push(output);
            state = next;
        }
        assert_near(rnn.forward(input, None, None).0, Tensor::stack(outputs, 1));
    }
}

#[test]
fn dropout_is_inactive() {
    let input = random([2, 3, 4]);
    assert_near(LockedDropout::new(0.5).forward(input.clone()), input);
}

#[test]
fn dense_cross_entropy_agrees_with_the_composed_form() {
    let (inputs, weight, bias) = (random([6, 5]), random([9, 5]), random([9]));
    let targets = Tensor::<1, Int>::arange(0..6, &Device::flex());
    let losses = dense_cross_entropy(inputs.clone(), weight.clone(), bias.clone(), targets.clone());
    let [inputs, weight] = [inputs, weight].map(|tensor| tensor.cast(DType::F64));
    assert_near(losses, dense_cross_entropy(inputs, weight, bias.cast(DType::F64), targets));
}
