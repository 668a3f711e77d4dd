//! The test cases of the ONNX operators RNN, LSTM and GRU, from the package `onnx`. `fixtures/make_onnx.py` documents
//! the file and the layouts.

use std::path::Path;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use rnn::{Cell, RnnConfig, State, Weights};
use safetensors::SafeTensors;

use crate::{device, difference};

const TOLERANCE: f32 = 1e-5;

#[test]
fn results_equal_those_of_the_onnx_operators() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let names: Vec<&str> = file.names().into_iter().filter_map(|name| name.strip_suffix(".setting")).collect();
    assert_eq!(names.len(), 17);
    for name in names {
        Case { name, file: &file }.check();
    }
}

struct Case<'a> {
    name: &'a str,
    file: &'a SafeTensors<'a>,
}

impl Case<'_> {
    fn check(&self) {
        let setting = self.file.tensor(&format!("{}.setting", self.name)).unwrap().data().to_vec();
        let setting: Vec<i64> = setting.as_chunks().0.iter().map(|value| i64::from_le_bytes(*value)).collect();
        let [operator, direction, layout, linear_before_reset] = setting.try_into().unwrap();
        // For each of our gates, the index of its block in the matrices of ONNX.
        let (cell, gates): (Cell, &[usize]) = match (operator, linear_before_reset) {
            (0, _) => (Cell::Elman, &[0]),
            (1, _) => (Cell::Lstm, &[0, 2, 3, 1]),        // ONNX: i o f c
            (2, 0) => (Cell::GruResetBefore, &[1, 0, 2]), // ONNX: z r h
            (2, 1) => (Cell::Gru, &[1, 0, 2]),
            other => panic!("{}: operator {other:?}", self.name),
        };
        // The layout 1 has the batch first, in inputs, outputs and states.
        let time_first = |tensor: Tensor<3>| if layout == 0 { tensor } else { tensor.swap_dims(0, 1) };
        let x = time_first(self.tensor("X").unwrap()); // [T, B, I]
        let input = match direction {
            1 => x.flip([0]), // the reverse direction alone: the forward direction over the reversed sequence
            _ => x,
        };
        let [_, batch, input_size] = input.dims();
        let hidden = self.tensor::<3>("R").unwrap().dims()[2];
        let directions = if direction == 2 { 2 } else { 1 };
        let config = RnnConfig::new(cell, input_size, hidden).with_bidirectional(directions == 2);
        let mut rnn = config.init(&device());
        let layer = &mut rnn.layers[0];
        for (index, weights) in std::iter::once(&mut layer.forward).chain(&mut layer.backward).enumerate() {
            self.load(weights, index, gates, hidden);
        }
        let initial = self
            .tensor("initial_h")
            .map(|state| State { hidden: time_first(state), cell: self.tensor("initial_c").map(time_first) });

        let (outputs, last) = rnn.forward(input.swap_dims(0, 1), None, initial);
        self.compare("Y_h", Some(time_first(last.hidden)));
        self.compare("Y_c", last.cell.map(time_first));
        let outputs = if direction == 1 { outputs.flip([1]) } else { outputs };
        let time = outputs.dims()[1];
        let outputs = outputs.reshape([batch, time, directions, hidden]);
        self.compare("Y", Some(if layout == 0 { outputs.permute([1, 2, 0, 3]) } else { outputs }));
    }

    /// Loads the weights of one direction, with the blocks of the gates in our order.
    fn load(&self, weights: &mut Weights, direction: usize, gates: &[usize], hidden: usize) {
        let matrix = |name: &str| -> Tensor<2> {
            let all = self.tensor::<3>(name).unwrap().narrow(0, direction, 1).squeeze_dim(0);
            Tensor::cat(gates.iter().map(|gate| all.clone().narrow(0, gate * hidden, hidden)).collect(), 0)
        };
        weights.weight_ih = Param::from_tensor(matrix("W"));
        weights.weight_hh = Param::from_tensor(matrix("R"));
        let count = gates.len() * hidden;
        let biases = self.tensor("B").unwrap_or_else(|| Tensor::<2>::zeros([direction + 1, 2 * count], &device()));
        let bias = |first: usize| -> Tensor<1> {
            let all: Tensor<1> = biases.clone().narrow(0, direction, 1).squeeze_dim(0);
            Tensor::cat(gates.iter().map(|gate| all.clone().narrow(0, first + gate * hidden, hidden)).collect(), 0)
        };
        weights.bias_ih = Param::from_tensor(bias(0));
        weights.bias_hh = Param::from_tensor(bias(count));
    }

    /// Compares one result with the case, if the case has it.
    fn compare<const D: usize>(&self, result: &str, given: Option<Tensor<D>>) {
        let Some(expected) = self.tensor::<D>(result) else { return };
        let difference = difference(&expected, &given.unwrap());
        assert!(difference <= TOLERANCE, "{}.{result} differs by {difference}", self.name);
    }

    fn tensor<const D: usize>(&self, port: &str) -> Option<Tensor<D>> {
        let tensor = self.file.tensor(&format!("{}.{port}", self.name)).ok()?;
        let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Some(Tensor::from_data(TensorData::new(values, tensor.shape().to_vec()), &device()))
    }
}
