//! Text classification: is a film review positive?
//!
//! ```text
//! ids [B, T] ─► embedding [B, T, 32] ─► bidirectional GRU ─► last state of each direction [2, B, 32] ─► dense [B]
//! ```
//!
//! ```sh
//! cargo run -p examples --example text_classification
//! ```
//!
//! The program prints the accuracy on the test part of generated reviews (`datasets::sample`), the accuracy of a
//! constant prediction, and the predictions for three sentences. `cargo run -p sentiment -- train --recipe imdb-bigru`
//! trains on IMDB.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use datasets::{Review, sample};
use examples::{binary_cross_entropy, encode};
use inference::text::Vocabulary;
use rnn::{Cell, Rnn, RnnConfig};
use sentiment::model::Batch;
use training::descend;

const BATCH_SIZE: usize = 32;
const STEPS: usize = 600;

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

    /// Returns the logits of the positive label, `[B]`. Steps beyond the length of a text are ignored.
    fn forward(&self, batch: Batch) -> Tensor<1> {
        let (_, state) = self.rnn.forward(self.embedding.forward(batch.ids), Some(&batch.lengths), None); // [2, B, 32]
        self.dense.forward(self.rnn.last_hidden(state.hidden)).squeeze_dim(1)
    }
}

/// Builds the vocabulary from the reviews, and trains the network on them.
fn train(reviews: &[Review], steps: usize) -> (Vocabulary, Classifier) {
    let device = Device::flex().autodiff();
    device.seed(1);
    let vocabulary = examples::vocabulary(reviews);
    let (classifier, _) = descend(Classifier::new(vocabulary.len(), &device), steps, 0.01, |classifier, step| {
        let batch: Vec<&Review> = reviews.iter().cycle().skip(step * BATCH_SIZE).take(BATCH_SIZE).collect();
        let logits = classifier.forward(encode(batch.iter().map(|review| &review.text), &vocabulary, &device));
        binary_cross_entropy(logits, batch.iter().map(|review| review.positive))
    });
    (vocabulary, classifier)
}

/// Returns the probability of the positive label for each text.
fn probabilities(texts: &[&str], vocabulary: &Vocabulary, classifier: &Classifier) -> Vec<f32> {
    let logits = classifier.forward(encode(texts, vocabulary, &Device::flex()));
    sigmoid(logits).into_data().iter::<f32>().collect()
}

fn accuracy(reviews: &[Review], vocabulary: &Vocabulary, classifier: &Classifier) -> f32 {
    let texts: Vec<&str> = reviews.iter().map(|review| review.text.as_str()).collect();
    let probabilities = probabilities(&texts, vocabulary, classifier);
    let correct =
        probabilities.iter().zip(reviews).filter(|(probability, review)| (**probability > 0.5) == review.positive);
    correct.count() as f32 / reviews.len() as f32
}

fn main() {
    let reviews = sample::load();
    let (vocabulary, classifier) = train(&reviews.train, STEPS);
    let (count, positive) = (reviews.test.len(), reviews.test.iter().filter(|review| review.positive).count());
    println!("accuracy on {count} test reviews: {:.3}", accuracy(&reviews.test, &vocabulary, &classifier));
    println!("accuracy of the constant prediction `positive`: {:.3}\n", positive as f32 / count as f32);
    let texts = [
        "The plot is clever, and the cast is warm.",
        "The plot is not, at any point, clever.",
        "I could not disagree more with a critic who calls the ending dull.",
    ];
    for (text, probability) in texts.iter().zip(probabilities(&texts, &vocabulary, &classifier)) {
        println!("{:>4.0} % positive: {text}", 100.0 * probability);
    }
}

#[cfg(test)]
#[path = "tests/text_classification.rs"]
mod tests;
