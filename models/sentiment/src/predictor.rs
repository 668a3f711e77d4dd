//! The trained model [`Sentiment`], which classifies texts.

use std::borrow::Cow;
use std::iter;

use burn::tensor::Device;
use inference::settings::Positive;
use inference::text::{Vocabulary, tokenize};
use inference::{Package, PackageError, PredictError, Predictor, Schemas, largest};
use serde::{Deserialize, Serialize};

use crate::network::NetworkClassifier;
use crate::ngrams::NgramClassifier;
use crate::prediction::{Contribution, Logits, Options, Prediction, probabilities};
use crate::settings::Settings;

/// The name of the file with the n-grams and their weights, in a package (the files of a trained model).
pub const NGRAMS: &str = "ngrams.safetensors";
/// The name of the file with the weight of the network in a blend ([`Share`]), in a package.
pub const BLEND: &str = "blend.json";

/// Classifies texts by a network, by n-grams, or by a blend of both: as positive or negative, or into the classes of
/// the model's training data.
#[derive(Debug)]
pub struct Sentiment {
    settings: Settings,
    classifier: Classifier,
}

/// What classifies a text: a network, n-grams, or a blend of both.
#[derive(Debug)]
pub enum Classifier {
    /// A network alone.
    Network(Box<NetworkClassifier>),
    /// N-grams alone.
    Ngrams(NgramClassifier),
    /// A network and n-grams: each logit is the weighted sum of the network's logit and the n-grams' logit.
    Blend(Box<Blend>),
}

/// A network and n-grams whose logits are combined.
#[derive(Debug)]
pub struct Blend {
    /// The network.
    pub network: NetworkClassifier,
    /// The n-grams.
    pub ngrams: NgramClassifier,
    /// The weight of the network's logit, from 0 to 1. The weight of the n-grams' logit is `1 − share`.
    pub share: f32,
}

/// The content of the file `blend.json` of a package.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The weight of the network's logits, from 0 to 1.
    pub network: f32,
}

impl Predictor for Sentiment {
    const APPLICATION: &'static str = "sentiment";
    /// The text.
    type Input = String;
    type Options = Options;
    type Output = Prediction;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings = package.checked_settings(Settings::check)?;
        let (network, outputs) = (settings.model.network.as_ref(), settings.outputs());
        let open = |config| NetworkClassifier::open(package, config, outputs, settings.data, device);
        let network = network.map(open).transpose()?;
        let ngrams = settings.model.ngrams.map(|_| open_ngrams(package, outputs)).transpose()?;
        let share = if network.is_some() && ngrams.is_some() { open_share(package)? } else { 1.0 };
        let nothing = || package.invalid_settings("the settings describe neither a network nor n-grams");
        let classifier = Classifier::new(network, ngrams, share).ok_or_else(nothing)?;
        Ok(Self { settings, classifier })
    }

    /// Classifies texts. HTML entities, which texts from web pages may contain, are decoded first: see [`decoded`].
    fn predict(&self, inputs: &[String], options: &Options) -> Result<Vec<Prediction>, PredictError> {
        if self.settings.language_model {
            let reason = "this is a language model, which cannot classify texts; train a classifier with --contextual \
                          and the path of this model";
            return Err(PredictError::bad_input("model", reason));
        }
        let texts: Vec<Cow<str>> = inputs.iter().map(|text| decoded(text)).collect();
        if let Some(index) = texts.iter().position(|text| text.trim().is_empty()) {
            let which = if inputs.len() == 1 {
                "the text".to_owned()
            } else {
                format!("text {} of {}", index + 1, inputs.len())
            };
            return Err(PredictError::bad_input("text", format!("{which} is empty; give a text with words")));
        }
        let texts = tokenized(&texts);
        let logits = self.logits_of_tokens(&texts);
        let labels = self.settings.labels();
        let answers = inputs.iter().zip(texts).zip(logits).map(|((text, tokens), logits)| {
            let read = self.read(&tokens);
            let known = |token: &&String| self.knows(token);
            let is_word = |token: &&String| token.contains(char::is_alphanumeric);
            let probabilities = self.probabilities(&logits);
            let best = largest(&probabilities);
            // For a model with one logit, the prediction has the probability of the second class, and the contributions
            // explain this logit.
            let (asked, output) = if self.settings.outputs() == 1 { (1, 0) } else { (best, best) };
            let named = !self.settings.classes.is_empty();
            Prediction {
                text: text.clone(),
                label: labels[best].clone(),
                probability: probabilities[asked],
                probabilities: iter::zip(labels.clone(), probabilities).filter(|_| named).collect(),
                known_words: read.iter().filter(is_word).filter(known).count(),
                unknown_words: read.len() - read.iter().filter(known).count(),
                truncated: read.len() < tokens.len(),
                words: options.explain.then(|| self.contributions_of_tokens(tokens, output)),
            }
        });
        Ok(answers.collect())
    }

    fn example(&self) -> String {
        "A slow start, but the two leads are funny and warm, and the last half hour is wonderfully acted. I left the \
         cinema smiling, and I would gladly see it again."
            .to_owned()
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas(&self.settings)
    }
}

impl Sentiment {
    /// Creates a model from its settings and its classifier. The classifier must have the parts (network, n-grams) that
    /// the settings describe.
    pub fn new(settings: Settings, classifier: Classifier) -> Self {
        Self { settings, classifier }
    }

    /// The settings that the package stores: how the network reads texts, and the parts of the model.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The parts of the model: a network, n-grams, or a blend of both.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The network with its vocabulary; `None` if the model has n-grams alone.
    pub fn network(&self) -> Option<&NetworkClassifier> {
        match &self.classifier {
            Classifier::Network(network) => Some(network),
            Classifier::Ngrams(_) => None,
            Classifier::Blend(blend) => Some(&blend.network),
        }
    }

    /// The n-gram classifier; `None` if the model has a network alone.
    pub fn ngrams(&self) -> Option<&NgramClassifier> {
        match &self.classifier {
            Classifier::Network(_) => None,
            Classifier::Ngrams(ngrams) => Some(ngrams),
            Classifier::Blend(blend) => Some(&blend.ngrams),
        }
    }

    /// The weight of the network's logit, from 0 to 1: 1 without n-grams, 0 without a network.
    pub fn share(&self) -> f32 {
        match &self.classifier {
            Classifier::Network(_) => 1.0,
            Classifier::Ngrams(_) => 0.0,
            Classifier::Blend(blend) => blend.share,
        }
    }

    /// Sets the weight of the network's logits in a blend. Does nothing for models that are not a blend.
    pub fn set_share(&mut self, share: f32) {
        if let Classifier::Blend(blend) = &mut self.classifier {
            blend.share = share;
        }
    }

    /// Sets the temperature and the length exponent in the settings. From both, [`Settings::temperature_of`] computes
    /// the number by which the logits of a text are divided.
    pub fn set_temperature(&mut self, temperature: Positive, length_exponent: Option<f64>) {
        self.settings.temperature = Some(temperature);
        self.settings.length_exponent = length_exponent;
    }

    /// The probabilities of the classes, in the order of the labels.
    pub fn probabilities(&self, logits: &Logits) -> Vec<f32> {
        probabilities(&logits.combined, self.settings.temperature_of(logits.words))
    }

    /// Computes the logits of each text, in the order of `texts`. Unlike [`predict`](Predictor::predict), this function
    /// does not [decode](decoded) HTML entities, and it accepts a text without words, which the network reads as one
    /// unknown word.
    pub fn logits<S: AsRef<str>>(&self, texts: &[S]) -> Vec<Logits> {
        self.logits_of_tokens(&tokenized(texts))
    }

    fn logits_of_tokens(&self, texts: &[Vec<String>]) -> Vec<Logits> {
        let network = self.network().map(|network| network.logits(texts));
        let logits = texts.iter().enumerate().map(|(index, tokens)| {
            let ngrams = self.ngrams().map(|ngrams| ngrams.logits(tokens));
            let network = network.as_ref().map(|logits| logits[index].clone());
            Logits::blend(network, ngrams, self.share(), tokens.len())
        });
        logits.collect()
    }

    /// Computes the contribution of each word to the logit with the index `output`: by occlusion for a network, and
    /// from the weights for n-grams. For a blend, the contribution is the weighted sum of both contributions.
    fn contributions_of_tokens(&self, tokens: Vec<String>, output: usize) -> Vec<Contribution> {
        let mut sums = vec![0.0; tokens.len()];
        let mut add = |share: f32, contributions: Vec<f32>| {
            sums.iter_mut().zip(contributions).for_each(|(sum, contribution)| *sum += share * contribution);
        };
        if let Some(ngrams) = self.ngrams() {
            add(1.0 - self.share(), ngrams.contributions(&tokens, output));
        }
        if let Some(network) = self.network() {
            add(self.share(), network.contributions(&tokens, output));
        }
        tokens.into_iter().zip(sums).map(|(word, contribution)| Contribution { word, contribution }).collect()
    }

    /// Returns the words of a text that the model reads: at most `max_words` words at one end of the text, or all words
    /// if the model has no network.
    fn read<'a>(&self, tokens: &'a [String]) -> &'a [String] {
        self.network().map_or(tokens, |network| network.reading().cut(tokens))
    }

    /// Whether the network's vocabulary contains a word; for a model of n-grams alone, whether the word has a weight.
    fn knows(&self, token: &str) -> bool {
        match (self.network(), self.ngrams()) {
            (Some(network), _) => network.vocabulary().id(token) != Vocabulary::UNKNOWN,
            (None, ngrams) => ngrams.is_some_and(|ngrams| ngrams.knows(token)),
        }
    }
}

impl Classifier {
    /// Creates a classifier from the given parts; returns `None` if there are no parts. `share` is the weight of the
    /// network's logit in a blend.
    pub fn new(network: Option<NetworkClassifier>, ngrams: Option<NgramClassifier>, share: f32) -> Option<Self> {
        match (network, ngrams) {
            (Some(network), None) => Some(Self::Network(Box::new(network))),
            (None, Some(ngrams)) => Some(Self::Ngrams(ngrams)),
            (Some(network), Some(ngrams)) => Some(Self::Blend(Box::new(Blend { network, ngrams, share }))),
            (None, None) => None,
        }
    }
}

/// A text with the entities of HTML, such as `&#39;` and `&amp;`, replaced by the characters that they stand for.
///
/// ```
/// assert_eq!(sentiment::predictor::decoded("It isn&#39;t good &mdash; R&B"), "It isn't good — R&B");
/// ```
pub fn decoded(text: &str) -> Cow<'_, str> {
    html_escape::decode_html_entities(text)
}

fn tokenized<S: AsRef<str>>(texts: &[S]) -> Vec<Vec<String>> {
    texts.iter().map(|text| tokenize(text.as_ref())).collect()
}

fn open_ngrams(package: &Package<'_>, outputs: usize) -> Result<NgramClassifier, PackageError> {
    let invalid = |message| package.invalid(NGRAMS, message);
    let ngrams = NgramClassifier::parse(&package.read(NGRAMS)?).map_err(invalid)?;
    match ngrams.outputs() == outputs {
        true => Ok(ngrams),
        false => Err(invalid(format!("{} weights per n-gram, but the model has {outputs} logits", ngrams.outputs()))),
    }
}

fn open_share(package: &Package<'_>) -> Result<f32, PackageError> {
    let Share { network } = package.json(BLEND)?;
    match (0.0..=1.0).contains(&network) {
        true => Ok(network),
        false => {
            let message = format!(
                "`network`, the weight of the network in the blend with the n-grams, is {network}, but must be from 0 to 1"
            );
            Err(package.invalid(BLEND, message))
        }
    }
}
