//! Scores far apart, NaN and infinities.

use burn::tensor::{DType, Device};
use rnn::{Allowed, CrfConfig};

use crate::{Case, assert_near, batch, values};

/// Three labels with parameters 0; label 2 may not start a sequence or follow label 0.
fn case(emissions: Vec<Vec<f64>>) -> Case {
    let mut allowed = Allowed::all(3);
    allowed.start[2] = false;
    allowed.transitions[0][2] = false;
    Case { emissions, start: vec![0.0; 3], end: vec![0.0; 3], transitions: vec![vec![0.0; 3]; 3], allowed }
}

/// A path that is not allowed has probability 0, even if its emissions are very large. A penalty of 10,000 would be
/// smaller than these emissions.
#[test]
fn no_emission_pays_for_a_path_that_is_not_allowed() {
    let mut case = case(vec![vec![2e4, -2e4, 0.0], vec![-2e4, -2e4, 2e4]]);
    // Three paths have score 0: 0 → 0, 0 → 1 and 1 → 2.
    let (third, lattice) = (1.0 / 3.0, case.lattice());
    assert_near(&[lattice.log_partition()], &[3f64.ln()], 1e-12);
    assert_near(&lattice.marginals().concat(), &[2.0 * third, third, 0.0, third, third, third], 1e-9);

    case.allowed.end = vec![false, false, true];
    assert_eq!(case.lattice().viterbi(), [1, 2]);
    assert_near(&[case.lattice().log_probability(0, &[1, 2])], &[0.0], 1e-12);
}

/// A path of probability e⁻²⁰⁰⁰⁰ becomes the only possible path if the next steps exclude all other paths.
#[test]
fn improbable_beginnings_are_not_lost() {
    let mut case = case(vec![vec![1e4, -1e4, 0.0], vec![0.0, 0.0, 0.0], vec![0.0, 0.0, 0.0]]);
    case.allowed.transitions = vec![vec![true, false, false], vec![false, true, true], vec![false, false, true]];
    case.allowed.end = vec![false, true, true];
    let third = 1.0 / 3.0;
    let lattice = case.lattice();
    assert_near(&[lattice.log_partition()], &[-1e4 + 3f64.ln()], 1e-12);
    assert_near(
        &lattice.marginals().concat(),
        &[0.0, 1.0, 0.0, 0.0, 2.0 * third, third, 0.0, third, 2.0 * third],
        1e-9,
    );
}

#[test]
fn without_an_allowed_path_the_log_partition_is_minus_infinity() {
    let mut case = case(vec![vec![1.0; 3]; 2]);
    case.allowed.transitions = vec![vec![false; 3]; 3];
    assert_eq!(case.lattice().log_partition(), f64::NEG_INFINITY);
    assert_eq!(case.lattice().viterbi().len(), 2);
}

#[test]
fn one_label() {
    let case = Case {
        emissions: vec![vec![1.5], vec![-2.0]],
        start: vec![0.25],
        end: vec![0.5],
        transitions: vec![vec![-1.0]],
        allowed: Allowed::all(1),
    };
    assert_near(&[case.lattice().log_partition()], &[-0.75], 1e-12);
    assert_eq!(case.lattice().viterbi(), [0, 0]);
}

#[test]
fn nan_and_infinities_stay_in_their_sequence() {
    let device = Device::flex();
    let ordinary = vec![vec![0.3, -0.1, 0.2], vec![0.5, 0.1, 0.0]];
    let mut case = case(ordinary.clone());
    case.allowed.start[0] = false; // now only 1 may start
    let crf = case.crf(&device, DType::F32);
    let expected = -case.lattice().log_probability(0, &[1, 2]);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for place in 0..6 {
            let mut strange = ordinary.clone();
            strange[place / 3][place % 3] = value;
            for strange in [strange, vec![vec![value; 3]; 2]] {
                let emissions = batch(&[&strange, &ordinary], 3, 0.0, &device, DType::F32);
                let targets = [vec![1, 2], vec![1, 2]];
                let losses = values(crf.negative_log_likelihood(emissions.clone(), &[2, 2], &targets));
                assert!(!value.is_nan() || losses[0].is_nan(), "{losses:?}");
                assert_near(&losses[1..], &[expected], 1e-6);
                let labels = crf.decode(emissions.clone(), &[2, 2]);
                assert_eq!(crf.check_targets(&[2, 2], &labels), Ok(()));
                assert_eq!(crf.lattice(emissions, &[2, 2])[0].viterbi(), labels[0]);
            }
        }
    }
}

/// `Allowed` without rules is the same as rules that allow everything.
#[test]
fn everything_is_allowed_by_default() {
    let crf = CrfConfig::new(4).init(&Device::flex());
    assert_eq!(crf.allowed, Allowed::all(4));
    let emissions = batch(&[&[vec![0.0; 4], vec![0.0; 4], vec![0.0; 4]]], 4, 0.0, &Device::flex(), DType::F32);
    assert_near(&[crf.lattice(emissions, &[3])[0].log_partition()], &[64f64.ln()], 1e-12);
}
