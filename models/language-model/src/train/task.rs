//! How a language model is trained and measured: [`LanguageModelTask`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor};
use datasets::Corpus;
use inference::text::{Level, Reserved, Vocabulary};
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use rnn::{Rows, State};
use training::collective::Share;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Outcome,
    Pretrained, RecipeOf, Splits, StepContext, Task, TaskError, TaskResult,
};

use crate::adaptation;
use crate::evaluation::{EvalLayout, mean, try_losses};
use crate::generate::{Generation, Prompt};
use crate::model::{Adaptive, Network, NetworkConfig, WEIGHT_NAMES};
use crate::predictor::{LanguageModel, Settings};
use crate::train::data::{DataConfig, Part};
use crate::train::dynamic::Trained;
use crate::train::kneser_ney::KneserNey;
use crate::train::notes::{notes, unknown_share};
use crate::train::{cache, dynamic};

/// The length of the longest n-grams of the baseline.
const ORDER: usize = 5;
/// The name of the metric that [`unknown_share`] computes.
const UNKNOWN_SHARE: &str = "unknown_share";

/// The training task of a [`LanguageModel`], which learns to predict the next token.
pub struct LanguageModelTask {
    data: DataConfig,
    network: NetworkConfig,
    batch_size: usize,
    vocabulary: Vocabulary,
}

/// A batch of truncated back-propagation through time. The text is cut into rows of equal length; a batch has the same
/// range of time steps of every row.
#[derive(Debug)]
pub struct Window {
    /// The input token ids, `[rows, steps]`.
    pub inputs: Tensor<2, Int>,
    /// The target of each input, which is the next token id: `[rows, steps]`.
    pub targets: Tensor<2, Int>,
    /// Which rows of the whole batch this process computes.
    pub rows: Rows,
}

impl LanguageModelTask {
    fn new(recipe: &RecipeOf<Self>, vocabulary: Vocabulary) -> TaskResult<Self> {
        recipe.model.check().map_err(|message| TaskError::setting("model.tied", message))?;
        Ok(Self {
            data: recipe.data.clone(),
            network: recipe.model.clone(),
            batch_size: recipe.training.batch_size.get(),
            vocabulary,
        })
    }
}

impl Task for LanguageModelTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/ptb-rnn.toml"),
        include_str!("../../recipes/ptb-gru.toml"),
        include_str!("../../recipes/ptb-lstm-small.toml"),
        include_str!("../../recipes/ptb-awd.toml"),
        include_str!("../../recipes/wikitext2-lstm.toml"),
        include_str!("../../recipes/char-lstm.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "perplexity", higher_is_better: false };
    const ITEMS: &'static str = "tokens";
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;
    const PATHS: &'static [&'static str] = &["data.file"];

    type Predictor = LanguageModel;
    type Data = DataConfig;
    type Architecture = NetworkConfig;
    type Raw = Corpus;
    type Set = Part;
    type Model = Network;
    /// The time steps of one batch: a range of positions in the rows of `Part::streams`.
    type Items = Range<usize>;
    type Batch = Window;

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<Corpus> {
        data.load(&cx.locator)
    }

    fn fingerprint(corpus: &Corpus) -> String {
        corpus.source.clone()
    }

    /// Builds the vocabulary from the training part. If training starts from the weights of a trained model, takes the
    /// vocabulary of that model instead.
    fn fit(recipe: &RecipeOf<Self>, corpus: &Corpus, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        let vocabulary = match start {
            Some(Pretrained { package, data, .. }) => {
                recipe.data.check_start(&data)?;
                Vocabulary::open(package, Reserved::EndOfLine)?
            }
            None => recipe.data.vocabulary(&corpus.train),
        };
        Self::new(recipe, vocabulary)
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &LanguageModel) -> TaskResult<Self> {
        Self::new(recipe, predictor.codec.vocabulary().clone())
    }

    fn encode(&self, corpus: Corpus, cx: &mut LoadContext) -> TaskResult<Splits<Part>> {
        let level = self.data.level;
        let [train, valid, test]: [Arc<[u32]>; 3] =
            [&corpus.train, &corpus.valid, &corpus.test].map(|text| level.encode(text, &self.vocabulary).into());
        if train.len() < 2 * self.batch_size {
            let (source, tokens, rows) = (&corpus.source, train.len(), self.batch_size);
            let message = format!(
                "a batch size of {rows} is too large for the {tokens} training tokens of {source}; choose a smaller \
                 batch size"
            );
            return Err(TaskError::setting("training.batch_size", message));
        }
        for note in notes(&self.data, &self.vocabulary, &corpus, [&train, &test]) {
            cx.note(&note);
        }
        // The known lower bound of the perplexity (`floor`) holds only if tokens are words and all of them are in the
        // vocabulary.
        let comparable = level == Level::Word && !test.contains(&Vocabulary::UNKNOWN);
        let floor = corpus.floor.filter(|_| comparable);
        let part = |ids: &Arc<[u32]>| Part::new(ids.clone(), self.batch_size, floor, train.clone());
        Ok(Splits { train: part(&train), valid: part(&valid), test: part(&test) })
    }

    fn num_params(&self) -> f64 {
        self.network.num_params(self.vocabulary.len())
    }

    fn init(&self, device: &Device) -> Option<Network> {
        Some(self.network.init(self.vocabulary.len(), device))
    }

    /// Plans an epoch: all windows, in the order of the text, because the recurrent state is carried from each window
    /// to the next.
    fn plan(&self, part: &Part, _size: usize, _epoch: usize, _rng: &mut ChaCha8Rng) -> Vec<Range<usize>> {
        part.streams.windows(self.data.window.get())
    }

    fn collate(&self, part: &Part, window: &Range<usize>, cx: &mut CollateContext) -> TaskResult<Window> {
        let Part { streams, .. } = part;
        let rows = Rows::all(streams.rows());
        Ok(Window { inputs: streams.inputs(window, cx.device), targets: streams.targets(window, cx.device), rows })
    }

    /// Returns the rows of a batch that one rank (process) of a data-parallel training computes. A rank computes the
    /// same rows of every batch, so that it can keep their hidden states.
    fn part(&self, Window { inputs, targets, rows }: Window, share: Share) -> TaskResult<Option<Window>> {
        let Some(own) = share.own_rows(rows.of) else {
            let message = format!(
                "{} rows per batch are too few for {} ranks (processes), because each rank needs a row; start fewer \
                 ranks, or increase this setting",
                rows.of, share.world
            );
            return Err(TaskError::setting("training.batch_size", message));
        };
        let [inputs, targets] = [inputs, targets].map(|tokens| tokens.narrow(0, own.start, own.len()));
        Ok(Some(Window { inputs, targets, rows: rows.part(own) }))
    }

    /// Computes the training loss: the mean cross-entropy of the next token, plus the penalties of activation
    /// regularization.
    fn loss(&self, network: &Network, batch: Window, cx: &mut StepContext) -> TaskResult<Loss> {
        let Window { inputs, targets, rows } = batch;
        let state = State::from_tensors(std::mem::take(cx.carry));
        let outputs = rows.within(|| network.forward(inputs, state));
        *cx.carry = outputs.state.clone().into_tensors();
        Ok(Loss { count: targets.dims().iter().product(), mean: network.loss(&outputs, targets) })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<LanguageModel> {
        let network = network.ok_or_else(TaskError::without_network)?;
        let settings = Settings { data: self.data.text_settings(), model: self.network.clone() };
        Ok(LanguageModel::new(settings, self.vocabulary.clone(), network, device))
    }

    fn contents(predictor: &LanguageModel) -> TaskResult<Contents<'_, Network>> {
        let LanguageModel { network, codec, settings, adaptation, .. } = predictor;
        let mut own = vec![(Vocabulary::FILE, codec.vocabulary().to_text().into_bytes())];
        if !settings.model.adaptive.is_empty() {
            own.push((adaptation::FILE, training::files::json(adaptation)?));
        }
        Contents::new(settings, network, own)
    }

    /// Measures the metrics of [`evaluate`](Task::evaluate) without the share of unknown tokens, which is the same
    /// after each epoch.
    fn validate(&self, predictor: &LanguageModel, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        let mut measured = self.evaluate(predictor, part, interrupt)?;
        measured.metrics.retain(|metric| metric.name != UNKNOWN_SHARE);
        Ok(measured)
    }

    /// Measures the perplexity over all tokens, each predicted from all tokens before it: with the network alone, and
    /// with each adaptive method of the recipe (neural cache, dynamic evaluation). Also measures which share of the
    /// predicted tokens is `<unk>`.
    fn evaluate(&self, predictor: &LanguageModel, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        let LanguageModel { network, adaptation, device, .. } = predictor;
        let loss = mean(&try_losses(network, &part.ids, EvalLayout::default(), device, || interrupt.check())?);
        let mut metrics = vec![
            Metric::lower("loss", loss).with_unit("nats"),
            Metric::lower("perplexity", loss.exp()),
            Metric::lower(UNKNOWN_SHARE, unknown_share(&part.ids)),
        ];
        if self.data.level == Level::Character {
            let bits = loss / std::f64::consts::LN_2;
            metrics.push(Metric::lower("bits_per_character", bits).with_unit("bits"));
        }
        if let Some(config) = &adaptation.cache {
            let loss = cache::loss(config, network, &part.ids, device, interrupt)?;
            metrics.push(Metric::lower("perplexity_cache", loss.exp()));
        }
        if let Some(config) = &adaptation.dynamic {
            let trained = Trained::new(network, &part.training, device, interrupt)?;
            let loss = dynamic::loss(config, &trained, &part.ids, device, interrupt)?;
            metrics.push(Metric::lower("perplexity_dynamic", loss.exp()));
        }
        Ok(metrics.into())
    }

    /// Chooses the settings of the recipe's adaptive methods (neural cache, dynamic evaluation) on the validation part.
    fn finish(&self, predictor: &mut LanguageModel, valid: &Part, interrupt: &Interrupt) -> TaskResult<()> {
        let LanguageModel { network, adaptation, device, .. } = predictor;
        for adaptive in &self.network.adaptive {
            match adaptive {
                Adaptive::Cache => adaptation.cache = Some(cache::choose(network, &valid.ids, device, interrupt)?),
                Adaptive::Dynamic => {
                    let trained = Trained::new(network, &valid.training, device, interrupt)?;
                    adaptation.dynamic = Some(dynamic::choose(&trained, &valid.ids, device, interrupt)?);
                }
            }
        }
        Ok(())
    }

    fn baselines(&self, splits: &Splits<Part>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        let unknown = Metric::lower(UNKNOWN_SHARE, unknown_share(&splits.test.ids));
        let row = |perplexity: f64| Measured::from(vec![Metric::lower("perplexity", perplexity), unknown.clone()]);
        let n_grams = KneserNey::fit(&splits.train.ids, ORDER, self.vocabulary.len(), interrupt)?;
        let perplexity = n_grams.perplexity(&splits.test.ids, interrupt)?;
        let mut rows = BTreeMap::from([(format!("Kneser-Ney {ORDER}-grams"), row(perplexity))]);
        if let Some(floor) = splits.test.floor {
            rows.insert("the grammar itself (the floor)".to_owned(), row(floor));
        }
        Ok(rows)
    }

    fn demonstrate(&self, predictor: &LanguageModel, _: &Outcome, _test: &Part) -> TaskResult<Demonstration> {
        let generated = predictor.generate(&Prompt::default(), &Generation::default())?;
        let lines = ["", "Generated text:"].into_iter().chain(generated.text.lines()).map(str::to_owned).collect();
        Ok(Demonstration { lines, picture: None })
    }
}
