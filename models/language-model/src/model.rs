//! The network: token ids → embedding → recurrent layers → logits of the next token.
//!
//! ```text
//! ids [B, T] ─► embedding [B, T, E] ─► dropout ─► rnn [B, T, H] ─► dropout ─► decoder [B·T, V] ─► softmax
//!                │ embedding dropout               │ weight dropout            │
//!                └─────────────────────── one shared matrix if tied ───────────┘
//! ```
//!
//! B is the batch size, T the number of steps, E the embedding size, H the hidden size, and V the size of the
//! vocabulary.
//!
//! Two LSTM layers of 200 units without regularization are the small model of [Zaremba et al.
//! 2014](https://arxiv.org/abs/1409.2329), except that recurrent weights are initialized as in PyTorch. Tied weights
//! with all regularizers are the AWD-LSTM of [Merity et al. 2018](https://arxiv.org/abs/1708.02182). Merity et al.
//! trained this network with averaged SGD, which a recipe (a TOML file of training settings) selects by
//! `training.average = { after = EPOCHS }`; the recipe `ptb-awd` uses AdamW and far fewer epochs. Weight tying: [Press
//! & Wolf 2017](https://arxiv.org/abs/1608.05859) and [Inan et al. 2017](https://arxiv.org/abs/1611.01462).

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer};
use burn::tensor::{Device, Int, Tensor};
use inference::settings::{Count, Fraction, Positive};
use inference::weights::{Precision, WeightNames};
use rnn::{
    Cell, Dropout, EmbeddingDropout, Init, LockedDropout, PreparedDense, PreparedRnn, Rnn, RnnConfig, State, StepState,
    WeightDropout, activation_regularization, dense_cross_entropy, temporal_activation_regularization,
};
use serde::{Deserialize, Serialize};

/// The bound of the uniform distribution, from `-INIT_RANGE` to `INIT_RANGE`, that initializes embedding and decoder.
const INIT_RANGE: f64 = 0.1;

/// The rules that convert the names of the network's parameters to PyTorch's names and back.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The architecture of the network: the table `[model]` of a recipe (the TOML file of a training run), and the field
/// `model` in the settings of a package (the files of a trained model).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The kind of the recurrent cell, such as LSTM.
    pub cell: Cell,
    /// The number of features of an embedding, E.
    pub embedding_size: Count,
    /// The number of hidden units per layer, H.
    pub hidden_size: Count,
    /// The number of recurrent layers.
    pub layers: Count,
    /// Whether decoder and embedding share one weight matrix. The embedding size must then equal the hidden size.
    #[serde(default)]
    pub tied: bool,
    /// The probability of ordinary dropout, with a new mask at every time step. It applies to the embeddings, between
    /// the recurrent layers, and to the outputs of the last recurrent layer.
    #[serde(default)]
    pub dropout: Fraction,
    /// The probability that a word is dropped from the embedding matrix, for all its occurrences in a batch.
    #[serde(default)]
    pub embedding_dropout: Fraction,
    /// The probability of locked dropout of embeddings: all steps have the same mask.
    #[serde(default)]
    pub input_dropout: Fraction,
    /// The probability of locked dropout between layers: all steps have the same mask.
    #[serde(default)]
    pub hidden_dropout: Fraction,
    /// The probability of locked dropout of the outputs of the last layer: all steps have the same mask.
    #[serde(default)]
    pub output_dropout: Fraction,
    /// The probability that a hidden-to-hidden weight is dropped (DropConnect).
    #[serde(default)]
    pub weight_dropout: Fraction,
    /// The factor α of activation regularization; `None` for no regularization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Positive>,
    /// The factor β of temporal activation regularization; `None` for no regularization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporal_activation: Option<Positive>,
    /// Methods that adapt the network to the text that it reads. The evaluation measures the network alone, and also
    /// with each of these methods. The settings of the methods are chosen on the validation part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adaptive: Vec<Adaptive>,
}

/// A method that adapts a network to the text that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adaptive {
    /// The neural cache: see [`CacheConfig`](crate::adaptation::CacheConfig).
    Cache,
    /// Dynamic evaluation: see [`DynamicConfig`](crate::adaptation::DynamicConfig).
    Dynamic,
}

/// The network of a language model. The [module](self) documentation shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// The embedding matrix, `[V, E]`.
    pub embedding: Embedding,
    /// Dropout of whole words in the embedding matrix.
    pub embedding_dropout: EmbeddingDropout,
    /// Dropout of embeddings with the same mask at all steps.
    pub input_dropout: LockedDropout,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Dropout of the outputs of the last layer with the same mask at all steps.
    pub output_dropout: LockedDropout,
    /// Dropout of embeddings and outputs, with a new mask at every step.
    pub dropout: Dropout,
    /// The output layer, which computes logits from the outputs of the last recurrent layer.
    pub decoder: Decoder,
    /// The factor α of activation regularization; 0 for no regularization.
    #[module(skip)]
    pub activation: f64,
    /// The factor β of temporal activation regularization; 0 for no regularization.
    #[module(skip)]
    pub temporal_activation: f64,
}

/// The output layer: `logits = outputs · weightᵀ + bias`, with PyTorch's layout.
#[derive(Module, Debug)]
pub struct Decoder {
    /// The weight matrix, `[V, H]`; `None` if the embedding matrix serves as the weight matrix.
    pub weight: Option<Param<Tensor<2>>>,
    /// The bias of each token's logit, `[V]`.
    pub bias: Param<Tensor<1>>,
}

/// A copy of the layers of a [`Network`] for generation, which reads one token per call. The copied weights are packed:
/// stored in the order in which a step reads them.
#[derive(Debug)]
pub struct PreparedNetwork {
    /// The embedding matrix, `[V, E]`.
    embedding: Tensor<2>,
    /// The recurrent layers.
    pub rnn: PreparedRnn,
    /// The output layer.
    decoder: PreparedDense,
}

impl PreparedNetwork {
    /// Reads one token, and returns the logits of the next token, `[V]`: one logit per token of the vocabulary. `state`
    /// is the recurrent state before the token; the call updates it.
    pub fn next_logits(&self, token: u32, state: &mut StepState) -> Vec<f32> {
        let row = self.embedding.clone().narrow(0, token as usize, 1); // [1, E]
        let features: Vec<f32> = row.into_data().iter::<f32>().collect();
        self.decoder.forward(self.rnn.step(&features, state))
    }
}

/// The result of [`Network::forward`]: the outputs of the last recurrent layer, and the recurrent state.
#[derive(Debug)]
pub struct Outputs {
    /// The outputs of the last layer, `[B, T, H]`.
    pub hidden: Tensor<3>,
    /// The outputs of the last layer after dropout, `[B, T, H]`.
    pub dropped: Tensor<3>,
    /// The recurrent state after the last time step.
    pub state: State,
}

impl NetworkConfig {
    /// Creates the network with random weights, for a vocabulary of `vocabulary` tokens.
    pub fn init(&self, vocabulary: usize, device: &Device) -> Network {
        let uniform = Initializer::Uniform { min: -INIT_RANGE, max: INIT_RANGE };
        let rnn = self.rnn().init(device);
        Network {
            embedding: EmbeddingConfig::new(vocabulary, self.embedding_size.get())
                .with_initializer(uniform.clone())
                .init(device),
            embedding_dropout: EmbeddingDropout::new(self.embedding_dropout.get()),
            input_dropout: LockedDropout::new(self.input_dropout.get()),
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            dropout: Dropout::new(self.dropout.get()),
            decoder: Decoder {
                weight: (!self.tied).then(|| uniform.init([vocabulary, self.hidden_size.get()], device)),
                bias: Param::from_tensor(Tensor::zeros([vocabulary], device)),
            },
            rnn,
            activation: self.activation.map_or(0.0, Positive::get),
            temporal_activation: self.temporal_activation.map_or(0.0, Positive::get),
        }
    }

    /// Checks that embedding and hidden size are equal if the weights are tied.
    ///
    /// # Errors
    ///
    /// A message with both sizes.
    pub fn check(&self) -> Result<(), String> {
        let Self { tied, embedding_size, hidden_size, .. } = self;
        if *tied && embedding_size != hidden_size {
            return Err(format!(
                "embedding_size = {embedding_size} and hidden_size = {hidden_size} must be equal if tied = true; set \
                 both to the same number, or set tied = false"
            ));
        }
        Ok(())
    }

    /// Returns the number of parameters of the network that [`init`](Self::init) creates.
    pub fn num_params(&self, vocabulary: usize) -> f64 {
        let [tokens, features, outputs] =
            [vocabulary, self.embedding_size.get(), self.hidden_size.get()].map(|size| size as f64);
        let decoder = if self.tied { tokens } else { tokens * (outputs + 1.0) };
        tokens * features + self.rnn().num_params() + decoder
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
    /// Runs the forward pass up to the last recurrent layer, without the output layer. `ids` are the token ids,
    /// `[B, T]`. `state` is the initial recurrent state; `None` means zeros.
    pub fn forward(&self, ids: Tensor<2, Int>, state: Option<State>) -> Outputs {
        let features = self.embedding_dropout.forward(&self.embedding, ids); // [B, T, E]
        let features = self.dropout.forward(self.input_dropout.forward(features));
        let (hidden, state) = self.rnn.forward(features, None, state); // [B, T, H], [L, B, H]
        let dropped = self.dropout.forward(self.output_dropout.forward(hidden.clone()));
        Outputs { hidden, dropped, state }
    }

    /// Makes a copy of the network for generation. The weights of the recurrent layers and of the output layer are
    /// packed: stored in the order in which a step reads them. With [`Precision::Int8`], they are also quantized to 8
    /// bits.
    pub fn prepare(&self, precision: Precision) -> PreparedNetwork {
        let (weight, bias) = self.decoder.values(&self.embedding); // [V, H], [V]
        let embedding = self.embedding.weight.val();
        match precision {
            Precision::Int8 => {
                PreparedNetwork { embedding, rnn: self.rnn.prepare_int8(), decoder: PreparedDense::int8(weight, bias) }
            }
            _ => PreparedNetwork { embedding, rnn: self.rnn.prepare(), decoder: PreparedDense::new(weight, bias) },
        }
    }

    /// Computes the logits of the next token, `[N, V]`, from N outputs of the last layer, `[N, H]`.
    pub fn logits(&self, outputs: Tensor<2>) -> Tensor<2> {
        let (weight, bias) = self.decoder.values(&self.embedding); // [V, H], [V]
        outputs.matmul(weight.transpose()) + bias.unsqueeze()
    }

    /// Computes the cross-entropy loss at each position in nats, `[B·T]`. `targets` are the next tokens, `[B, T]`.
    pub fn losses(&self, outputs: &Outputs, targets: Tensor<2, Int>) -> Tensor<1> {
        let (weight, bias) = self.decoder.values(&self.embedding); // [V, H], [V]
        dense_cross_entropy(outputs.dropped.clone().flatten(0, 1), weight, bias, targets.flatten(0, 1))
    }

    /// Returns the training loss, `[1]`: the mean cross-entropy, plus the penalties of activation regularization.
    pub fn loss(&self, outputs: &Outputs, targets: Tensor<2, Int>) -> Tensor<1> {
        let mut loss = self.losses(outputs, targets).mean();
        if self.activation > 0.0 {
            loss = loss + activation_regularization(outputs.dropped.clone(), self.activation);
        }
        if self.temporal_activation > 0.0 {
            loss = loss + temporal_activation_regularization(outputs.hidden.clone(), self.temporal_activation);
        }
        loss
    }

    /// Returns the same network with all dropout probabilities set to zero, so that further training of this network is
    /// deterministic.
    pub fn without_dropout(mut self) -> Self {
        self.embedding_dropout = EmbeddingDropout::new(0.0);
        self.input_dropout = LockedDropout::new(0.0);
        self.rnn.dropout = Dropout::new(0.0);
        self.rnn.locked_dropout = LockedDropout::new(0.0);
        self.rnn.weight_dropout = WeightDropout::new(0.0);
        self.output_dropout = LockedDropout::new(0.0);
        self.dropout = Dropout::new(0.0);
        self
    }

    /// Returns the outputs of the last layer without dropout, `[B, T, H]`, and the state after the last step. The
    /// output layer is not applied.
    pub fn encode(&self, ids: Tensor<2, Int>, state: Option<State>) -> (Tensor<3>, State) {
        self.rnn.forward(self.embedding.forward(ids), None, state)
    }
}

impl Decoder {
    /// Returns the weight matrix, `[V, H]`, and the bias, `[V]`, of the output layer. With tied weights, the embedding
    /// matrix is the weight matrix.
    fn values(&self, embedding: &Embedding) -> (Tensor<2>, Tensor<1>) {
        (self.weight.as_ref().unwrap_or(&embedding.weight).val(), self.bias.val())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::network;

    /// The penalty on activations uses the outputs after dropout; the penalty on their changes uses the outputs before
    /// dropout (Merity et al. 2017).
    #[test]
    fn activation_penalties_equal_their_formulas() {
        let device = Device::flex();
        let network = network(&device);
        let ids = Tensor::<2, Int>::from_data([[1, 2, 3], [4, 5, 6]], &device);
        let mut outputs = network.forward(ids.clone(), None);
        outputs.dropped = outputs.dropped.mul_scalar(1.5);
        let [hidden, dropped] = [&outputs.hidden, &outputs.dropped].map(|tensor| tensor.clone().into_data());
        let [hidden, dropped] = [hidden, dropped].map(|data| data.iter::<f64>().collect::<Vec<_>>()); // [2, 3, 8]
        let squares = dropped.iter().map(|value| value * value).sum::<f64>() / 48.0;
        let changes = (0..48).filter(|place| place % 24 >= 8).map(|place| (hidden[place] - hidden[place - 8]).powi(2));
        let entropy = network.losses(&outputs, ids.clone()).mean().into_scalar::<f64>();
        let expected = entropy + 2.0 * squares + 3.0 * changes.sum::<f64>() / 32.0;
        approx::assert_relative_eq!(network.loss(&outputs, ids).into_scalar::<f64>(), expected, max_relative = 1e-5);
    }

    #[test]
    fn a_prepared_network_gives_the_logits_of_the_next_token() {
        let device = Device::flex();
        let network = network(&device);
        let ids = [1, 2, 3, 4, 5, 6];
        let row = |ids: &[i32]| Tensor::<1, Int>::from_data(ids, &device).unsqueeze::<2>();
        let outputs = network.forward(row(&ids[..5]), None);
        let expected: Vec<f32> = network.losses(&outputs, row(&ids[1..])).into_data().try_to_vec().unwrap();
        for precision in [Precision::Single, Precision::Int8] {
            let prepared = network.prepare(precision);
            let mut state = prepared.rnn.zero_state(1);
            for (pair, expected) in ids.windows(2).zip(&expected) {
                let logits = prepared.next_logits(pair[0] as u32, &mut state);
                let loss = logits.iter().map(|logit| logit.exp()).sum::<f32>().ln() - logits[pair[1] as usize];
                let tolerance = if precision == Precision::Int8 { 1e-2 } else { 1e-5 };
                approx::assert_abs_diff_eq!(loss, *expected, epsilon = tolerance);
            }
        }
    }

    #[test]
    fn tied_weights_need_equal_sizes() {
        let config = |hidden_size: u32| -> NetworkConfig {
            let json = serde_json::json!({
                "cell": "lstm", "embedding_size": 8, "hidden_size": hidden_size, "layers": 1, "tied": true,
            });
            serde_json::from_value(json).unwrap()
        };
        assert!(config(8).check().is_ok());
        assert!(config(9).check().is_err());
    }

    #[test]
    fn the_number_of_parameters_is_that_of_the_network() {
        let device = Device::flex();
        for (cell, tied, layers) in [("lstm", true, 2), ("gru", false, 1), ("elman", false, 3)] {
            let json = serde_json::json!({
                "cell": cell, "embedding_size": 8, "hidden_size": 8, "layers": layers, "tied": tied,
            });
            let config: NetworkConfig = serde_json::from_value(json).unwrap();
            assert_eq!(config.init(11, &device).num_params() as f64, config.num_params(11));
        }
    }
}
