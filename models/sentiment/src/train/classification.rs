//! Training of the network to classify texts: batches of texts with labels, and the loss.

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use inference::settings::Fraction;
use inference::text::Vocabulary;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use training::Loss;

use crate::model::{Batch, Network};

/// A batch of texts with their labels.
#[derive(Clone, Debug)]
pub struct ClassificationBatch {
    texts: Batch,
    /// 1 for positive and -1 for negative labels: `[batch]`.
    signs: Tensor<1>,
}

impl ClassificationBatch {
    /// Makes a batch from the token ids of texts and from their labels. Word dropout replaces some of the words.
    pub fn draw(
        texts: &[&[u32]],
        positive: impl IntoIterator<Item = bool>,
        word_dropout: Fraction,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let texts: Vec<Vec<u32>> = texts.iter().map(|ids| drop_words(ids, word_dropout, rng)).collect();
        let signs: Vec<f32> = positive.into_iter().map(|positive| if positive { 1.0 } else { -1.0 }).collect();
        let count = signs.len();
        Self {
            texts: Batch::new(texts.iter().map(Vec::as_slice), device),
            signs: Tensor::from_data(TensorData::new(signs, [count]), device),
        }
    }

    /// Computes the mean binary cross-entropy of the labels.
    pub fn loss(self, network: &Network, label_smoothing: Fraction) -> Loss {
        let count = self.texts.lengths.len();
        let logits = network.forward(self.texts) * self.signs; // [B]
        Loss { mean: binary_cross_entropy(logits, label_smoothing.get()), count }
    }
}

/// Replaces each word by the unknown word with probability `share`, independently.
fn drop_words(ids: &[u32], share: Fraction, rng: &mut ChaCha8Rng) -> Vec<u32> {
    ids.iter().map(|id| if rng.random_bool(share.get()) { Vocabulary::UNKNOWN } else { *id }).collect()
}

/// Mean binary cross-entropy with label smoothing `ε`, `[B]` → `[1]`: `−(1 − ε/2) log σ(z) − ε/2 log σ(−z)`. `z` is the
/// logit of the positive label, multiplied by the sign of the true label.
fn binary_cross_entropy(logits: Tensor<1>, smoothing: f64) -> Tensor<1> {
    let loss = log_sigmoid(logits.clone()).mean().neg();
    // With log σ(−z) = log σ(z) − z, the smoothed loss is −log σ(z) + ε/2 · z.
    if smoothing > 0.0 { loss + logits.mean().mul_scalar(smoothing / 2.0) } else { loss }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_smoothed_loss_is_least_at_the_target_probability() {
        let loss = |probability: f32, smoothing| -> f32 {
            let logits = Tensor::<1>::from_floats([(probability / (1.0 - probability)).ln()], &Device::flex());
            binary_cross_entropy(logits, smoothing).into_scalar()
        };
        approx::assert_abs_diff_eq!(loss(0.9, 0.0), -0.9f32.ln(), epsilon = 1e-6);
        approx::assert_abs_diff_eq!(loss(0.9, 0.2), -0.9 * 0.9f32.ln() - 0.1 * 0.1f32.ln(), epsilon = 1e-6);
        assert!(loss(0.9, 0.2) < loss(0.85, 0.2) && loss(0.9, 0.2) < loss(0.95, 0.2));
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
}
