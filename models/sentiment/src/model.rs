//! The network: token ids → recurrent layers → one vector per text → logits. A text has one logit, for the positive
//! label, or one logit per class.
//!
//! ```text
//! ids [B, T] ─► embedding [B, T, E] (and contextual vectors [B, T, C]) ─► locked dropout ─► rnn [B, T, D·H]
//!   ─► locked dropout ─► pooling [B, F] ─► dropout ─► dense [B, K]
//! ```
//!
//! B is the number of texts, T the number of words of the longest text, E the embedding size, C the number of features
//! of a contextual word vector, D the number of directions, H the hidden size, F the number of features of the pooled
//! vector, and K the number of logits.
//!
//! With pooling `last` and one LSTM layer this is the model that many tutorials train ([Dai & Le
//! 2015](https://arxiv.org/abs/1511.01432) report 86.5 % on IMDB). With `max-mean` over a bidirectional GRU it is the
//! model of the recipe `imdb-bigru`: the maximum finds the strongest word of each feature, and the mean weighs all
//! words ([Howard & Ruder 2018](https://arxiv.org/abs/1801.06146) use the same pooling). With `attention` the network
//! learns which words matter.
//!
//! ```sh
//! cargo run -p sentiment -- train --recipe imdb-bigru
//! ```

use std::ops::Range;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use inference::settings::Count;
use inference::text::Vocabulary;
use inference::weights::WeightNames;
use rnn::{AttentionPooling, Cell, Dropout, Init, LockedDropout, Pooling, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};

use crate::contextual::{Contextual, ContextualConfig};

/// The rules that convert the names of the weights in this crate to PyTorch's names and back. A package (the files of a
/// trained model) stores the weights under PyTorch's names.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The architecture of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// The recurrent cell.
    pub cell: Cell,
    /// The number of features per word, E.
    pub embedding_size: Count,
    /// The number of features per hidden state of each direction, H.
    pub hidden_size: Count,
    /// Number of stacked recurrent layers.
    #[serde(default = "one")]
    pub layers: Count,
    /// Whether the network reads in both directions. The number of directions D is 2 if it does, and 1 if not.
    #[serde(default)]
    pub bidirectional: bool,
    /// How the outputs of the recurrent layers become one vector.
    pub pooling: Pooling,
    /// The architecture of the language model whose hidden states are additional features of the words (contextual word
    /// vectors); `None` if the network uses no language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contextual: Option<ContextualConfig>,
}

pub(crate) fn one() -> Count {
    Count::ONE
}

/// Dropout probabilities. Dropout is active only while gradients are recorded, as in training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropouts {
    /// Probability of locked dropout of the word features: one mask for all words of a text.
    pub embedding: f64,
    /// Probability of locked dropout of the recurrent outputs before pooling: one mask for all words of a text.
    pub output: f64,
    /// Probability of dropout of the pooled vector, and between recurrent layers.
    pub dense: f64,
}

/// A batch of texts as padded token ids.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids, padded with 0: `[batch, time]`.
    pub ids: Tensor<2, Int>,
    /// Number of words per text, at least 1.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Returns the texts whose indices in the batch are in `rows`. They stay padded to the longest text of the whole
    /// batch.
    pub fn rows(self, rows: Range<usize>) -> Self {
        Self { ids: self.ids.narrow(0, rows.start, rows.len()), lengths: self.lengths[rows].to_vec() }
    }

    /// Creates a batch from texts, given as token ids, and pads them to the length of the longest text. A text without
    /// words becomes one unknown word.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a [u32]>, device: &Device) -> Self {
        let texts: Vec<&[u32]> = texts.into_iter().collect();
        let lengths: Vec<usize> = texts.iter().map(|text| text.len().max(1)).collect();
        let time = lengths.iter().copied().max().unwrap_or(1);
        let mut ids = vec![0i32; texts.len() * time];
        for (row, text) in ids.chunks_mut(time).zip(&texts) {
            row[0] = Vocabulary::UNKNOWN as i32;
            row.iter_mut().zip(*text).for_each(|(cell, id)| *cell = *id as i32);
        }
        Self { ids: Tensor::from_data(TensorData::new(ids, [texts.len(), time]), device), lengths }
    }
}

/// The network that classifies a text. [The module](self) shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// The embedding matrix: one row of E features per token, `[vocabulary, E]`.
    pub embedding: Embedding,
    /// The language model whose hidden states are additional features of the words (contextual word vectors); `None` if
    /// the network uses no language model.
    pub contextual: Option<Contextual>,
    /// Locked dropout of the word features: one mask for all words of a text.
    pub embedding_dropout: LockedDropout,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Locked dropout of the outputs of the recurrent layers: one mask for all words of a text.
    pub output_dropout: LockedDropout,
    /// The attention layer of [`Pooling::Attention`]; `None` for other poolings.
    pub attention: Option<AttentionPooling>,
    /// Dropout of the pooled vector.
    pub dropout: Dropout,
    /// The output layer: from the F features of the pooled vector to K logits.
    pub dense: Linear,
    /// How the outputs of the recurrent layers become one vector.
    #[module(skip)]
    pub pooling: Pooling,
}

impl NetworkConfig {
    /// Creates the network with random weights, for a vocabulary of `vocabulary` tokens and with `outputs` logits.
    pub fn init(&self, vocabulary: usize, outputs: usize, dropouts: Dropouts, device: &Device) -> Network {
        let rnn = self.rnn().with_dropout(dropouts.dense).init(device);
        let attention = self.pooling.attention(rnn.output_size(), device);
        Network {
            embedding: EmbeddingConfig::new(vocabulary, self.embedding_size.get())
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.3 })
                .init(device),
            contextual: self.contextual.map(|config| config.init(vocabulary, device)),
            embedding_dropout: LockedDropout::new(dropouts.embedding),
            rnn,
            output_dropout: LockedDropout::new(dropouts.output),
            attention,
            dropout: Dropout::new(dropouts.dense),
            dense: LinearConfig::new(self.pooled(), outputs).init(device),
            pooling: self.pooling,
        }
    }

    /// The number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, vocabulary: usize, outputs: usize) -> f64 {
        let attention = self.pooling.num_params(self.outputs());
        let embedding = vocabulary as f64 * self.embedding_size.get() as f64;
        let contextual = self.contextual.map_or(0.0, |config| config.num_params(vocabulary));
        embedding + contextual + self.rnn().num_params() + attention + (self.pooled() as f64 + 1.0) * outputs as f64
    }

    fn rnn(&self) -> RnnConfig {
        let contextual = self.contextual.map_or(0, |config| config.features());
        RnnConfig::new(self.cell, self.embedding_size.get() + contextual, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(self.bidirectional)
            .with_initializer(Init::Orthogonal)
    }

    /// The number of directions in which a text is read, D.
    pub fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The number of features of the recurrent outputs, D·H.
    fn outputs(&self) -> usize {
        self.hidden_size.get() * self.directions()
    }

    /// The number of features of the pooled vector, F.
    fn pooled(&self) -> usize {
        self.pooling.features(self.outputs())
    }
}

impl Network {
    /// Computes the logits of each text: `[batch, outputs]`.
    pub fn forward(&self, batch: Batch) -> Tensor<2> {
        let embedded = rnn::embed(&self.embedding, batch.ids.clone()); // [B, T, E]
        self.forward_embedded(embedded, batch)
    }

    /// Computes the logits of each text from the embeddings of its words: `[batch, time, E]` → `[batch, outputs]`.
    pub fn forward_embedded(&self, embedded: Tensor<3>, batch: Batch) -> Tensor<2> {
        let Batch { ids, lengths } = batch;
        let lengths = lengths.as_slice();
        let embedded = match &self.contextual {
            Some(contextual) => Tensor::cat(vec![embedded, contextual.forward(ids, lengths)], 2), // [B, T, E + C]
            None => embedded,
        };
        let embedded = self.embedding_dropout.forward(embedded);
        let (outputs, state) = self.rnn.forward(embedded, Some(lengths), None); // [B, T, D·H], [L·D, B, H]
        let outputs = self.output_dropout.forward(outputs);
        let pooled = self.pooling.forward(&self.rnn, self.attention.as_ref(), (outputs, state), lengths); // [B, F]
        self.dense.forward(self.dropout.forward(pooled))
    }
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
        config(pooling).init(10, 1, Dropouts::default(), &Device::flex())
    }

    #[test]
    fn num_params_is_the_number_that_init_creates() {
        for pooling in POOLINGS {
            assert_eq!(config(pooling).num_params(10, 1), network(pooling).num_params() as f64);
            let network = config(pooling).init(10, 3, Dropouts::default(), &Device::flex());
            assert_eq!(config(pooling).num_params(10, 3), network.num_params() as f64);
        }
    }

    #[test]
    fn padding_changes_no_answer() {
        for pooling in POOLINGS {
            let network = network(pooling);
            let answer = |texts: Vec<&[u32]>| -> Vec<f32> {
                network.forward(Batch::new(texts, &Device::flex())).into_data().try_to_vec().unwrap()
            };
            let together = answer(vec![&[2, 3, 4, 5, 6], &[7], &[]]);
            for (text, expected) in [(&[2, 3, 4, 5, 6][..], together[0]), (&[7], together[1]), (&[1], together[2])] {
                approx::assert_abs_diff_eq!(answer(vec![text])[0], expected, epsilon = 1e-6);
            }
        }
    }

    #[test]
    fn word_order_matters() {
        let network = network(Pooling::MaxMean);
        let answers: Vec<f32> = network
            .forward(Batch::new([&[2, 3, 4][..], &[4, 3, 2]], &Device::flex()))
            .into_data()
            .try_to_vec()
            .unwrap();
        assert!((answers[0] - answers[1]).abs() > 1e-4, "{answers:?}");
    }
}
