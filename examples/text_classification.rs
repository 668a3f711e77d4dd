//! Text classification in thirty lines: is a film review favourable?
//!
//! ```text
//! words [B, T] ─► embedding [B, T, 32] ─► bidirectional GRU [2, B, 32] ─► both last states [B, 64] ─► dense [B]
//! ```
//!
//! ```sh
//! cargo run -p examples --example text_classification
//! ```
//!
//! prints the accuracy on reviews that were not learned from, beside that of always saying the same, and what is said of
//! three sentences. The reviews are the embedded ones; `cargo run -p sentiment -- train --recipe imdb-bigru` learns IMDB's.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use datasets::{Review, ReviewSet, Vocabulary, Zero, sample, tokenize};
use rnn::{Cell, Rnn, RnnConfig};
use sentiment::model::{Words, binary_cross_entropy, of_truth};
use training::descend;

const BATCH: usize = 32;

#[derive(Module, Debug)]
struct Classifier {
    embedding: Embedding,
    rnn: Rnn,
    dense: Linear,
}

impl Classifier {
    fn new(vocabulary: usize, device: &Device) -> Self {
        Self {
            embedding: EmbeddingConfig::new(vocabulary, 32).init(device),
            rnn: RnnConfig::new(Cell::Gru, 32, 32).with_bidirectional(true).init(device),
            dense: LinearConfig::new(64, 1).init(device),
        }
    }

    /// The log-odds of a favourable review, `[B]`. The lengths keep the padding from being read.
    fn forward(&self, words: Words) -> Tensor<1> {
        let (_, state) = self.rnn.forward(self.embedding.forward(words.numbers), Some(&words.lengths), None); // [2, B, 32]
        let [_, batch, _] = state.hidden.dims();
        self.dense.forward(state.hidden.swap_dims(0, 1).reshape([batch, 64])).squeeze_dim(1)
    }
}

/// Learns from reviews: a vocabulary of their words, and a network.
fn train(reviews: &ReviewSet, steps: usize) -> (Vocabulary, Classifier) {
    let device = Device::flex().autodiff();
    device.seed(1);
    let tokens: Vec<Vec<String>> = reviews.0.iter().map(|review| tokenize(&review.text)).collect();
    let vocabulary = Vocabulary::build(Zero::Padding, tokens.iter().flatten().map(String::as_str), 1000);
    let (classifier, _) = descend(Classifier::new(vocabulary.len(), &device), steps, 0.01, |classifier, step| {
        let batch: Vec<&Review> = reviews.0.iter().cycle().skip(step * BATCH).take(BATCH).collect();
        let texts = batch.iter().map(|review| review.text.as_str());
        let odds = classifier.forward(Words::read(texts, &vocabulary, &device));
        binary_cross_entropy(of_truth(odds, batch.iter().map(|review| review.positive)), 0.0)
    });
    (vocabulary, classifier)
}

/// Probabilities that texts are favourable.
fn probabilities(texts: &[&str], vocabulary: &Vocabulary, classifier: &Classifier) -> Vec<f32> {
    let odds = classifier.forward(Words::read(texts.iter().copied(), vocabulary, &Device::flex()));
    odds.into_data().iter::<f32>().map(|odds| 1.0 / (1.0 + (-odds).exp())).collect()
}

fn accuracy(reviews: &ReviewSet, vocabulary: &Vocabulary, classifier: &Classifier) -> f32 {
    let texts: Vec<&str> = reviews.0.iter().map(|review| review.text.as_str()).collect();
    let said = probabilities(&texts, vocabulary, classifier);
    let right = said.iter().zip(&reviews.0).filter(|(said, review)| (**said > 0.5) == review.positive).count();
    right as f32 / reviews.0.len() as f32
}

fn main() {
    let reviews = sample::load();
    let (vocabulary, classifier) = train(&reviews.train, 600);
    let favourable = reviews.test.0.iter().filter(|review| review.positive).count() as f32;
    println!(
        "accuracy on {} reviews not seen: {:.3}",
        reviews.test.0.len(),
        accuracy(&reviews.test, &vocabulary, &classifier)
    );
    println!("  of always saying \"favourable\": {:.3}\n", favourable / reviews.test.0.len() as f32);
    let texts = [
        "The plot is clever, and the cast is warm.",
        "The plot is not, at any point, clever.",
        "I could not disagree more with a critic who calls the ending dull.",
    ];
    for (text, probability) in texts.iter().zip(probabilities(&texts, &vocabulary, &classifier)) {
        println!("{:>4.0} % favourable: {text}", 100.0 * probability);
    }
}

#[cfg(test)]
#[path = "tests/text_classification.rs"]
mod tests;
