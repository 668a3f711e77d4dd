//! All results equal those of an enumeration of all paths.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device};
use proptest::prelude::*;

use crate::{Case, assert_near, batch, cases, paths, values};

/// All paths and their scores.
fn scored_paths(case: &Case) -> Vec<(Vec<usize>, f64)> {
    let paths = paths(case.labels(), case.emissions.len()).into_iter();
    paths.map(|path| (path.clone(), case.score(&path))).collect()
}

fn log_sum_exp(scores: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = scores.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY { max } else { max + scores.map(|score| (score - max).exp()).sum::<f64>().ln() }
}

/// For each pair of a step and a list of labels: the probability that the labels from this step on are exactly these
/// labels.
fn window_probabilities(paths: &[(Vec<usize>, f64)], log_partition: f64) -> BTreeMap<(usize, Vec<usize>), f64> {
    let mut found = BTreeMap::new();
    for (path, score) in paths {
        let windows = (0..path.len()).flat_map(|start| (start + 1..=path.len()).map(move |end| (start, end)));
        for (start, end) in windows {
            *found.entry((start, path[start..end].to_vec())).or_default() += (score - log_partition).exp();
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn log_partition_and_viterbi(case in cases()) {
        let paths = scored_paths(&case);
        let scores = paths.iter().map(|(_, score)| *score);
        let lattice = case.lattice();
        assert_near(&[lattice.log_partition()], &[log_sum_exp(scores.clone())], 1e-12);

        let best = lattice.viterbi();
        prop_assert_eq!(best.len(), case.emissions.len());
        assert_near(&[case.score(&best)], &[scores.fold(f64::NEG_INFINITY, f64::max)], 1e-12);
    }

    #[test]
    fn probabilities(case in cases()) {
        let paths = scored_paths(&case);
        let log_partition = log_sum_exp(paths.iter().map(|(_, score)| *score));
        prop_assume!(log_partition.is_finite());
        let lattice = case.lattice();
        prop_assert_eq!(lattice.log_probability(0, &[]), 0.0);
        for ((start, labels), probability) in window_probabilities(&paths, log_partition) {
            assert_near(&[lattice.log_probability(start, &labels).exp()], &[probability], 1e-9);
            if labels.len() == 1 {
                assert_near(&[lattice.marginals()[start][labels[0]]], &[probability], 1e-9);
            }
        }
        for (path, score) in &paths {
            assert_near(&[lattice.log_probability(0, path)], &[score - log_partition], 1e-9);
        }
    }

    #[test]
    fn losses_and_labels_of_a_batch(case in cases()) {
        let paths = scored_paths(&case);
        let allowed = paths.iter().find(|(_, score)| score.is_finite());
        prop_assume!(allowed.is_some());
        let (target, score) = allowed.unwrap().clone();
        let log_partition = log_sum_exp(paths.iter().map(|(_, score)| *score));

        // The second sequence is empty.
        let device = Device::flex();
        let emissions = batch(&[&case.emissions, &[]], case.labels(), f64::NAN, &device, DType::F64);
        let (crf, lengths) = (case.crf(&device, DType::F64), [target.len(), 0]);
        let losses = crf.negative_log_likelihood(emissions.clone(), &lengths, &[target, vec![]]);
        assert_near(&values(losses), &[log_partition - score, 0.0], 1e-9);
        prop_assert_eq!(crf.decode(emissions, &lengths), [case.lattice().viterbi(), vec![]]);
    }

    #[test]
    fn marginals_are_the_derivatives_of_the_log_partition(case in cases()) {
        const STEP: f64 = 1e-5;
        let lattice = case.lattice();
        // Differences of large scores lose the precision that this test needs.
        prop_assume!(lattice.log_partition().abs() < 100.0);
        let derivative = |change: &dyn Fn(&mut Case) -> &mut f64| {
            let [above, below] = [STEP, -STEP].map(|step| {
                let mut case = case.clone();
                *change(&mut case) += step;
                case.lattice().log_partition()
            });
            (above - below) / (2.0 * STEP)
        };
        for (step, marginals) in lattice.marginals().iter().enumerate() {
            for (label, marginal) in marginals.iter().enumerate() {
                assert_near(&[derivative(&|case| &mut case.emissions[step][label])], &[*marginal], 1e-6);
            }
        }
        for pair in paths(case.labels(), 2) {
            let pairs = 1..case.emissions.len();
            let expected: f64 = pairs.map(|step| lattice.log_probability(step - 1, &pair).exp()).sum();
            assert_near(&[derivative(&|case| &mut case.transitions[pair[0]][pair[1]])], &[expected], 1e-6);
        }
    }
}
