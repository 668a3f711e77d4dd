//! Gradients of a ragged batch.

use burn::tensor::{DType, Device};
use proptest::prelude::*;
use rnn::Allowed;

use crate::{Case, assert_near, batch, cases, paths, tensor, values};

/// Sequences with 4, 0, 1 and 3 steps, and their targets. The case itself has no emissions.
pub struct Ragged {
    pub case: Case,
    pub sequences: Vec<Vec<Vec<f64>>>,
    pub targets: Vec<Vec<usize>>,
}

/// Losses, and the gradients of their sum with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    pub losses: Vec<f64>,
    /// `[batch, time, labels]`
    pub emissions: Vec<f64>,
    /// The gradients of the start, end and transition scores, in this order.
    pub parameters: [Vec<f64>; 3],
}

/// The weights of the losses, so that each sequence has a different gradient.
const WEIGHTS: [f64; 4] = [1.0, -3.0, 2.0, 0.5];

impl Ragged {
    pub fn new() -> Self {
        let scores = |seed: usize| (0..3).map(|label| 1.5 * ((31 * seed + 17 * label) as f64).sin()).collect();
        let mut allowed = Allowed::all(3);
        allowed.start[2] = false;
        allowed.end[1] = false;
        allowed.transitions[0][2] = false;
        let transitions = (3..6).map(scores).collect();
        let steps = |count: usize| (0..count).map(|step| scores(10 * count + step)).collect();
        Self {
            case: Case { emissions: vec![], start: scores(1), end: scores(2), transitions, allowed },
            sequences: [4, 0, 1, 3].map(steps).to_vec(),
            targets: vec![vec![0, 1, 2, 0], vec![], vec![0], vec![1, 1, 2]],
        }
    }

    /// The results for the sequences with the indices `rows`, where all padding has the value `padding`.
    pub fn results(&self, rows: &[usize], padding: f64, device: &Device, dtype: DType) -> Results {
        let device = &device.clone().autodiff();
        let sequences: Vec<_> = rows.iter().map(|row| &self.sequences[*row][..]).collect();
        let targets: Vec<_> = rows.iter().map(|row| self.targets[*row].clone()).collect();
        let lengths: Vec<_> = targets.iter().map(Vec::len).collect();
        let weights: Vec<_> = rows.iter().map(|row| WEIGHTS[*row]).collect();

        let crf = self.case.crf(device, dtype);
        let emissions = batch(&sequences, self.case.labels(), padding, device, dtype).require_grad();
        let losses = crf.negative_log_likelihood(emissions.clone(), &lengths, &targets);
        let gradients = (losses.clone() * tensor(&weights, [rows.len()], device, dtype)).sum().backward();
        Results {
            losses: values(losses),
            emissions: values(emissions.grad(&gradients).unwrap()),
            parameters: [
                values(crf.start.val().grad(&gradients).unwrap()),
                values(crf.end.val().grad(&gradients).unwrap()),
                values(crf.transitions.val().grad(&gradients).unwrap()),
            ],
        }
    }

    pub fn decode(&self, device: &Device, dtype: DType) -> Vec<Vec<usize>> {
        let sequences: Vec<_> = self.sequences.iter().map(Vec::as_slice).collect();
        let lengths: Vec<_> = self.sequences.iter().map(Vec::len).collect();
        self.case.crf(device, dtype).decode(batch(&sequences, 3, f64::NAN, device, dtype), &lengths)
    }

    /// The weighted sum of the losses, computed without automatic differentiation.
    fn loss(&self) -> f64 {
        let rows = self.sequences.iter().zip(&self.targets).zip(WEIGHTS);
        let losses = rows.map(|((emissions, target), weight)| {
            let case = Case { emissions: emissions.clone(), ..self.case.clone() };
            -weight * case.lattice().log_probability(0, target)
        });
        losses.sum()
    }

    /// The derivative of the loss with respect to one value, approximated by a central difference.
    fn derivative(&self, value: impl Fn(&mut Self) -> &mut f64) -> f64 {
        const STEP: f64 = 1e-5;
        let [above, below] = [STEP, -STEP].map(|step| {
            let mut changed = Self::new();
            *value(&mut changed) += step;
            changed.loss()
        });
        (above - below) / (2.0 * STEP)
    }
}

const ALL: [usize; 4] = [0, 1, 2, 3];

fn flex_f64(rows: &[usize], padding: f64) -> Results {
    Ragged::new().results(rows, padding, &Device::flex(), DType::F64)
}

#[test]
fn gradients_equal_finite_differences() {
    let (ragged, results) = (Ragged::new(), flex_f64(&ALL, 0.0));
    let loss: f64 = results.losses.iter().zip(WEIGHTS).map(|(loss, weight)| weight * loss).sum();
    assert_near(&[loss], &[ragged.loss()], 1e-12);
    for (row, sequence) in ragged.sequences.iter().enumerate() {
        for index in 0..4 * 3 {
            let (step, label) = (index / 3, index % 3);
            let expected = match step < sequence.len() {
                true => ragged.derivative(|ragged| &mut ragged.sequences[row][step][label]),
                false => 0.0,
            };
            assert_near(&[results.emissions[row * 12 + index]], &[expected], 1e-8);
        }
    }
    let [start, end, transitions] = &results.parameters;
    for label in 0..3 {
        assert_near(&[start[label]], &[ragged.derivative(|ragged| &mut ragged.case.start[label])], 1e-8);
        assert_near(&[end[label]], &[ragged.derivative(|ragged| &mut ragged.case.end[label])], 1e-8);
    }
    for (index, found) in transitions.iter().enumerate() {
        let expected = ragged.derivative(|ragged| &mut ragged.case.transitions[index / 3][index % 3]);
        assert_near(&[*found], &[expected], 1e-8);
    }
}

proptest! {
    /// For scores that are far apart, finite differences are not precise enough for this check.
    #[test]
    fn gradients_are_expected_minus_observed_counts(case in cases()) {
        let (labels, time) = (case.labels(), case.emissions.len());
        let target = paths(labels, time).into_iter().find(|path| case.score(path).is_finite());
        prop_assume!(time > 0 && target.is_some());
        let target = target.unwrap();
        let lattice = case.lattice();
        let transitions = paths(labels, 2).into_iter().map(|pair| {
            let pair = [pair[1], pair[0]]; // `paths` counts from the first label on
            let expected = (1..time).map(|step| lattice.log_probability(step - 1, &pair).exp()).sum::<f64>();
            expected - target.windows(2).filter(|observed| *observed == pair).count() as f64
        });
        let transitions = transitions.collect::<Vec<f64>>();
        let mut emissions = lattice.marginals();
        target.iter().zip(&mut emissions).for_each(|(label, marginals)| marginals[*label] -= 1.0);

        let ragged = Ragged { sequences: vec![case.emissions.clone()], targets: vec![target], case };
        let results = ragged.results(&[0], 0.0, &Device::flex(), DType::F64);
        assert_near(&results.emissions, &emissions.concat(), 1e-12);
        let expected = [emissions[0].clone(), emissions[time - 1].clone(), transitions];
        for (found, expected) in results.parameters.iter().zip(&expected) {
            assert_near(found, expected, 1e-9);
        }
    }
}

#[test]
fn parameters_that_are_not_allowed_have_no_gradient() {
    let [start, end, transitions] = flex_f64(&ALL, 0.0).parameters;
    assert_eq!([start[2], end[1], transitions[2]], [0.0; 3]);
}

#[test]
fn a_batch_equals_its_sequences_alone() {
    let together = flex_f64(&ALL, 0.0);
    let mut parameters = [vec![0.0; 3], vec![0.0; 3], vec![0.0; 9]];
    for row in ALL {
        let alone = flex_f64(&[row], 0.0);
        assert_eq!(alone.losses[0], together.losses[row]);
        let length = 3 * Ragged::new().targets[row].len();
        let (steps, padding) = together.emissions[row * 12..][..12].split_at(length);
        assert_eq!(steps, &alone.emissions[..length]);
        assert!(padding.iter().all(|gradient| *gradient == 0.0));
        for (sum, alone) in parameters.iter_mut().zip(&alone.parameters) {
            sum.iter_mut().zip(alone).for_each(|(sum, alone)| *sum += alone);
        }
    }
    for (together, sum) in together.parameters.iter().zip(&parameters) {
        assert_near(together, sum, 1e-12);
    }
}

#[test]
fn padding_changes_nothing() {
    let zero = flex_f64(&ALL, 0.0);
    for padding in [1e4, f64::NAN, f64::INFINITY] {
        assert_eq!(flex_f64(&ALL, padding), zero);
    }
}

/// The loss keeps its precision, although 32-bit floats have few digits after the decimal point for emissions of this
/// size.
#[test]
fn a_constant_of_all_emissions_changes_nothing() {
    let results = |constant: f64| {
        let mut ragged = Ragged::new();
        for score in ragged.sequences.iter_mut().flatten().flatten() {
            *score = (*score * 8.0).round() / 8.0 + constant;
        }
        ragged.results(&ALL, 0.0, &Device::flex(), DType::F32)
    };
    let (small, large) = (results(0.0), results(1e6));
    assert_near(&large.losses, &small.losses, 1e-6);
    assert_near(&large.emissions, &small.emissions, 1e-6);
}
