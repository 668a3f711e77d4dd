//! 240 layers of different shapes, compared with PyTorch in double precision: batch sizes of 1 to 70, 1 to 300 steps,
//! sizes that are no multiple of a vector, sequences of different lengths. `fixtures/make_shapes.py` documents the
//! file.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rnn::{Cell, RnnConfig, State};
use safetensors::SafeTensors;

use crate::{device, parameter_gradients_each, values};

/// The largest allowed difference, relative to the largest value of a result.
const TOLERANCE: f32 = 1e-5;

#[test]
fn results_and_gradients_equal_pytorchs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shapes.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let cases = file.len() / 3;
    assert!(cases >= 200);
    for seed in 0..cases {
        Case::read(&file, seed).check();
    }
}

struct Case {
    seed: usize,
    config: RnnConfig,
    batch: usize,
    time: usize,
    lengths: Vec<usize>,
    /// One row per result: its largest value, its sum with random signs, some of its values.
    results: Vec<Vec<f32>>,
}

impl Case {
    fn read(file: &SafeTensors, seed: usize) -> Self {
        let integers = |name: &str| -> Vec<usize> {
            let bytes = file.tensor(&format!("{seed:03}.{name}")).unwrap().data().to_vec();
            bytes.as_chunks().0.iter().map(|value| i64::from_le_bytes(*value) as usize).collect()
        };
        let [cell, layers, directions, batch, time, input, hidden] = integers("setting").try_into().unwrap();
        let cell = [Cell::Elman, Cell::ElmanRelu, Cell::Lstm, Cell::Gru][cell];
        let config = RnnConfig::new(cell, input, hidden).with_num_layers(layers).with_bidirectional(directions == 2);
        let results = file.tensor(&format!("{seed:03}.results")).unwrap();
        let floats: Vec<f32> = results.data().as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let results = floats.chunks(results.shape()[1]).map(<[f32]>::to_vec).collect();
        Self { seed, config, batch, time, lengths: integers("lengths"), results }
    }

    fn check(&self) {
        let Self { seed, batch, time, .. } = *self;
        let RnnConfig { cell, input_size, hidden_size, num_layers, bidirectional, .. } = self.config;
        let states = num_layers * if bidirectional { 2 } else { 1 };
        let mut parameters = Draw { seed, stream: 100, scale: (hidden_size as f64).powf(-0.5) as f32 };
        let rnn = self.config.init(&device()).map(&mut parameters);
        let input = draw(seed, 0, [batch, time, input_size], 1.0).require_grad();
        let hidden = draw(seed, 1, [states, batch, hidden_size], 0.5).require_grad();
        let cell_state = (cell == Cell::Lstm).then(|| draw(seed, 2, [states, batch, hidden_size], 0.5).require_grad());
        let initial = State { hidden: hidden.clone(), cell: cell_state.clone() };

        let (output, last) = rnn.forward(input.clone(), Some(&self.lengths), Some(initial));
        let results: Vec<_> = [Some(output), Some(last.hidden), last.cell].into_iter().flatten().collect();
        let weighted_sum =
            |(index, result): (usize, &Tensor<3>)| (result.clone() * draw(seed, 10 + index, result.dims(), 1.0)).sum();
        let loss = results.iter().enumerate().map(weighted_sum).reduce(|sum, part| sum + part).unwrap();
        let gradients = loss.backward();

        let mut given: Vec<_> = results.iter().map(values).collect();
        for tensor in [Some(input), Some(hidden), cell_state].into_iter().flatten() {
            given.push(values(&Tensor::<3>::from_inner(tensor.grad(&gradients).unwrap())));
        }
        given.extend(parameter_gradients_each(&rnn, &gradients));
        assert_eq!(given.len(), self.results.len());
        for (index, (given, expected)) in given.iter().zip(&self.results).enumerate() {
            self.compare(index, given, expected);
        }
    }

    fn compare(&self, index: usize, given: &[f32], expected: &[f32]) {
        let Self { seed, config, batch, time, .. } = self;
        let [largest, sum, samples @ ..] = expected else { panic!("case {seed}: empty row") };
        let bound = TOLERANCE * largest;
        let case = || format!("case {seed}, result {index}: {batch} × {time}, {config:?}");
        let places = bits(*seed, 2000 + index).map(|bits| (bits % given.len() as u64) as usize);
        for (place, sample) in places.zip(samples) {
            let difference = (given[place] - sample).abs();
            assert!(difference <= bound, "{}: got {}, expected {sample} at index {place}", case(), given[place]);
        }
        // The signed sum detects a single wrong value and many slightly wrong ones.
        let signed = bits(*seed, 1000 + index).zip(given);
        let signed: f64 =
            signed.map(|(bits, &value)| if bits >> 63 == 0 { value.into() } else { -f64::from(value) }).sum();
        let difference = (signed - f64::from(*sum)).abs();
        let bound = f64::from(bound) * (given.len() as f64).sqrt() + f64::from(sum.abs()) * 1e-6;
        assert!(difference <= bound, "{}: the signed sum is {signed}, expected {sum}", case());
    }
}

/// The splitmix64 generator, as in `make_shapes.py`.
fn bits(seed: usize, stream: usize) -> impl Iterator<Item = u64> {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let start = (seed as u64 * 1_000_003 + stream as u64).wrapping_mul(STEP);
    (1..).map(move |count: u64| {
        let x = start.wrapping_add(count.wrapping_mul(STEP));
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    })
}

fn draw<const D: usize>(seed: usize, stream: usize, shape: [usize; D], scale: f32) -> Tensor<D> {
    let unit = |bits: u64| ((bits >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32;
    let values: Vec<_> = bits(seed, stream).take(shape.iter().product()).map(|bits| unit(bits) * scale).collect();
    Tensor::from_data(TensorData::new(values, shape), &device())
}

/// Replaces each parameter in turn with values from the generator.
struct Draw {
    seed: usize,
    stream: usize,
    scale: f32,
}

impl ModuleMapper for Draw {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let stream = self.stream;
        self.stream += 1;
        param.map(|tensor| draw(self.seed, stream, tensor.dims(), self.scale).require_grad())
    }
}
