//! Measurements: accuracy, cross-entropy, and the best weight of the network's logit in a blend.

use inference::by_length;
use training::{Interrupt, Measured, Metric, TaskResult};

use crate::network::BATCH;
use crate::prediction::Logits;
use crate::predictor::Sentiment;
use crate::train::data::Example;

/// The number of steps into which the search for the network's weight in a blend divides the range from 0 to 1.
const SHARE_STEPS: usize = 20;

/// The logits that the predictor computes for all examples, in order.
pub fn logits(predictor: &Sentiment, set: &[Example], interrupt: &Interrupt) -> TaskResult<Vec<Logits>> {
    let mut logits = vec![Logits::blend(None, None, 0.0); set.len()];
    for indices in by_length(set.iter().map(|example| example.ids.len()), BATCH) {
        interrupt.check()?;
        let texts: Vec<&str> = indices.iter().map(|index| set[*index].text.as_str()).collect();
        indices.iter().zip(predictor.logits(&texts)).for_each(|(index, answer)| logits[*index] = answer);
    }
    Ok(logits)
}

/// Metrics of the model: accuracy and cross-entropy; for a blend also the accuracy of each part.
pub fn measure(set: &[Example], logits: &[Logits]) -> Measured {
    let combined = || logits.iter().map(|logits| logits.combined);
    let mut metrics = vec![
        Metric::higher("accuracy", accuracy(set, combined())),
        Metric::lower("loss", cross_entropy(set, combined())),
    ];
    let part = |part: fn(&Logits) -> Option<f32>| logits.iter().map(part).collect::<Option<Vec<f32>>>();
    if let (Some(network), Some(ngrams)) = (part(|logits| logits.network), part(|logits| logits.ngrams)) {
        metrics.push(Metric::higher("network_accuracy", accuracy(set, network)));
        metrics.push(Metric::higher("ngram_accuracy", accuracy(set, ngrams)));
    }
    metrics.into()
}

/// The weight of the network's logit in a blend, from 0 to 1, that minimises the cross-entropy. (The accuracy would be
/// a worse criterion, because the accuracies of similar weights differ by a few reviews and by chance.)
pub fn best_share(set: &[Example], logits: &[Logits]) -> Option<f32> {
    let shares = (0..=SHARE_STEPS).map(|step| step as f32 / SHARE_STEPS as f32);
    let losses = shares.map(|share| {
        let blends = logits.iter().map(|part| Logits::blend(part.network, part.ngrams, share).combined);
        (cross_entropy(set, blends), share)
    });
    losses.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, share)| share)
}

/// The fraction of the examples that are classified correctly: the logit is above 0 if and only if the label is
/// positive.
pub fn accuracy(set: &[Example], logits: impl IntoIterator<Item = f32>) -> f64 {
    let correct = set.iter().zip(logits).filter(|(example, logit)| (*logit > 0.0) == example.positive).count();
    correct as f64 / set.len() as f64
}

/// The mean binary cross-entropy of the labels, in nats.
fn cross_entropy(set: &[Example], logits: impl IntoIterator<Item = f32>) -> f64 {
    let sum: f64 = set
        .iter()
        .zip(logits)
        .map(|(example, logit)| f64::from(if example.positive { -logit } else { logit }))
        .map(|against| against.max(0.0) + (-against.abs()).exp().ln_1p())
        .sum();
    sum / set.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(positive: bool) -> Example {
        Example { text: String::new(), ids: Vec::new(), positive }
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        let set = [example(true), example(false), example(true)];
        let logits = [2.0, -0.5, -1.0].map(|logit| Logits::blend(Some(logit), None, 1.0));
        let measured = measure(&set, &logits);
        approx::assert_relative_eq!(measured.get("accuracy").unwrap(), 2.0 / 3.0);
        let expected = [-2f64, -0.5, 1.0].map(|against| (1.0 + against.exp()).ln()).iter().sum::<f64>() / 3.0;
        approx::assert_relative_eq!(measured.get("loss").unwrap(), expected, max_relative = 1e-12);
        assert_eq!(measured.metrics.len(), 2, "no parts");
    }

    #[test]
    fn a_blend_has_the_accuracies_of_its_parts_and_the_better_part_gets_the_larger_share() {
        let set = [example(true), example(false)];
        let parts = [(3.0, -1.0), (-3.0, 1.0)].map(|(network, ngrams)| Logits::blend(Some(network), Some(ngrams), 0.5));
        let flat = measure(&set, &parts).flat();
        assert_eq!((flat["accuracy"], flat["network_accuracy"], flat["ngram_accuracy"]), (1.0, 1.0, 0.0));
        assert_eq!(best_share(&set, &parts), Some(1.0));
        let swapped = parts.map(|part| Logits::blend(part.ngrams, part.network, 0.5));
        assert_eq!(best_share(&set, &swapped), Some(0.0));
    }
}
