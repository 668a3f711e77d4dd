//! Training of the network to classify texts: batches of texts with classes, and the loss.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use inference::settings::Fraction;
use inference::text::Vocabulary;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rnn::Rows;
use training::Loss;
use training::collective::Share;

use crate::model::{Batch, Network};
use crate::train::data::Example;

/// A batch of texts with their classes.
#[derive(Clone, Debug)]
pub struct ClassificationBatch {
    texts: Batch,
    /// The index of the class of each text: `[batch]`.
    classes: Tensor<1, Int>,
    /// The weight of each text in the loss: `[batch]`.
    weights: Tensor<1>,
    /// Which rows (texts) of the whole batch this process computes.
    rows: Rows,
}

/// How the loss of a batch is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Label smoothing ε: with K classes, the target probability of the true class is 1 − ε + ε / K.
    pub label_smoothing: Fraction,
    /// Whether the embeddings are frozen, so that they get no gradient.
    pub frozen_embeddings: bool,
}

impl ClassificationBatch {
    /// Makes a batch. `texts` has the token ids of each text; `examples` have the class and the weight of each text, in
    /// the same order. Each word is replaced by the unknown word with the probability `word_dropout`.
    pub fn draw<'a>(
        texts: &[&[u32]],
        examples: impl IntoIterator<Item = &'a Example>,
        word_dropout: Fraction,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let texts: Vec<Vec<u32>> = texts.iter().map(|ids| drop_words(ids, word_dropout, rng)).collect();
        let (classes, weights): (Vec<i32>, Vec<f32>) =
            examples.into_iter().map(|example| (example.class as i32, example.weight)).unzip();
        let count = classes.len();
        Self {
            texts: Batch::new(texts.iter().map(Vec::as_slice), device),
            classes: Tensor::from_data(TensorData::new(classes, [count]), device),
            weights: Tensor::from_data(TensorData::new(weights, [count]), device),
            rows: Rows::all(count),
        }
    }

    /// Returns the part of the batch that one rank (process) computes; `None` if the rank has no texts.
    pub fn part(self, share: Share) -> Option<Self> {
        let own = share.own_rows(self.rows.of)?;
        Some(Self {
            classes: self.classes.narrow(0, own.start, own.len()),
            weights: self.weights.narrow(0, own.start, own.len()),
            texts: self.texts.rows(own.clone()),
            rows: self.rows.part(own),
        })
    }

    /// Computes the mean of the weighted cross-entropies of the texts.
    pub fn loss(self, network: &Network, objective: Objective) -> Loss {
        let Self { texts, classes, weights, rows } = self;
        let count = texts.lengths.len();
        let embedded = network.embedding.forward(texts.ids.clone()); // [B, T, E]
        let embedded = if objective.frozen_embeddings { embedded.detach() } else { embedded };
        let logits = rows.within(|| network.forward_embedded(embedded, texts)); // [B, K]
        let losses = cross_entropy(logits, classes, objective.label_smoothing.get()); // [B]
        Loss { mean: (losses * weights).mean(), count }
    }
}

/// Replaces each word by the unknown word with probability `share`, independently.
fn drop_words(ids: &[u32], share: Fraction, rng: &mut ChaCha8Rng) -> Vec<u32> {
    ids.iter().map(|id| if rng.random_bool(share.get()) { Vocabulary::UNKNOWN } else { *id }).collect()
}

/// The cross-entropy of each text with label smoothing ε (`smoothing`), from the logits `[B, K]` and the classes `[B]`
/// of B texts: `[B]`. K is the number of logits per text. If K is 1, the logit belongs to the second of two classes.
fn cross_entropy(logits: Tensor<2>, classes: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let [batch, outputs] = logits.dims();
    if outputs == 1 {
        let signs = classes.float().mul_scalar(2.0).sub_scalar(1.0); // [B], 1 or −1
        return binary_cross_entropy(logits.squeeze_dim::<1>(1) * signs, smoothing);
    }
    let logs = log_softmax(logits, 1); // [B, K]
    let loss = logs.clone().gather(1, classes.reshape([batch, 1])).neg().squeeze_dim::<1>(1); // [B]
    match smoothing > 0.0 {
        true => loss.mul_scalar(1.0 - smoothing) - logs.mean_dim(1).squeeze_dim::<1>(1).mul_scalar(smoothing),
        false => loss,
    }
}

/// Binary cross-entropy with label smoothing `ε`, `[B]` → `[B]`: `−(1 − ε/2) log σ(z) − ε/2 log σ(−z)`. The argument
/// `logits` has the value `z` of each text: the logit of the positive label, multiplied by −1 if the text is negative.
fn binary_cross_entropy(logits: Tensor<1>, smoothing: f64) -> Tensor<1> {
    let loss = log_sigmoid(logits.clone()).neg();
    // With log σ(−z) = log σ(z) − z, the smoothed loss is −log σ(z) + ε/2 · z.
    if smoothing > 0.0 { loss + logits.mul_scalar(smoothing / 2.0) } else { loss }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dropouts, NetworkConfig};
    use rand::SeedableRng;

    fn losses(logits: Tensor<2>, classes: &[i32], smoothing: f64) -> Vec<f32> {
        let classes = Tensor::from_data(TensorData::new(classes.to_vec(), [classes.len()]), &Device::flex());
        cross_entropy(logits, classes, smoothing).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_smoothed_loss_is_least_at_the_target_probability() {
        let loss = |probability: f32, smoothing| -> f32 {
            let logits = Tensor::from_floats([[(probability / (1.0 - probability)).ln()]], &Device::flex());
            losses(logits, &[1], smoothing)[0]
        };
        approx::assert_abs_diff_eq!(loss(0.9, 0.0), -0.9f32.ln(), epsilon = 1e-6);
        approx::assert_abs_diff_eq!(loss(0.9, 0.2), -0.9 * 0.9f32.ln() - 0.1 * 0.1f32.ln(), epsilon = 1e-6);
        assert!(loss(0.9, 0.2) < loss(0.85, 0.2) && loss(0.9, 0.2) < loss(0.95, 0.2));
    }

    #[test]
    fn two_logits_have_the_loss_of_their_difference() {
        let one = Tensor::from_floats([[1.5], [-0.5]], &Device::flex());
        let two = Tensor::from_floats([[0.25, 1.75], [3.0, 2.5]], &Device::flex());
        for smoothing in [0.0, 0.1] {
            let pairs =
                losses(one.clone(), &[1, 1], smoothing).into_iter().zip(losses(two.clone(), &[1, 1], smoothing));
            pairs.for_each(|(one, two)| approx::assert_abs_diff_eq!(one, two, epsilon = 1e-6));
        }
    }

    #[test]
    fn word_dropout_replaces_a_fraction_of_the_words() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let share = |share| Fraction::try_from(share).unwrap();
        let dropped = drop_words(&[7; 4000], share(0.25), &mut rng);
        let unknown = dropped.iter().filter(|id| **id == Vocabulary::UNKNOWN).count();
        assert!((800..1200).contains(&unknown), "{unknown}");
        assert_eq!(drop_words(&[7; 40], share(0.0), &mut rng), [7; 40]);
    }

    #[test]
    fn weights_scale_losses_and_frozen_embeddings_get_no_gradient() {
        let device = Device::flex().autodiff();
        let config = serde_json::json!({ "cell": "gru", "embedding_size": 4, "hidden_size": 3, "pooling": "last" });
        let config: NetworkConfig = serde_json::from_value(config).unwrap();
        let network = config.init(9, 3, Dropouts::default(), &device);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut loss = |weights: [f32; 2], frozen_embeddings| {
            let example = |(class, weight)| Example { text: String::new(), ids: Vec::new(), class, weight };
            let examples: Vec<Example> = [2, 0].into_iter().zip(weights).map(example).collect();
            let none = Fraction::default();
            let batch = ClassificationBatch::draw(&[&[3, 4], &[5]], &examples, none, &mut rng, &device);
            batch.loss(&network, Objective { label_smoothing: none, frozen_embeddings }).mean
        };
        let value = |loss: Tensor<1>| loss.into_scalar::<f32>();
        let [first, second, both] = [[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]].map(|weights| value(loss(weights, false)));
        approx::assert_abs_diff_eq!(both, (first + second) / 2.0, epsilon = 1e-6);
        let mut gradient = |frozen| network.embedding.weight.grad(&loss([1.0, 1.0], frozen).backward());
        assert!(gradient(false).is_some() && gradient(true).is_none());
    }
}
