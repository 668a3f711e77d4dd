//! Settings of a trained model. They are stored in `manifest.json`, a file in the folder (package) of the model.
//!
//! The keys in `data` and `model` are the same as in the tables `[data]` and `[model]` of a recipe, which is a TOML
//! file with the settings of a training. Packages of the older format 1 store the whole recipe, in `config.json`.
//! Therefore, keys that inference does not need are ignored.

use std::ops::Range;

use inference::settings::{Count, Positive};
use serde::{Deserialize, Serialize};

use crate::model::NetworkConfig;

/// The settings of a model: how the network reads texts, and the parts of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How many words of a text the network reads, and from which end.
    pub data: Reading,
    /// The parts of the model: a network, n-grams, or both.
    pub model: ModelSettings,
    /// The names of the classes, in the order of the logits. If empty, the classes are `negative` and `positive`, and
    /// the model has one logit, for `positive`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The number by which the logits are divided before they become probabilities; 1 if absent. Training chooses it on
    /// the validation part, so that probabilities are calibrated ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Positive>,
    /// How the temperature depends on the length of a text; if absent, the length has no effect. The temperature is
    /// multiplied by (n / [`USUAL_WORDS`]) to the power of this exponent. Here, n is the number of words of the text,
    /// limited to the range from 1 to [`LONG`]. Training chooses the exponent together with the temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_exponent: Option<f64>,
    /// Whether the network is a language model, which has only learned to predict words, and cannot classify texts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub language_model: bool,
}

/// The labels of models with one logit: a logit below 0 means the first label, and a logit above 0 means the second
/// label.
pub const POLARITY: [&str; 2] = ["negative", "positive"];

/// The number of words of a text at which [`Settings::length_exponent`] has no effect.
pub const USUAL_WORDS: f64 = 20.0;

/// The number of words up to which the temperature depends on the length of a text. All longer texts have the
/// temperature of a text of this length. Of several values, this value gave the smallest cross-entropy on the
/// validation part of the recipe `short-reviews`.
pub const LONG: usize = 45;

/// The factor by which the temperature is multiplied for a text of `words` words: see [`Settings::length_exponent`].
pub fn length_factor(words: usize, exponent: f64) -> f64 {
    (words.clamp(1, LONG) as f64 / USUAL_WORDS).powf(exponent)
}

impl Settings {
    /// The number by which the logits of a text of `words` words are divided before they become probabilities.
    pub fn temperature_of(&self, words: usize) -> f64 {
        let temperature = self.temperature.unwrap_or(Positive::ONE).get();
        temperature * length_factor(words, self.length_exponent.unwrap_or(0.0))
    }

    /// The number of logits: one per class; if `classes` is empty, one logit for both classes, `negative` and
    /// `positive`.
    pub fn outputs(&self) -> usize {
        self.classes.len().max(1)
    }

    /// The names of all classes: `negative` and `positive` if the model has one logit.
    pub fn labels(&self) -> Vec<String> {
        match self.classes.is_empty() {
            true => POLARITY.map(str::to_owned).to_vec(),
            false => self.classes.clone(),
        }
    }

    /// Checks that the list of classes is empty or has at least two classes, and that all names differ.
    ///
    /// # Errors
    ///
    /// A message that names the class that is wrong.
    pub fn check(&self) -> Result<(), String> {
        let Self { classes, .. } = self;
        if let [only] = classes.as_slice() {
            return Err(format!("`{only}` is the only class; at least two are needed"));
        }
        match (1..classes.len()).find(|at| classes[..*at].contains(&classes[*at])) {
            Some(at) => Err(format!("the class `{}` is listed twice", classes[at])),
            None => Ok(()),
        }
    }
}

/// The parts of a model: a network, n-grams, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// The architecture of the network; `None` for n-grams alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    /// The settings of the n-grams; `None` for a network alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ngrams: Option<NgramSettings>,
}

/// The settings of the n-grams. This struct is empty, because the file `ngrams.safetensors` contains the whole n-gram
/// classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NgramSettings {}

/// Which words of a text the network reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The largest number of words of a text that the network reads.
    pub max_words: Count,
    /// Which end of a text the network reads if the text has more than `max_words` words.
    pub keep: Keep,
}

/// Which end of a text is read if the text has more than `max_words` words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first `max_words` words.
    First,
    /// The last `max_words` words, because many reviews end with a summary.
    Last,
}

impl Keep {
    /// The positions of the words that the network reads: at most `most` of the `words` words of a text.
    pub fn range(self, words: usize, most: Count) -> Range<usize> {
        match self {
            Self::First => 0..most.get().min(words),
            Self::Last => words.saturating_sub(most.get())..words,
        }
    }
}

impl Reading {
    /// The words of a text that the network reads.
    pub fn cut<'a, W>(&self, words: &'a [W]) -> &'a [W] {
        &words[self.range(words.len())]
    }

    /// The positions of the words that are read in a text of `words` words.
    pub fn range(&self, words: usize) -> Range<usize> {
        self.keep.range(words, self.max_words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_keep_their_first_or_last_words() {
        let reading = |keep| Reading { max_words: Count::try_from(2).unwrap(), keep };
        let words = ["one", "two", "three"];
        assert_eq!(reading(Keep::First).cut(&words), ["one", "two"]);
        assert_eq!(reading(Keep::Last).cut(&words), ["two", "three"]);
        assert_eq!(reading(Keep::Last).cut(&words[..1]), ["one"]);
        assert!(reading(Keep::Last).cut(&words[..0]).is_empty());
    }

    #[test]
    fn keys_for_training_are_ignored() {
        let recipe = serde_json::json!({
            "name": "mine", "optimizer": {},
            "data": { "set": "imdb", "max_words": 5, "keep": "last" },
            "model": { "network": { "cell": "gru", "embedding_size": 2, "hidden_size": 3, "pooling": "last", "dropout": 0.5 } },
        });
        let settings: Settings = serde_json::from_value(recipe).unwrap();
        assert!(settings.model.network.is_some() && settings.model.ngrams.is_none());
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(stored["data"], serde_json::json!({ "max_words": 5, "keep": "last" }));
        assert_eq!(serde_json::from_value::<Settings>(stored).unwrap(), settings);
        assert_eq!((settings.outputs(), settings.labels()), (1, POLARITY.map(str::to_owned).to_vec()));
    }

    #[test]
    fn classes_have_different_names() {
        let with = |classes: &[&str]| {
            let data = Reading { max_words: Count::ONE, keep: Keep::First };
            let classes = classes.iter().map(|name| (*name).to_owned()).collect();
            Settings {
                data,
                model: ModelSettings { network: None, ngrams: None },
                classes,
                temperature: None,
                length_exponent: None,
                language_model: false,
            }
        };
        assert_eq!((with(&["a", "b", "c"]).check(), with(&["a", "b", "c"]).outputs()), (Ok(()), 3));
        with(&["a"]).check().unwrap_err();
        with(&["a", "b", "a"]).check().unwrap_err();
    }
}
