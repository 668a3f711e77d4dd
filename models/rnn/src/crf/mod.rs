//! Linear-chain conditional random field.

mod allowed;
mod error;
mod lattice;
mod log_matrix;

use std::sync::Arc;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::ShapeError;
use crate::shape_error::check_batch;
use lattice::Scores;
use log_matrix::LogMatrix;

pub use allowed::Allowed;
pub use error::CrfError;
pub use lattice::Lattice;

/// Configuration of a [`Crf`].
#[derive(Config, Debug, PartialEq)]
pub struct CrfConfig {
    /// The number of labels.
    pub labels: usize,
    /// The rules for which labels may start a sequence, end a sequence, and follow each other.
    #[config(default = "Allowed::default()")]
    pub allowed: Allowed,
}

impl CrfConfig {
    /// Returns the number of parameters of the [`Crf`].
    pub fn num_params(&self) -> f64 {
        self.labels as f64 * (self.labels as f64 + 2.0)
    }

    /// Initialises a [`Crf`] with all scores 0. The emissions alone then determine the probabilities of the allowed
    /// label sequences.
    ///
    /// # Panics
    ///
    /// If `labels` is 0, or if `allowed` has rules for another number of labels.
    pub fn init(&self, device: &Device) -> Crf {
        let Self { labels, ref allowed } = *self;
        assert!(labels > 0, "crf: the number of labels must be at least 1");
        let Some(allowed) = allowed.of_labels(labels) else {
            panic!(
                "crf: `allowed` does not match {labels} labels; it must have one value per label in \
                 `start` and `end`, and one value per pair of labels in `transitions`"
            )
        };
        Crf {
            start: Param::from_tensor(Tensor::zeros([labels], device)),
            end: Param::from_tensor(Tensor::zeros([labels], device)),
            transitions: Param::from_tensor(Tensor::zeros([labels, labels], device)),
            allowed,
        }
    }
}

/// Linear-chain conditional random field (Lafferty, McCallum & Pereira 2001), the output layer of a sequence labeller
/// (Lample et al. 2016). A CRF scores whole label sequences instead of single labels.
///
/// The score of labels `y` is `start[y₀] + Σ emissions[t, yₜ] + Σ transitions[yₜ₋₁, yₜ] + end[y_last]`, where the
/// emissions are outputs of a network. The probability of `y` is the softmax of the scores over all allowed label
/// sequences. A label sequence that the rules [`Allowed`] exclude has probability 0, whatever its score is.
///
/// The forward–backward algorithm runs on the CPU in 64-bit floats, for every backend. The scores may be large, and may
/// differ by large amounts, without overflow or underflow. With NaN or infinite scores the loss may be NaN.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use rnn::{Allowed, CrfConfig};
///
/// // 0 = O, 1 = B, 2 = I: an entity begins with B, so I follows B or I.
/// let mut allowed = Allowed::all(3);
/// allowed.start[2] = false;
/// allowed.transitions[0][2] = false;
/// let crf = CrfConfig::new(3).with_allowed(allowed).init(&Device::flex());
///
/// // Two sequences with 4 and 2 steps.
/// let emissions = Tensor::random([2, 4, 3], Distribution::Default, &Device::flex()); // [batch, time, labels]
/// let targets = [vec![0, 1, 2, 0], vec![1, 2]];
/// let loss = crf.negative_log_likelihood(emissions.clone(), &[4, 2], &targets); // [batch]
/// assert_eq!(loss.dims(), [2]);
///
/// let labels = crf.decode(emissions.clone(), &[4, 2]);
/// assert_eq!([labels[0].len(), labels[1].len()], [4, 2]);
/// let confidence = crf.lattice(emissions, &[4, 2])[1].log_probability(0, &[1, 2]).exp();
/// assert!(confidence > 0.0 && confidence < 1.0);
/// ```
///
/// Create a `Crf` with [`CrfConfig`].
#[derive(Module, Debug)]
pub struct Crf {
    /// The score of each label at the first step of a sequence: `[labels]`.
    pub start: Param<Tensor<1>>,
    /// The score of each label at the last step of a sequence: `[labels]`.
    pub end: Param<Tensor<1>>,
    /// The score of each pair of neighbouring labels: `[from, to]`.
    pub transitions: Param<Tensor<2>>,
    /// The rules for which labels may start a sequence, end a sequence, and follow each other.
    #[module(skip)]
    pub allowed: Allowed,
}

impl Crf {
    /// Computes the negative log-likelihood of the targets, in nats: one loss per sequence. The loss of a sequence of
    /// length 0 is 0.
    ///
    /// The values in the padding, even NaN, never affect losses or gradients.
    ///
    /// # Shapes
    ///
    /// - emissions: `[batch, time, labels]`
    /// - lengths: the length of each sequence; later steps are padding. 0 is valid.
    /// - targets: for each sequence one label id per step, without padding
    /// - output: `[batch]`
    ///
    /// # Panics
    ///
    /// If [`check_input`](Self::check_input) or [`check_targets`](Self::check_targets) returns an error for these
    /// arguments, with the message of this error.
    pub fn negative_log_likelihood(
        &self,
        emissions: Tensor<3>,
        lengths: &[usize],
        targets: &[Vec<usize>],
    ) -> Tensor<1> {
        let lattices = self.lattice(emissions.clone(), lengths);
        if let Err(error) = self.check_targets(lengths, targets) {
            panic!("{error}");
        }
        let losses = lattices.iter().zip(targets).map(|(lattice, target)| -lattice.log_probability(0, target));
        let losses = from_host(losses.collect(), [lengths.len()], &emissions);
        match emissions.device().is_autodiff() {
            true => losses + self.gradient(emissions, &lattices, targets),
            false => losses,
        }
    }

    /// Returns the most probable label sequence of each sequence (Viterbi algorithm).
    ///
    /// The label sequence is always allowed, even if emissions are NaN or infinite. If no label sequence of this length
    /// is allowed, the returned labels have no meaning.
    ///
    /// # Shapes
    ///
    /// - emissions: `[batch, time, labels]`
    /// - lengths: the length of each sequence; later steps are padding. 0 is valid.
    ///
    /// # Panics
    ///
    /// If [`check_input`](Self::check_input) returns an error for these arguments, with the message of this error.
    pub fn decode(&self, emissions: Tensor<3>, lengths: &[usize]) -> Vec<Vec<usize>> {
        let scores = self.scores();
        self.sequences(emissions, lengths).iter().map(|emissions| scores.viterbi(emissions)).collect()
    }

    /// Computes the probabilities of all label sequences, for each sequence of the batch.
    ///
    /// The arguments have the same shapes as the arguments of [`decode`](Self::decode), and the function panics in the
    /// same cases.
    pub fn lattice(&self, emissions: Tensor<3>, lengths: &[usize]) -> Vec<Lattice> {
        let scores = Arc::new(self.scores());
        let sequences = self.sequences(emissions, lengths).into_iter();
        sequences.map(|emissions| Lattice::new(scores.clone(), emissions)).collect()
    }

    /// Checks the shape of emissions, `[batch, time, labels]`, and sequence lengths, for programs that must not panic.
    ///
    /// # Errors
    ///
    /// If the emissions do not have one value per label, if `batch` or `time` is 0, if there is not one length per
    /// sequence, or if a length is above `time`.
    pub fn check_input(&self, emissions: [usize; 3], lengths: &[usize]) -> Result<(), ShapeError> {
        check_batch(emissions, self.labels(), Some(lengths))
    }

    /// Checks targets, for programs that must not panic.
    ///
    /// # Errors
    ///
    /// If there is not one target per sequence, or if a target has another length than its sequence, a label id that is
    /// not below the number of labels, or a start, end or transition that is not [allowed](Allowed).
    pub fn check_targets(&self, lengths: &[usize], targets: &[Vec<usize>]) -> Result<(), CrfError> {
        if targets.len() != lengths.len() {
            return Err(CrfError::TargetCount { targets: targets.len(), sequences: lengths.len() });
        }
        targets.iter().zip(lengths).enumerate().try_for_each(|(sequence, (target, &expected))| {
            if target.len() != expected {
                return Err(CrfError::TargetLength { sequence, found: target.len(), expected });
            }
            self.allowed.check(sequence, target)
        })
    }

    fn labels(&self) -> usize {
        self.start.dims()[0]
    }

    /// Concatenates the parameters start, end and transitions into one tensor, so that one transfer reads all
    /// parameters from the device.
    fn parameters(&self) -> Tensor<1> {
        let transitions = self.transitions.val().reshape([-1]);
        Tensor::cat(vec![self.start.val(), self.end.val(), transitions], 0)
    }

    /// Reads the parameters from the device, and replaces the score of each start, end and transition that is not
    /// allowed by −∞.
    fn scores(&self) -> Scores {
        let (labels, allowed) = (self.labels(), &self.allowed);
        let only = |(score, allowed): (&f64, &bool)| if *allowed { *score } else { f64::NEG_INFINITY };
        let parameters = to_host(self.parameters());
        let (start, others) = parameters.split_at(labels);
        let (end, transitions) = others.split_at(labels);
        let transitions = transitions.iter().zip(allowed.transitions.iter().flatten()).map(only).collect();
        let transitions = LogMatrix::new(labels, transitions);
        Scores {
            start: start.iter().zip(&allowed.start).map(only).collect(),
            end: end.iter().zip(&allowed.end).map(only).collect(),
            transposed: transitions.transposed(),
            transitions,
        }
    }

    /// Reads the emissions from the device, and returns the emissions of each sequence without padding:
    /// `[batch][length, labels]`.
    fn sequences(&self, emissions: Tensor<3>, lengths: &[usize]) -> Vec<Vec<f64>> {
        let [_, time, labels] = emissions.dims();
        if let Err(error) = self.check_input(emissions.dims(), lengths) {
            panic!("{error}");
        }
        let values = to_host(emissions);
        let sequences = values.chunks_exact(time * labels).zip(lengths);
        sequences.map(|(values, length)| values[..length * labels].to_vec()).collect()
    }

    /// Returns a tensor of zeros, `[batch]`, whose backward pass gives the gradients of the losses. The losses are
    /// computed outside of the autodiff graph, and this tensor is added to them. The derivative with respect to an
    /// emission is the probability of its label, minus 1 if the label is the target. The derivative with respect to a
    /// parameter is its expected count minus its count in the target.
    fn gradient(&self, emissions: Tensor<3>, lattices: &[Lattice], targets: &[Vec<usize>]) -> Tensor<1> {
        let [batch, time, labels] = emissions.dims();
        let mut d_emissions = Vec::with_capacity(batch * time * labels);
        let mut d_parameters = Vec::with_capacity(batch * labels * (labels + 2));
        for (lattice, target) in lattices.iter().zip(targets) {
            let (d_labels, d_transitions) = lattice.gradient(target);
            let none = vec![0.0; labels];
            d_parameters.extend_from_slice(d_labels.get(..labels).unwrap_or(&none)); // start
            d_parameters.extend_from_slice(d_labels.rchunks(labels).next().unwrap_or(&none)); // end
            d_parameters.extend(d_transitions);
            d_emissions.extend(d_labels);
            d_emissions.extend(vec![0.0; (time - target.len()) * labels]);
        }
        let d_emissions = from_host(d_emissions, [batch, time, labels], &emissions);
        let d_parameters = from_host(d_parameters, [batch, labels * (labels + 2)], &emissions);

        let padding: Vec<bool> = targets.iter().flat_map(|target| (0..time).map(|step| step >= target.len())).collect();
        let padding = Tensor::<3, Bool>::from_data(TensorData::new(padding, [batch, time, 1]), &emissions.device());
        let emissions = zeros(emissions.mask_fill(padding.expand([batch, time, labels]), 0.0));
        let parameters = zeros(self.parameters());
        let by_emissions = (emissions * d_emissions).sum_dim(2).sum_dim(1).reshape([batch]);
        by_emissions + d_parameters.matmul(parameters.unsqueeze_dim(1)).reshape([batch])
    }
}

/// Returns zeros with the shape of `tensor`. The backward pass adds the gradient of the zeros, unchanged, to the
/// gradient of `tensor`.
fn zeros<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.clone() - tensor.detach()
}

fn to_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// Creates a tensor from values on the host, with the data type and the device of the tensor `like`.
fn from_host<const D: usize>(values: Vec<f64>, shape: [usize; D], like: &Tensor<3>) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&like.device(), like.dtype()))
}
