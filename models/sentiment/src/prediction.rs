//! Predictions: the label of a text, its probability, and the contribution of each word.
//!
//! The types are serialised to JSON on the command line, over HTTP and in the browser.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest number of characters of a text that [`Prediction`] displays.
const EXCERPT: usize = 72;

/// The options of [`predict`](crate::Predictor::predict) for the model [`Sentiment`](crate::Sentiment).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether to compute the contribution of each word. With a network, each word takes one more forward pass.
    pub explain: bool,
}

/// The result of the classification of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The text that was classified.
    pub text: String,
    /// The most probable class, such as `positive`.
    pub label: String,
    /// A probability from 0 to 1. For a model with the classes `negative` and `positive`, this is the probability of
    /// `positive`. For a model with other classes, this is the probability of the [`label`](Self::label).
    pub probability: f32,
    /// The probabilities of all classes, which sum to 1; empty for a model with the classes `negative` and `positive`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probabilities: BTreeMap<String, f32>,
    /// The number of words of the text that the model reads and knows, without punctuation. If this number is 0, the
    /// prediction is unreliable.
    pub known_words: usize,
    /// The number of words and punctuation characters that the model reads and does not know. A network reads only the
    /// first or the last [`max_words`](crate::settings::Reading::max_words) words of a longer text, and knows the words
    /// of its vocabulary. A model of n-grams alone reads all words, and knows the words that have a weight.
    pub unknown_words: usize,
    /// Whether the network read only a part of the text, because the text has more than
    /// [`max_words`](crate::settings::Reading::max_words) words.
    pub truncated: bool,
    /// The contribution of every word, in the order of the text; only with [`Options::explain`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Contribution>>,
}

/// A word of a text, and its contribution to a logit: the logit of the positive label or, for a model with classes
/// other than `negative` and `positive`, the logit of the predicted class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The word in lower case, or a punctuation character.
    pub word: String,
    /// The contribution to the logit: above 0 for words that raise the logit, below 0 for words that lower it, and 0
    /// for words that the model does not read.
    pub contribution: f32,
}

/// Displays a prediction on one line: `positive 0.980  Wonderfully acted.` The line also says if the model knows no
/// word of the text, and if the model did not read the whole text.
impl fmt::Display for Prediction {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut excerpt: String = text.chars().take(EXCERPT).collect();
        if excerpt.len() < text.len() {
            excerpt.push('…');
        }
        write!(formatter, "{} {:.3}  {excerpt}", self.label, self.probability)?;
        if self.known_words == 0 {
            write!(formatter, "  [all words unknown]")?;
        }
        if self.truncated {
            write!(formatter, "  [too long, read in part]")?;
        }
        Ok(())
    }
}

/// The logits of a text, from each part of a model and from the whole model. There is one logit, for the positive
/// label, or one logit per class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logits {
    /// The logits of the network, if the model has one.
    pub network: Option<Vec<f32>>,
    /// The logits of the n-grams, if the model has them.
    pub ngrams: Option<Vec<f32>>,
    /// The logits of the whole model: the weighted sums of the logits of its parts.
    pub combined: Vec<f32>,
    /// The number of tokens of the text.
    pub words: usize,
}

impl Logits {
    /// Combines the logits of the parts. `share` is the weight of the network's logits, from 0 to 1; the weight of the
    /// n-grams' logits is `1 − share`. If there is only one part, the combined logits are its logits.
    pub fn blend(network: Option<Vec<f32>>, ngrams: Option<Vec<f32>>, share: f32, words: usize) -> Self {
        let combined = match (&network, &ngrams) {
            (Some(network), Some(ngrams)) => {
                network.iter().zip(ngrams).map(|(network, ngrams)| share * network + (1.0 - share) * ngrams).collect()
            }
            (Some(logits), None) | (None, Some(logits)) => logits.clone(),
            (None, None) => Vec::new(),
        };
        Self { network, ngrams, combined, words }
    }
}

/// Computes the probabilities of the classes from their logits, which are first divided by `temperature`. The
/// probabilities of several classes are the softmax of their logits. A single logit belongs to the second of two
/// classes, and its sigmoid is the probability of this class.
pub fn probabilities(logits: &[f32], temperature: f64) -> Vec<f32> {
    if let [logit] = logits {
        let probability = sigmoid(f64::from(*logit) / temperature) as f32;
        return vec![1.0 - probability, probability];
    }
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (f64::from(logit - largest) / temperature).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|value| (value / sum) as f32).collect()
}

/// The logistic function: from a logit to a probability.
pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use inference::largest;

    use super::*;

    fn prediction(text: &str) -> Prediction {
        Prediction {
            text: text.to_owned(),
            label: "negative".to_owned(),
            probability: 0.25,
            probabilities: BTreeMap::new(),
            known_words: 1,
            unknown_words: 1,
            truncated: false,
            words: None,
        }
    }

    #[test]
    fn the_json_has_these_fields() {
        let json = serde_json::to_string(&prediction("dull")).unwrap();
        let expected = concat!(
            r#"{"text":"dull","label":"negative","probability":0.25,"#,
            r#""known_words":1,"unknown_words":1,"truncated":false}"#
        );
        assert_eq!(json, expected);
        let words = vec![Contribution { word: "dull".to_owned(), contribution: -1.5 }];
        let explained = Prediction { words: Some(words), ..prediction("dull") };
        let json = serde_json::to_value(&explained).unwrap();
        assert_eq!(json["words"], serde_json::json!([{ "word": "dull", "contribution": -1.5 }]));
        assert_eq!(serde_json::from_value::<Prediction>(json).unwrap(), explained);
    }

    #[test]
    fn options_have_defaults_and_refuse_unknown_keys() {
        let read = |text| serde_json::from_str::<Options>(text);
        assert_eq!(read("{}").unwrap(), Options { explain: false });
        assert_eq!(read(r#"{"explain": true}"#).unwrap(), Options { explain: true });
        read(r#"{"explane": true}"#).unwrap_err();
    }

    #[test]
    fn long_texts_are_displayed_in_part() {
        assert_eq!(prediction("a  dull\nfilm").to_string(), "negative 0.250  a dull film");
        let long = prediction(&"é".repeat(100)).to_string();
        assert!(long.ends_with("éé…") && long.chars().filter(|letter| *letter == 'é').count() == EXCERPT);
    }

    #[test]
    fn unknown_and_truncated_texts_are_displayed_as_such() {
        let unknown = Prediction { known_words: 0, ..prediction("电影") };
        assert!(unknown.to_string().ends_with("[all words unknown]"));
        let truncated = Prediction { truncated: true, ..prediction("dull") };
        assert!(truncated.to_string().ends_with("[too long, read in part]"));
        assert!(!prediction("dull").to_string().contains('['));
    }

    #[test]
    fn parts_are_blended() {
        let logits = Logits::blend(Some(vec![2.0, 1.0]), Some(vec![-1.0, 0.0]), 0.75, 3);
        assert_eq!(logits.combined, [1.25, 0.75]);
        assert_eq!(Logits::blend(None, Some(vec![3.0]), 0.0, 1).combined, [3.0]);
        assert_eq!(Logits::blend(Some(vec![3.0]), None, 1.0, 1).combined, [3.0]);
    }

    #[test]
    fn logits_become_probabilities() {
        let [negative, positive] = probabilities(&[0.5], 1.0)[..] else { panic!() };
        approx::assert_abs_diff_eq!(positive, 0.622_459_3, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(negative, 1.0 - 0.622_459_3, epsilon = 1e-6);
        assert_eq!(probabilities(&[1.0], 2.0), probabilities(&[0.5], 1.0));
        for (logit, probability) in [(-200.0, 0.0), (200.0, 1.0)] {
            assert_eq!(probabilities(&[logit], 1.0)[1], probability);
        }
        // Two logits have the probabilities of their difference.
        let two = probabilities(&[1000.0, 1000.5], 1.0);
        approx::assert_abs_diff_eq!(two[1], positive, epsilon = 1e-6);
        assert_eq!((largest(&two), largest(&probabilities(&[0.0], 1.0))), (1, 0));
    }
}
