//! Metrics and plots of classifiers: accuracy, macro F1, precision and recall, calibration, confusion matrix.

mod bootstrap;
mod picture;
mod temperature;

pub use bootstrap::{interval, measure};
use inference::largest;
pub use picture::{confusion_map, reliability, stacked};
pub use temperature::best_temperature;

/// The number of bins of the expected calibration error.
const BINS: usize = 10;

/// The prediction of a classifier for one example, with the true class of the example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The index of the true class. If the model does not know the true class, the index is greater than or equal to
    /// the number of classes, and the answer counts as wrong.
    pub truth: usize,
    /// The index of the most probable class.
    pub predicted: usize,
    /// The probability of the most probable class.
    pub confidence: f64,
}

impl Answer {
    /// Makes the answer for an example with the true class `truth` from the predicted probabilities of all classes.
    pub fn new(truth: usize, probabilities: &[f32]) -> Self {
        let predicted = largest(probabilities);
        let confidence = probabilities.get(predicted).copied().map_or(0.0, f64::from);
        Self { truth, predicted, confidence }
    }

    fn is_right(&self) -> bool {
        self.truth == self.predicted
    }
}

/// Returns the share of right answers; NaN if there are no answers.
pub fn accuracy(answers: &[Answer]) -> f64 {
    answers.iter().filter(|answer| answer.is_right()).count() as f64 / answers.len() as f64
}

/// Precision, recall and F1 of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// The share of the examples with this predicted class that truly belong to this class; 0 if no example has this
    /// predicted class.
    pub precision: f64,
    /// The share of the examples of this class whose predicted class is right; NaN if there are no examples of this
    /// class.
    pub recall: f64,
    /// The harmonic mean of precision and recall; NaN if there are no examples of this class.
    pub f1: f64,
}

/// Returns the scores of each class, by index. There are `classes` entries, or more if the answers contain larger class
/// indices.
pub fn class_scores(answers: &[Answer], classes: usize) -> Vec<ClassScores> {
    let indices = answers.iter().flat_map(|answer| [answer.truth + 1, answer.predicted + 1]);
    let count = indices.max().unwrap_or(0).max(classes);
    let mut sums = vec![[0.0; 3]; count]; // true examples, predictions, right predictions
    for answer in answers {
        sums[answer.truth][0] += 1.0;
        sums[answer.predicted][1] += 1.0;
        sums[answer.truth][2] += f64::from(answer.is_right());
    }
    let scores = |[truth, found, both]: [f64; 3]| ClassScores {
        precision: if found > 0.0 { both / found } else { 0.0 },
        recall: both / truth,
        f1: if truth > 0.0 { 2.0 * both / (truth + found) } else { f64::NAN },
    };
    sums.into_iter().map(scores).collect()
}

/// Returns the mean F1 of the classes that have examples.
pub fn macro_f1(answers: &[Answer]) -> f64 {
    let scores: Vec<f64> =
        class_scores(answers, 0).into_iter().map(|scores| scores.f1).filter(|f1| !f1.is_nan()).collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// Returns the expected calibration error with ten bins of equal width
/// ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)): the absolute difference between the mean confidence and the
/// share of right answers in a bin, averaged over the bins with their numbers of answers as weights.
pub fn calibration_error(answers: &[Answer]) -> f64 {
    let bins = bins(answers);
    bins.iter().map(|bin| (bin.confidence - bin.right).abs()).sum::<f64>() / answers.len() as f64
}

/// Sums over the answers whose confidence is in one bin.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    /// The sum of the confidences.
    confidence: f64,
    /// The number of right answers.
    right: f64,
    /// The number of answers.
    count: f64,
}

fn bins(answers: &[Answer]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for answer in answers {
        let bin = &mut bins[((answer.confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.confidence += answer.confidence;
        bin.right += f64::from(answer.is_right());
        bin.count += 1.0;
    }
    bins
}

/// Returns the confusion matrix, `[classes, classes]`: the number of examples with each true class (row) and each
/// predicted class (column). Examples of classes that the model does not know are left out.
pub fn confusion(answers: &[Answer], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for answer in answers {
        if let Some(count) = counts.get_mut(answer.truth).and_then(|row| row.get_mut(answer.predicted)) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    fn answers() -> Vec<Answer> {
        let probabilities = [[0.95, 0.05], [0.45, 0.55], [0.35, 0.65], [0.2, 0.8], [0.6, 0.4]];
        [0, 0, 1, 2, 1].into_iter().zip(probabilities).map(|(truth, values)| Answer::new(truth, &values)).collect()
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        let answers = answers();
        assert_abs_diff_eq!(accuracy(&answers), 0.4);
        // Class 0: 1 of 2 found, 1 of 2 right. Class 1: 1 of 2 found, 1 of 3 right. Class 2, which is unknown: none.
        assert_abs_diff_eq!(macro_f1(&answers), (2.0 / 4.0 + 2.0 / 5.0) / 3.0, epsilon = 1e-12);
        let scores = class_scores(&answers, 2);
        assert_eq!((scores[0].precision, scores[0].recall), (0.5, 0.5));
        assert_eq!((scores[1].precision, scores[1].recall), (1.0 / 3.0, 0.5));
        assert_eq!((scores[2].precision, scores[2].recall), (0.0, 0.0));
        // The bins: 0.95 (right), 0.55 (wrong), 0.65 (right) and 0.6 (wrong), 0.8 (wrong).
        assert_abs_diff_eq!(calibration_error(&answers), (0.05 + 0.55 + 0.25 + 0.8) / 5.0, epsilon = 1e-6);
        assert_eq!(confusion(&answers, 2), [[1, 1], [1, 1]]);
    }

    #[test]
    fn classes_without_examples_have_no_recall() {
        let scores = class_scores(&answers()[..1], 4);
        assert_eq!(scores.len(), 4);
        assert!(scores[3].recall.is_nan() && scores[3].f1.is_nan() && scores[3].precision == 0.0);
        assert_eq!((largest(&[0.5, 0.5]), largest(&[])), (0, 0));
    }
}
