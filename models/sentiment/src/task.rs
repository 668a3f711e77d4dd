//! Sentiment as a [`Task`]: what the shared trainer and command line need to know.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use datasets::{ReviewSet, Vocabulary, Zero, tokenize};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use training::cli::NoOptions;
use training::package::{load_fitted, save_fitted};
use training::weights::WeightNames;
use training::{
    Carry, Context, Demonstration, Loss, Metrics, Monitor, Outcome, Package, RecipeOf, Splits, Task, TaskResult,
};

use crate::data::{Batch, DataConfig, Example, Lesson, bucketed, by_length};
use crate::model::{Network, NetworkConfig, Words, binary_cross_entropy, of_truth};
use crate::ngram::{NgramClassifier, NgramConfig};
use crate::predict::Verb;
use crate::pretraining::{self, PretrainingConfig};

/// Texts that are measured together.
const MEASURE_BATCH: usize = 64;
/// Shares of the network in the blend that are tried on the validation part.
const BLEND_STEPS: usize = 20;

/// `[model]` of a recipe: a network, n-grams, or both, blended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// The network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    /// The n-grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ngrams: Option<NgramConfig>,
}

/// Sentiment: whether a text is favourable.
pub struct Sentiment {
    data: DataConfig,
    architecture: Architecture,
    vocabulary: Vocabulary,
    ngrams: Option<NgramClassifier>,
    /// Share of the network's log-odds where there are n-grams too.
    blend: f32,
}

/// What the parts of a model say of a text, as log-odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion {
    /// The network.
    pub network: Option<f32>,
    /// The n-grams.
    pub ngrams: Option<f32>,
    /// Both together.
    pub blended: f32,
}

impl Opinion {
    /// The probability that the text is favourable.
    pub fn probability(&self) -> f32 {
        1.0 / (1.0 + (-self.blended).exp())
    }
}

impl Task for Sentiment {
    const PACKAGE: &'static str = "sentiment";
    const ABOUT: &'static str = "Tells whether a film review is favourable: recurrent networks and n-grams.";
    const RECIPES: &'static [&'static str] = &[
        include_str!("../recipes/quick.toml"),
        include_str!("../recipes/imdb-rnn.toml"),
        include_str!("../recipes/imdb-lstm.toml"),
        include_str!("../recipes/imdb-bigru.toml"),
        include_str!("../recipes/imdb-ngrams.toml"),
        include_str!("../recipes/imdb-hybrid.toml"),
    ];
    const PRETRAINED: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/pretrained");
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const CARD: &'static str = include_str!("card.md");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("predict --run RUN --explain \"The cast is warm, but the plot is not clever.\"", "ask this model, and why"),
        ("export --run RUN --to my-model", "make it a package for others"),
        ("train --recipe imdb-lstm", "learn the real reviews, downloaded once (84 MB)"),
    ];
    const ITEMS: &'static str = "reviews";
    const MONITOR: Monitor = Monitor { metric: "accuracy", higher_is_better: true };

    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = (Splits<ReviewSet>, String);
    type Set = Vec<Example>;
    type Model = Option<Network>;
    type Batch = Batch;
    type Verb = Verb;
    type Options = NoOptions;

    fn load(data: &DataConfig, data_dir: Option<&Path>) -> TaskResult<Self::Raw> {
        data.load(data_dir)
    }

    fn fingerprint((_, source): &Self::Raw) -> String {
        source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, (reviews, _): &Self::Raw) -> TaskResult<Self> {
        check(recipe)?;
        let architecture = recipe.model.clone();
        let vocabulary = match Package::<Self>::start_of(recipe)? {
            Some((dir, data)) => {
                recipe.data.check_like(&data)?;
                Vocabulary::load(Zero::Padding, &dir.join("vocab.txt"))?
            }
            None => recipe.data.vocabulary(&reviews.train),
        };
        let ngrams = architecture.ngrams.as_ref().map(|config| {
            let (texts, signs) = tokenized(&reviews.train);
            NgramClassifier::fit(&texts, &signs, config)
        });
        let blend = if architecture.network.is_some() { 1.0 } else { 0.0 };
        Ok(Self { data: recipe.data.clone(), architecture, vocabulary, ngrams, blend })
    }

    fn save(&self, dir: &Path) -> TaskResult<()> {
        self.vocabulary.save(&dir.join("vocab.txt"))?;
        if let Some(ngrams) = &self.ngrams {
            ngrams.save(&dir.join("ngrams.safetensors"))?;
            save_fitted(&Blend { network: self.blend }, &dir.join("blend.json"))?;
        }
        Ok(())
    }

    fn open(recipe: &RecipeOf<Self>, dir: &Path) -> TaskResult<Self> {
        let (data, architecture) = (recipe.data.clone(), recipe.model.clone());
        let vocabulary = Vocabulary::load(Zero::Padding, &dir.join("vocab.txt"))?;
        let (mut ngrams, mut blend) = (None, 1.0);
        if architecture.ngrams.is_some() {
            ngrams = Some(NgramClassifier::load(&dir.join("ngrams.safetensors"))?);
            blend = load_fitted::<Blend>(&dir.join("blend.json"))?.network;
        }
        Ok(Self { data, architecture, vocabulary, ngrams, blend })
    }

    fn encode(&self, (reviews, _): Self::Raw) -> TaskResult<Splits<Vec<Example>>> {
        let examples = |part| self.data.examples(part, &self.vocabulary);
        let Splits { train, valid, test } = reviews;
        Ok(Splits { train: examples(train), valid: examples(valid), test: examples(test) })
    }

    fn num_params(&self) -> f64 {
        self.architecture.network.as_ref().map_or(0.0, |config| config.num_params(self.vocabulary.len()))
    }

    fn init(&self, device: &Device) -> Option<Network> {
        self.architecture.network.as_ref().map(|config| config.init(self.vocabulary.len(), device))
    }

    fn batches(&self, set: &Vec<Example>, size: usize, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Batch> {
        let pretraining = self.pretraining().map_or(0, |pretraining| pretraining.epochs.get());
        let lesson = if epoch < pretraining { Lesson::NextWord } else { Lesson::Sign };
        let words = self.data.words_in_epoch(epoch);
        bucketed(set, size, rng).into_iter().map(|reviews| Batch { reviews, words, lesson }).collect()
    }

    /// Mean binary cross-entropy of the signs; while pretraining that of the next words.
    fn loss(
        &self,
        model: &Option<Network>,
        set: &Vec<Example>,
        batch: &Batch,
        _carry: &mut Carry,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss {
        let examples: Vec<&Example> = batch.reviews.iter().map(|index| &set[*index]).collect();
        let texts: Vec<&[u32]> = examples.iter().map(|example| self.data.cut(&example.words, batch.words)).collect();
        match (model, self.pretraining(), batch.lesson) {
            (Some(network), Some(config), Lesson::NextWord) => pretraining::loss(network, &texts, config, rng, device),
            (Some(network), ..) => {
                let texts: Vec<Vec<u32>> = texts.iter().map(|words| self.drop_words(words, rng)).collect();
                let words = Words::new(texts.iter().map(Vec::as_slice), device);
                let odds = of_truth(network.forward(words), examples.iter().map(|example| example.positive)); // [B]
                Loss { mean: binary_cross_entropy(odds, self.label_smoothing()), count: examples.len() }
            }
            (None, ..) => Loss { mean: Tensor::zeros([1], device).require_grad(), count: examples.len() },
        }
    }

    fn evaluate(&self, model: &Option<Network>, set: &Vec<Example>, device: &Device) -> Metrics {
        let opinions = self.opinions(model, set, device);
        let accuracy = |odds: &dyn Fn(&Opinion) -> f32| accuracy(set, opinions.iter().map(odds));
        let mut metrics = Metrics::from([
            ("accuracy".to_owned(), accuracy(&|opinion| opinion.blended)),
            ("loss".to_owned(), cross_entropy(set, opinions.iter().map(|opinion| opinion.blended))),
        ]);
        // Of a blend the parts too.
        if model.is_some() && self.ngrams.is_some() {
            metrics.insert("network_accuracy".to_owned(), accuracy(&|opinion| opinion.network.unwrap_or(0.0)));
            metrics.insert("ngram_accuracy".to_owned(), accuracy(&|opinion| opinion.ngrams.unwrap_or(0.0)));
        }
        metrics
    }

    fn baselines(&self, splits: &Splits<Vec<Example>>) -> TaskResult<BTreeMap<String, Metrics>> {
        let favourable = splits.train.iter().filter(|example| example.positive).count() * 2 >= splits.train.len();
        let majority = if favourable { 1.0 } else { -1.0 };
        let (texts, signs): (Vec<_>, Vec<_>) =
            splits.train.iter().map(|example| (tokenize(&example.text), example.positive)).unzip();
        let ngrams = NgramClassifier::fit(&texts, &signs, &NgramConfig::default());
        let odds = splits.test.iter().map(|example| ngrams.logit(&tokenize(&example.text)));
        let row = |accuracy| Metrics::from([("accuracy".to_owned(), accuracy)]);
        Ok(BTreeMap::from([
            ("majority class".to_owned(), row(accuracy(&splits.test, splits.test.iter().map(|_| majority)))),
            ("NB-weighted 1–3-grams".to_owned(), row(accuracy(&splits.test, odds))),
        ]))
    }

    /// Chooses the blend: the network's share with the smallest cross-entropy on the validation part. (Their accuracies
    /// differ by a few reviews and chance.)
    fn finish(&mut self, model: &Option<Network>, valid: &Vec<Example>, device: &Device) {
        if model.is_none() || self.ngrams.is_none() {
            return;
        }
        let opinions = self.opinions(model, valid, device);
        let cost = |blend: f32| {
            cross_entropy(valid, opinions.iter().map(|opinion| mix(opinion.network, opinion.ngrams, blend)))
        };
        let shares = (0..=BLEND_STEPS).map(|step| step as f32 / BLEND_STEPS as f32);
        let costs = shares.map(|share| (cost(share), share));
        self.blend = costs.min_by(|(one, _), (other, _)| one.total_cmp(other)).map_or(self.blend, |(_, share)| share);
    }

    fn demonstrate(
        &self,
        model: &Option<Network>,
        _outcome: &Outcome,
        _test: &Vec<Example>,
        device: &Device,
    ) -> TaskResult<Demonstration> {
        const SENTENCES: [&str; 5] = [
            "The plot is clever, and the cast is warm.",
            "The plot is not, at any point, clever.",
            "The cast is wonderful, but nothing about the script struck me as fresh.",
            "Although the opening is dull, I would call the ending superb.",
            "My friend told me that the plot is brilliant. I could not disagree more.",
        ];
        let say = |text: &&str| crate::predict::line(&self.opinion(model, text, device), text);
        let lines = ["".to_owned()].into_iter().chain(SENTENCES.iter().map(say)).collect();
        Ok(Demonstration { lines, picture: None })
    }

    fn run(verb: Verb, context: &Context) -> TaskResult<()> {
        verb.run(context)
    }
}

impl Sentiment {
    /// What the model says of one text.
    pub fn opinion(&self, model: &Option<Network>, text: &str, device: &Device) -> Opinion {
        let words = tokenize(text);
        let numbers = self.vocabulary.encode(self.data.kept(&words));
        let network = self.network_odds(model, &[&numbers], device).map(|odds| odds[0]);
        self.blended(network, &words)
    }

    /// How much each word of a text speaks for (above 0) or against it, in log-odds; nothing for words not read.
    ///
    /// For the network by occlusion: how much the log-odds fall when the word is replaced by the unknown word. For the
    /// n-grams the shares of their weights. Both weighted as in the blend.
    pub fn explain(&self, model: &Option<Network>, text: &str, device: &Device) -> Vec<(String, f32)> {
        let words = tokenize(text);
        let mut shares = vec![0.0; words.len()];
        if let Some(ngrams) = &self.ngrams {
            for (share, part) in shares.iter_mut().zip(ngrams.contributions(&words)) {
                *share += (1.0 - self.blend) * part;
            }
        }
        let read = self.data.range(words.len(), self.data.max_words.get());
        for (share, part) in shares[read.clone()].iter_mut().zip(self.occlusion(model, &words[read], device)) {
            *share += self.blend * part;
        }
        words.into_iter().zip(shares).collect()
    }

    fn occlusion(&self, model: &Option<Network>, words: &[String], device: &Device) -> Vec<f32> {
        let numbers = self.vocabulary.encode(words);
        let mut variants = vec![numbers.clone()];
        variants.extend((0..numbers.len()).map(|hidden| {
            let mut variant = numbers.clone();
            variant[hidden] = Vocabulary::UNKNOWN;
            variant
        }));
        let variants: Vec<&[u32]> = variants.iter().map(Vec::as_slice).collect();
        match self.network_odds(model, &variants, device) {
            Some(odds) => odds[1..].iter().map(|without| odds[0] - without).collect(),
            None => Vec::new(),
        }
    }

    fn opinions(&self, model: &Option<Network>, set: &[Example], device: &Device) -> Vec<Opinion> {
        let texts: Vec<&[u32]> = set.iter().map(|example| example.words.as_slice()).collect();
        let network = self.network_odds(model, &texts, device);
        set.iter()
            .enumerate()
            .map(|(index, example)| {
                let words = if self.ngrams.is_some() { tokenize(&example.text) } else { Vec::new() };
                self.blended(network.as_ref().map(|odds| odds[index]), &words)
            })
            .collect()
    }

    fn blended(&self, network: Option<f32>, words: &[String]) -> Opinion {
        let ngrams = self.ngrams.as_ref().map(|ngrams| ngrams.logit(words));
        Opinion { network, ngrams, blended: mix(network, ngrams, self.blend) }
    }

    /// The network's log-odds of each text, in order.
    fn network_odds(&self, model: &Option<Network>, texts: &[&[u32]], device: &Device) -> Option<Vec<f32>> {
        let network = model.as_ref()?;
        let mut odds = vec![0.0; texts.len()];
        for batch in by_length(texts, MEASURE_BATCH) {
            let words = Words::new(batch.iter().map(|index| texts[*index]), device);
            let answers = network.forward(words).into_data().convert::<f32>();
            batch.iter().zip(answers.iter::<f32>()).for_each(|(index, answer)| odds[*index] = answer);
        }
        Some(odds)
    }

    fn pretraining(&self) -> Option<&PretrainingConfig> {
        self.architecture.network.as_ref()?.pretraining.as_ref()
    }

    fn label_smoothing(&self) -> f64 {
        self.architecture.network.as_ref().map_or(0.0, |network| network.label_smoothing.get())
    }

    fn drop_words(&self, words: &[u32], rng: &mut ChaCha8Rng) -> Vec<u32> {
        let share = self.architecture.network.as_ref().map_or(0.0, |network| network.word_dropout.get());
        words.iter().map(|word| if rng.random_bool(share) { Vocabulary::UNKNOWN } else { *word }).collect()
    }
}

/// The content of `blend.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blend {
    /// The network's share of the log-odds.
    network: f32,
}

/// Refuses settings that do not go together.
fn check(recipe: &RecipeOf<Sentiment>) -> TaskResult<()> {
    let Architecture { network, ngrams } = &recipe.model;
    let epochs = recipe.training.epochs as usize;
    let wrong = match network {
        None if ngrams.is_none() => "the recipe has neither [model.network] nor [model.ngrams]; add one".to_owned(),
        None if epochs > 0 => format!("training.epochs = {epochs}, but n-grams alone have no epochs; set it to 0"),
        Some(NetworkConfig { pretraining: Some(pretraining), embedding_size, hidden_size, .. }) => {
            let PretrainingConfig { epochs: first, .. } = pretraining;
            let patience = recipe.training.patience.map_or(usize::MAX, |patience| patience.get());
            if embedding_size != hidden_size {
                let sizes = format!("hidden_size = {hidden_size} and embedding_size = {embedding_size}");
                format!("model.network.pretraining needs equal sizes, not {sizes}")
            } else if epochs <= first.get() {
                let more = "set more of them, or fewer of model.network.pretraining.epochs";
                format!("training.epochs = {epochs}, of which the first {first} learn no signs; {more}")
            } else if patience <= first.get() {
                format!("training.patience = {patience} would end the {first} epochs that learn no signs; set more")
            } else {
                return Ok(());
            }
        }
        _ => return Ok(()),
    };
    Err(wrong.into())
}

fn tokenized(reviews: &ReviewSet) -> (Vec<Vec<String>>, Vec<bool>) {
    reviews.0.iter().map(|review| (tokenize(&review.text), review.positive)).unzip()
}

fn mix(network: Option<f32>, ngrams: Option<f32>, blend: f32) -> f32 {
    blend * network.unwrap_or(0.0) + (1.0 - blend) * ngrams.unwrap_or(0.0)
}

fn accuracy(set: &[Example], odds: impl Iterator<Item = f32>) -> f64 {
    let right = set.iter().zip(odds).filter(|(example, odds)| (*odds > 0.0) == example.positive).count();
    right as f64 / set.len() as f64
}

fn cross_entropy(set: &[Example], odds: impl Iterator<Item = f32>) -> f64 {
    let sum: f64 = set
        .iter()
        .zip(odds)
        .map(|(example, odds)| f64::from(if example.positive { -odds } else { odds }))
        .map(|against| against.max(0.0) + (-against.abs()).exp().ln_1p())
        .sum();
    sum / set.len() as f64
}
