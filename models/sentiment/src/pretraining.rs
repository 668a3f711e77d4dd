//! Pretraining without labels: each direction of the network learns which word comes next on its way.
//!
//! That a recurrent network reads reviews better after it has learned to continue them is the finding of
//! [Dai & Le 2015](https://arxiv.org/abs/1511.01432). A softmax over all words would cost more than the network itself;
//! here the next word has to be told from words picked at random from the same batch, the loss of
//! [van den Oord et al. 2018](https://arxiv.org/abs/1807.03748). Outputs are compared with the word features themselves,
//! so that nothing is trained that the classifier will not use.
//!
//! ```text
//!          forward output after "not a"  ·  features of "dull", "the", "film", …   ─►  which is the next word?
//! backward output before "moment ever"   ·  the same                               ─►  which is the one before?
//! ```

use burn::tensor::{Device, Int, Tensor, TensorData};
use datasets::Vocabulary;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use training::Loss;
use training::settings::Count;

use crate::model::{Network, Words};

/// `[model.network.pretraining]` of a recipe. Needs as many hidden as word features.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingConfig {
    /// How many epochs; the labels are learned in those that follow.
    pub epochs: Count,
    /// How many other words the next one is to be told from.
    pub negatives: Count,
    /// One in so many places of the texts is asked about.
    pub one_in: Count,
}

/// Places in a batch and the words that are asked for there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Questions {
    /// `text · time + step`
    places: Vec<i32>,
    words: Vec<i32>,
}

/// The mean cross-entropy of telling the next word from `negatives` others, over the places asked about.
pub fn loss(
    network: &Network,
    texts: &[&[u32]],
    config: &PretrainingConfig,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Loss {
    let words = Words::new(texts.iter().copied(), device);
    let [batch, time] = words.numbers.dims();
    let features = network.embedding.weight.dims()[1];
    let embedded = network.embedding.forward(words.numbers); // [B, T, E]
    let (outputs, _) = network.rnn.forward(embedded, Some(&words.lengths), None); // [B, T, D·E]
    let directions = network.rnn.output_size() / features;
    let outputs = outputs.reshape([batch * time, directions * features]);

    let negatives = pick_words(texts, config.negatives, rng);
    let mut losses = Vec::new();
    for direction in 0..directions {
        let questions = Questions::draw(texts, time, direction == 1, config.one_in, rng);
        if !questions.places.is_empty() {
            let places = integers(questions.places, device);
            let asked = outputs.clone().select(0, places).narrow(1, direction * features, features); // [Q, E]
            losses.push(cross_entropy(network, asked, questions.words, negatives.clone(), device));
        }
    }
    match losses.is_empty() {
        // Texts of one word each have nothing to continue.
        true => Loss { mean: outputs.sum().mul_scalar(0.0), count: texts.len() },
        false => Loss { mean: Tensor::cat(losses, 0).mean(), count: texts.len() },
    }
}

/// Per question: `ln Σ exp(scores) − score of the right word`, `[Q]`.
fn cross_entropy(
    network: &Network,
    asked: Tensor<2>,
    words: Vec<i32>,
    negatives: Vec<i32>,
    device: &Device,
) -> Tensor<1> {
    let (questions, others) = (words.len(), negatives.len());
    let weights = network.embedding.weight.val(); // [V, E]
    let words = integers(words, device); // [Q]
    let negatives = integers(negatives, device); // [N]
    let right = (asked.clone() * weights.clone().select(0, words.clone())).sum_dim(1); // [Q, 1]
    let same = words.reshape([questions, 1]).equal(negatives.clone().reshape([1, others])); // [Q, N]
    let wrong = asked.matmul(weights.select(0, negatives).transpose()).mask_fill(same, -1e4); // [Q, N]
    let scores = Tensor::cat(vec![right.clone(), wrong], 1); // [Q, 1 + N]
    let largest = scores.clone().max_dim(1).detach(); // [Q, 1]
    let total = (scores - largest.clone()).exp().sum_dim(1).log() + largest; // [Q, 1]
    (total - right).squeeze_dim(1)
}

impl Questions {
    /// One in so many places, each with the word after it or, read backwards, before it.
    fn draw(texts: &[&[u32]], time: usize, backwards: bool, one_in: Count, rng: &mut ChaCha8Rng) -> Self {
        let mut questions = Self::default();
        for (row, text) in texts.iter().enumerate() {
            for step in 1..text.len() {
                if rng.random_bool(1.0 / one_in.get() as f64) {
                    let (place, word) = if backwards { (step, step - 1) } else { (step - 1, step) };
                    questions.places.push((row * time + place) as i32);
                    questions.words.push(text[word] as i32);
                }
            }
        }
        questions
    }
}

/// Words at random places of the batch: frequent ones more often.
fn pick_words(texts: &[&[u32]], count: Count, rng: &mut ChaCha8Rng) -> Vec<i32> {
    let all: Vec<u32> = texts.concat();
    let mut pick = || all.choose(rng as &mut dyn Rng).copied().unwrap_or(Vocabulary::UNKNOWN) as i32;
    (0..count.get()).map(|_| pick()).collect()
}

fn integers(numbers: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NetworkConfig;
    use burn::optim::{AdamConfig, GradientsParams};
    use rand::SeedableRng;

    fn network(device: &Device) -> Network {
        let config: NetworkConfig = serde_json::from_value(serde_json::json!({
            "cell": "gru", "embedding_size": 8, "hidden_size": 8, "bidirectional": true, "pooling": "max-mean",
        }))
        .unwrap();
        config.init(20, device)
    }

    #[test]
    fn questions_point_at_the_neighbour_on_the_way() {
        let one = Count::ONE;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let texts = [&[5, 6, 7][..], &[8], &[9, 10]];
        let forward = Questions::draw(&texts, 3, false, one, &mut rng);
        assert_eq!(forward, Questions { places: vec![0, 1, 6], words: vec![6, 7, 10] });
        let backward = Questions::draw(&texts, 3, true, one, &mut rng);
        assert_eq!(backward, Questions { places: vec![1, 2, 7], words: vec![5, 6, 9] });
        let some = Questions::draw(&[&[4; 4000]], 4000, false, Count::try_from(4).unwrap(), &mut rng);
        assert!((800..1200).contains(&some.places.len()), "{}", some.places.len());
    }

    #[test]
    fn a_blind_guess_costs_the_logarithm_of_the_choices() {
        let device = Device::flex();
        let blind = Tensor::zeros([2, 8], &device);
        // One of the others is the first question's own word, and is no choice there.
        let costs = cross_entropy(&network(&device), blind, vec![2, 3], vec![2, 4, 5], &device);
        let costs: Vec<f32> = costs.into_data().try_to_vec().unwrap();
        approx::assert_relative_eq!(costs[0], 3f32.ln(), epsilon = 1e-5);
        approx::assert_relative_eq!(costs[1], 4f32.ln(), epsilon = 1e-5);
    }

    #[test]
    fn a_text_that_repeats_itself_becomes_foreseeable_both_ways() {
        let device = Device::flex().autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let text: Vec<u32> = [4, 7, 9, 12, 15].repeat(6);
        let number = |number| Count::try_from(number).unwrap();
        let config = PretrainingConfig { epochs: Count::ONE, negatives: number(10), one_in: number(1) };
        let (mut network, mut adam) = (network(&device), AdamConfig::new().init());
        let mut costs = Vec::new();
        for _ in 0..60 {
            let loss = loss(&network, &[&text, &text[2..]], &config, &mut rng, &device);
            costs.push(loss.mean.clone().into_scalar::<f32>());
            let grads = GradientsParams::from_grads(loss.mean.backward(), &network);
            network = adam.step(0.02, network, grads);
        }
        assert!(costs[59] < costs[0] / 4.0, "{} to {}", costs[0], costs[59]);
    }

    #[test]
    fn texts_of_one_word_have_nothing_to_continue() {
        let device = Device::flex().autodiff();
        let config = PretrainingConfig { epochs: Count::ONE, negatives: Count::ONE, one_in: Count::ONE };
        let loss = loss(&network(&device), &[&[3], &[]], &config, &mut ChaCha8Rng::seed_from_u64(1), &device);
        assert_eq!(loss.mean.into_scalar::<f32>(), 0.0);
    }
}
