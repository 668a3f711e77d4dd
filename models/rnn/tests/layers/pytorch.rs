//! Outputs, final states and gradients equal PyTorch's, with weights loaded from PyTorch's names and layouts.

use std::path::{Path, PathBuf};

use burn::store::{KeyRemapper, ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rnn::{Cell, Layer, RnnConfig, State, Weights, from_pytorch_names};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-5;

#[test]
fn elman() {
    compare("elman", Cell::Elman);
}

#[test]
fn elman_relu() {
    compare("elman-relu", Cell::ElmanRelu);
}

#[test]
fn lstm() {
    compare("lstm", Cell::Lstm);
}

#[test]
fn gru() {
    compare("gru", Cell::Gru);
}

#[test]
fn gru_reset_before() {
    compare("gru-reset-before", Cell::GruResetBefore);
}

fn compare(file: &str, cell: Cell) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{file}.safetensors"));
    let fixture = Fixture { bytes: std::fs::read(&path).unwrap(), path, device: Device::flex().autodiff() };
    for layers in [1, 2] {
        for bidirectional in [false, true] {
            for variant in ["full", "ragged", "state"] {
                fixture.check(cell, layers, bidirectional, variant);
            }
        }
    }
}

struct Fixture {
    path: PathBuf,
    bytes: Vec<u8>,
    device: Device,
}

impl Fixture {
    fn check(&self, cell: Cell, layers: usize, bidirectional: bool, variant: &str) {
        let name = format!("{layers}-{}", if bidirectional { "bi" } else { "uni" });
        let config = RnnConfig::new(cell, 2, 3).with_num_layers(layers).with_bidirectional(bidirectional);
        let mut rnn = config.init(&self.device);
        let names = KeyRemapper::from_pattern_iter([(format!("^{name}\\."), "")]).unwrap();
        let names = from_pytorch_names().iter().fold(names, |names, (from, to)| names.add_pattern(from, *to).unwrap());
        rnn.load_from(&mut SafetensorsStore::from_file(&self.path).remap(names)).unwrap();

        let input = self.tensor::<3>("input").require_grad();
        let lengths = self.lengths();
        let lengths = (variant != "full").then_some(lengths.as_slice());
        let initial = self.initial_state(cell, &name, variant);
        let (output, state) = rnn.forward(input.clone(), lengths, initial.clone());

        let case = format!("{:?} {cell:?} {name}.{variant}", self.device);
        let expect = |key: &str, given: Tensor<3>| {
            assert_near(&format!("{case}.{key}"), &self.tensor(&format!("{name}.{variant}.{key}")), &given);
        };
        expect("output", output.clone());
        expect("h_n", state.hidden.clone());

        let weighted_sum = |key: &str, result: Tensor<3>| (result * self.tensor(&format!("{name}.weigh.{key}"))).sum();
        let mut loss = weighted_sum("output", output) + weighted_sum("h_n", state.hidden);
        if let Some(cell) = state.cell {
            expect("c_n", cell.clone());
            loss = loss + weighted_sum("c_n", cell);
        }
        let gradients = loss.backward();
        expect("grad.input", Tensor::from_inner(input.grad(&gradients).unwrap()));
        if let Some(initial) = initial {
            expect("grad.h_0", Tensor::from_inner(initial.hidden.grad(&gradients).unwrap()));
            if let Some(cell) = initial.cell {
                expect("grad.c_0", Tensor::from_inner(cell.grad(&gradients).unwrap()));
            }
        }
        for (index, Layer { forward, backward }) in rnn.layers.iter().enumerate() {
            let prefix = format!("{name}.{variant}.grad");
            self.check_weights(&prefix, &format!("_l{index}"), forward, &gradients);
            if let Some(backward) = backward {
                self.check_weights(&prefix, &format!("_l{index}_reverse"), backward, &gradients);
            }
        }
    }

    fn check_weights(&self, prefix: &str, suffix: &str, weights: &Weights, gradients: &Gradients) {
        let matrices = [("weight_ih", &weights.weight_ih), ("weight_hh", &weights.weight_hh)];
        for (name, weight) in matrices {
            let name = format!("{prefix}.{name}{suffix}");
            assert_near(&name, &self.tensor(&name), &Tensor::<2>::from_inner(weight.val().grad(gradients).unwrap()));
        }
        let biases = [("bias_ih", &weights.bias_ih), ("bias_hh", &weights.bias_hh)];
        for (name, bias) in biases {
            let name = format!("{prefix}.{name}{suffix}");
            assert_near(&name, &self.tensor(&name), &Tensor::<1>::from_inner(bias.val().grad(gradients).unwrap()));
        }
    }

    fn initial_state(&self, cell: Cell, name: &str, variant: &str) -> Option<State> {
        let load = |key: &str| self.tensor::<3>(&format!("{name}.{key}")).require_grad();
        (variant == "state").then(|| State { hidden: load("h_0"), cell: (cell == Cell::Lstm).then(|| load("c_0")) })
    }

    fn lengths(&self) -> Vec<usize> {
        let all = SafeTensors::deserialize(&self.bytes).unwrap();
        let bytes = all.tensor("lengths").unwrap().data().to_vec();
        bytes.as_chunks().0.iter().map(|length| i64::from_le_bytes(*length) as usize).collect()
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let all = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = all.tensor(name).unwrap();
        let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Tensor::from_data(TensorData::new(values, tensor.shape().to_vec()), &self.device)
    }
}

#[track_caller]
fn assert_near<const D: usize>(name: &str, expected: &Tensor<D>, given: &Tensor<D>) {
    let difference = crate::difference(expected, given);
    assert!(difference <= TOLERANCE, "{name} differs by {difference}:\nexpected {expected}\ngiven {given}");
}
