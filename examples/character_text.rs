//! A network learns to write, letter by letter.
//!
//! ```text
//! letters [B, T] ─► embedding [B, T, 32] ─► GRU [B, T, 128] ─► dense ─► scores of the next letter [B, T, letters]
//! ```
//!
//! The text is that of the embedded grammar. The state is carried from window to window, and letters are drawn from what
//! the network expects.
//!
//! ```sh
//! cargo run -p examples --example character_text
//! ```
//!
//! prints what it writes as it learns, and draws the bits a letter costs into `character_text.svg`.
//! `cargo run -p language-model -- train --text FILE` learns a text of one's own.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};
use datasets::{Level, Vocabulary, Zero, grammar};
use rand::SeedableRng;
use rand::distr::Distribution;
use rand::distr::weighted::{self, WeightedIndex};
use rand::rngs::ChaCha8Rng;
use rnn::{Cell, Rnn, RnnConfig, State};
use training::descend;
use training::plot::{self, Line, Panel};
use training::streams::Streams;

const HIDDEN: usize = 128;
/// Parts of the text that are read side by side.
const BATCH: usize = 32;
const WINDOW: usize = 50;
const STEPS: usize = 1200;
/// Letters that it is measured on.
const TEST: usize = 5000;
/// After how many steps it shows what it can do, before the last.
const SHOWN: [usize; 3] = [0, 100, 300];

#[derive(Module, Debug)]
struct Writer {
    embedding: Embedding,
    rnn: Rnn,
    dense: Linear,
}

impl Writer {
    fn new(letters: usize, device: &Device) -> Self {
        Self {
            embedding: EmbeddingConfig::new(letters, 32).init(device),
            rnn: RnnConfig::new(Cell::Gru, 32, HIDDEN).init(device),
            dense: LinearConfig::new(HIDDEN, letters).init(device),
        }
    }

    fn forward(&self, letters: Tensor<2, Int>, state: Option<State>) -> (Tensor<3>, State) {
        let (outputs, state) = self.rnn.forward(self.embedding.forward(letters), None, state); // [B, T, H]
        (self.dense.forward(outputs), state)
    }

    /// Writes `length` letters after a new line, each drawn by its probability.
    fn write(&self, alphabet: &Vocabulary, length: usize) -> Result<String, weighted::Error> {
        let (device, mut rng) = (Device::flex(), ChaCha8Rng::seed_from_u64(1));
        let (mut letter, mut state, mut text) = (0, None, String::new());
        for _ in 0..length {
            let (scores, after) = self.forward(Tensor::from_data([[letter as i32]], &device), state);
            let mut chances: Vec<f32> = softmax(scores, 2).into_data().iter::<f32>().collect();
            chances[Vocabulary::UNKNOWN as usize] = 0.0;
            letter = WeightedIndex::new(&chances)?.sample(&mut rng);
            text += alphabet.word(letter as u32).filter(|_| letter > 0).unwrap_or("\n");
            state = Some(after);
        }
        Ok(text)
    }
}

/// Learns a text; `watch` is given the network before each step.
fn train(text: &[u32], letters: usize, steps: usize, mut watch: impl FnMut(usize, &Writer)) -> Writer {
    let device = Device::flex().autodiff();
    device.seed(1);
    let streams = Streams::new(text, BATCH);
    let windows = streams.windows(WINDOW);
    let mut state: Option<State> = None;
    let (writer, _) = descend(Writer::new(letters, &device), steps, 0.005, |writer, step| {
        watch(step, writer);
        let window = &windows[step % windows.len()];
        let before = state.take().filter(|_| window.start > 0);
        let (scores, after) = writer.forward(streams.inputs(window, &device), before);
        state = Some(after.detach()); // values go on, gradients do not
        streams.cross_entropy(scores, window)
    });
    writer
}

/// What a letter of a text costs, in bits.
fn bits(writer: &Writer, text: &[u32]) -> f64 {
    let (text, all) = (Streams::new(text, 1), 0..text.len() - 1);
    let (scores, _) = writer.clone().valid().forward(text.inputs(&all, &Device::flex()), None);
    f64::from(text.cross_entropy(scores, &all).into_scalar::<f32>()) / std::f64::consts::LN_2
}

/// The letters of a text, the part that is learned from and the part that is measured on in their numbers.
fn texts() -> (Vocabulary, Vec<u32>, Vec<u32>) {
    let corpus = grammar::load();
    let alphabet = Vocabulary::build(Zero::EndOfLine, Level::Character.tokens(&corpus.train), 100);
    let [train, test] = [&corpus.train, &corpus.test].map(|text| Level::Character.encode(text, &alphabet));
    (alphabet, train, test[..TEST].to_vec())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (alphabet, train_text, test_text) = texts();
    let (mut points, mut samples) = (Vec::new(), Vec::new());
    let writer = train(&train_text, alphabet.len(), STEPS, |step, writer| {
        if step % 50 == 0 {
            points.push((step as f64, bits(writer, &test_text)));
        }
        if SHOWN.contains(&step) {
            samples.push((step, writer.clone().valid().write(&alphabet, 200)));
        }
    });
    samples.push((STEPS, writer.write(&alphabet, 200)));
    points.push((STEPS as f64, bits(&writer, &test_text)));
    for (step, text) in samples {
        println!("after {step} batches:\n{}\n", text?);
    }
    println!(
        "bits a letter of a text not seen: {:.2} at first, {:.2} in the end",
        points[0].1,
        bits(&writer, &test_text)
    );
    let panel = Panel {
        title: "Learning to write".to_owned(),
        x: "batches of 32 × 50 letters".to_owned(),
        y: "bits a letter, of a text not seen".to_owned(),
        lines: vec![Line { name: String::new(), points, faint: false }],
        caption: "At first each of some 30 letters is as likely as another: 5 bits. Which letters are frequent is learned in \
                  a few batches, then words, then which word may follow."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("character_text.svg", &plot::draw(&[panel], 1, (900, 400))?)
}

#[cfg(test)]
#[path = "tests/character_text.rs"]
mod tests;
