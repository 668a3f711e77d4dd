//! Watching an LSTM remember: its gates over a sentence, as a heat map.
//!
//! "The dog that the cats see sleeps": the verb must agree with a noun five words back, past another noun. A small LSTM
//! learns sentences of the embedded grammar; of its units the one is shown that tells singular from plural best.
//!
//! ```sh
//! cargo run -p examples --example lstm_gates
//! ```
//!
//! prints which verb the network expects, and draws `lstm_gates.svg`.

use std::ops::RangeInclusive;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor};
use datasets::{Level, Vocabulary, Zero, grammar};
use rnn::{Cell, Rnn, RnnConfig};
use training::descend;
use training::plot::{self, HeatMap};
use training::streams::Streams;

const SIZE: usize = 32;
const BATCH: usize = 32;
const STEPS: usize = 4000;
/// Alike but for their first noun.
const SINGULAR: &str = "the dog that the cats see sleeps .";
const PLURAL: &str = "the dogs that the cats see sleep .";
/// From the noun to the word before the verb; word 0 is the end of the sentence before.
const BETWEEN: RangeInclusive<usize> = 2..=6;

#[derive(Module, Debug)]
struct Network {
    embedding: Embedding,
    lstm: Rnn,
    dense: Linear,
}

/// What there is to see at a word, from 0 to 1: three gates, and ½ + ½ tanh of the memory; of each unit.
type Seen = [Vec<f64>; 4];
const SEEN: [&str; 4] = ["input", "forget", "output", "memory"];
const MEMORY: usize = 3;

impl Network {
    /// Words `[B, T]` → scores of the next words `[B, T, vocabulary]`.
    fn forward(&self, words: Tensor<2, Int>) -> Tensor<3> {
        self.dense.forward(self.lstm.forward(self.embedding.forward(words), None, None).0)
    }

    /// Reads a sentence as the layer does, step by step, and keeps what it sees.
    fn watch(&self, words: &[u32]) -> Vec<Seen> {
        let weights = &self.lstm.layers[0].forward;
        let [mut h, mut c] = [0, 1].map(|_| Tensor::<2>::zeros([1, SIZE], &Device::flex()));
        let mut seen = Vec::new();
        for word in words {
            let x = self.embedding.forward(row(&[*word])).squeeze_dim::<2>(1); // [1, SIZE]
            let from_input = x.matmul(weights.weight_ih.val().transpose()) + weights.bias_ih.val().unsqueeze();
            let from_state = h.matmul(weights.weight_hh.val().transpose()) + weights.bias_hh.val().unsqueeze();
            let all = from_input + from_state; // [1, 4 · SIZE]
            let [input, forget, new, output] = [0, 1, 2, 3].map(|gate| all.clone().narrow(1, gate * SIZE, SIZE));
            let [input, forget, output] = [input, forget, output].map(sigmoid);
            c = forget.clone() * c + input.clone() * new.tanh();
            h = output.clone() * c.clone().tanh();
            seen.push([input, forget, output, c.clone().tanh() * 0.5 + 0.5].map(numbers));
        }
        seen
    }

    /// The probability of a word after a beginning.
    fn probability(&self, vocabulary: &Vocabulary, beginning: &str, word: &str) -> f64 {
        let words = encode(vocabulary, beginning);
        let scores = self.forward(row(&words)).narrow(1, words.len() - 1, 1);
        numbers(softmax(scores, 2))[vocabulary.number(word) as usize]
    }
}

fn row(words: &[u32]) -> Tensor<2, Int> {
    Streams::new(words, 1).inputs(&(0..words.len()), &Device::flex())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A sentence after the end of another.
fn encode(vocabulary: &Vocabulary, sentence: &str) -> Vec<u32> {
    [Zero::EndOfLine.word()].into_iter().chain(sentence.split(' ')).map(|word| vocabulary.number(word)).collect()
}

/// Learns the next words of the grammar's sentences.
fn train(steps: usize) -> (Vocabulary, Network) {
    let device = Device::flex().autodiff();
    device.seed(1);
    let text = grammar::load().train;
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&text), 1000);
    let text = Streams::new(&Level::Word.encode(&text, &vocabulary), BATCH);
    let windows = text.windows(20);
    let network = Network {
        embedding: EmbeddingConfig::new(vocabulary.len(), SIZE).init(&device),
        lstm: RnnConfig::new(Cell::Lstm, SIZE, SIZE).init(&device),
        dense: LinearConfig::new(SIZE, vocabulary.len()).init(&device),
    };
    let loss = |network: &Network, step: usize| {
        let window = &windows[step % windows.len()];
        text.cross_entropy(network.forward(text.inputs(window, &device)), window)
    };
    (vocabulary, descend(network, steps, 0.01, loss).0)
}

/// The unit whose memory differs most between two sentences, at all words from the noun to the one before the verb.
fn most_different([one, other]: &[Vec<Seen>; 2]) -> usize {
    let apart = |word: usize, unit: usize| (one[word][MEMORY][unit] - other[word][MEMORY][unit]).abs();
    let least = |unit| BETWEEN.map(|word| apart(word, unit)).fold(1.0, f64::min);
    (0..SIZE).max_by(|one, other| least(*one).total_cmp(&least(*other))).unwrap_or(0)
}

/// What a unit does in both sentences.
fn picture(unit: usize, sentences: &[Vec<Seen>; 2]) -> HeatMap {
    let mut map = HeatMap {
        title: "One unit of an LSTM over a sentence".to_owned(),
        columns: SINGULAR.split(' ').map(|word| word.replace("dog", "dog(s)").replace("sleeps", "sleep(s)")).collect(),
        caption: "Gates: dark is open, white is closed. Memory: dark is above zero, white below. At each word up to the verb \
                  the memory is darker after \"dog\" than after \"dogs\", with cats in between: by that the network knows which \
                  verb to expect. Once the verb is there, both are alike."
            .to_owned(),
        ..HeatMap::default()
    };
    for (noun, words) in ["dog", "dogs"].iter().zip(sentences) {
        for (index, name) in SEEN.iter().enumerate() {
            map.rows.push(format!("{noun}: {name}"));
            map.values.push(words[1..].iter().map(|seen| seen[index][unit]).collect());
        }
    }
    map
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (vocabulary, network) = train(STEPS);
    for beginning in ["the dog", "the dogs", "the dog that the cats see", "the dogs that the cats see"] {
        let [one, many] = ["sleeps", "sleep"].map(|verb| network.probability(&vocabulary, beginning, verb));
        println!("{beginning:>28} …  sleeps {:.1} %, sleep {:.1} %", 100.0 * one, 100.0 * many);
    }
    let sentences = [SINGULAR, PLURAL].map(|sentence| network.watch(&encode(&vocabulary, sentence)));
    examples::save("lstm_gates.svg", &plot::heat_map(&picture(most_different(&sentences), &sentences))?)
}

#[cfg(test)]
#[path = "tests/lstm_gates.rs"]
mod tests;
