//! Metrics of a model: accuracy, macro F1, cross-entropy and calibration. Also the search for the settings that
//! minimise the cross-entropy: the weight of the network in a blend with n-grams, and the temperature.

use std::ops::RangeInclusive;

use inference::by_length;
use training::classes::{self, Answer, confusion_map, reliability, stacked};
use training::plot::{self, heat_map};
use training::settings::Positive;
use training::{Interrupt, Measured, Metric, TaskResult};

use crate::network::BATCH;
use crate::prediction::Logits;
use crate::predictor::Sentiment;
use crate::settings::length_factor;
use crate::train::data::Example;

/// The number of steps of the search for the share of the network in a blend with n-grams: the shares 0, 1 / `SHARE_STEPS`,
/// …, 1 are tried.
const SHARE_STEPS: usize = 20;
/// The confusion matrix is drawn only for models with at most this number of classes.
const DRAWN: usize = 40;
/// The size of the reliability diagram in pixels.
const DIAGRAM: (u32, u32) = (450, 360);

/// The logits that the predictor computes for all examples, in order.
pub fn logits(predictor: &Sentiment, set: &[Example], interrupt: &Interrupt) -> TaskResult<Vec<Logits>> {
    let mut logits = vec![Logits::default(); set.len()];
    for indices in by_length(set.iter().map(|example| example.ids.len()), BATCH) {
        interrupt.check()?;
        let texts: Vec<&str> = indices.iter().map(|index| set[*index].text.as_str()).collect();
        indices.iter().zip(predictor.logits(&texts)).for_each(|(index, answer)| logits[*index] = answer);
    }
    Ok(logits)
}

/// The true class, the predicted class and its probability for each example.
pub fn answers(predictor: &Sentiment, set: &[Example], logits: &[Logits]) -> Vec<Answer> {
    let answer = |(example, logits): (&Example, _)| Answer::new(example.class, &predictor.probabilities(logits));
    set.iter().zip(logits).map(answer).collect()
}

/// Accuracy and cross-entropy: the metrics of the validation after each epoch.
pub fn validate(predictor: &Sentiment, set: &[Example], logits: &[Logits]) -> Measured {
    vec![
        Metric::higher("accuracy", classes::accuracy(&answers(predictor, set, logits))),
        Metric::lower("loss", loss(predictor, set, logits)),
    ]
    .into()
}

/// Metrics of the model: accuracy, macro F1 and the other metrics of [`classes::measure`], and the cross-entropy; for a
/// blend, also the accuracy of the network alone and of the n-grams alone.
pub fn measure(predictor: &Sentiment, set: &[Example], logits: &[Logits]) -> Measured {
    let mut metrics = classes::measure(&answers(predictor, set, logits), &predictor.settings().labels());
    metrics.insert(1, Metric::lower("loss", loss(predictor, set, logits)));
    for (name, part) in [("network_accuracy", 1.0), ("ngram_accuracy", 0.0)] {
        let of_part = |logits: &Logits| {
            let (network, ngrams) = (logits.network.clone()?, logits.ngrams.clone()?);
            Some(Logits::blend(Some(network), Some(ngrams), part, logits.words))
        };
        if let Some(parts) = logits.iter().map(of_part).collect::<Option<Vec<Logits>>>() {
            metrics.push(Metric::higher(name, classes::accuracy(&answers(predictor, set, &parts))));
        }
    }
    metrics.into()
}

fn loss(predictor: &Sentiment, set: &[Example], logits: &[Logits]) -> f64 {
    let temperature = |logits: &Logits| predictor.settings().temperature_of(logits.words);
    cross_entropy(set, logits.iter().map(|logits| (&logits.combined, temperature(logits))))
}

/// The weight of the network's logits in a blend, from 0 to 1, that minimises the cross-entropy. (The accuracy would be
/// a worse criterion: with similar weights, the predictions for only a few texts differ, so the best accuracy is partly
/// due to chance.)
pub fn best_share(set: &[Example], logits: &[Logits]) -> Option<f32> {
    let shares = (0..=SHARE_STEPS).map(|step| step as f32 / SHARE_STEPS as f32);
    let losses = shares.map(|share| {
        let blend =
            |part: &Logits| Logits::blend(part.network.clone(), part.ngrams.clone(), share, part.words).combined;
        (cross_entropy(set, logits.iter().map(|part| (blend(part), 1.0))), share)
    });
    losses.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, share)| share)
}

/// The exponents of [`length_factor`] that the search for the best temperature tries, as multiples of
/// [`EXPONENT_STEP`].
const EXPONENTS: RangeInclusive<i32> = -8..=32;
/// The distance between two neighbouring exponents of the search.
const EXPONENT_STEP: f64 = 0.025;

/// Returns the temperature and the exponent of [`length_factor`] that minimise the cross-entropy. The temperature
/// depends on the length, because the label of a short text is often more certain than the label of a long text with
/// the same logit: a short text with a word of praise has no room for a word of blame.
pub fn best_temperature(set: &[Example], logits: &[Logits]) -> Option<(Positive, f64)> {
    let best = |exponent: f64| {
        let lengths: Vec<f64> = logits.iter().map(|part| length_factor(part.words, exponent)).collect();
        let loss = |temperature: f64| {
            let scaled = logits.iter().zip(&lengths).map(|(part, length)| (&part.combined, temperature * length));
            cross_entropy(set, scaled)
        };
        let temperature = classes::best_temperature(loss);
        (loss(temperature), temperature, exponent)
    };
    let all = EXPONENTS.map(|step| best(f64::from(step) * EXPONENT_STEP));
    let (_, temperature, exponent) = all.min_by(|(one, ..), (other, ..)| one.total_cmp(other))?;
    Some((Positive::try_from(temperature).ok()?, exponent))
}

/// The mean cross-entropy of the classes in nats. `logits` has, for each text, its logits and the temperature by which
/// they are divided. If the model does not know the class of a text, the probability of the class is assumed to be
/// [`f32::MIN_POSITIVE`].
fn cross_entropy<L: AsRef<[f32]>>(set: &[Example], logits: impl IntoIterator<Item = (L, f64)>) -> f64 {
    let of_text = |(example, (logits, temperature)): (&Example, (L, f64))| match logits.as_ref() {
        [logit] => {
            let against = f64::from(if example.class == 1 { -logit } else { *logit }) / temperature;
            against.max(0.0) + (-against.abs()).exp().ln_1p()
        }
        logits => {
            let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let scaled = |logit: &f32| (f64::from(*logit) - largest) / temperature;
            let total = logits.iter().map(|logit| scaled(logit).exp()).sum::<f64>().ln();
            logits.get(example.class).map_or(-f64::from(f32::MIN_POSITIVE).ln(), |logit| total - scaled(logit))
        }
    };
    set.iter().zip(logits).map(of_text).sum::<f64>() / set.len() as f64
}

/// Draws, as SVG, the confusion matrix (unless there are more than 40 classes), and the reliability diagram below it.
pub fn picture(answers: &[Answer], labels: &[String]) -> TaskResult<String> {
    let mut pictures = Vec::new();
    if labels.len() <= DRAWN {
        pictures.push(heat_map(&confusion_map(answers, labels))?);
    }
    pictures.push(plot::draw(&[reliability(answers)], 1, DIAGRAM)?);
    Ok(stacked(&pictures))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(classes: &[usize]) -> Vec<Example> {
        let example = |class: &usize| Example { text: String::new(), ids: Vec::new(), class: *class, weight: 1.0 };
        classes.iter().map(example).collect()
    }

    fn of_network(logits: &[f32]) -> Logits {
        Logits::blend(Some(logits.to_vec()), None, 1.0, 1)
    }

    /// The cross-entropy of logits that are all divided by one temperature.
    fn entropy<const N: usize>(classes: &[usize], logits: [Vec<f32>; N], temperature: f64) -> f64 {
        cross_entropy(&examples(classes), logits.map(|logits| (logits, temperature)))
    }

    #[test]
    fn losses_are_those_computed_by_hand() {
        let logits = [2.0, -0.5, -1.0].map(|logit| vec![logit]);
        let expected = [-2f64, -0.5, 1.0].map(|against| (1.0 + against.exp()).ln()).iter().sum::<f64>() / 3.0;
        let classes = [1, 0, 1];
        approx::assert_relative_eq!(entropy(&classes, logits.clone(), 1.0), expected, max_relative = 1e-12);
        // Two logits have the loss of their difference.
        let pairs = logits.map(|logit| vec![700.0, 700.0 + logit[0]]);
        approx::assert_relative_eq!(entropy(&classes, pairs, 1.0), expected, max_relative = 1e-6);
        let three = vec![0.0, 2f32.ln(), 3f32.ln()];
        approx::assert_relative_eq!(entropy(&[2], [three.clone()], 1.0), 2f64.ln(), max_relative = 1e-6);
        let halved = three.iter().map(|logit| 2.0 * logit).collect();
        approx::assert_relative_eq!(entropy(&[2], [halved], 2.0), 2f64.ln(), max_relative = 1e-6);
        assert!(entropy(&[7], [three], 1.0) > 80.0, "an unknown class");
    }

    #[test]
    fn the_better_part_gets_the_larger_share() {
        let set = examples(&[1, 0]);
        let parts = [(3.0, -1.0), (-3.0, 1.0)];
        let blend = |network, ngrams| Logits::blend(Some(vec![network]), Some(vec![ngrams]), 0.5, 1);
        assert_eq!(best_share(&set, &parts.map(|(network, ngrams)| blend(network, ngrams))), Some(1.0));
        assert_eq!(best_share(&set, &parts.map(|(network, ngrams)| blend(ngrams, network))), Some(0.0));
    }

    #[test]
    fn the_temperature_lowers_the_confidence_of_wrong_answers() {
        // Three of four answers are right, so that the best probability is 0.75, and its logit ln 3.
        let set = examples(&[1, 1, 1, 0]);
        let (temperature, exponent) = best_temperature(&set, &vec![of_network(&[3.0]); 4]).unwrap();
        let temperature = temperature.get() * length_factor(1, exponent);
        approx::assert_relative_eq!(temperature, 3.0 / 3f64.ln(), max_relative = 0.03);
    }

    #[test]
    fn short_texts_that_are_clearer_get_a_smaller_temperature() {
        // All logits are 1. Nine of ten texts of 5 words are positive, and six of ten texts of 50 words.
        let texts = |positive: usize, words: usize| {
            (0..10).map(move |text| {
                (usize::from(text < positive), Logits { combined: vec![1.0], words, ..Logits::default() })
            })
        };
        let (classes, logits): (Vec<usize>, Vec<Logits>) = texts(9, 5).chain(texts(6, 50)).unzip();
        let (temperature, exponent) = best_temperature(&examples(&classes), &logits).unwrap();
        let probability = |words| 1.0 / (1.0 + (-1.0 / (temperature.get() * length_factor(words, exponent))).exp());
        approx::assert_relative_eq!(probability(5), 0.9, max_relative = 0.03);
        approx::assert_relative_eq!(probability(50), 0.6, max_relative = 0.03);
    }

    #[test]
    fn pictures_have_both_plots() {
        let answers = [Answer { truth: 0, predicted: 0, confidence: 0.9 }];
        let classes = |count: usize| (0..count).map(|class| format!("class {class}")).collect::<Vec<_>>();
        let svg = picture(&answers, &classes(3)).unwrap();
        assert!(svg.contains("class 2") && svg.contains("Reliability"));
        let many = picture(&answers, &classes(DRAWN + 1)).unwrap();
        assert!(!many.contains("class 2") && many.contains("Reliability"));
    }
}
