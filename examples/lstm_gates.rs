//! LSTM gates and cell state over a sentence, as a heat map.
//!
//! In "the dog that the cats see sleeps", the verb "sleeps" agrees with the noun "dog" five words before, although the
//! noun "cats" is in between. The program trains a small LSTM language model on sentences that are generated from a
//! grammar (`datasets::grammar`). The heat map shows the hidden unit whose cell state differs most between this
//! sentence and the same sentence with "dogs" and "sleep".
//!
//! ```sh
//! cargo run -p examples --example lstm_gates
//! ```
//!
//! The program prints the probabilities of the next words "sleeps" and "sleep" after several beginnings of sentences,
//! and writes `lstm_gates.svg`.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor};
use datasets::grammar;
use inference::text::{Level, Reserved, Vocabulary};
use rnn::{Cell, Rnn, RnnConfig};
use training::descend;
use training::plot::{self, HeatMap};
use training::streams::Streams;

const SIZE: usize = 32;
const BATCH_SIZE: usize = 32;
const STEPS: usize = 4000;
/// A sentence with a singular subject.
const SINGULAR: &str = "the dog that the cats see sleeps .";
/// The sentence [`SINGULAR`] with a plural subject and verb.
const PLURAL: &str = "the dogs that the cats see sleep .";
/// The positions in the sentence from the noun "dog" to the word before the verb "sleeps". Position 0 is the `<eos>` of
/// the previous sentence.
const BETWEEN: std::ops::RangeInclusive<usize> = 2..=6;

#[derive(Module, Debug)]
struct Network {
    embedding: Embedding,
    lstm: Rnn,
    dense: Linear,
}

/// The input, forget and output gates of all hidden units at one step, and their cell state `c` as ½ + ½ tanh c. All
/// values lie between 0 and 1.
type Gates = [Vec<f64>; 4];
/// The names of the four vectors in [`Gates`].
const GATES: [&str; 4] = ["input", "forget", "output", "cell state"];
/// The index of the cell state in [`Gates`].
const CELL: usize = 3;

impl Network {
    /// Computes the logits of the next words: token ids `[B, T]` → logits `[B, T, V]`.
    fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.dense.forward(self.lstm.forward(self.embedding.forward(ids), None, None).0)
    }

    /// Computes the LSTM layer step by step, and returns the gates and the cell state at each step.
    fn gates(&self, ids: &[u32]) -> Vec<Gates> {
        let weights = &self.lstm.layers[0].forward;
        let [mut h, mut c] = [0, 1].map(|_| Tensor::<2>::zeros([1, SIZE], &Device::flex()));
        let mut gates = Vec::new();
        for id in ids {
            let x = self.embedding.forward(row(&[*id])).squeeze_dim::<2>(1); // [1, SIZE]
            let from_input = x.matmul(weights.weight_ih.val().transpose()) + weights.bias_ih.val().unsqueeze();
            let from_state = h.matmul(weights.weight_hh.val().transpose()) + weights.bias_hh.val().unsqueeze();
            let all = from_input + from_state; // [1, 4 · SIZE]
            let [input, forget, candidate, output] = [0, 1, 2, 3].map(|gate| all.clone().narrow(1, gate * SIZE, SIZE));
            let [input, forget, output] = [input, forget, output].map(sigmoid);
            c = forget.clone() * c + input.clone() * candidate.tanh();
            h = output.clone() * c.clone().tanh();
            gates.push([input, forget, output, c.clone().tanh() * 0.5 + 0.5].map(values));
        }
        gates
    }

    /// Returns the probability that `word` follows the words in `prefix`.
    fn probability(&self, vocabulary: &Vocabulary, prefix: &str, word: &str) -> f64 {
        let ids = encode(vocabulary, prefix);
        let logits = self.forward(row(&ids)).narrow(1, ids.len() - 1, 1);
        values(softmax(logits, 2))[vocabulary.id(word) as usize]
    }
}

fn row(ids: &[u32]) -> Tensor<2, Int> {
    Streams::new(ids, 1).inputs(&(0..ids.len()), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Returns the token ids of a sentence, preceded by the id of `<eos>`, which ends the previous sentence.
fn encode(vocabulary: &Vocabulary, sentence: &str) -> Vec<u32> {
    [Reserved::EndOfLine.token()].into_iter().chain(sentence.split(' ')).map(|word| vocabulary.id(word)).collect()
}

/// Trains a language model on sentences that `datasets::grammar` generates.
fn train(steps: usize) -> (Vocabulary, Network) {
    let device = Device::flex().autodiff();
    device.seed(1);
    let text = grammar::load().train;
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Word.tokens(&text), 1000);
    let text = Streams::new(&Level::Word.encode(&text, &vocabulary), BATCH_SIZE);
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

/// Returns the index of the hidden unit whose cell state differs most between the two sentences. Units are compared
/// by the smallest absolute difference of their cell states at the positions in `BETWEEN`.
fn most_different([singular, plural]: &[Vec<Gates>; 2]) -> usize {
    let difference = |step: usize, unit: usize| (singular[step][CELL][unit] - plural[step][CELL][unit]).abs();
    let smallest = |unit| BETWEEN.map(|step| difference(step, unit)).fold(1.0, f64::min);
    (0..SIZE).max_by(|a, b| smallest(*a).total_cmp(&smallest(*b))).unwrap_or(0)
}

/// Draws the gates and the cell state of one hidden unit in both sentences as a heat map.
fn picture(unit: usize, sentences: &[Vec<Gates>; 2]) -> HeatMap {
    let mut map = HeatMap {
        title: "One unit of an LSTM over a sentence".to_owned(),
        columns: SINGULAR.split(' ').map(|word| word.replace("dog", "dog(s)").replace("sleeps", "sleep(s)")).collect(),
        caption:
            "Gates: dark is open, white is closed. Cell state: dark is positive, white is negative. From the noun to \
             the verb the cell state is darker after \"dog\" than after \"dogs\", although \"cats\" is in between. \
             This difference determines the predicted verb. After the verb the cell states are almost equal."
                .to_owned(),
        ..HeatMap::default()
    };
    for (noun, steps) in ["dog", "dogs"].iter().zip(sentences) {
        for (index, name) in GATES.iter().enumerate() {
            map.rows.push(format!("{noun}: {name}"));
            map.values.push(steps[1..].iter().map(|gates| gates[index][unit]).collect());
        }
    }
    map
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (vocabulary, network) = train(STEPS);
    for prefix in ["the dog", "the dogs", "the dog that the cats see", "the dogs that the cats see"] {
        let [singular, plural] = ["sleeps", "sleep"].map(|verb| network.probability(&vocabulary, prefix, verb));
        println!(
            "{prefix:>28} …  the next word is \"sleeps\" with probability {:.1} %, and \"sleep\" with {:.1} %",
            100.0 * singular,
            100.0 * plural
        );
    }
    let sentences = [SINGULAR, PLURAL].map(|sentence| network.gates(&encode(&vocabulary, sentence)));
    examples::save("lstm_gates.svg", &plot::heat_map(&picture(most_different(&sentences), &sentences))?)
}

#[cfg(test)]
#[path = "tests/lstm_gates.rs"]
mod tests;
