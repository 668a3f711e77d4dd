//! Four language models predict the next word in sentences that are generated from a grammar (`datasets::grammar`).
//!
//! - an LSTM;
//! - four layers of dilated causal convolutions, whose receptive fields are 2, 4, 8 and 16 words ([Oord et al.
//!   2016](https://arxiv.org/abs/1609.03499));
//! - a Transformer with one layer ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762));
//! - a Markov model: 5-grams with smoothed counts ([Kneser & Ney 1995](https://doi.org/10.1109/ICASSP.1995.479394)).
//!
//! The networks have about equally many parameters, the same batches and the same learning rate. The networks are
//! evaluated on words with at least 16 words of context, and the Markov model is evaluated on all words. The perplexity
//! of the grammar itself is the lower bound. `cargo run -p examples --example four_models` prints the number of
//! parameters, the training time in seconds and the test perplexity, and writes `four_models.svg`.

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
use datasets::grammar;
use inference::text::{Level, Reserved, Vocabulary};
use language_model::train::kneser_ney::KneserNey;
use rnn::{Cell, Rnn, RnnConfig};
use training::plot::{self, Line, Panel};
use training::streams::Streams;
use training::{Interrupt, descend};

const SIZE: usize = 64;
const BATCH_SIZE: usize = 32;
const WINDOW: usize = 32;
/// The number of words of context before the first evaluated word of each row of the batch.
const CONTEXT: usize = 16;
const STEPS: usize = 800;
/// The number of training steps between two evaluations.
const INTERVAL: usize = 100;

/// Token ids `[B, T]` → embedding → body `[B, T, SIZE]` → dense layer → logits of the next words `[B, T, V]`.
type Network = (Embedding, Body, Linear);

/// The network between the embedding and the output layer, with about 33,000 parameters. The output at a step depends
/// only on the inputs up to that step.
#[derive(Module, Debug)]
enum Body {
    Recurrent(Rnn),
    Convolutional(Vec<Conv1d>),
    Transformer((PositionalEncoding, TransformerEncoder)),
}

impl Body {
    fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Recurrent(rnn) => rnn.forward(inputs, None, None).0,
            Self::Convolutional(layers) => {
                let residual = |x: Tensor<3>, layer: &Conv1d| x.clone() + relu(layer.forward(x)); // [B, SIZE, T]
                layers.iter().fold(inputs.swap_dims(1, 2), residual).swap_dims(1, 2)
            }
            Self::Transformer((positions, layers)) => {
                let [batch, time, _] = inputs.dims();
                let mask = generate_autoregressive_mask(batch, time, &inputs.device());
                layers.forward(TransformerEncoderInput::new(positions.forward(inputs)).mask_attn(mask))
            }
        }
    }
}

fn logits((embedding, body, dense): &Network, ids: Tensor<2, Int>) -> Tensor<3> {
    dense.forward(body.forward(embedding.forward(ids)))
}

/// Returns the perplexity of the words after the first `CONTEXT` words of each row.
fn perplexity(network: &Network, rows: &Streams) -> f64 {
    let logits = logits(&network.clone().valid(), rows.inputs(&(0..WINDOW), &Device::flex()));
    let loss = rows.cross_entropy(logits.narrow(1, CONTEXT, WINDOW - CONTEXT), &(CONTEXT..WINDOW));
    f64::from(loss.into_scalar::<f32>()).exp()
}

/// Trains a network. Returns pairs of the number of training steps and the perplexity on the test text.
fn train(mut network: Network, steps: usize, [train, test]: &[Streams; 2]) -> Vec<(f64, f64)> {
    let (device, windows, mut curve) = (Device::flex().autodiff(), train.windows(WINDOW), Vec::new());
    (network, _) = descend(network, steps, 0.01, |network, step| {
        if step > 0 && step % INTERVAL == 0 {
            curve.push((step as f64, perplexity(network, test)));
        }
        let window = &windows[step % windows.len()];
        train.cross_entropy(logits(network, train.inputs(window, &device)), window)
    });
    curve.push((steps as f64, perplexity(&network, test)));
    curve
}

/// Returns the three untrained networks (LSTM, causal convolutions, Transformer), with their names.
fn networks(vocabulary: usize) -> [(&'static str, Network); 3] {
    let device = Device::flex().autodiff();
    device.seed(1);
    let convolution = |dilation| {
        let padding = PaddingConfig1d::Explicit(dilation, 0); // causal: padding on the left only
        Conv1dConfig::new(SIZE, SIZE, 2).with_dilation(dilation).with_padding(padding).init(&device)
    };
    let positions = PositionalEncodingConfig::new(SIZE).init(&device);
    let attention = TransformerEncoderConfig::new(SIZE, 2 * SIZE, 4, 1).with_dropout(0.0).init(&device);
    let bodies = [
        ("LSTM", Body::Recurrent(RnnConfig::new(Cell::Lstm, SIZE, SIZE).init(&device))),
        ("convolutions", Body::Convolutional([1, 2, 4, 8].map(convolution).into())),
        ("Transformer", Body::Transformer((positions, attention))),
    ];
    bodies.map(|(name, body)| {
        let embedding = EmbeddingConfig::new(vocabulary, SIZE).init(&device);
        (name, (embedding, body, LinearConfig::new(SIZE, vocabulary).init(&device)))
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = grammar::load();
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Word.tokens(&corpus.train), 1000);
    let [text, test] = [&corpus.train, &corpus.test].map(|text| Level::Word.encode(text, &vocabulary));
    let interrupt = Interrupt::default();
    let markov = KneserNey::fit(&text, 5, vocabulary.len(), &interrupt)?.perplexity(&test, &interrupt)?;
    let streams = [Streams::new(&text, BATCH_SIZE), Streams::new(&test, test.len() / (WINDOW + 1))];
    println!("{:14} {:>10} {:>8} {:>10}", "", "parameters", "seconds", "perplexity");
    let mut lines = Vec::new();
    for (name, network) in networks(vocabulary.len()) {
        let (parameters, start) = (network.num_params(), Instant::now());
        let points = train(network, STEPS, &streams);
        let (seconds, perplexity) = (start.elapsed().as_secs_f64(), points[points.len() - 1].1);
        println!("{name:14} {parameters:>10} {seconds:>8.1} {perplexity:>10.2}");
        lines.push(Line { name: name.to_owned(), points, faint: false });
    }
    for (name, level, faint) in [("Markov", markov, false), ("lower bound", corpus.floor.unwrap_or(1.0), true)] {
        println!("{name:14} {level:>30.2}");
        lines.push(Line { name: name.to_owned(), points: [INTERVAL, STEPS].map(|x| (x as f64, level)).into(), faint });
    }
    let panel = Panel {
        title: "Four models on one task".to_owned(),
        x: "training steps (32 × 32 words each)".to_owned(),
        y: "test perplexity".to_owned(),
        lines,
        caption:
            "Lower is better. The lower bound is the perplexity of the grammar. The Markov model has a context of \
                  four words, the networks use more. The LSTM has the lowest perplexity."
                .to_owned(),
        ..Panel::default()
    };
    examples::save("four_models.svg", &plot::draw(&[panel], 1, (900, 450))?)
}

#[cfg(test)]
#[path = "tests/four_models.rs"]
mod tests;
