//! The network: words → recurrent layers → the score of every word as the next one.
//!
//! ```text
//! words [B, T] ─► embedding [B, T, E] ─► dropout ─► rnn [B, T, H] ─► dropout ─► decoder [B·T, V] ─► softmax
//!                  │ words dropped                  │ recurrent weights dropped      │
//!                  └──────────────────────────── the same matrix if tied ────────────┘
//! ```
//!
//! Without regularisers and with two LSTM layers of 200 this is the small model of
//! [Zaremba et al. 2014](https://arxiv.org/abs/1409.2329), but that recurrent weights start as PyTorch's do. With all of
//! them and tied it is the network of [Merity et al. 2018](https://arxiv.org/abs/1708.02182), which `training.average =
//! { after = EPOCHS }` trains as they did, and the recipe `ptb-awd` by AdamW in far fewer epochs; tying is from
//! [Press & Wolf 2017](https://arxiv.org/abs/1608.05859) and [Inan et al. 2017](https://arxiv.org/abs/1611.01462).
//!
//! ```sh
//! cargo run -p language-model -- train --recipe ptb-awd
//! ```

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer};
use burn::tensor::{Device, Int, Tensor};
use rnn::{
    Cell, EmbeddingDropout, Init, LockedDropout, Rnn, RnnConfig, State, WeightDropout, activation_regularization,
    dense_cross_entropy, temporal_activation_regularization,
};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction, Positive};

/// Embeddings and decoder start uniform between plus and minus this.
const SPREAD: f64 = 0.1;

/// `[model]` of a recipe.
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
    pub layers: Count,
    /// Whether the decoder's matrix is that of the embedding; E must then be H.
    #[serde(default)]
    pub tied: bool,
    /// Dropout anew at every step, of word features, between layers and of outputs.
    #[serde(default)]
    pub dropout: Fraction,
    /// Dropout of whole words.
    #[serde(default)]
    pub embedding_dropout: Fraction,
    /// Locked dropout of word features.
    #[serde(default)]
    pub input_dropout: Fraction,
    /// Locked dropout between layers.
    #[serde(default)]
    pub hidden_dropout: Fraction,
    /// Locked dropout of outputs.
    #[serde(default)]
    pub output_dropout: Fraction,
    /// Dropout of recurrent weights.
    #[serde(default)]
    pub weight_dropout: Fraction,
    /// α of activation regularisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Positive>,
    /// β of temporal activation regularisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporal_activation: Option<Positive>,
    /// Ways to adapt to the text being read that are measured beside the network alone, with settings chosen on the
    /// validation part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adaptive: Vec<Adaptive>,
}

/// Ways to adapt to the text being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adaptive {
    /// The neural cache: [`crate::cache`].
    Cache,
    /// Dynamic evaluation: [`crate::dynamic`].
    Dynamic,
}

/// The network. See [the module](self) for its shape.
#[derive(Module, Debug)]
pub struct Network {
    /// `[V, E]`
    pub embedding: Embedding,
    /// Of words.
    pub embedding_dropout: EmbeddingDropout,
    /// Of word features.
    pub input_dropout: LockedDropout,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Of outputs.
    pub output_dropout: LockedDropout,
    /// Of word features and of outputs, anew at every step.
    pub dropout: Dropout,
    /// From outputs to scores.
    pub decoder: Decoder,
    /// α of activation regularisation.
    #[module(skip)]
    pub activation: f64,
    /// β of temporal activation regularisation.
    #[module(skip)]
    pub temporal_activation: f64,
}

/// `scores = outputs · weightᵀ + bias`, with PyTorch's layout.
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[V, H]`; the embedding's if absent.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[V]`
    pub bias: Param<Tensor<1>>,
}

/// What the network says of some text.
#[derive(Debug)]
pub struct Outputs {
    /// Outputs of the last layer, `[B, T, H]`.
    pub hidden: Tensor<3>,
    /// The same after dropout.
    pub dropped: Tensor<3>,
    /// The state after the last step.
    pub state: State,
}

impl NetworkConfig {
    /// The network with random weights, for a vocabulary of some size.
    pub fn init(&self, vocabulary: usize, device: &Device) -> Network {
        let spread = Initializer::Uniform { min: -SPREAD, max: SPREAD };
        let rnn = self.rnn().init(device);
        Network {
            embedding: EmbeddingConfig::new(vocabulary, self.embedding_size.get())
                .with_initializer(spread.clone())
                .init(device),
            embedding_dropout: EmbeddingDropout::new(self.embedding_dropout.get()),
            input_dropout: LockedDropout::new(self.input_dropout.get()),
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            dropout: DropoutConfig::new(self.dropout.get()).init(),
            decoder: Decoder {
                weight: (!self.tied).then(|| spread.init([vocabulary, self.hidden_size.get()], device)),
                bias: Param::from_tensor(Tensor::zeros([vocabulary], device)),
            },
            rnn,
            activation: self.activation.map_or(0.0, Positive::get),
            temporal_activation: self.temporal_activation.map_or(0.0, Positive::get),
        }
    }

    /// How many parameters [`init`](Self::init) makes.
    pub fn num_params(&self, vocabulary: usize) -> f64 {
        let [words, features, outputs] =
            [vocabulary, self.embedding_size.get(), self.hidden_size.get()].map(|size| size as f64);
        let decoder = if self.tied { words } else { words * (outputs + 1.0) };
        words * features + self.rnn().num_params() + decoder
    }

    fn rnn(&self) -> RnnConfig {
        RnnConfig::new(self.cell, self.embedding_size.get(), self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_dropout(self.dropout.get())
            .with_locked_dropout(self.hidden_dropout.get())
            .with_weight_dropout(self.weight_dropout.get())
            .with_initializer(Init::Uniform)
    }
}

impl Network {
    /// Reads a piece of text, `[B, T]`, from a state, or from its beginning.
    pub fn forward(&self, words: Tensor<2, Int>, state: Option<State>) -> Outputs {
        let features = self.embedding_dropout.forward(&self.embedding, words); // [B, T, E]
        let features = self.dropout.forward(self.input_dropout.forward(features));
        let (hidden, state) = self.rnn.forward(features, None, state); // [B, T, H], [L, B, H]
        let dropped = self.dropout.forward(self.output_dropout.forward(hidden.clone()));
        Outputs { hidden, dropped, state }
    }

    /// The score of every word as the next one, `[B·T, V]`.
    pub fn scores(&self, outputs: &Outputs) -> Tensor<2> {
        let (weight, bias) = self.decoder.values(&self.embedding); // [V, H], [V]
        outputs.dropped.clone().flatten(0, 1).matmul(weight.transpose()) + bias.unsqueeze()
    }

    /// The cost of each next word in nats, `[B·T]`; targets are `[B, T]`.
    pub fn costs(&self, outputs: &Outputs, targets: Tensor<2, Int>) -> Tensor<1> {
        let (weight, bias) = self.decoder.values(&self.embedding); // [V, H], [V]
        dense_cross_entropy(outputs.dropped.clone().flatten(0, 1), weight, bias, targets.flatten(0, 1))
    }

    /// The mean cost, and what is added to it for activations, `[1]`.
    pub fn loss(&self, outputs: &Outputs, targets: Tensor<2, Int>) -> Tensor<1> {
        let mut loss = self.costs(outputs, targets).mean();
        if self.activation > 0.0 {
            loss = loss + activation_regularization(outputs.dropped.clone(), self.activation);
        }
        if self.temporal_activation > 0.0 {
            loss = loss + temporal_activation_regularization(outputs.hidden.clone(), self.temporal_activation);
        }
        loss
    }

    /// The same network, to be trained on without dropout.
    pub fn without_dropout(mut self) -> Self {
        self.embedding_dropout = EmbeddingDropout::new(0.0);
        self.input_dropout = LockedDropout::new(0.0);
        self.rnn.dropout = DropoutConfig::new(0.0).init();
        self.rnn.locked_dropout = LockedDropout::new(0.0);
        self.rnn.weight_dropout = WeightDropout::new(0.0);
        self.output_dropout = LockedDropout::new(0.0);
        self.dropout = DropoutConfig::new(0.0).init();
        self
    }

    /// The outputs, `[B, T, H]`, and the state after a piece of text, without what comes next.
    pub fn read(&self, words: Tensor<2, Int>, state: Option<State>) -> (Tensor<3>, State) {
        self.rnn.forward(self.embedding.forward(words), None, state)
    }
}

impl Decoder {
    /// Weight and bias.
    fn values(&self, embedding: &Embedding) -> (Tensor<2>, Tensor<1>) {
        (self.weight.as_ref().unwrap_or(&embedding.weight).val(), self.bias.val())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perplexity::tests::network;

    /// Activations are paid for as the decoder sees them, and their changes as they leave the layers.
    #[test]
    fn activations_cost_what_merity_says() {
        let device = Device::flex();
        let network = network(&device);
        let words = Tensor::<2, Int>::from_data([[1, 2, 3], [4, 5, 6]], &device);
        let mut outputs = network.forward(words.clone(), None);
        outputs.dropped = outputs.dropped.mul_scalar(1.5);
        let [hidden, dropped] = [&outputs.hidden, &outputs.dropped].map(|tensor| tensor.clone().into_data());
        let [hidden, dropped] = [hidden, dropped].map(|data| data.iter::<f64>().collect::<Vec<_>>()); // [2, 3, 8]
        let squares = dropped.iter().map(|value| value * value).sum::<f64>() / 48.0;
        let changes = (0..48).filter(|place| place % 24 >= 8).map(|place| (hidden[place] - hidden[place - 8]).powi(2));
        let cost = network.costs(&outputs, words.clone()).mean().into_scalar::<f64>();
        let expected = cost + 2.0 * squares + 3.0 * changes.sum::<f64>() / 32.0;
        approx::assert_relative_eq!(network.loss(&outputs, words).into_scalar::<f64>(), expected, max_relative = 1e-5);
    }
}
