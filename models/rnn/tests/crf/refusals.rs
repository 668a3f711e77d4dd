//! Emissions, lengths and targets that do not fit cause errors.

use burn::tensor::{Device, Tensor};
use rnn::{Allowed, Crf, CrfConfig, CrfError, ShapeError};

/// Three labels: 2 may not start, 1 may not end, 2 may not follow 0.
fn crf() -> Crf {
    let mut allowed = Allowed::all(3);
    allowed.start[2] = false;
    allowed.end[1] = false;
    allowed.transitions[0][2] = false;
    CrfConfig::new(3).with_allowed(allowed).init(&Device::flex())
}

fn emissions(shape: [usize; 3]) -> Tensor<3> {
    Tensor::zeros(shape, &Device::flex())
}

#[test]
fn check_input_returns_the_error() {
    let crf = crf();
    assert_eq!(crf.check_input([2, 5, 3], &[5, 0]), Ok(()));
    assert_eq!(crf.check_input([2, 5, 4], &[5, 5]), Err(ShapeError::Features { input: [2, 5, 4], expected: 3 }));
    assert_eq!(crf.check_input([0, 5, 3], &[]), Err(ShapeError::Empty { batch: 0, time: 5 }));
    assert_eq!(crf.check_input([2, 5, 3], &[5]), Err(ShapeError::LengthCount { lengths: 1, batch: 2 }));
    let error = ShapeError::Length { sequence: 1, length: 6, time: 5 };
    assert_eq!(crf.check_input([2, 5, 3], &[5, 6]), Err(error));
}

#[test]
fn check_targets_returns_the_error() {
    let check = |target: &[usize]| crf().check_targets(&[0, 3], &[vec![], target.to_vec()]);
    assert_eq!(check(&[0, 1, 2]), Ok(()));
    assert_eq!(check(&[0, 1]), Err(CrfError::TargetLength { sequence: 1, found: 2, expected: 3 }));
    assert_eq!(check(&[0, 3, 0]), Err(CrfError::Label { sequence: 1, step: 1, label: 3, labels: 3 }));
    assert_eq!(check(&[2, 0, 0]), Err(CrfError::Start { sequence: 1, label: 2 }));
    assert_eq!(check(&[0, 0, 1]), Err(CrfError::End { sequence: 1, label: 1 }));
    assert_eq!(check(&[1, 0, 2]), Err(CrfError::Transition { sequence: 1, step: 1, from: 0, to: 2 }));
    let error = CrfError::TargetCount { targets: 0, sequences: 2 };
    assert_eq!(crf().check_targets(&[0, 3], &[]), Err(error));
}

#[test]
#[should_panic = "sequence 0, step 0: label 2 follows label 0, which is not allowed"]
fn target_that_is_not_allowed() {
    crf().negative_log_likelihood(emissions([1, 2, 3]), &[2], &[vec![0, 2]]);
}

#[test]
#[should_panic = "sequence 0 has length 3, but the input has only 2 steps"]
fn length() {
    crf().decode(emissions([1, 2, 3]), &[3]);
}

#[test]
#[should_panic = "a sequence of 2 steps with label ids below 3"]
fn labels_beyond_the_last_step() {
    crf().lattice(emissions([1, 2, 3]), &[2])[0].log_probability(1, &[0, 0]);
}

#[test]
#[should_panic = "number of labels must be at least 1"]
fn no_label() {
    CrfConfig::new(0).init(&Device::flex());
}

#[test]
#[should_panic = "`allowed` does not match 3 labels"]
fn rules_for_another_number_of_labels() {
    CrfConfig::new(3).with_allowed(Allowed::all(4)).init(&Device::flex());
}
