//! Test cases for exported graphs: inputs, and the outputs that our networks in burn compute from these inputs.

use burn::tensor::{Device, Tensor, TensorData};
use onnx::{Export, Options};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rnn::{Rnn, State};
use serde::Serialize;

/// A tensor in `cases.json`: shape, element type and values.
#[derive(Clone, Serialize)]
pub struct Array {
    /// The sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The element type: `f32`, `i64` or `i32`.
    pub element: &'static str,
    /// The values in row-major order.
    pub values: Values,
}

/// The values of an [`Array`].
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum Values {
    Floats(Vec<f32>),
    Ids(Vec<i64>),
    Lengths(Vec<i32>),
}

/// A test case: the inputs of a graph, and the outputs that our network in burn computes from them.
#[derive(Clone, Serialize)]
pub struct Case {
    /// The name of the graph: `model`, `step` or `spelling`.
    pub graph: &'static str,
    /// Whether the inputs have padding, so that the graph needs the input `lengths`.
    pub padded: bool,
    /// Empty if the graph is called once. If the graph `step` is called in a loop, once per time step: the number of
    /// steps of each sequence in the batch. The first input and the first output then contain all steps,
    /// `[batch, time, …]`, and each call gets one step of the input.
    pub loops: Vec<usize>,
    /// The name and the value of each input.
    pub inputs: Vec<(&'static str, Array)>,
    /// The name and the expected value of each output.
    pub outputs: Vec<(&'static str, Array)>,
}

/// Exports a model with the given options.
pub type ExportFn = Box<dyn Fn(&Options) -> Result<Export, onnx::OnnxError>>;

/// A model: a function that exports its graphs, and test cases for these graphs.
pub struct Model {
    pub name: String,
    pub export: ExportFn,
    pub cases: Vec<Case>,
}

impl Array {
    pub fn floats<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { shape, element: "f32", values: Values::Floats(tensor.into_data().iter::<f32>().collect()) }
    }

    pub fn ids(rows: &[Vec<u32>]) -> Self {
        let shape = vec![rows.len(), rows[0].len()];
        Self { shape, element: "i64", values: Values::Ids(rows.iter().flatten().map(|id| i64::from(*id)).collect()) }
    }

    pub fn lengths(lengths: &[usize]) -> Self {
        let values = Values::Lengths(lengths.iter().map(|length| *length as i32).collect());
        Self { shape: vec![lengths.len()], element: "i32", values }
    }
}

/// Draws a tensor of standard normal numbers from `rng`. The numbers are the same in every run of the program.
pub fn draw<const D: usize>(rng: &mut ChaCha8Rng, shape: [usize; D]) -> Tensor<D> {
    let mut normal = || {
        let [one, other]: [f32; 2] = [rng.random_range(1e-6..1.0), rng.random()];
        (-2.0 * one.ln()).sqrt() * (std::f32::consts::TAU * other).cos()
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

pub fn random_state(rng: &mut ChaCha8Rng, rnn: &Rnn, batch: usize) -> State {
    let mut state = rnn.zero_state(batch, &Device::flex());
    let shape = state.hidden.dims();
    state.hidden = draw(rng, shape).tanh();
    state.cell = state.cell.map(|_| draw(rng, shape));
    state
}

/// Returns the tensors of a state with the given names: `h0` and `c0` for inputs, `hn` and `cn` for outputs.
pub fn named(names: [&'static str; 2], state: State) -> Vec<(&'static str, Array)> {
    names.into_iter().zip(state.into_tensors()).map(|(name, tensor)| (name, Array::floats(tensor))).collect()
}
