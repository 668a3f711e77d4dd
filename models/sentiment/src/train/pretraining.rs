//! Pretraining without labels: each direction of the network learns to predict the next word in its direction.
//!
//! [Dai & Le 2015](https://arxiv.org/abs/1511.01432) found that a recurrent network classifies better after it has
//! learned to continue texts. A softmax over the whole vocabulary would take more time than the network itself, so the
//! next word is predicted among words drawn at random from the same batch, with the loss of [van den Oord et al.
//! 2018](https://arxiv.org/abs/1807.03748). The logit of a word is the dot product of an output and the embedding of
//! the word, so pretraining trains only parameters that the classifier also uses.
//!
//! ```text
//!          forward output after "not a"  ·  embeddings of "dull", "the", "film", …   ─►  which is the next word?
//! backward output before "moment ever"   ·  the same embeddings                      ─►  which is the previous word?
//! ```

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use inference::by_length;
use inference::text::Vocabulary;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rnn::Rows;
use serde::{Deserialize, Serialize};
use training::collective::Share;
use training::settings::Count;
use training::{Interrupt, Loss, Measured, Metric, TaskResult};

use crate::model::{Batch, Network};
use crate::network::BATCH;
use crate::train::data::Example;

/// The table `[model.network.pretraining]` of a training recipe. It requires that `embedding_size` equals
/// `hidden_size`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingConfig {
    /// The number of epochs of pretraining. In the later epochs, the network learns the labels.
    pub epochs: Count,
    /// The number of wrong words with which the right word competes in each prediction.
    pub negatives: Count,
    /// The network makes a prediction at one in `one_in` positions of the texts, on average.
    pub one_in: Count,
}

/// A batch of texts with the words to predict.
#[derive(Clone, Debug)]
pub struct PretrainingBatch {
    /// The texts as token ids.
    texts: Batch,
    /// The token ids of the wrong words, which are the same for all predictions of the batch.
    negatives: Vec<i32>,
    /// The words to predict, one item per direction.
    targets: Vec<Targets>,
    /// The factor by which the loss is multiplied: 1 for a whole batch; for the texts of one rank (process), the rank's
    /// share of the predictions divided by its share of the texts.
    weight: f64,
    /// Which rows (texts) of the whole batch this process computes.
    rows: Rows,
}

/// Positions in a batch, and the token id of the word to predict at each position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Targets {
    /// The index of each position in the flattened batch: `text · time + step`, where `time` is the number of steps of
    /// the padded texts.
    positions: Vec<i32>,
    /// The token id of the word to predict at each position.
    words: Vec<i32>,
}

impl PretrainingBatch {
    /// Draws the wrong words and the positions of the predictions for a batch of texts as token ids. `directions` is
    /// the number of directions of the network, 1 or 2.
    pub fn draw(
        texts: &[&[u32]],
        directions: usize,
        config: &PretrainingConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let negatives = draw_words(texts, config.negatives, rng);
        let batch = Batch::new(texts.iter().copied(), device);
        let [_, time] = batch.ids.dims();
        let targets = (0..directions).map(|direction| Targets::draw(texts, time, direction == 1, config.one_in, rng));
        let rows = Rows::all(texts.len());
        Self { negatives, targets: targets.collect(), texts: batch, weight: 1.0, rows }
    }

    /// Returns the part of the batch that one rank (process) computes; `None` if the rank has no texts. The loss of the
    /// part gets a weight, so that all predictions of the whole batch count equally even if the ranks have different
    /// numbers of predictions per text.
    pub fn part(self, share: Share) -> Option<Self> {
        let own = share.own_rows(self.rows.of)?;
        let [_, time] = self.texts.ids.dims();
        let (all, positions) = (count(&self.targets), own.start * time..own.end * time);
        let targets: Vec<Targets> = self.targets.iter().map(|targets| targets.within(&positions)).collect();
        // The share of this rank in the predictions, and its share in the texts, by which the trainer weights the loss.
        let predictions = count(&targets) as f64 / all.max(1) as f64;
        let texts = own.len() as f64 / self.rows.of as f64;
        let rows = self.rows.part(own.clone());
        Some(Self { texts: self.texts.rows(own), targets, weight: predictions / texts, rows, ..self })
    }

    /// Computes the mean cross-entropy of the predictions, each of which chooses among the right word and the wrong
    /// words.
    pub fn loss(self, network: &Network) -> Loss {
        let (count, weight, rows) = (self.texts.lengths.len(), self.weight, self.rows.clone());
        let logits = rows.within(|| self.logits(network));
        let losses: Vec<Tensor<1>> = logits.into_iter().map(Logits::cross_entropy).collect();
        let mean = match losses.is_empty() {
            // No position was drawn, for example because each text has one word: the loss is 0, with a gradient of 0.
            true => network.embedding.weight.val().sum().mul_scalar(0.0),
            false => Tensor::cat(losses, 0).mean().mul_scalar(weight),
        };
        Loss { mean, count }
    }

    /// Computes the logits of the right and the wrong words. Returns one item per direction of the network, without the
    /// directions that have no word to predict.
    fn logits(self, network: &Network) -> Vec<Logits> {
        let Self { texts, negatives, targets, .. } = self;
        let [batch, time] = texts.ids.dims();
        let features = network.embedding.weight.dims()[1];
        let embedded = network.embedding.forward(texts.ids); // [B, T, E]
        let (outputs, _) = network.rnn.forward(embedded, Some(&texts.lengths), None); // [B, T, D·E]
        let outputs = outputs.reshape([batch * time, targets.len() * features]);

        let predicted = targets.into_iter().enumerate().filter(|(_, targets)| !targets.positions.is_empty());
        let logits = predicted.map(|(direction, Targets { positions, words })| {
            let positions = integers(positions, &outputs.device());
            let outputs = outputs.clone().select(0, positions); // [Q, D·E]
            let outputs = outputs.narrow(1, direction * features, features); // [Q, E]
            Logits::new(network, outputs, words, negatives.clone())
        });
        logits.collect()
    }
}

/// The logits of Q predictions.
struct Logits {
    /// The logit of the right word: `[Q, 1]`.
    right: Tensor<2>,
    /// The logits of the N wrong words: `[Q, N]`. If a word that was drawn as a wrong word is the right word, its logit
    /// is −10,000.
    wrong: Tensor<2>,
}

impl Logits {
    /// Computes the logits from outputs `[Q, E]`, Q right words and N wrong words.
    fn new(network: &Network, outputs: Tensor<2>, words: Vec<i32>, negatives: Vec<i32>) -> Self {
        let device = outputs.device();
        let (predictions, others) = (words.len(), negatives.len());
        let weights = network.embedding.weight.val(); // [V, E]
        let words = integers(words, &device); // [Q]
        let negatives = integers(negatives, &device); // [N]
        let right = (outputs.clone() * weights.clone().select(0, words.clone())).sum_dim(1); // [Q, 1]
        let same = words.reshape([predictions, 1]).equal(negatives.clone().reshape([1, others])); // [Q, N]
        let wrong = outputs.matmul(weights.select(0, negatives).transpose()).mask_fill(same, -1e4); // [Q, N]
        Self { right, wrong }
    }

    /// The cross-entropy of each prediction in nats: `ln Σ exp(logits) − logit of the right word`, `[Q]`.
    fn cross_entropy(self) -> Tensor<1> {
        let Self { right, wrong } = self;
        let logits = Tensor::cat(vec![right.clone(), wrong], 1); // [Q, 1 + N]
        let largest = logits.clone().max_dim(1).detach(); // [Q, 1]
        let total = (logits - largest.clone()).exp().sum_dim(1).log() + largest; // [Q, 1]
        (total - right).squeeze_dim(1)
    }

    /// Whether the right word has the largest logit, 1 or 0 for each prediction: `[Q]`.
    fn is_right(&self) -> Tensor<1> {
        self.right.clone().greater_equal(self.wrong.clone().max_dim(1)).float().squeeze_dim(1)
    }
}

/// Measures how well a network predicts words of texts: the share of predictions in which the right word has the
/// largest logit (`accuracy`), and the mean cross-entropy (`loss`). Positions and wrong words are drawn with a fixed
/// seed.
pub fn measure(
    network: &Network,
    set: &[Example],
    config: &PretrainingConfig,
    device: &Device,
    interrupt: &Interrupt,
) -> TaskResult<Measured> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let directions = if network.rnn.is_bidirectional() { 2 } else { 1 };
    let (mut right, mut loss, mut count) = (0.0, 0.0, 0.0);
    for indices in by_length(set.iter().map(|example| example.ids.len()), BATCH) {
        interrupt.check()?;
        let texts: Vec<&[u32]> = indices.iter().map(|index| set[*index].ids.as_slice()).collect();
        for logits in PretrainingBatch::draw(&texts, directions, config, &mut rng, device).logits(network) {
            let is_right: Vec<f32> = logits.is_right().into_data().convert::<f32>().iter().collect();
            count += is_right.len() as f64;
            right += is_right.into_iter().map(f64::from).sum::<f64>();
            loss += logits.cross_entropy().into_data().convert::<f32>().iter::<f32>().map(f64::from).sum::<f64>();
        }
    }
    Ok(vec![Metric::higher("accuracy", right / count), Metric::lower("loss", loss / count)].into())
}

/// The number of predictions.
fn count(targets: &[Targets]) -> usize {
    targets.iter().map(|targets| targets.words.len()).sum()
}

impl Targets {
    /// Returns the targets whose positions are in this range. The returned positions are counted from the start of the
    /// range.
    fn within(&self, positions: &Range<usize>) -> Self {
        let all = self.positions.iter().zip(&self.words);
        let own = all.filter(|(position, _)| positions.contains(&(**position as usize)));
        let (positions, words) = own.map(|(position, word)| (position - positions.start as i32, *word)).unzip();
        Self { positions, words }
    }

    /// Chooses each position of the texts at random with the probability 1 / `one_in`. The word to predict is the next
    /// word or, if `backwards` is true, the previous word.
    fn draw(texts: &[&[u32]], time: usize, backwards: bool, one_in: Count, rng: &mut ChaCha8Rng) -> Self {
        let mut targets = Self::default();
        for (row, text) in texts.iter().enumerate() {
            for step in 1..text.len() {
                if rng.random_bool(1.0 / one_in.get() as f64) {
                    let (position, word) = if backwards { (step, step - 1) } else { (step - 1, step) };
                    targets.positions.push((row * time + position) as i32);
                    targets.words.push(text[word] as i32);
                }
            }
        }
        targets
    }
}

/// Draws words at random positions of the batch, so that frequent words are drawn more often.
fn draw_words(texts: &[&[u32]], count: Count, rng: &mut ChaCha8Rng) -> Vec<i32> {
    let all: Vec<u32> = texts.concat();
    let mut draw = || all.choose(rng as &mut dyn Rng).copied().unwrap_or(Vocabulary::UNKNOWN) as i32;
    (0..count.get()).map(|_| draw()).collect()
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dropouts, NetworkConfig};
    use burn::optim::{AdamConfig, GradientsParams};

    fn network(device: &Device) -> Network {
        let config: NetworkConfig = serde_json::from_value(serde_json::json!({
            "cell": "gru", "embedding_size": 8, "hidden_size": 8, "bidirectional": true, "pooling": "max-mean",
        }))
        .unwrap();
        config.init(20, 1, Dropouts::default(), device)
    }

    #[test]
    fn targets_are_the_neighbours_in_reading_direction() {
        let one = Count::ONE;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let texts = [&[5, 6, 7][..], &[8], &[9, 10]];
        let forward = Targets::draw(&texts, 3, false, one, &mut rng);
        assert_eq!(forward, Targets { positions: vec![0, 1, 6], words: vec![6, 7, 10] });
        let backward = Targets::draw(&texts, 3, true, one, &mut rng);
        assert_eq!(backward, Targets { positions: vec![1, 2, 7], words: vec![5, 6, 9] });
        let some = Targets::draw(&[&[4; 4000]], 4000, false, Count::try_from(4).unwrap(), &mut rng);
        assert!((800..1200).contains(&some.positions.len()), "{}", some.positions.len());
    }

    #[test]
    fn equal_logits_give_the_logarithm_of_the_number_of_choices() {
        let device = Device::flex();
        let zeros = Tensor::zeros([2, 8], &device);
        // One negative is the first target itself and does not count there.
        // With all logits equal, the first word counts as predicted.
        let logits = Logits::new(&network(&device), zeros, vec![2, 3], vec![2, 4, 5]);
        assert_eq!(logits.is_right().into_data().try_to_vec::<f32>().unwrap(), [1.0, 1.0]);
        let losses: Vec<f32> = logits.cross_entropy().into_data().try_to_vec().unwrap();
        approx::assert_relative_eq!(losses[0], 3f32.ln(), epsilon = 1e-5);
        approx::assert_relative_eq!(losses[1], 4f32.ln(), epsilon = 1e-5);
    }

    #[test]
    fn a_periodic_text_becomes_predictable_in_both_directions() {
        let device = Device::flex().autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let text: Vec<u32> = [4, 7, 9, 12, 15].repeat(6);
        let count = |count| Count::try_from(count).unwrap();
        let config = PretrainingConfig { epochs: Count::ONE, negatives: count(10), one_in: count(1) };
        let (mut network, mut adam) = (network(&device), AdamConfig::new().init());
        let mut losses = Vec::new();
        for _ in 0..60 {
            let loss = PretrainingBatch::draw(&[&text, &text[2..]], 2, &config, &mut rng, &device).loss(&network);
            losses.push(loss.mean.clone().into_scalar::<f32>());
            let grads = GradientsParams::from_grads(loss.mean.backward(), &network);
            network = adam.step(0.02, network, grads);
        }
        assert!(losses[59] < losses[0] / 4.0, "{} to {}", losses[0], losses[59]);

        let example = |ids: &[u32]| Example { text: String::new(), ids: ids.to_vec(), class: 0, weight: 1.0 };
        let set = [example(&text), example(&[4, 4, 9])];
        let measured = measure(&network, &set[..1], &config, &device, &Interrupt::default()).unwrap();
        assert_eq!(measured.get("accuracy"), Some(1.0));
        let other = measure(&network, &set[1..], &config, &device, &Interrupt::default()).unwrap();
        assert!(other.get("loss") > measured.get("loss"));
    }

    #[test]
    fn the_losses_of_the_parts_add_up_to_the_loss_of_the_batch() {
        let device = Device::flex().autodiff();
        let network = network(&device);
        let config = PretrainingConfig { epochs: Count::ONE, negatives: Count::ONE, one_in: Count::ONE };
        let texts = [&[5, 6, 7, 8, 9][..], &[3], &[4, 11, 5], &[9, 10]];
        let loss = |share: Option<Share>| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let batch = PretrainingBatch::draw(&texts, 2, &config, &mut rng, &device);
            let batch = share.map_or(Some(batch.clone()), |share| batch.part(share));
            let loss = batch.map(|batch| batch.loss(&network));
            loss.map_or(0.0, |loss| loss.mean.into_scalar::<f32>() * loss.count as f32)
        };
        for world in [2, 3, 5] {
            let parts: f32 = (0..world).map(|rank| loss(Some(Share { rank, world }))).sum();
            approx::assert_relative_eq!(parts, loss(None), max_relative = 1e-5);
        }
    }

    #[test]
    fn texts_of_one_word_have_no_next_word() {
        let device = Device::flex().autodiff();
        let config = PretrainingConfig { epochs: Count::ONE, negatives: Count::ONE, one_in: Count::ONE };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let loss = PretrainingBatch::draw(&[&[3], &[]], 2, &config, &mut rng, &device).loss(&network(&device));
        assert_eq!((loss.mean.into_scalar::<f32>(), loss.count), (0.0, 2));
    }
}
