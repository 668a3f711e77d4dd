//! Tests of the conditional random field. The tests that need no gradients also run without the feature `autodiff`, and
//! `cargo test -p rnn --features ndarray --test crf` (or `wgpu`, `vulkan`) also runs `devices` on another backend.

#![allow(clippy::unwrap_used)]

mod brute_force;
#[cfg(feature = "autodiff")]
mod devices;
mod extremes;
#[cfg(feature = "autodiff")]
mod gradients;
mod refusals;
mod store;

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;
use rnn::{Allowed, Crf, CrfConfig, Lattice};

/// A CRF and one sequence.
#[derive(Clone, Debug)]
struct Case {
    /// `[time][labels]`
    emissions: Vec<Vec<f64>>,
    start: Vec<f64>,
    end: Vec<f64>,
    /// `[from][to]`
    transitions: Vec<Vec<f64>>,
    allowed: Allowed,
}

impl Case {
    fn labels(&self) -> usize {
        self.start.len()
    }

    fn crf(&self, device: &Device, dtype: DType) -> Crf {
        let labels = self.labels();
        let mut crf = CrfConfig::new(labels).with_allowed(self.allowed.clone()).init(device);
        crf.start = Param::from_tensor(tensor(&self.start, [labels], device, dtype));
        crf.end = Param::from_tensor(tensor(&self.end, [labels], device, dtype));
        crf.transitions = Param::from_tensor(tensor(&self.transitions.concat(), [labels; 2], device, dtype));
        crf
    }

    fn lattice(&self) -> Lattice {
        let device = Device::flex();
        let emissions = batch(&[&self.emissions], self.labels(), 0.0, &device, DType::F64);
        self.crf(&device, DType::F64).lattice(emissions, &[self.emissions.len()]).remove(0)
    }

    /// The score of a path; −∞ if it is not allowed.
    fn score(&self, path: &[usize]) -> f64 {
        let [Some(&first), Some(&last)] = [path.first(), path.last()] else { return 0.0 };
        let allowed = self.allowed.start[first]
            && self.allowed.end[last]
            && path.windows(2).all(|pair| self.allowed.transitions[pair[0]][pair[1]]);
        let emissions: f64 = path.iter().zip(&self.emissions).map(|(label, emissions)| emissions[*label]).sum();
        let transitions: f64 = path.windows(2).map(|pair| self.transitions[pair[0]][pair[1]]).sum();
        if allowed { self.start[first] + emissions + transitions + self.end[last] } else { f64::NEG_INFINITY }
    }
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device, dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, dtype))
}

/// The emissions of some sequences, where all padding has the value `padding`: `[batch, time, labels]`.
fn batch(sequences: &[&[Vec<f64>]], labels: usize, padding: f64, device: &Device, dtype: DType) -> Tensor<3> {
    let time = sequences.iter().map(|steps| steps.len()).max().unwrap().max(1);
    let padded = sequences.iter().flat_map(|steps| {
        let mut values = steps.concat();
        values.resize(time * labels, padding);
        values
    });
    tensor(&padded.collect::<Vec<f64>>(), [sequences.len(), time, labels], device, dtype)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// All label sequences of this length.
fn paths(labels: usize, time: usize) -> Vec<Vec<usize>> {
    let count = labels.pow(time as u32);
    (0..count).map(|index| (0..time).map(|step| index / labels.pow(step as u32) % labels).collect()).collect()
}

/// Random cases with at most 4 labels and 5 steps. A quarter of all starts, ends and transitions is not allowed. Scores
/// are up to 2, 200 or 20,000.
fn cases() -> impl Strategy<Value = Case> {
    (1usize..=4, 0usize..=5, prop::sample::select(vec![1.0, 1e2, 1e4])).prop_flat_map(|(labels, time, scale)| {
        let scores = move |count| prop::collection::vec((-2.0..2.0).prop_map(move |score: f64| score * scale), count);
        let rules = move |count| prop::collection::vec(prop::bool::weighted(0.75), count);
        let parameters = (scores(labels), scores(labels), prop::collection::vec(scores(labels), labels));
        let allowed = (rules(labels), rules(labels), prop::collection::vec(rules(labels), labels))
            .prop_map(|(start, end, transitions)| Allowed { start, end, transitions });
        (prop::collection::vec(scores(labels), time), parameters, allowed).prop_map(
            |(emissions, (start, end, transitions), allowed)| Case { emissions, start, end, transitions, allowed },
        )
    })
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance || found == expected, "value {index}: {found}, expected {expected}");
    }
}
