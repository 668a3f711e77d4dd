//! The network: points and class → recurrent layers → parameters of the distribution of the next point.
//!
//! ```text
//! points [B, T, 5] ─┐
//!                   ├─► [B, T, 5 + E] ─► rnn [B, T, H] ─► locked dropout ─► dense [B, T, 6·M + 3]
//! class ─► [B, T, E]┘
//! ```
//!
//! B is the number of drawings, T the number of points, E the size of the embedding of a class, H the hidden size, and
//! M the number of components of the [mixture](crate::mixture).
//!
//! This is the prediction network of [Graves 2013](https://arxiv.org/abs/1308.0850), with the states of the pen and the
//! decoder of [Ha & Eck 2017](https://arxiv.org/abs/1704.03477), and a class in place of a text or a latent vector.
//!
//! ```sh
//! cargo run -p handwriting -- train --recipe omniglot
//! ```

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use inference::settings::{Count, Fraction};
use inference::weights::WeightNames;
use rnn::{Cell, Init, LockedDropout, PreparedDense, PreparedRnn, Rnn, RnnConfig, State, StepState, dense};
use serde::{Deserialize, Serialize};

use crate::drawing::Point;
use crate::mixture::num_parameters;

/// The rules that convert the names of the network's weights to PyTorch's names and back.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The architecture of the network: the table `[model]` of a recipe (the TOML file of a training run), and the field
/// `model` in the settings of a package (the files of a trained model).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The recurrent cell.
    pub cell: Cell,
    /// The hidden size, H.
    pub hidden_size: Count,
    /// The number of stacked recurrent layers.
    pub layers: Count,
    /// The size of the embedding of a class, E.
    pub embedding_size: Count,
    /// The number of components of the mixture, M.
    pub components: Count,
    /// The dropout probability of the outputs of each recurrent layer. The dropout is locked (variational): all points
    /// of a drawing have the same mask.
    #[serde(default)]
    pub dropout: Fraction,
}

/// The network that predicts the next point. The [module documentation](self) shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// The embeddings of the classes, `[classes, E]`.
    pub embedding: Embedding,
    /// The recurrent layers.
    pub rnn: Rnn,
    /// Locked dropout of the outputs of the last recurrent layer.
    pub dropout: LockedDropout,
    /// The output layer: the parameters of the distribution of the next point.
    pub dense: Linear,
}

impl NetworkConfig {
    /// Creates the network with random weights, for a number of classes.
    pub fn init(&self, classes: usize, device: &Device) -> Network {
        let outputs = num_parameters(self.components.get());
        Network {
            embedding: EmbeddingConfig::new(classes, self.embedding_size.get()).init(device),
            rnn: self.rnn().init(device),
            dropout: LockedDropout::new(self.dropout.get()),
            dense: LinearConfig::new(self.hidden_size.get(), outputs).init(device),
        }
    }

    /// The number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, classes: usize) -> f64 {
        let [embedding, hidden] = [self.embedding_size, self.hidden_size].map(|size| size.get() as f64);
        let outputs = num_parameters(self.components.get()) as f64;
        classes as f64 * embedding + self.rnn().num_params() + (hidden + 1.0) * outputs
    }

    fn rnn(&self) -> RnnConfig {
        RnnConfig::new(self.cell, Point::FEATURES + self.embedding_size.get(), self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_locked_dropout(self.dropout.get())
            .with_initializer(Init::Orthogonal)
    }
}

impl Network {
    /// Computes, for each point, the parameters of the distribution of the next point, `[B, T, 6·M + 3]` for M mixture
    /// components. Also returns the recurrent state after the last point.
    ///
    /// - `points`: the [features](Point::features) of the points, `[B, T, 5]`
    /// - `classes`: the index of each drawing's class, repeated for each point, `[B, T]`
    /// - `lengths`: the number of points of each drawing; the points after them are padding. `None`: all drawings have
    ///   T points
    /// - `state`: the recurrent state before the first point; `None` for zeros
    pub fn forward(
        &self,
        points: Tensor<3>,
        classes: Tensor<2, Int>,
        lengths: Option<&[usize]>,
        state: Option<State>,
    ) -> (Tensor<3>, State) {
        let classes = rnn::embed(&self.embedding, classes); // [B, T, E]
        let inputs = Tensor::cat(vec![points, classes], 2); // [B, T, 5 + E]
        let (outputs, state) = self.rnn.forward(inputs, lengths, state); // [B, T, H]
        (dense(&self.dense, self.dropout.forward(outputs)), state)
    }

    /// Makes a copy of the network for drawing. The copy reads one point per call. Its weights are stored in the order
    /// in which a call reads them.
    pub fn prepare(&self) -> PreparedNetwork {
        let weight = self.dense.weight.val().transpose(); // [6·M + 3, H]
        let bias = self.dense.bias.as_ref().map(|bias| bias.val());
        let bias = bias.unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &weight.device()));
        PreparedNetwork {
            embeddings: self.embedding.weight.val().into_data().iter().collect(),
            embedding_size: self.embedding.weight.dims()[1],
            rnn: self.rnn.prepare(),
            dense: PreparedDense::new(weight, bias),
        }
    }
}

/// A copy of a [`Network`] for drawing, which reads one point per call. Its weights are stored in the order in which a
/// call reads them.
#[derive(Debug)]
pub struct PreparedNetwork {
    /// The embeddings of the classes, `[classes, E]`.
    embeddings: Vec<f32>,
    /// The size of the embedding of a class, E.
    embedding_size: usize,
    /// The recurrent layers.
    rnn: PreparedRnn,
    /// The output layer.
    dense: PreparedDense,
}

impl PreparedNetwork {
    /// Returns the recurrent state before the first point: zeros.
    pub fn start(&self) -> StepState {
        self.rnn.zero_state(1)
    }

    /// Reads one point of a drawing, and returns the parameters of the distribution of the next point, `[6·M + 3]` for
    /// M mixture components. `class` is the index of the drawing's class. `state` is the recurrent state before the
    /// point; the call replaces it with the state after the point.
    pub fn step(&self, point: &Point, class: usize, state: &mut StepState) -> Vec<f32> {
        let embedding = &self.embeddings[class * self.embedding_size..][..self.embedding_size];
        let inputs = [&point.features()[..], embedding].concat(); // [5 + E]
        self.dense.forward(self.rnn.step(&inputs, state))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::drawing::Pen;

    pub(crate) fn config(cell: Cell, layers: u64) -> NetworkConfig {
        serde_json::from_value(serde_json::json!({
            "cell": cell, "hidden_size": 9, "layers": layers, "embedding_size": 4, "components": 3,
        }))
        .unwrap()
    }

    /// Points as a drawing may have them.
    fn points(count: usize) -> Vec<Point> {
        let point = |index: usize| Point {
            offset: [(index as f32 * 0.7).sin(), (index as f32 * 0.4).cos()],
            pen: if index % 5 == 4 { Pen::Up } else { Pen::Down },
        };
        [Point::START].into_iter().chain((1..count).map(point)).collect()
    }

    fn parameters(network: &Network, drawings: &[(&[Point], i32)]) -> Vec<Vec<f32>> {
        let lengths: Vec<usize> = drawings.iter().map(|(points, _)| points.len()).collect();
        let time = lengths.iter().copied().max().unwrap();
        let (mut values, mut classes) = (Vec::new(), Vec::new());
        for (points, class) in drawings {
            let mut row: Vec<f32> = points.iter().flat_map(Point::features).collect();
            row.resize(time * Point::FEATURES, f32::NAN);
            values.extend(row);
            classes.extend(vec![*class; time]);
        }
        let device = Device::flex();
        let batch = drawings.len();
        let values = Tensor::from_data(TensorData::new(values, [batch, time, Point::FEATURES]), &device);
        let classes = Tensor::from_data(TensorData::new(classes, [batch, time]), &device);
        let (found, _) = network.forward(values, classes, Some(&lengths), None);
        let width = found.dims()[2];
        let found: Vec<f32> = found.into_data().try_to_vec().unwrap();
        found.chunks(time * width).zip(lengths).map(|(row, length)| row[..length * width].to_vec()).collect()
    }

    #[test]
    fn padding_changes_nothing_and_steps_give_the_parameters_of_whole_drawings() {
        for (cell, layers) in [(Cell::Lstm, 2), (Cell::Gru, 1)] {
            let config = config(cell, layers);
            let network = config.init(3, &Device::flex());
            assert_eq!(config.num_params(3), network.num_params() as f64);
            let [long, short] = [points(17), points(4)];
            let together = parameters(&network, &[(&long, 2), (&short, 0)]);
            let prepared = network.prepare();
            for ((points, class), together) in [(&long, 2), (&short, 0)].into_iter().zip(&together) {
                let mut state = prepared.start();
                let steps: Vec<f32> = points.iter().flat_map(|point| prepared.step(point, class, &mut state)).collect();
                let alone = parameters(&network, &[(points.as_slice(), class as i32)]).remove(0);
                assert_eq!(steps.len(), points.len() * num_parameters(3));
                for ((step, alone), together) in steps.iter().zip(&alone).zip(together) {
                    approx::assert_abs_diff_eq!(*step, *alone, epsilon = 1e-5);
                    approx::assert_abs_diff_eq!(*together, *alone, epsilon = 1e-5);
                }
            }
            // The class decides.
            assert_ne!(parameters(&network, &[(&short, 1)]), parameters(&network, &[(&short, 0)]));
        }
    }
}
