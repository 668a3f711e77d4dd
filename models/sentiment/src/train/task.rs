//! [`SentimentTask`]: how the models are trained and measured.

use std::collections::BTreeMap;

use burn::tensor::Device;
use datasets::Review;
use inference::Predictor;
use inference::text::{Reserved, Vocabulary, tokenize};
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use training::settings::Fraction;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Outcome,
    Pretrained, RecipeOf, Splits, StepContext, Task, TaskError, TaskResult, bucketed,
};

use crate::model::{Network, WEIGHT_NAMES};
use crate::network::NetworkClassifier;
use crate::ngrams::NgramClassifier;
use crate::prediction::Options;
use crate::predictor::{BLEND, Classifier, NGRAMS, Sentiment, Share};
use crate::settings::Settings;
use crate::train::classification::ClassificationBatch;
use crate::train::data::{DataConfig, Example};
use crate::train::evaluation::{self, accuracy, best_share};
use crate::train::ngrams::{self, NgramConfig};
use crate::train::pretraining::{PretrainingBatch, PretrainingConfig};
use crate::train::recipe::{Architecture, NetworkRecipe, check};

/// The texts that the demonstration of a trained model classifies.
const SENTENCES: [&str; 5] = [
    "The plot is clever, and the cast is warm.",
    "The plot is not, at any point, clever.",
    "The cast is wonderful, but nothing about the script struck me as fresh.",
    "Although the opening is dull, I would call the ending superb.",
    "My friend told me that the plot is brilliant. I could not disagree more.",
];

/// The task of training [`Sentiment`] models. It holds the vocabulary and the n-grams, which are fitted without
/// gradients.
pub struct SentimentTask {
    data: DataConfig,
    architecture: Architecture,
    vocabulary: Vocabulary,
    /// The model's n-grams, if it has any.
    ngrams: Option<NgramClassifier>,
    /// The n-grams of the baseline, if the model's own n-grams were fitted with the same settings. Otherwise the
    /// baseline is fitted when it is measured.
    baseline: Option<NgramClassifier>,
}

/// The objective of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Predicting the next word, in the first epochs.
    Pretraining,
    /// Predicting the label, in the epochs after pretraining.
    Classification,
}

/// A batch for [`Task::loss`], in pretraining or in classification.
pub enum TrainingBatch {
    /// Texts and the words to predict.
    Pretraining(PretrainingBatch),
    /// Texts and their labels.
    Classification(ClassificationBatch),
}

impl Task for SentimentTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/imdb-rnn.toml"),
        include_str!("../../recipes/imdb-lstm.toml"),
        include_str!("../../recipes/imdb-bigru.toml"),
        include_str!("../../recipes/imdb-ngrams.toml"),
        include_str!("../../recipes/imdb-hybrid.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "accuracy", higher_is_better: true };
    const ITEMS: &'static str = "reviews";
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;

    type Predictor = Sentiment;
    type Data = DataConfig;
    type Architecture = Architecture;
    /// The reviews, and a text that identifies the data.
    type Raw = (Splits<Vec<Review>>, String);
    type Set = Vec<Example>;
    type Model = Network;
    /// The indices of the reviews in a batch.
    type Items = Vec<usize>;
    type Batch = TrainingBatch;

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<Self::Raw> {
        data.load(cx)
    }

    fn fingerprint((_, source): &Self::Raw) -> String {
        source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, (reviews, _): &Self::Raw, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        check(recipe)?;
        let vocabulary = match start {
            Some(start) => {
                recipe.data.check_like(&start.data)?;
                Vocabulary::open(start.package, Reserved::Padding)?
            }
            None => recipe.data.vocabulary(&reviews.train),
        };
        let (mut ngrams, mut baseline) = (None, None);
        if let Some(config) = &recipe.model.ngrams {
            let train = reviews.train.iter().map(|review| (review.text.as_str(), review.positive));
            let full = fit_ngrams(train, config, &Interrupt::default())?;
            if (NgramConfig { keep: None, ..config.clone() }) == NgramConfig::default() {
                baseline = Some(full.clone());
            }
            ngrams = Some(match config.keep {
                Some(count) => full.prune(count.get()),
                None => full,
            });
        }
        Ok(Self { data: recipe.data.clone(), architecture: recipe.model.clone(), vocabulary, ngrams, baseline })
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Sentiment) -> TaskResult<Self> {
        let vocabulary = match predictor.network() {
            Some(network) => network.vocabulary().clone(),
            None => Vocabulary::build(Reserved::Padding, [], 0),
        };
        let (data, architecture) = (recipe.data.clone(), recipe.model.clone());
        Ok(Self { data, architecture, vocabulary, ngrams: predictor.ngrams().cloned(), baseline: None })
    }

    fn encode(&self, (reviews, _): Self::Raw, _: &mut LoadContext) -> TaskResult<Splits<Vec<Example>>> {
        let examples = |part| self.data.examples(part, &self.vocabulary);
        let Splits { train, valid, test } = reviews;
        Ok(Splits { train: examples(train), valid: examples(valid), test: examples(test) })
    }

    fn num_params(&self) -> f64 {
        self.network().map_or(0.0, |recipe| recipe.config().num_params(self.vocabulary.len()))
    }

    fn init(&self, device: &Device) -> Option<Network> {
        let recipe = self.network()?;
        Some(recipe.config().init(self.vocabulary.len(), recipe.dropouts(), device))
    }

    fn plan(&self, set: &Vec<Example>, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = set.iter().map(|example| example.ids.len()).collect();
        bucketed(&lengths, size, rng)
    }

    fn collate(&self, set: &Vec<Example>, items: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<TrainingBatch> {
        let most = self.data.words_in_epoch(cx.epoch);
        let cut = |index: &usize| {
            let ids = &set[*index].ids;
            &ids[self.data.keep.range(ids.len(), most)]
        };
        let texts: Vec<&[u32]> = items.iter().map(cut).collect();
        let network = self.network().ok_or_else(no_network)?;
        Ok(match (&network.pretraining, self.phase(cx.epoch)) {
            (Some(config), Phase::Pretraining) => {
                let directions = network.config().directions();
                TrainingBatch::Pretraining(PretrainingBatch::draw(&texts, directions, config, cx.rng, cx.device))
            }
            _ => {
                let positive = items.iter().map(|index| set[*index].positive);
                let word_dropout = network.word_dropout;
                let batch = ClassificationBatch::draw(&texts, positive, word_dropout, cx.rng, cx.device);
                TrainingBatch::Classification(batch)
            }
        })
    }

    /// Computes the mean binary cross-entropy of the labels; in pretraining, the mean cross-entropy of the next words.
    fn loss(&self, model: &Network, batch: TrainingBatch, _: &mut StepContext) -> TaskResult<Loss> {
        Ok(match batch {
            TrainingBatch::Pretraining(batch) => batch.loss(model),
            TrainingBatch::Classification(batch) => {
                batch.loss(model, self.network().map_or(Fraction::default(), |network| network.label_smoothing))
            }
        })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<Sentiment> {
        let reading = self.data.reading();
        let classifier = |network| NetworkClassifier::new(network, self.vocabulary.clone(), reading, device.clone());
        let settings = Settings { data: reading, model: self.architecture.settings() };
        let parts = Classifier::new(network.map(classifier), self.ngrams.clone(), 1.0);
        Ok(Sentiment::new(settings, parts.ok_or_else(no_network)?))
    }

    fn contents(predictor: &Sentiment) -> TaskResult<Contents<'_, Network>> {
        let json = |error: serde_json::Error| TaskError::Other(error.to_string());
        let mut files = Vec::new();
        if let Some(network) = predictor.network() {
            files.push((Vocabulary::FILE, network.vocabulary().to_text().into_bytes()));
        }
        if let Some(ngrams) = predictor.ngrams() {
            files.push((NGRAMS, ngrams.to_bytes()?));
        }
        if let Classifier::Blend(blend) = predictor.classifier() {
            files.push((BLEND, serde_json::to_vec(&Share { network: blend.share }).map_err(json)?));
        }
        let settings = serde_json::to_value(predictor.settings()).map_err(json)?;
        Ok(Contents { settings, network: predictor.network().map(NetworkClassifier::network), files })
    }

    fn evaluate(&self, predictor: &Sentiment, set: &Vec<Example>, interrupt: &Interrupt) -> TaskResult<Measured> {
        Ok(evaluation::measure(set, &evaluation::logits(predictor, set, interrupt)?))
    }

    fn baselines(
        &self,
        splits: &Splits<Vec<Example>>,
        interrupt: &Interrupt,
    ) -> TaskResult<BTreeMap<String, Measured>> {
        let Splits { train, test, .. } = splits;
        let positive = train.iter().filter(|example| example.positive).count() * 2 >= train.len();
        let majority = if positive { 1.0 } else { -1.0 };
        let fitted = match &self.baseline {
            Some(_) => None,
            None => {
                let texts = train.iter().map(|example| (example.text.as_str(), example.positive));
                Some(fit_ngrams(texts, &NgramConfig::default(), interrupt)?)
            }
        };
        let mut logits = Vec::new();
        for example in test {
            interrupt.check()?;
            let ngrams = self.baseline.as_ref().or(fitted.as_ref());
            logits.extend(ngrams.map(|ngrams| ngrams.logit(&tokenize(&example.text))));
        }
        let measured = |accuracy| Measured::from(vec![Metric::higher("accuracy", accuracy)]);
        Ok(BTreeMap::from([
            ("majority class".to_owned(), measured(accuracy(test, test.iter().map(|_| majority)))),
            ("NB-weighted 1–3-grams".to_owned(), measured(accuracy(test, logits))),
        ]))
    }

    /// Sets the weight of the network's logit in a blend to the one with the smallest cross-entropy on the validation
    /// part.
    fn finish(&self, predictor: &mut Sentiment, valid: &Vec<Example>, interrupt: &Interrupt) -> TaskResult<()> {
        if let Classifier::Blend(_) = predictor.classifier() {
            let logits = evaluation::logits(predictor, valid, interrupt)?;
            predictor.set_share(best_share(valid, &logits).unwrap_or(predictor.share()));
        }
        Ok(())
    }

    fn demonstrate(&self, predictor: &Sentiment, _: &Outcome, _: &Vec<Example>) -> TaskResult<Demonstration> {
        let answers = predictor.predict(&SENTENCES.map(str::to_owned), &Options::default())?;
        let lines = [String::new()].into_iter().chain(answers.iter().map(ToString::to_string));
        Ok(Demonstration { lines: lines.collect(), picture: None })
    }
}

impl SentimentTask {
    fn network(&self) -> Option<&NetworkRecipe> {
        self.architecture.network.as_ref()
    }

    fn phase(&self, epoch: usize) -> Phase {
        let pretraining: Option<&PretrainingConfig> = self.network().and_then(|network| network.pretraining.as_ref());
        match pretraining.is_some_and(|pretraining| epoch < pretraining.epochs.get()) {
            true => Phase::Pretraining,
            false => Phase::Classification,
        }
    }
}

fn no_network() -> TaskError {
    TaskError::setting("model.network", "the model has no network to train; add [model.network]")
}

fn fit_ngrams<'a>(
    reviews: impl Iterator<Item = (&'a str, bool)>,
    config: &NgramConfig,
    interrupt: &Interrupt,
) -> TaskResult<NgramClassifier> {
    let (texts, positive): (Vec<_>, Vec<_>) = reviews.map(|(text, positive)| (tokenize(text), positive)).unzip();
    ngrams::fit(&texts, &positive, config, interrupt)
}
