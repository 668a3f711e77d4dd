//! A small task for the tests: a language model of artificial sentences, trained with truncated back-propagation
//! through time.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use inference::weights::WeightNames;
use inference::{Package, PackageError, PredictError, Predictor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rnn::{Cell, Dropout, Rnn, RnnConfig, Rows, State, dense_cross_entropy};
use serde::{Deserialize, Serialize};
use training::collective::Share;
use training::settings::Count;
use training::streams::{Streams, reset};
use training::{
    Carry, CollateContext, Contents, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Pretrained, RecipeOf,
    Splits, StepContext, Task, TaskError, TaskResult,
};

const VOCABULARY: usize = 9;
/// The word that ends a sentence.
const END: u32 = 0;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    words: Count,
    steps: Count,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    hidden_size: Count,
}

/// Words → embedding → LSTM → dropout → dense layer over the next word.
#[derive(Module, Debug)]
pub struct Model {
    embedding: Embedding,
    rnn: Rnn,
    dropout: Dropout,
    pub dense: Linear,
}

impl Model {
    /// The losses of the next words in a window, `[rows × steps]`. `carry` is the hidden state before the window, and
    /// receives the state after it.
    fn losses(&self, streams: &Streams, window: &Range<usize>, carry: &mut Carry, device: &Device) -> Tensor<1> {
        let embedded = self.embedding.forward(streams.inputs(window, device)); // [rows, steps, H]
        let mut outputs = Vec::new();
        for segment in streams.segments(window, END) {
            let words = embedded.clone().narrow(1, segment.steps.start, segment.steps.len());
            let state = State::from_tensors(std::mem::take(carry));
            let (output, state) = self.rnn.forward(words, None, state);
            outputs.push(output);
            *carry = state.into_tensors();
            reset(carry, &segment.ended);
        }
        let outputs = self.dropout.forward(Tensor::cat(outputs, 1)).flatten(0, 1); // [rows × steps, H]
        let targets: Tensor<1, Int> = streams.targets(window, device).flatten(0, 1);
        let bias = self.dense.bias.as_ref().unwrap().val();
        dense_cross_entropy(outputs, self.dense.weight.val().transpose(), bias, targets)
    }
}

pub struct Sentences {
    steps: usize,
    hidden_size: usize,
}

impl Sentences {
    fn rnn(&self) -> RnnConfig {
        RnnConfig::new(Cell::Lstm, self.hidden_size, self.hidden_size)
    }

    fn network(&self, device: &Device) -> Model {
        Model {
            embedding: EmbeddingConfig::new(VOCABULARY, self.hidden_size).init(device),
            rnn: self.rnn().init(device),
            dropout: Dropout::new(0.1),
            dense: LinearConfig::new(self.hidden_size, VOCABULARY).init(device),
        }
    }
}

/// Predicts the next word.
pub struct NextWord {
    model: Model,
    settings: Settings,
    device: Device,
}

/// The settings in the manifest: the parts of the recipe that the predictor needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    data: Steps,
    model: Architecture,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Steps {
    steps: Count,
}

impl Predictor for NextWord {
    const APPLICATION: &'static str = "sentences";
    type Input = Vec<u32>;
    type Options = ();
    type Output = u32;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings: Settings = package.settings()?;
        let task = Sentences { steps: settings.data.steps.get(), hidden_size: settings.model.hidden_size.get() };
        let model = package.load_network(task.num_params(), || task.network(device), Sentences::WEIGHT_NAMES)?;
        Ok(Self { model, settings, device: device.clone() })
    }

    fn predict(&self, inputs: &[Vec<u32>], (): &()) -> Result<Vec<u32>, PredictError> {
        let answer = |words: &Vec<u32>| {
            if words.is_empty() {
                return Err(PredictError::bad_input("words", "the list is empty; give at least one word"));
            }
            let losses = (0..VOCABULARY as u32).map(|next| {
                let streams = Streams::new(&[&words[..], &[next]].concat(), 1);
                let losses = self.model.losses(&streams, &(0..words.len()), &mut Carry::new(), &self.device);
                (losses.into_data().iter::<f32>().last().unwrap_or(f32::NAN), next)
            });
            Ok(losses.min_by(|(one, _), (other, _)| one.total_cmp(other)).map_or(END, |(_, word)| word))
        };
        inputs.iter().map(answer).collect()
    }

    fn example(&self) -> Vec<u32> {
        vec![END]
    }
}

impl Task for Sentences {
    const RECIPES: &'static [&'static str] = &[include_str!("sentences.toml")];
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const ITEMS: &'static str = "words";
    const MONITOR: Monitor = Monitor { metric: "perplexity", higher_is_better: false };

    type Predictor = NextWord;
    type Data = Data;
    type Architecture = Architecture;
    type Raw = Vec<u32>;
    type Set = Streams;
    type Model = Model;
    /// A window of the streams.
    type Items = Range<usize>;
    /// A copy of the window with its targets, the steps in the copy, and the rows.
    type Batch = (Streams, Range<usize>, Rows);

    /// Words that count up by a stride that is constant within a sentence: predicting them needs memory.
    fn load(data: &Data, _: &mut LoadContext) -> TaskResult<Vec<u32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut words = Vec::new();
        while words.len() < data.words.get() {
            let (first, stride, length) = (rng.random_range(0..8), rng.random_range(1..4), rng.random_range(3..30));
            words.extend((0..length).map(|index| 1 + (first + index * stride) % 8));
            words.push(END);
        }
        Ok(words)
    }

    fn fingerprint(raw: &Vec<u32>) -> String {
        format!("{} words", raw.len())
    }

    fn fit(recipe: &RecipeOf<Self>, _: &Vec<u32>, _: Option<Pretrained<Self>>) -> TaskResult<Self> {
        Ok(Self { steps: recipe.data.steps.get(), hidden_size: recipe.model.hidden_size.get() })
    }

    fn of_trained(recipe: &RecipeOf<Self>, _: &NextWord) -> TaskResult<Self> {
        Self::fit(recipe, &Vec::new(), None)
    }

    fn encode(&self, raw: Vec<u32>, _: &mut LoadContext) -> TaskResult<Splits<Streams>> {
        let tenth = raw.len() / 10;
        let (train, rest) = raw.split_at(8 * tenth);
        let (valid, test) = rest.split_at(tenth);
        Ok(Splits { train: Streams::new(train, 4), valid: Streams::new(valid, 4), test: Streams::new(test, 4) })
    }

    fn num_params(&self) -> f64 {
        self.rnn().num_params() + (self.hidden_size as f64 * 2.0 + 1.0) * VOCABULARY as f64
    }

    fn init(&self, device: &Device) -> Option<Model> {
        Some(self.network(device))
    }

    fn plan(&self, set: &Streams, _: usize, _: usize, _: &mut ChaCha8Rng) -> Vec<Range<usize>> {
        set.windows(self.steps)
    }

    fn collate(&self, set: &Streams, window: &Range<usize>, _: &mut CollateContext) -> TaskResult<Self::Batch> {
        Ok((set.part(window), 0..window.len(), Rows::all(set.rows())))
    }

    fn part(&self, (window, steps, rows): Self::Batch, share: Share) -> TaskResult<Option<Self::Batch>> {
        Ok(share.own_rows(rows.of).map(|own| (window.of_rows(own.clone()), steps, rows.part(own))))
    }

    fn loss(&self, model: &Model, (part, window, rows): Self::Batch, cx: &mut StepContext) -> TaskResult<Loss> {
        let losses = rows.within(|| model.losses(&part, &window, cx.carry, cx.device));
        Ok(Loss { count: losses.dims()[0], mean: losses.mean() })
    }

    fn predictor(&self, network: Option<Model>, device: &Device) -> TaskResult<NextWord> {
        let [steps, hidden_size] = [self.steps, self.hidden_size].map(|size| Count::try_from(size as u64));
        let count = |count: Result<Count, String>| count.map_err(TaskError::Other);
        let settings =
            Settings { data: Steps { steps: count(steps)? }, model: Architecture { hidden_size: count(hidden_size)? } };
        let model = network.ok_or_else(|| TaskError::Other("there is no network".to_owned()))?;
        Ok(NextWord { model, settings, device: device.clone() })
    }

    fn contents(predictor: &NextWord) -> TaskResult<Contents<'_, Model>> {
        Contents::new(&predictor.settings, &predictor.model, Vec::new())
    }

    fn evaluate(&self, predictor: &NextWord, set: &Streams, interrupt: &Interrupt) -> TaskResult<Measured> {
        let mut carry = Carry::new();
        let (mut total, mut count) = (0.0, 0);
        for window in set.windows(self.steps) {
            interrupt.check()?;
            let losses = predictor.model.losses(set, &window, &mut carry, &predictor.device);
            count += losses.dims()[0];
            total += f64::from(losses.sum().into_scalar::<f32>());
        }
        let loss = total / count as f64;
        Ok(vec![Metric::lower("loss", loss), Metric::lower("perplexity", loss.exp())].into())
    }

    fn baselines(&self, _: &Splits<Streams>, _: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        let any = vec![Metric::lower("perplexity", VOCABULARY as f64)];
        Ok([("any word".to_owned(), any.into())].into())
    }
}
