//! A small application for the tests: a language model of made-up sentences, trained by truncated back-propagation through
//! time with carried state.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rnn::{Cell, Rnn, RnnConfig, State, dense_cross_entropy};
use serde::{Deserialize, Serialize};
use training::cli::{NoOptions, NoVerbs};
use training::settings::Count;
use training::streams::{Streams, reset};
use training::weights::WeightNames;
use training::{Carry, Loss, Metrics, Monitor, RecipeOf, Splits, Task, TaskResult};

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

/// Words → embedding → LSTM → dropout → which word comes next?
#[derive(Module, Debug)]
pub struct Model {
    embedding: Embedding,
    rnn: Rnn,
    dropout: Dropout,
    pub dense: Linear,
}

impl Model {
    /// The costs of the next words, `[rows × steps]`, in a window. `carry` is the state before it, and then after it.
    fn costs(&self, streams: &Streams, window: &Range<usize>, carry: &mut Carry, device: &Device) -> Tensor<1> {
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
}

impl Task for Sentences {
    const PACKAGE: &'static str = "sentences";
    const ABOUT: &'static str = "A language model of made-up sentences.";
    const RECIPES: &'static [&'static str] = &[include_str!("sentences.toml")];
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const ITEMS: &'static str = "words";
    const MONITOR: Monitor = Monitor { metric: "perplexity", higher_is_better: false };

    type Data = Data;
    type Architecture = Architecture;
    type Raw = Vec<u32>;
    type Set = Streams;
    type Model = Model;
    type Batch = Range<usize>;
    type Verb = NoVerbs;
    type Options = NoOptions;

    /// Words that count up, by a stride that a sentence keeps: to know it, one has to remember.
    fn load(data: &Data, _: Option<&Path>) -> TaskResult<Vec<u32>> {
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

    fn fit(recipe: &RecipeOf<Self>, _: &Vec<u32>) -> TaskResult<Self> {
        Ok(Self { steps: recipe.data.steps.get(), hidden_size: recipe.model.hidden_size.get() })
    }

    fn open(recipe: &RecipeOf<Self>, _: &Path) -> TaskResult<Self> {
        Self::fit(recipe, &Vec::new())
    }

    fn encode(&self, raw: Vec<u32>) -> TaskResult<Splits<Streams>> {
        let tenth = raw.len() / 10;
        let (train, rest) = raw.split_at(8 * tenth);
        let (valid, test) = rest.split_at(tenth);
        Ok(Splits { train: Streams::new(train, 4), valid: Streams::new(valid, 4), test: Streams::new(test, 4) })
    }

    fn num_params(&self) -> f64 {
        self.rnn().num_params() + (self.hidden_size as f64 * 2.0 + 1.0) * VOCABULARY as f64
    }

    fn init(&self, device: &Device) -> Model {
        Model {
            embedding: EmbeddingConfig::new(VOCABULARY, self.hidden_size).init(device),
            rnn: self.rnn().init(device),
            dropout: DropoutConfig::new(0.1).init(),
            dense: LinearConfig::new(self.hidden_size, VOCABULARY).init(device),
        }
    }

    fn batches(&self, set: &Streams, _: usize, _: usize, _: &mut ChaCha8Rng) -> Vec<Range<usize>> {
        set.windows(self.steps)
    }

    fn loss(
        &self,
        model: &Model,
        set: &Streams,
        window: &Range<usize>,
        carry: &mut Carry,
        _: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss {
        let costs = model.costs(set, window, carry, device);
        Loss { count: costs.dims()[0], mean: costs.mean() }
    }

    fn evaluate(&self, model: &Model, set: &Streams, device: &Device) -> Metrics {
        let mut carry = Carry::new();
        let (mut total, mut count) = (0.0, 0);
        for window in set.windows(self.steps) {
            let costs = model.costs(set, &window, &mut carry, device);
            count += costs.dims()[0];
            total += f64::from(costs.sum().into_scalar::<f32>());
        }
        let loss = total / count as f64;
        [("loss".to_owned(), loss), ("perplexity".to_owned(), loss.exp())].into()
    }

    fn baselines(&self, _: &Splits<Streams>) -> TaskResult<BTreeMap<String, Metrics>> {
        let any = [("perplexity".to_owned(), VOCABULARY as f64)];
        Ok([("any word".to_owned(), any.into())].into())
    }
}
