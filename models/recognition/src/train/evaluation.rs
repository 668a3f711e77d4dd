//! Accuracy, macro F1 and calibration, and the accuracy by person.

use std::collections::BTreeMap;

use inference::largest;
use training::classes::{Answer, accuracy, calibration_error, macro_f1};
use training::{Measured, Metric};

use crate::train::data::Example;

/// Computes metrics from the probabilities of the classes, one list per example. An example whose class is unknown to
/// the model has the number of classes as its class index, and counts as wrong.
///
/// - `accuracy`: the share of examples whose most probable class is right
/// - `macro_f1`: the mean F1 of the classes that have examples
/// - `loss`: the mean cross-entropy in nats
/// - `calibration_error`: the expected calibration error with ten bins ([Guo et al.
///   2017](https://arxiv.org/abs/1706.04599))
/// - `recording_accuracy` (only if recordings have several windows): the share of recordings whose most probable class
///   is right, after the probabilities of their windows are averaged
/// - `person_accuracy`, `person_deviation` and `lowest_person_accuracy`: mean, standard deviation and minimum of the
///   accuracies of the persons
///
/// For models that read streams, [`RecognitionTask`](crate::train::RecognitionTask) adds `half_accuracy`: the accuracy
/// if the model reads only the first half of each sequence.
pub fn measure(examples: &[Example], probabilities: &[Vec<f32>]) -> Measured {
    let answers = answers(examples, probabilities);
    let mut metrics = vec![
        Metric::higher("accuracy", accuracy(&answers)),
        Metric::higher("macro_f1", macro_f1(&answers)),
        Metric::lower("loss", cross_entropy(examples, probabilities)),
        Metric::lower("calibration_error", calibration_error(&answers)),
    ];
    let recordings = examples.iter().map(|example| example.recording).max().map_or(0, |last| last + 1);
    if recordings < examples.len() {
        metrics.push(Metric::higher("recording_accuracy", recording_accuracy(examples, probabilities, recordings)));
    }
    let people = by_person(examples, probabilities);
    if people.len() > 1 {
        let mean = people.values().sum::<f64>() / people.len() as f64;
        let deviation = people.values().map(|share| (share - mean).powi(2)).sum::<f64>() / (people.len() - 1) as f64;
        metrics.push(Metric::higher("person_accuracy", mean));
        metrics.push(Metric::lower("person_deviation", deviation.sqrt()));
        metrics.push(Metric::higher("lowest_person_accuracy", people.values().copied().fold(1.0, f64::min)));
    }
    metrics.into()
}

/// Returns the accuracy on the examples of each person. Examples without a person are not counted.
pub fn by_person(examples: &[Example], probabilities: &[Vec<f32>]) -> BTreeMap<String, f64> {
    let mut people: BTreeMap<&String, Vec<bool>> = BTreeMap::new();
    for (example, probabilities) in examples.iter().zip(probabilities) {
        if let Some(person) = &example.group {
            people.entry(person).or_default().push(example.class == largest(probabilities));
        }
    }
    people.into_iter().map(|(person, right)| (person.clone(), share(&right))).collect()
}

/// Returns, for each example, the true class, the most probable class and the probability of that class.
pub fn answers(examples: &[Example], probabilities: &[Vec<f32>]) -> Vec<Answer> {
    let answer = |(example, probabilities): (&Example, &Vec<f32>)| Answer::new(example.class, probabilities);
    examples.iter().zip(probabilities).map(answer).collect()
}

fn share(right: &[bool]) -> f64 {
    right.iter().filter(|right| **right).count() as f64 / right.len() as f64
}

/// Returns the mean cross-entropy in nats. If the model does not know the true class of an example, the probability
/// of this class is taken to be the smallest positive normal `f32`.
pub fn cross_entropy(examples: &[Example], probabilities: &[Vec<f32>]) -> f64 {
    let loss = |(example, probabilities): (&Example, &Vec<f32>)| {
        -f64::from(probabilities.get(example.class).copied().unwrap_or(0.0).max(f32::MIN_POSITIVE)).ln()
    };
    examples.iter().zip(probabilities).map(loss).sum::<f64>() / examples.len() as f64
}

fn recording_accuracy(examples: &[Example], probabilities: &[Vec<f32>], recordings: usize) -> f64 {
    let classes = probabilities.first().map_or(0, Vec::len);
    let mut sums = vec![(0, vec![0.0; classes]); recordings];
    for (example, probabilities) in examples.iter().zip(probabilities) {
        let (class, sum) = &mut sums[example.recording];
        *class = example.class;
        sum.iter_mut().zip(probabilities).for_each(|(sum, probability)| *sum += probability);
    }
    let right: Vec<bool> = sums.iter().map(|(class, sum)| *class == largest(sum)).collect();
    share(&right)
}

#[cfg(test)]
mod tests {
    use training::classes::confusion;

    use super::*;

    fn example(class: usize, recording: usize, group: &str) -> Example {
        Example { samples: vec![0.0], class, recording, group: Some(group.to_owned()) }
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        let examples = [
            example(0, 0, "ada"),
            example(0, 0, "ada"),
            example(1, 1, "bob"),
            example(2, 2, "bob"),
            example(1, 1, "bob"),
        ];
        let probabilities = vec![vec![0.95, 0.05], vec![0.45, 0.55], vec![0.35, 0.65], vec![0.2, 0.8], vec![0.6, 0.4]];
        let measured = measure(&examples, &probabilities).flat();
        approx::assert_abs_diff_eq!(measured["accuracy"], 0.4);
        // Class 0: 1 of 2 found, 1 of 2 right. Class 1: 1 of 2 found, 1 of 3 right. Class 2: none.
        approx::assert_abs_diff_eq!(measured["macro_f1"], (2.0 / 4.0 + 2.0 / 5.0) / 3.0, epsilon = 1e-12);
        // The bins: 0.95 (right), 0.55 (wrong), 0.65 (right) and 0.6 (wrong), 0.8 (wrong).
        approx::assert_abs_diff_eq!(measured["calibration_error"], (0.05 + 0.55 + 0.25 + 0.8) / 5.0, epsilon = 1e-6);
        // Recording 0 has sums 1.4 and 0.6, recording 1 has 0.95 and 1.05, and recording 2 is of no known class.
        approx::assert_abs_diff_eq!(measured["recording_accuracy"], 2.0 / 3.0);
        approx::assert_abs_diff_eq!(measured["person_accuracy"], (0.5 + 1.0 / 3.0) / 2.0);
        approx::assert_abs_diff_eq!(measured["lowest_person_accuracy"], 1.0 / 3.0);
        assert_eq!(confusion(&answers(&examples, &probabilities), 2), [[1, 1], [1, 1]]);
    }
}
