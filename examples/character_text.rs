//! Text generation with a character-level language model.
//!
//! ```text
//! ids [B, T] ─► embedding [B, T, 32] ─► GRU [B, T, 128] ─► dense ─► logits of the next character [B, T, V]
//! ```
//!
//! The training text consists of sentences that are generated from a grammar (`datasets::grammar`). The hidden state is
//! carried from window to window. The generated text is sampled character by character from the predicted distribution.
//!
//! ```sh
//! cargo run -p examples --example character_text
//! ```
//!
//! The program prints samples during training, and plots the loss in bits per character to `character_text.svg`.
//! `cargo run -p language-model -- train --text FILE` trains on your own text.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};
use datasets::grammar;
use inference::text::{Level, Reserved, Vocabulary};
use rand::SeedableRng;
use rand::distr::Distribution;
use rand::distr::weighted::{self, WeightedIndex};
use rand::rngs::ChaCha8Rng;
use rnn::{Cell, Rnn, RnnConfig, State};
use training::descend;
use training::plot::{self, Line, Panel};
use training::streams::Streams;

const HIDDEN: usize = 128;
/// The batch size. The training text is cut into this number of streams, and each row of a batch reads one stream.
const BATCH_SIZE: usize = 32;
const WINDOW: usize = 50;
const STEPS: usize = 1200;
/// The number of characters in the test text.
const TEST: usize = 5000;
/// The numbers of training steps after which a sample is printed. One more sample is printed at the end of training.
const SAMPLED: [usize; 3] = [0, 100, 300];

#[derive(Module, Debug)]
struct Network {
    embedding: Embedding,
    rnn: Rnn,
    dense: Linear,
}

impl Network {
    fn new(characters: usize, device: &Device) -> Self {
        Self {
            embedding: EmbeddingConfig::new(characters, 32).init(device),
            rnn: RnnConfig::new(Cell::Gru, 32, HIDDEN).init(device),
            dense: LinearConfig::new(HIDDEN, characters).init(device),
        }
    }

    fn forward(&self, ids: Tensor<2, Int>, state: Option<State>) -> (Tensor<3>, State) {
        let (outputs, state) = self.rnn.forward(self.embedding.forward(ids), None, state); // [B, T, H]
        (self.dense.forward(outputs), state)
    }

    /// Samples `length` characters, starting after a line break.
    fn generate(&self, vocabulary: &Vocabulary, length: usize) -> Result<String, weighted::Error> {
        let (device, mut rng) = (Device::flex(), ChaCha8Rng::seed_from_u64(1));
        let (mut id, mut state, mut text) = (0, None, String::new());
        for _ in 0..length {
            let (logits, last) = self.forward(Tensor::from_data([[id as i32]], &device), state);
            let mut probabilities: Vec<f32> = softmax(logits, 2).into_data().iter::<f32>().collect();
            probabilities[Vocabulary::UNKNOWN as usize] = 0.0;
            id = WeightedIndex::new(&probabilities)?.sample(&mut rng);
            text += vocabulary.token(id as u32).filter(|_| id > 0).unwrap_or("\n");
            state = Some(last);
        }
        Ok(text)
    }
}

/// Trains a network on the token ids of a text, and calls `observe` with the number of the step and the network before
/// each training step. `characters` is the size of the vocabulary.
fn train(text: &[u32], characters: usize, steps: usize, mut observe: impl FnMut(usize, &Network)) -> Network {
    let device = Device::flex().autodiff();
    device.seed(1);
    let streams = Streams::new(text, BATCH_SIZE);
    let windows = streams.windows(WINDOW);
    let mut state: Option<State> = None;
    let (model, _) = descend(Network::new(characters, &device), steps, 0.005, |model, step| {
        observe(step, model);
        let window = &windows[step % windows.len()];
        let initial = state.take().filter(|_| window.start > 0);
        let (logits, last) = model.forward(streams.inputs(window, &device), initial);
        state = Some(last.detach()); // keeps the values, cuts the gradient
        streams.cross_entropy(logits, window)
    });
    model
}

/// Returns the mean cross-entropy of a text in bits per character.
fn bits(model: &Network, text: &[u32]) -> f64 {
    let (text, all) = (Streams::new(text, 1), 0..text.len() - 1);
    let (logits, _) = model.clone().valid().forward(text.inputs(&all, &Device::flex()), None);
    f64::from(text.cross_entropy(logits, &all).into_scalar::<f32>()) / std::f64::consts::LN_2
}

/// Returns the vocabulary, and the token ids of the training and the test text.
fn texts() -> (Vocabulary, Vec<u32>, Vec<u32>) {
    let corpus = grammar::load();
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Character.tokens(&corpus.train), 100);
    let [train, test] = [&corpus.train, &corpus.test].map(|text| Level::Character.encode(text, &vocabulary));
    (vocabulary, train, test[..TEST].to_vec())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (vocabulary, train_text, test_text) = texts();
    let (mut points, mut samples) = (Vec::new(), Vec::new());
    let model = train(&train_text, vocabulary.len(), STEPS, |step, model| {
        if step % 50 == 0 {
            points.push((step as f64, bits(model, &test_text)));
        }
        if SAMPLED.contains(&step) {
            samples.push((step, model.clone().valid().generate(&vocabulary, 200)));
        }
    });
    samples.push((STEPS, model.generate(&vocabulary, 200)));
    points.push((STEPS as f64, bits(&model, &test_text)));
    for (step, text) in samples {
        println!("after {step} training steps:\n{}\n", text?);
    }
    println!(
        "bits per character of the test text, before → after training: {:.2} → {:.2}",
        points[0].1,
        points[points.len() - 1].1
    );
    let panel = Panel {
        title: "A character-level language model".to_owned(),
        x: "training steps (32 × 50 characters each)".to_owned(),
        y: "test loss, bits per character".to_owned(),
        lines: vec![Line { name: String::new(), points, faint: false }],
        caption: "Before training, the about 30 characters are equally likely: 5 bits. The network first learns the \
                  frequencies of characters, then words, then the grammar."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("character_text.svg", &plot::draw(&[panel], 1, (900, 400))?)
}

#[cfg(test)]
#[path = "tests/character_text.rs"]
mod tests;
