//! Where a network looks: the weights of attention pooling over the words of a review.
//!
//! ```text
//! words [B, T] ─► embedding ─► bidirectional GRU [B, T, 64] ─► weighted mean [B, 64] ─► dense [B]
//!                                                        └──► weights [B, T] ─┘
//! ```
//!
//! "But" and "although" decide which clause is the reviewer's own opinion: there the network has to look.
//!
//! ```sh
//! cargo run -p examples --example attention_weights
//! ```
//!
//! prints the accuracy and what two reviews are taken for, and draws `attention_weights.svg`.
//! `cargo run -p sentiment -- train --set 'model.network.pooling="attention"'` trains such a network for use.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use datasets::{Review, ReviewSet, Vocabulary, Zero, sample, tokenize};
use rnn::{AttentionPooling, Cell, Rnn, RnnConfig};
use sentiment::model::{Words, binary_cross_entropy, of_truth};
use training::descend;
use training::plot::{self, HeatMap};

const BATCH: usize = 32;
const STEPS: usize = 800;
/// Alike but for one word, and of opposite signs.
const BUT: &str = "The plot is dull, but the cast is warm.";
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

    /// What each word is, read from both ends: `[B, T, 64]`.
    fn read(&self, words: &Words) -> Tensor<3> {
        self.gru.forward(self.embedding.forward(words.numbers.clone()), Some(&words.lengths), None).0
    }

    /// The log-odds of a favourable review, `[B]`.
    fn forward(&self, words: &Words) -> Tensor<1> {
        let pooled = self.attention.forward(self.read(words), &words.lengths); // [B, 64]
        self.dense.forward(pooled).squeeze_dim(1)
    }
}

/// A network and the words it knows.
struct Reader {
    vocabulary: Vocabulary,
    network: Network,
}

impl Reader {
    fn train(reviews: &ReviewSet, steps: usize) -> Self {
        let device = Device::flex().autodiff();
        device.seed(1);
        let tokens: Vec<Vec<String>> = reviews.0.iter().map(|review| tokenize(&review.text)).collect();
        let vocabulary = Vocabulary::build(Zero::Padding, tokens.iter().flatten().map(String::as_str), 1000);
        let (network, _) = descend(Network::new(vocabulary.len(), &device), steps, 0.005, |network, step| {
            let batch: Vec<&Review> = reviews.0.iter().cycle().skip(step * BATCH).take(BATCH).collect();
            let odds =
                network.forward(&Words::read(batch.iter().map(|review| review.text.as_str()), &vocabulary, &device));
            binary_cross_entropy(of_truth(odds, batch.iter().map(|review| review.positive)), 0.0)
        });
        Self { vocabulary, network }
    }

    fn accuracy(&self, reviews: &ReviewSet) -> f32 {
        let words = Words::read(reviews.0.iter().map(|review| review.text.as_str()), &self.vocabulary, &Device::flex());
        let odds = self.network.forward(&words).into_data();
        let right = odds.iter::<f32>().zip(&reviews.0).filter(|(odds, review)| (*odds > 0.0) == review.positive);
        right.count() as f32 / reviews.0.len() as f32
    }

    /// The probability that a review is favourable, and the weight of each of its words.
    fn look(&self, text: &str) -> (f32, Vec<f64>) {
        let words = Words::read([text], &self.vocabulary, &Device::flex());
        let odds: f32 = self.network.forward(&words).into_scalar();
        let weights = self.network.attention.weights(self.network.read(&words), &words.lengths);
        (1.0 / (1.0 + (-odds).exp()), weights.into_data().iter::<f64>().collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reviews = sample::load();
    let reader = Reader::train(&reviews.train, STEPS);
    println!("accuracy on {} reviews not seen: {:.3}\n", reviews.test.0.len(), reader.accuracy(&reviews.test));
    let looked = [BUT, ALTHOUGH].map(|text| (text, reader.look(text)));
    for (text, (probability, weights)) in &looked {
        println!("{:>4.0} % favourable: {text}", 100.0 * probability);
        let words = tokenize(text);
        let weighed = words.iter().zip(weights).map(|(word, weight)| format!("{word} {:.0}", 100.0 * weight));
        println!("      weights, %: {}\n", weighed.collect::<Vec<_>>().join(", "));
    }
    let map = HeatMap {
        title: "The weights of attention pooling".to_owned(),
        columns: tokenize(BUT).iter().map(|word| word.replace("but", "but / although")).collect(),
        rows: vec!["… but …".to_owned(), "… although …".to_owned()],
        values: looked.iter().map(|(_, (_, weights))| weights.clone()).collect(),
        caption: "How much each word counts, from 0, white, to 1, dark. One word changes, and the network looks at the other \
                  clause: the one that says what the reviewer thinks. (The GRU has read each word with those around it.)"
            .to_owned(),
    };
    examples::save("attention_weights.svg", &plot::heat_map(&map)?)
}

#[cfg(test)]
#[path = "tests/attention_weights.rs"]
mod tests;
