//! Four ways to model a sequence, on one task at one budget: which word comes next in sentences of the embedded grammar?
//!
//! - an LSTM;
//! - causal convolutions over 2, 4, 8 and 16 words ([Oord et al. 2016](https://arxiv.org/abs/1609.03499));
//! - a Transformer of one layer ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762));
//! - a Markov model: the counts of up to five words in a row, smoothed
//!   ([Kneser & Ney 1995](https://doi.org/10.1109/ICASSP.1995.479394)).
//!
//! The networks have as many parameters, see the same batches at the same learning rate, and are measured on words that
//! have 16 before them in a row, the Markov model on all. The text's own perplexity is known: none can do better.
//! `cargo run -p examples --example four_models` prints parameters, seconds and perplexity, and draws `four_models.svg`.

use std::time::Instant;

use burn::module::Module;
use burn::nn::attention::generate_autoregressive_mask;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{
    Embedding, EmbeddingConfig, Linear, LinearConfig, PaddingConfig1d, PositionalEncoding, PositionalEncodingConfig,
};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};
use datasets::{Level, Vocabulary, Zero, grammar};
use language_model::kneser_ney::KneserNey;
use rnn::{Cell, Rnn, RnnConfig};
use training::descend;
use training::plot::{self, Line, Panel};
use training::streams::Streams;

const SIZE: usize = 64;
const BATCH: usize = 32;
const WINDOW: usize = 32;
/// Words of a row that are read before those that are measured.
const SEEN: usize = 16;
const STEPS: usize = 800;
/// Batches between two measurements.
const EVERY: usize = 100;

/// Words `[B, T]` → embedding → body `[B, T, SIZE]` → dense → scores of the next words `[B, T, vocabulary]`.
type Network = (Embedding, Body, Linear);

/// Each of about 33,000 parameters; none looks ahead.
#[derive(Module, Debug)]
enum Body {
    Recurrent(Rnn),
    Convolutional(Vec<Conv1d>),
    Transformer((PositionalEncoding, TransformerEncoder)),
}

impl Body {
    fn forward(&self, words: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Recurrent(rnn) => rnn.forward(words, None, None).0,
            Self::Convolutional(layers) => {
                let residual = |x: Tensor<3>, layer: &Conv1d| x.clone() + relu(layer.forward(x)); // [B, SIZE, T]
                layers.iter().fold(words.swap_dims(1, 2), residual).swap_dims(1, 2)
            }
            Self::Transformer((places, layers)) => {
                let [batch, time, _] = words.dims();
                let past = generate_autoregressive_mask(batch, time, &words.device());
                layers.forward(TransformerEncoderInput::new(places.forward(words)).mask_attn(past))
            }
        }
    }
}

fn scores((embedding, body, dense): &Network, words: Tensor<2, Int>) -> Tensor<3> {
    dense.forward(body.forward(embedding.forward(words)))
}

/// The perplexity of the words of rows that have `SEEN` before them.
fn perplexity(network: &Network, rows: &Streams) -> f64 {
    let scores = scores(&network.clone().valid(), rows.inputs(&(0..WINDOW), &Device::flex()));
    let cost = rows.cross_entropy(scores.narrow(1, SEEN, WINDOW - SEEN), &(SEEN..WINDOW));
    f64::from(cost.into_scalar::<f32>()).exp()
}

/// Trains a network; its perplexity on the test text after so many batches.
fn train(mut network: Network, steps: usize, [train, test]: &[Streams; 2]) -> Vec<(f64, f64)> {
    let (device, windows, mut course) = (Device::flex().autodiff(), train.windows(WINDOW), Vec::new());
    (network, _) = descend(network, steps, 0.01, |network, step| {
        if step > 0 && step % EVERY == 0 {
            course.push((step as f64, perplexity(network, test)));
        }
        let window = &windows[step % windows.len()];
        train.cross_entropy(scores(network, train.inputs(window, &device)), window)
    });
    course.push((steps as f64, perplexity(&network, test)));
    course
}

/// The networks, with random weights.
fn networks(vocabulary: usize) -> [(&'static str, Network); 3] {
    let device = Device::flex().autodiff();
    device.seed(1);
    let convolution = |dilation| {
        // All padding on the left: a word is seen with those before it.
        let padding = PaddingConfig1d::Explicit(dilation, 0);
        Conv1dConfig::new(SIZE, SIZE, 2).with_dilation(dilation).with_padding(padding).init(&device)
    };
    let places = PositionalEncodingConfig::new(SIZE).init(&device);
    let attention = TransformerEncoderConfig::new(SIZE, 2 * SIZE, 4, 1).with_dropout(0.0).init(&device);
    let bodies = [
        ("LSTM", Body::Recurrent(RnnConfig::new(Cell::Lstm, SIZE, SIZE).init(&device))),
        ("convolutions", Body::Convolutional([1, 2, 4, 8].map(convolution).into())),
        ("Transformer", Body::Transformer((places, attention))),
    ];
    bodies.map(|(name, body)| {
        let embedding = EmbeddingConfig::new(vocabulary, SIZE).init(&device);
        (name, (embedding, body, LinearConfig::new(SIZE, vocabulary).init(&device)))
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = grammar::load();
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&corpus.train), 1000);
    let texts = [&corpus.train, &corpus.test].map(|text| Level::Word.encode(text, &vocabulary));
    let markov = KneserNey::fit(&texts[0], 5, vocabulary.len()).perplexity(&texts[1]);
    let streams = [(0, BATCH), (1, texts[1].len() / (WINDOW + 1))].map(|(part, rows)| Streams::new(&texts[part], rows));
    println!("{:14} {:>10} {:>8} {:>10}", "", "parameters", "seconds", "perplexity");
    let mut lines = Vec::new();
    for (name, network) in networks(vocabulary.len()) {
        let (parameters, start) = (network.num_params(), Instant::now());
        let points = train(network, STEPS, &streams);
        let (seconds, perplexity) = (start.elapsed().as_secs_f64(), points[points.len() - 1].1);
        println!("{name:14} {parameters:>10} {seconds:>8.1} {perplexity:>10.2}");
        lines.push(Line { name: name.to_owned(), points, faint: false });
    }
    for (name, level, faint) in [("Markov", markov, false), ("the text's own", corpus.floor.unwrap_or(1.0), true)] {
        println!("{name:14} {level:>30.2}");
        lines.push(Line { name: name.to_owned(), points: [EVERY, STEPS].map(|x| (x as f64, level)).into(), faint });
    }
    let panel = Panel {
        title: "Four models of one language".to_owned(),
        x: "batches of 32 × 32 words".to_owned(),
        y: "perplexity of a text not seen".to_owned(),
        lines,
        caption: "Lower is better. Words four places back are all a Markov model sees; the networks, as large as one \
                  another, learn to see further. From as many words the LSTM learns most."
            .to_owned(),
        ..Panel::default()
    };
    examples::save("four_models.svg", &plot::draw(&[panel], 1, (900, 450))?)
}

#[cfg(test)]
#[path = "tests/four_models.rs"]
mod tests;
