//! The network: words → recurrent layers → one vector a review → one number, the log-odds of a favourable review.
//!
//! ```text
//! words [B, T] ─► embedding [B, T, E] ─► locked dropout ─► rnn [B, T, D·H] ─► pooling [B, F] ─► dropout ─► dense [B]
//! ```
//!
//! With pooling `last` and one LSTM layer this is the model of the tutorials
//! ([Dai & Le 2015](https://arxiv.org/abs/1511.01432) give it 86.5 % on IMDB). With `max-mean` over a bidirectional GRU
//! it is the flagship: the maximum finds the strongest word of each feature, the mean weighs all of them
//! ([Howard & Ruder 2018](https://arxiv.org/abs/1801.06146) pool likewise). With `attention` the network learns which words
//! to look at.
//!
//! ```sh
//! cargo run -p sentiment -- train --recipe imdb-bigru
//! ```

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};
use datasets::{Vocabulary, tokenize};
use rnn::{AttentionPooling, Cell, Init, LockedDropout, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};

use crate::pretraining::PretrainingConfig;

/// `[model.network]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The recurrence.
    pub cell: Cell,
    /// Features of a word, E.
    pub embedding_size: Count,
    /// Features of a state, H.
    pub hidden_size: Count,
    /// Layers on one another.
    #[serde(default = "one")]
    pub layers: Count,
    /// Whether to read from both ends; D is then 2, else 1.
    #[serde(default)]
    pub bidirectional: bool,
    /// How the outputs become one vector.
    pub pooling: Pooling,
    /// Share of a training text's words that are replaced by the unknown word.
    #[serde(default)]
    pub word_dropout: Fraction,
    /// Locked dropout of word features.
    #[serde(default)]
    pub embedding_dropout: Fraction,
    /// Locked dropout of the outputs before pooling.
    #[serde(default)]
    pub output_dropout: Fraction,
    /// Dropout of the pooled vector, and between layers.
    #[serde(default)]
    pub dropout: Fraction,
    /// How far the goal is from certainty: a sign is to be given the probability 1 − this / 2
    /// ([Szegedy et al. 2016](https://arxiv.org/abs/1512.00567)).
    #[serde(default)]
    pub label_smoothing: Fraction,
    /// Learning to continue texts before learning their signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretraining: Option<PretrainingConfig>,
}

fn one() -> Count {
    Count::ONE
}

/// How the outputs at all steps become one vector of F features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The state after the last word (of each direction); F = D·H.
    Last,
    /// Maximum and mean over the words, side by side; F = 2·D·H.
    MaxMean,
    /// The mean over the words, each weighed by how much it matters; F = D·H.
    Attention,
}

/// A batch of texts as numbers.
#[derive(Clone, Debug)]
pub struct Words {
    /// Numbers of words, padded with 0: `[batch, time]`.
    pub numbers: Tensor<2, Int>,
    /// How many words each text has, at least 1.
    pub lengths: Vec<usize>,
}

impl Words {
    /// Reads some texts by a vocabulary.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>, vocabulary: &Vocabulary, device: &Device) -> Self {
        let texts: Vec<Vec<u32>> = texts.into_iter().map(|text| vocabulary.encode(&tokenize(text))).collect();
        Self::new(texts.iter().map(Vec::as_slice), device)
    }

    /// Pads some texts to the longest. A text without words becomes one unknown word.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a [u32]>, device: &Device) -> Self {
        let texts: Vec<&[u32]> = texts.into_iter().collect();
        let lengths: Vec<usize> = texts.iter().map(|text| text.len().max(1)).collect();
        let time = lengths.iter().copied().max().unwrap_or(1);
        let mut numbers = vec![0i32; texts.len() * time];
        for (row, text) in numbers.chunks_mut(time).zip(&texts) {
            row[0] = Vocabulary::UNKNOWN as i32;
            row.iter_mut().zip(*text).for_each(|(number, word)| *number = *word as i32);
        }
        Self { numbers: Tensor::from_data(TensorData::new(numbers, [texts.len(), time]), device), lengths }
    }
}

/// The network. See [the module](self) for its shape.
#[derive(Module, Debug)]
pub struct Network {
    /// `[vocabulary, E]`
    pub embedding: Embedding,
    /// Of word features.
    pub embedding_dropout: LockedDropout,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Of their outputs.
    pub output_dropout: LockedDropout,
    /// With [`Pooling::Attention`].
    pub attention: Option<AttentionPooling>,
    /// Of the pooled vector.
    pub dropout: Dropout,
    /// F → 1.
    pub dense: Linear,
    /// How the outputs become one vector.
    #[module(skip)]
    pub pooling: Pooling,
}

impl NetworkConfig {
    /// The network with random weights, for a vocabulary of some size.
    pub fn init(&self, vocabulary: usize, device: &Device) -> Network {
        let rnn = self.rnn().init(device);
        let attention = (self.pooling == Pooling::Attention).then(|| AttentionPooling::new(rnn.output_size(), device));
        Network {
            embedding: EmbeddingConfig::new(vocabulary, self.embedding_size.get())
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.3 })
                .init(device),
            embedding_dropout: LockedDropout::new(self.embedding_dropout.get()),
            rnn,
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            attention,
            dropout: DropoutConfig::new(self.dropout.get()).init(),
            dense: LinearConfig::new(self.pooled(), 1).init(device),
            pooling: self.pooling,
        }
    }

    /// How many parameters it has; asked before it takes the memory for them.
    pub fn num_params(&self, vocabulary: usize) -> f64 {
        let attention = match self.pooling {
            Pooling::Attention => AttentionPooling::num_params(self.pooled()),
            Pooling::Last | Pooling::MaxMean => 0.0,
        };
        let embedding = vocabulary as f64 * self.embedding_size.get() as f64;
        embedding + self.rnn().num_params() + attention + self.pooled() as f64 + 1.0
    }

    fn rnn(&self) -> RnnConfig {
        RnnConfig::new(self.cell, self.embedding_size.get(), self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(self.bidirectional)
            .with_dropout(self.dropout.get())
            .with_initializer(Init::Orthogonal)
    }

    /// The size of the vector that a text becomes.
    fn pooled(&self) -> usize {
        let output = self.hidden_size.get() * if self.bidirectional { 2 } else { 1 };
        match self.pooling {
            Pooling::Last | Pooling::Attention => output,
            Pooling::MaxMean => 2 * output,
        }
    }
}

impl Network {
    /// The log-odds of a favourable review: `[batch]`.
    pub fn forward(&self, words: Words) -> Tensor<1> {
        let embedded = self.embedding_dropout.forward(self.embedding.forward(words.numbers)); // [B, T, E]
        let (outputs, state) = self.rnn.forward(embedded, Some(&words.lengths), None); // [B, T, D·H], [L·D, B, H]
        let outputs = self.output_dropout.forward(outputs);
        let pooled = match (&self.attention, self.pooling) {
            (Some(attention), _) => attention.forward(outputs, &words.lengths),
            (None, Pooling::Last) => self.last(state.hidden),
            (None, _) => max_and_mean(outputs, &words.lengths),
        }; // [B, F]
        self.dense.forward(self.dropout.forward(pooled)).squeeze_dim(1)
    }

    /// The final states of the last layer's directions, side by side: `[L·D, B, H]` → `[B, D·H]`.
    fn last(&self, hidden: Tensor<3>) -> Tensor<2> {
        let [rows, batch, size] = hidden.dims();
        let directions = self.rnn.output_size() / size;
        let top = hidden.narrow(0, rows - directions, directions); // [D, B, H]
        top.swap_dims(0, 1).reshape([batch, directions * size])
    }
}

/// Maximum and mean over each text's own words: `[B, T, F]` → `[B, 2·F]`. The outputs are zero in the padding.
fn max_and_mean(outputs: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
    let [batch, time, _] = outputs.dims();
    let device = outputs.device();
    let counts: Vec<f32> = lengths.iter().map(|length| *length as f32).collect();
    let counts = Tensor::<2>::from_data(TensorData::new(counts, [batch, 1]), &device);
    let mean = outputs.clone().sum_dim(1).squeeze_dim::<2>(1) / counts; // [B, F]

    // Outputs are between -1 and 1, a few times that after dropout: less 100 in the padding, none of it is a maximum.
    let below = |length: &usize| (0..time).map(|step| if step < *length { 0.0 } else { -100.0 }).collect::<Vec<f32>>();
    let padding: Vec<f32> = lengths.iter().flat_map(below).collect();
    let padding = Tensor::<3>::from_data(TensorData::new(padding, [batch, time, 1]), &device);
    let max = (outputs + padding).max_dim(1).squeeze_dim::<2>(1); // [B, F]
    Tensor::cat(vec![max, mean], 1)
}

/// The log-odds of what is true, `[B]`, from those of being favourable and from whether each text is.
pub fn of_truth(odds: Tensor<1>, favourable: impl IntoIterator<Item = bool>) -> Tensor<1> {
    let signs: Vec<f32> = favourable.into_iter().map(|favourable| if favourable { 1.0 } else { -1.0 }).collect();
    let (count, device) = (signs.len(), odds.device());
    odds * Tensor::from_data(TensorData::new(signs, [count]), &device)
}

/// The mean cost of log-odds of what is true, `[B]` → `[1]`: `−(1 − ε/2) log σ(o) − ε/2 log σ(−o)` with smoothing `ε`.
pub fn binary_cross_entropy(odds: Tensor<1>, smoothing: f64) -> Tensor<1> {
    let cost = log_sigmoid(odds.clone()).mean().neg();
    // log σ(−o) is log σ(o) − o.
    if smoothing > 0.0 { cost + odds.mean().mul_scalar(smoothing / 2.0) } else { cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOLINGS: [Pooling; 3] = [Pooling::Last, Pooling::MaxMean, Pooling::Attention];

    fn config(pooling: Pooling) -> NetworkConfig {
        serde_json::from_value(serde_json::json!({
            "cell": "gru", "embedding_size": 5, "hidden_size": 4, "layers": 2, "bidirectional": true,
            "pooling": pooling,
        }))
        .unwrap()
    }

    fn network(pooling: Pooling) -> Network {
        config(pooling).init(10, &Device::flex())
    }

    #[test]
    fn smoothed_costs_are_least_where_the_probability_is() {
        let cost = |probability: f32, smoothing| -> f32 {
            let odds = Tensor::<1>::from_floats([(probability / (1.0 - probability)).ln()], &Device::flex());
            binary_cross_entropy(odds, smoothing).into_scalar()
        };
        approx::assert_abs_diff_eq!(cost(0.9, 0.0), -0.9f32.ln(), epsilon = 1e-6);
        approx::assert_abs_diff_eq!(cost(0.9, 0.2), -0.9 * 0.9f32.ln() - 0.1 * 0.1f32.ln(), epsilon = 1e-6);
        assert!(cost(0.9, 0.2) < cost(0.85, 0.2) && cost(0.9, 0.2) < cost(0.95, 0.2));
    }

    #[test]
    fn parameters_are_counted_before_they_are_made() {
        for pooling in POOLINGS {
            assert_eq!(config(pooling).num_params(10), network(pooling).num_params() as f64);
        }
    }

    #[test]
    fn padding_changes_no_answer() {
        for pooling in POOLINGS {
            let network = network(pooling);
            let answer = |texts: Vec<&[u32]>| -> Vec<f32> {
                network.forward(Words::new(texts, &Device::flex())).into_data().try_to_vec().unwrap()
            };
            let together = answer(vec![&[2, 3, 4, 5, 6], &[7], &[]]);
            for (text, expected) in [(&[2, 3, 4, 5, 6][..], together[0]), (&[7], together[1]), (&[1], together[2])] {
                approx::assert_abs_diff_eq!(answer(vec![text])[0], expected, epsilon = 1e-6);
            }
        }
    }

    #[test]
    fn pooling_takes_the_maximum_and_the_mean_of_the_texts_own_words() {
        let outputs = Tensor::<3>::from_floats([[[-0.5], [-0.1], [0.0]], [[0.2], [0.4], [0.9]]], &Device::flex());
        let pooled: Vec<f32> = max_and_mean(outputs, &[2, 3]).into_data().try_to_vec().unwrap();
        for (got, want) in pooled.iter().zip([-0.1, -0.3, 0.9, 0.5]) {
            approx::assert_abs_diff_eq!(*got, want, epsilon = 1e-6);
        }
    }

    #[test]
    fn word_order_matters() {
        let network = network(Pooling::MaxMean);
        let answers: Vec<f32> = network
            .forward(Words::new([&[2, 3, 4][..], &[4, 3, 2]], &Device::flex()))
            .into_data()
            .try_to_vec()
            .unwrap();
        assert!((answers[0] - answers[1]).abs() > 1e-4, "{answers:?}");
    }
}
