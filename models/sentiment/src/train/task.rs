//! [`SentimentTask`]: how models that classify texts are trained and measured.

use std::collections::BTreeMap;

use burn::tensor::Device;
use inference::Predictor;
use inference::text::{Reserved, Vocabulary};
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Monitor, Outcome, Pretrained,
    RecipeOf, Splits, StepContext, Task, TaskError, TaskResult, bucketed, collective,
};

use crate::contextual::ContextualConfig;
use crate::model::{Network, WEIGHT_NAMES};
use crate::network::NetworkClassifier;
use crate::ngrams::NgramClassifier;
use crate::prediction::{Logits, Options};
use crate::predictor::{BLEND, Classifier, NGRAMS, Sentiment, Share};
use crate::settings::Settings;
use crate::train::classification::{ClassificationBatch, Objective};
use crate::train::data::{ClassText, DataConfig, Example, RawData, Set, balance};
use crate::train::evaluation::{self, best_share, best_temperature};
use crate::train::language_model::LanguageModel;
use crate::train::ngrams::NgramConfig;
use crate::train::pretraining::{self, PretrainingBatch, PretrainingConfig};
use crate::train::recipe::{Architecture, NetworkRecipe, check};
use crate::train::words::WordRows;
use crate::train::{baselines, short_sentences};

/// The texts for [`Task::demonstrate`] if the classes are `negative` and `positive`. The trained model classifies them.
const SENTENCES: [&str; 5] = [
    "The plot is clever, and the cast is warm.",
    "The plot is not, at any point, clever.",
    "The cast is wonderful, but nothing about the script struck me as fresh.",
    "Although the opening is dull, I would call the ending superb.",
    "My friend told me that the plot is brilliant. I could not disagree more.",
];

/// With fewer validation texts than this number, [`Task::finish`] does not tune the temperature and the blend.
const FEW: usize = 100;

/// The number of test texts that [`Task::demonstrate`] classifies if the classes are not `negative` and `positive`.
const SHOWN: usize = 8;

/// The task of training [`Sentiment`] models. It also holds what is fitted before the network is trained: the
/// vocabulary and the n-grams.
pub struct SentimentTask {
    /// The table `[data]` of the recipe.
    data: DataConfig,
    /// The table `[model]` of the recipe.
    architecture: Architecture,
    /// The number of epochs of the whole training.
    epochs: usize,
    /// The vocabulary of the network.
    vocabulary: Vocabulary,
    /// The names of the classes; empty if they are `negative` and `positive`.
    classes: Vec<String>,
    /// The pretrained word vectors, if the recipe names some and the network starts from them.
    vectors: Option<WordRows>,
    /// The architecture of the language model for contextual word vectors, if the network has one.
    contextual: Option<ContextualConfig>,
    /// The weights of the language model for contextual word vectors, with embeddings for the vocabulary of the
    /// network. `None` if there is no language model, or if the network is already trained and therefore contains these
    /// weights.
    language_model: Option<LanguageModel>,
    /// The model's n-grams, if it has any.
    ngrams: Option<NgramClassifier>,
    /// The n-grams of the baseline. They are the model's own n-grams (all of them, before pruning) if these were fitted
    /// with the settings of the baseline. If `None`, the baseline is fitted when it is measured.
    baseline: Option<NgramClassifier>,
}

/// What the network learns from a batch.
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
    Pretraining(Box<PretrainingBatch>),
    /// Texts and their labels.
    Classification(Box<ClassificationBatch>),
}

impl Task for SentimentTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/imdb-rnn.toml"),
        include_str!("../../recipes/imdb-lstm.toml"),
        include_str!("../../recipes/imdb-bigru.toml"),
        include_str!("../../recipes/imdb-ngrams.toml"),
        include_str!("../../recipes/imdb-hybrid.toml"),
        include_str!("../../recipes/film-language.toml"),
        include_str!("../../recipes/imdb-vectors.toml"),
        include_str!("../../recipes/trec.toml"),
        include_str!("../../recipes/rt-polarity.toml"),
        include_str!("../../recipes/short-reviews.toml"),
        include_str!("../../recipes/short-reviews-transfer.toml"),
        include_str!("../../recipes/own-texts.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "accuracy", higher_is_better: true };
    const ITEMS: &'static str = "texts";
    const PATHS: &'static [&'static str] =
        &["data.file", "data.valid_file", "data.test_file", "data.vectors", "data.contextual"];
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;

    type Predictor = Sentiment;
    type Data = DataConfig;
    type Architecture = Architecture;
    type Raw = RawData;
    type Set = Vec<Example>;
    type Model = Network;
    /// The indices of the texts in a batch.
    type Items = Vec<usize>;
    type Batch = TrainingBatch;

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<Self::Raw> {
        data.load(cx)
    }

    fn fingerprint(raw: &RawData) -> String {
        raw.source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, raw: &RawData, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        check(recipe)?;
        let (train, classes) = (&raw.parts.train, raw.classes.clone());
        let mut vectors = None;
        let vocabulary = match start {
            Some(start) => {
                recipe.data.check_like(&start.data)?;
                if recipe.data.set.is_own() && start.fingerprint.is_some_and(|other| other != raw.source) {
                    let message = "the model was trained on other texts, which may include the validation and test \
                                   texts; name a model that was trained on the same files";
                    return Err(TaskError::setting("start_from", message));
                }
                let settings: Settings = start.package.settings()?;
                if settings.classes != classes {
                    let message = "the model in start_from has other classes; use texts with the same classes";
                    return Err(TaskError::setting("data", message));
                }
                Vocabulary::open(start.package, Reserved::Padding)?
            }
            None => {
                let vocabulary = recipe.data.vocabulary(train, raw.vectors.as_ref());
                vectors = raw.vectors.as_ref().map(|vectors| WordRows::of(vectors, &vocabulary));
                vocabulary
            }
        };
        if let (Some(vectors), Some(network)) = (&vectors, &recipe.model.network) {
            vectors.check(network.embedding_size.get())?;
        }
        let (mut ngrams, mut baseline) = (None, None);
        if let Some(config) = &recipe.model.ngrams {
            let texts: Vec<ClassText> = weighted(&recipe.model, train.clone());
            let full = baselines::fit_ngrams(&texts, classes.len(), config, &Interrupt::default())?;
            let is_plain = texts.iter().all(|text| text.weight == 1.0);
            if is_plain && (NgramConfig { keep: None, ..config.clone() }) == NgramConfig::default() {
                baseline = Some(full.clone());
            }
            ngrams = Some(match config.keep {
                Some(count) => full.prune(count.get()),
                None => full,
            });
        }
        let (data, architecture) = (recipe.data.clone(), recipe.model.clone());
        let language_model = raw.language_model.clone().map(|model| model.for_vocabulary(&vocabulary));
        let contextual = language_model.as_ref().map(LanguageModel::config);
        let epochs = recipe.training.epochs as usize;
        Ok(Self {
            data,
            architecture,
            epochs,
            vocabulary,
            classes,
            vectors,
            contextual,
            language_model,
            ngrams,
            baseline,
        })
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Sentiment) -> TaskResult<Self> {
        let vocabulary = match predictor.network() {
            Some(network) => network.vocabulary().clone(),
            None => Vocabulary::build(Reserved::Padding, [], 0),
        };
        Ok(Self {
            data: recipe.data.clone(),
            architecture: recipe.model.clone(),
            epochs: recipe.training.epochs as usize,
            vocabulary,
            classes: predictor.settings().classes.clone(),
            vectors: None,
            contextual: predictor.settings().model.network.as_ref().and_then(|config| config.contextual),
            language_model: None,
            ngrams: predictor.ngrams().cloned(),
            baseline: None,
        })
    }

    fn encode(&self, raw: RawData, cx: &mut LoadContext) -> TaskResult<Splits<Vec<Example>>> {
        let Splits { train, valid, test } = raw.parts;
        if let Some(vectors) = &self.vectors {
            cx.note(&vectors.coverage(&train, &self.vocabulary));
        }
        let examples = |part| self.data.examples(part, &self.vocabulary);
        let train = examples(weighted(&self.architecture, train));
        Ok(Splits { train, valid: examples(valid), test: examples(test) })
    }

    fn num_params(&self) -> f64 {
        let config = self.network().map(|recipe| recipe.config(self.contextual));
        config.map_or(0.0, |config| config.num_params(self.vocabulary.len(), self.outputs()))
    }

    fn init(&self, device: &Device) -> Option<Network> {
        let recipe = self.network()?;
        let config = recipe.config(self.contextual);
        let mut network = config.init(self.vocabulary.len(), self.outputs(), recipe.dropouts(), device);
        if let Some(language_model) = &self.language_model {
            language_model.initialise(&mut network);
        }
        if let Some(vectors) = &self.vectors {
            vectors.initialise(&mut network);
        }
        Some(network)
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
                let directions = network.config(None).directions();
                TrainingBatch::Pretraining(Box::new(PretrainingBatch::draw(
                    &texts, directions, config, cx.rng, cx.device,
                )))
            }
            _ => {
                let examples = items.iter().map(|index| &set[*index]);
                let word_dropout = network.word_dropout;
                let batch = ClassificationBatch::draw(&texts, examples, word_dropout, cx.rng, cx.device);
                TrainingBatch::Classification(Box::new(batch))
            }
        })
    }

    fn part(&self, batch: TrainingBatch, share: collective::Share) -> TaskResult<Option<TrainingBatch>> {
        Ok(match batch {
            TrainingBatch::Pretraining(batch) => {
                batch.part(share).map(|batch| TrainingBatch::Pretraining(Box::new(batch)))
            }
            TrainingBatch::Classification(batch) => {
                batch.part(share).map(|batch| TrainingBatch::Classification(Box::new(batch)))
            }
        })
    }

    /// Computes the mean cross-entropy of the classes; in pretraining, the mean cross-entropy of the next words.
    fn loss(&self, model: &Network, batch: TrainingBatch, cx: &mut StepContext) -> TaskResult<Loss> {
        Ok(match batch {
            TrainingBatch::Pretraining(batch) => batch.loss(model),
            TrainingBatch::Classification(batch) => {
                let network = self.network().ok_or_else(no_network)?;
                let frozen_embeddings = network.frozen.holds_in(cx.epoch);
                batch.loss(model, Objective { label_smoothing: network.label_smoothing, frozen_embeddings })
            }
        })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<Sentiment> {
        let reading = self.data.reading();
        let classifier = |network| NetworkClassifier::new(network, self.vocabulary.clone(), reading, device.clone());
        let (model, classes) = (self.architecture.settings(self.contextual), self.classes.clone());
        let language_model = self.language_model_recipe().is_some();
        let settings =
            Settings { data: reading, model, classes, temperature: None, length_exponent: None, language_model };
        let parts = Classifier::new(network.map(classifier), self.ngrams.clone(), 1.0);
        Ok(Sentiment::new(settings, parts.ok_or_else(no_network)?))
    }

    fn contents(predictor: &Sentiment) -> TaskResult<Contents<'_, Network>> {
        let mut files = Vec::new();
        if let Some(network) = predictor.network() {
            files.push((Vocabulary::FILE, network.vocabulary().to_text().into_bytes()));
        }
        if let Some(ngrams) = predictor.ngrams() {
            files.push((NGRAMS, ngrams.to_bytes()?));
        }
        if let Classifier::Blend(blend) = predictor.classifier() {
            let share = serde_json::to_vec(&Share { network: blend.share });
            files.push((BLEND, share.map_err(|error| TaskError::Other(error.to_string()))?));
        }
        Contents::new(predictor.settings(), predictor.network().map(NetworkClassifier::network), files)
    }

    fn evaluate(&self, predictor: &Sentiment, set: &Vec<Example>, interrupt: &Interrupt) -> TaskResult<Measured> {
        if let Some(config) = self.language_model_recipe() {
            return self.predict_words(predictor, set, config, interrupt);
        }
        let mut measured = evaluation::measure(predictor, set, &evaluation::logits(predictor, set, interrupt)?);
        if matches!(self.data.set, Set::ShortReviews | Set::ShortReviewsTransfer) {
            measured.metrics.extend(short_sentences::measure(predictor));
        }
        Ok(measured)
    }

    fn validate(&self, predictor: &Sentiment, set: &Vec<Example>, interrupt: &Interrupt) -> TaskResult<Measured> {
        if let Some(config) = self.language_model_recipe() {
            return self.predict_words(predictor, set, config, interrupt);
        }
        Ok(evaluation::validate(predictor, set, &evaluation::logits(predictor, set, interrupt)?))
    }

    fn baselines(
        &self,
        splits: &Splits<Vec<Example>>,
        interrupt: &Interrupt,
    ) -> TaskResult<BTreeMap<String, Measured>> {
        if self.language_model_recipe().is_some() {
            return Ok(BTreeMap::new());
        }
        let Splits { train, test, .. } = splits;
        baselines::measure(train, test, &self.classes, self.baseline.as_ref(), interrupt)
    }

    /// Chooses the values with the smallest cross-entropy on the validation part: first the weight of the network's
    /// logits in the blend with the n-grams, then the temperature. With few validation texts, the values would be
    /// chosen by chance: network and n-grams then get equal weights, and the temperature is 1.
    fn finish(&self, predictor: &mut Sentiment, valid: &Vec<Example>, interrupt: &Interrupt) -> TaskResult<()> {
        if self.language_model_recipe().is_some() {
            return Ok(());
        }
        if valid.len() < FEW {
            predictor.set_share(0.5);
            return Ok(());
        }
        let mut logits = evaluation::logits(predictor, valid, interrupt)?;
        if let Classifier::Blend(_) = predictor.classifier() {
            predictor.set_share(best_share(valid, &logits).unwrap_or(predictor.share()));
            let share = predictor.share();
            let blend = |part: &mut Logits| Logits::blend(part.network.take(), part.ngrams.take(), share, part.words);
            logits.iter_mut().for_each(|part| *part = blend(part));
        }
        if let Some((temperature, length_exponent)) = best_temperature(valid, &logits) {
            predictor.set_temperature(temperature, Some(length_exponent));
        }
        Ok(())
    }

    /// Classifies example sentences or, if the classes are not `negative` and `positive`, some test texts. Draws the
    /// confusion matrix and the reliability diagram of the test part.
    fn demonstrate(&self, predictor: &Sentiment, _: &Outcome, test: &Vec<Example>) -> TaskResult<Demonstration> {
        if self.language_model_recipe().is_some() {
            return Ok(Demonstration::default());
        }
        let shown: Vec<String> = match self.classes.is_empty() {
            true => SENTENCES.map(str::to_owned).to_vec(),
            false => {
                let step = (test.len() / SHOWN).max(1);
                let texts = test.iter().step_by(step).take(SHOWN).map(|example| example.text.clone());
                texts.filter(|text| !text.trim().is_empty()).collect()
            }
        };
        let answers = predictor.predict(&shown, &Options::default())?;
        let lines = [String::new()].into_iter().chain(answers.iter().map(ToString::to_string));
        let logits = evaluation::logits(predictor, test, &Interrupt::default())?;
        let answers = evaluation::answers(predictor, test, &logits);
        let picture = evaluation::picture(&answers, &predictor.settings().labels())?;
        Ok(Demonstration { lines: lines.collect(), picture: Some(picture) })
    }
}

impl SentimentTask {
    fn network(&self) -> Option<&NetworkRecipe> {
        self.architecture.network.as_ref()
    }

    /// Returns the settings of pretraining if the network is a language model, that is, if all epochs are epochs of
    /// pretraining, so that the network never learns labels. Returns `None` if the model is a classifier. The hidden
    /// states of a language model can be the contextual word vectors of another model.
    fn language_model_recipe(&self) -> Option<&PretrainingConfig> {
        let config = self.network()?.pretraining.as_ref()?;
        (self.epochs <= config.epochs.get()).then_some(config)
    }

    fn predict_words(
        &self,
        predictor: &Sentiment,
        set: &[Example],
        config: &PretrainingConfig,
        interrupt: &Interrupt,
    ) -> TaskResult<Measured> {
        let network = predictor.network().ok_or_else(no_network)?.network();
        pretraining::measure(network, set, config, &network.embedding.weight.val().device(), interrupt)
    }

    /// The number of logits.
    fn outputs(&self) -> usize {
        self.classes.len().max(1)
    }

    fn phase(&self, epoch: usize) -> Phase {
        let pretraining: Option<&PretrainingConfig> = self.network().and_then(|network| network.pretraining.as_ref());
        match pretraining.is_some_and(|pretraining| epoch < pretraining.epochs.get()) {
            true => Phase::Pretraining,
            false => Phase::Classification,
        }
    }
}

/// Balances the weights of the classes in the training texts if the setting `model.network.balanced` is true.
fn weighted(architecture: &Architecture, mut train: Vec<ClassText>) -> Vec<ClassText> {
    if architecture.network.as_ref().is_some_and(|network| network.balanced) {
        balance(&mut train);
    }
    train
}

fn no_network() -> TaskError {
    TaskError::setting("model.network", "the model has no network to train; add [model.network]")
}
