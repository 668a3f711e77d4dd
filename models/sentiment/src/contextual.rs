//! Contextual word vectors: the hidden states of a language model that reads the text in both directions.
//!
//! The vector of a word then depends on its sentence: "plot" in "a thin plot" differs from "plot" in "a plot of land".
//! [Peters et al. 2018](https://arxiv.org/abs/1802.05365) call such vectors ELMo. The weights of the language model do
//! not change when the classifier is trained.
//!
//! ```text
//! ids [B, T] ─► embedding [B, T, E'] ─► rnn [B, T, 2·H']
//! ```
//!
//! B is the number of texts, T the number of words of the longest text, E' the embedding size, and H' the hidden size
//! of each direction.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::tensor::{Device, Int, Tensor};
use inference::settings::Count;
use rnn::{Cell, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};

/// The architecture of the language model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextualConfig {
    /// The recurrent cell.
    pub cell: Cell,
    /// The number of features per word, E'.
    pub embedding_size: Count,
    /// The number of features per hidden state of each direction, H'.
    pub hidden_size: Count,
    /// Number of stacked recurrent layers.
    pub layers: Count,
}

/// The embedding and the recurrent layers of the language model, without its output layer, which predicts words.
/// [The module](self) shows the layers.
#[derive(Module, Debug)]
pub struct Contextual {
    /// The embedding matrix, `[vocabulary, E']`.
    pub embedding: Embedding,
    /// The bidirectional recurrent layers.
    pub rnn: Rnn,
}

impl ContextualConfig {
    /// Creates the language model with random weights, for a vocabulary of `vocabulary` tokens. Its weights get no
    /// gradients.
    pub fn init(&self, vocabulary: usize, device: &Device) -> Contextual {
        let embedding = EmbeddingConfig::new(vocabulary, self.embedding_size.get()).init(device);
        Contextual { embedding, rnn: self.rnn().init(device) }.no_grad()
    }

    /// The number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, vocabulary: usize) -> f64 {
        vocabulary as f64 * self.embedding_size.get() as f64 + self.rnn().num_params()
    }

    /// The number of features of a contextual vector, 2·H'.
    pub fn features(&self) -> usize {
        2 * self.hidden_size.get()
    }

    fn rnn(&self) -> RnnConfig {
        RnnConfig::new(self.cell, self.embedding_size.get(), self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(true)
    }
}

impl Contextual {
    /// Computes the contextual vector of each word, `[batch, time]` → `[batch, time, 2·H']`, without gradients.
    pub fn forward(&self, ids: Tensor<2, Int>, lengths: &[usize]) -> Tensor<3> {
        let embedded = rnn::embed(&self.embedding, ids); // [B, T, E']
        let (outputs, _) = self.rnn.forward(embedded, Some(lengths), None); // [B, T, 2·H']
        outputs.detach()
    }
}
