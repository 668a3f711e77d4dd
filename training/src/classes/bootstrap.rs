//! Metrics with bootstrap intervals.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{Answer, accuracy, calibration_error, class_scores, macro_f1};
use crate::metric::Metric;

/// The number of bootstrap resamples.
const RESAMPLES: usize = 500;
/// The seed of the random generator for the resamples.
const SEED: u64 = 27;
/// The share of the resamples whose value is below the interval. The same share is above the interval.
const TAIL: f64 = 0.025;
/// The largest number of classes for which [`measure`] reports the precision and the recall of each class.
const LISTED: usize = 50;

/// Computes the metrics of a classifier, with 95 % confidence intervals (percentile bootstrap over the examples):
///
/// - `accuracy`: the share of examples whose most probable class is right
/// - `macro_f1`: the mean F1 of the classes that have examples
/// - `calibration_error`: the expected calibration error with ten bins
/// - `precision[CLASS]` and `recall[CLASS]`, without intervals: for each class that has examples, but only if there are
///   at most 50 classes
///
/// `classes` are the names of the classes, by class index.
pub fn measure(answers: &[Answer], classes: &[String]) -> Vec<Metric> {
    let mut metrics = vec![
        Metric::higher("accuracy", accuracy(answers)).with_interval(interval(answers, accuracy)),
        Metric::higher("macro_f1", macro_f1(answers)).with_interval(interval(answers, macro_f1)),
        Metric::lower("calibration_error", calibration_error(answers))
            .with_interval(interval(answers, calibration_error)),
    ];
    if classes.len() <= LISTED {
        let scores = class_scores(answers, classes.len());
        for (name, scores) in classes.iter().zip(scores).filter(|(_, scores)| !scores.recall.is_nan()) {
            metrics.push(Metric::higher(format!("precision[{name}]"), scores.precision));
            metrics.push(Metric::higher(format!("recall[{name}]"), scores.recall));
        }
    }
    metrics
}

/// Returns the lower and the upper bound of the 95 % confidence interval of a metric, by percentile bootstrap over the
/// examples with a fixed seed. The bounds are NaN if there are no examples.
pub fn interval(answers: &[Answer], metric: impl Fn(&[Answer]) -> f64) -> [f64; 2] {
    if answers.is_empty() {
        return [f64::NAN; 2];
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample = answers.to_vec();
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.iter_mut().for_each(|answer| *answer = answers[rng.random_range(0..answers.len())]);
            metric(&resample)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((RESAMPLES - 1) as f64 * share).round() as usize];
    [at(TAIL), at(1.0 - TAIL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_an_accuracy_is_about_that_of_a_normal_distribution() {
        let answers: Vec<Answer> = (0..400)
            .map(|index| Answer { truth: usize::from(index % 5 == 0), predicted: 0, confidence: 0.8 })
            .collect();
        let [low, high] = interval(&answers, accuracy);
        // The standard error is the root of 0.8 · 0.2 / 400, which is 0.02.
        approx::assert_abs_diff_eq!(low, 0.8 - 1.96 * 0.02, epsilon = 0.008);
        approx::assert_abs_diff_eq!(high, 0.8 + 1.96 * 0.02, epsilon = 0.008);
        assert_eq!(interval(&answers, accuracy), [low, high]);
        assert!(interval(&[], accuracy)[0].is_nan());
    }

    #[test]
    fn classes_that_occur_are_listed() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let answers =
            [Answer { truth: 0, predicted: 1, confidence: 0.5 }, Answer { truth: 1, predicted: 1, confidence: 1.0 }];
        let metrics = measure(&answers, &names);
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        let listed = ["precision[a]", "recall[a]", "precision[b]", "recall[b]"];
        assert_eq!(names, [&["accuracy", "macro_f1", "calibration_error"], &listed[..]].concat());
        assert_eq!((metrics[5].value, metrics[6].value), (0.5, 1.0));
        assert!(metrics[..3].iter().all(|metric| metric.interval.is_some()));
    }
}
