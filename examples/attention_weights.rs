//! Attention weights: the weight that attention pooling gives to each word of a review.
//!
//! ```text
//! words [B, T] ─► embedding ─► bidirectional GRU [B, T, 64] ─► weighted mean [B, 64] ─► dense [B]
//!                                                        └──► weights [B, T] ─┘
//! ```
//!
//! "But" and "although" determine which clause states the reviewer's opinion. The network learns to attend to that
//! clause.
//!
//! ```sh
//! cargo run -p examples --example attention_weights
//! ```
//!
//! The program prints the accuracy and the predictions for two reviews, and writes `attention_weights.svg`.
//! `cargo run -p sentiment -- train --set 'model.network.pooling="attention"'` trains a network with attention pooling,
//! and saves the network.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use datasets::{Review, sample};
use examples::{binary_cross_entropy, encode};
use inference::text::{Vocabulary, tokenize};
use rnn::{AttentionPooling, Cell, Rnn, RnnConfig};
use sentiment::model::Batch;
use training::descend;
use training::plot::{self, HeatMap};

const BATCH_SIZE: usize = 32;
const STEPS: usize = 800;
/// A positive review, because the clause after "but" states the opinion.
const BUT: &str = "The plot is dull, but the cast is warm.";
/// A negative review, which differs from [`BUT`] in one word.
const ALTHOUGH: &str = "The plot is dull, although the cast is warm.";

#[derive(Module, Debug)]
struct Network {
    embedding: Embedding,
    gru: Rnn,
    attention: AttentionPooling,
    dense: Linear,
}

impl Network {
    fn new(vocabulary: usize, device: &Device) -> Self {
        Self {
            embedding: EmbeddingConfig::new(vocabulary, 32).init(device),
            gru: RnnConfig::new(Cell::Gru, 32, 32).with_bidirectional(true).init(device),
            attention: AttentionPooling::new(64, device),
            dense: LinearConfig::new(64, 1).init(device),
        }
    }

    /// Returns the outputs of the GRU at each step, `[B, T, 64]`.
    fn outputs(&self, batch: &Batch) -> Tensor<3> {
        self.gru.forward(self.embedding.forward(batch.ids.clone()), Some(&batch.lengths), None).0
    }

    /// Returns the logits of the positive label, `[B]`.
    fn forward(&self, batch: &Batch) -> Tensor<1> {
        let pooled = self.attention.forward(self.outputs(batch), &batch.lengths); // [B, 64]
        self.dense.forward(pooled).squeeze_dim(1)
    }
}

/// A trained network and its vocabulary.
struct Classifier {
    vocabulary: Vocabulary,
    network: Network,
}

impl Classifier {
    fn train(reviews: &[Review], steps: usize) -> Self {
        let device = Device::flex().autodiff();
        device.seed(1);
        let vocabulary = examples::vocabulary(reviews);
        let (network, _) = descend(Network::new(vocabulary.len(), &device), steps, 0.005, |network, step| {
            let batch: Vec<&Review> = reviews.iter().cycle().skip(step * BATCH_SIZE).take(BATCH_SIZE).collect();
            let logits = network.forward(&encode(batch.iter().map(|review| &review.text), &vocabulary, &device));
            binary_cross_entropy(logits, batch.iter().map(|review| review.positive))
        });
        Self { vocabulary, network }
    }

    fn accuracy(&self, reviews: &[Review]) -> f32 {
        let batch = encode(reviews.iter().map(|review| &review.text), &self.vocabulary, &Device::flex());
        let logits = self.network.forward(&batch).into_data();
        let correct = logits.iter::<f32>().zip(reviews).filter(|(logit, review)| (*logit > 0.0) == review.positive);
        correct.count() as f32 / reviews.len() as f32
    }

    /// Returns the probability of the positive label for a review, and the attention weight of each word.
    fn weights(&self, text: &str) -> (f32, Vec<f64>) {
        let batch = encode([text], &self.vocabulary, &Device::flex());
        let logit: f32 = self.network.forward(&batch).into_scalar();
        let weights = self.network.attention.weights(self.network.outputs(&batch), &batch.lengths);
        (1.0 / (1.0 + (-logit).exp()), weights.into_data().iter::<f64>().collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reviews = sample::load();
    let classifier = Classifier::train(&reviews.train, STEPS);
    println!("accuracy on {} test reviews: {:.3}\n", reviews.test.len(), classifier.accuracy(&reviews.test));
    let results = [BUT, ALTHOUGH].map(|text| (text, classifier.weights(text)));
    for (text, (probability, weights)) in &results {
        println!("{:>4.0} % positive: {text}", 100.0 * probability);
        let words = tokenize(text);
        let weighted = words.iter().zip(weights).map(|(word, weight)| format!("{word} {:.0}", 100.0 * weight));
        println!("      attention weights, %: {}\n", weighted.collect::<Vec<_>>().join(", "));
    }
    let map = HeatMap {
        title: "Weights of attention pooling".to_owned(),
        columns: tokenize(BUT).iter().map(|word| word.replace("but", "but / although")).collect(),
        rows: vec!["… but …".to_owned(), "… although …".to_owned()],
        values: results.iter().map(|(_, (_, weights))| weights.clone()).collect(),
        caption: "Attention weight of each word, from 0 (white) to 1 (dark). The reviews differ in one word. That word moves \
                  the attention to the clause with the reviewer's opinion. (The bidirectional GRU gives each position \
                  information about its neighbours.)"
            .to_owned(),
    };
    examples::save("attention_weights.svg", &plot::heat_map(&map)?)
}

#[cfg(test)]
#[path = "tests/attention_weights.rs"]
mod tests;
