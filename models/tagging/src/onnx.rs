//! Exports the network as two ONNX graphs: one graph reads the characters of tokens, and one graph scores the labels of
//! the tokens of a sentence.

use onnx::{BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, TIME, ToOnnx, Value, numbers};
use serde_json::json;

use crate::features::SHAPES;
use crate::predictor::Tagger;

const WORDS: &str = "the token in lower case, with 0 for each digit and without the # of a tag; <url> for a web \
                     address and <user> for an @name; see the function normalize() of the crate `tagging`";
const SHAPE: &str = "0 no letter or digit, 1 digits, 2 letters and digits, 3 lower case, 4 one capital, 5 capitals, 6 \
                     first letter capital, 7 other";
const CRF: &str = "the scores of the CRF, as JSON: start, end and transitions[from][to]; a score of -1e9 means that \
                   the label or transition is not allowed; subtract `outside_penalty` from the emissions of the first \
                   label before decoding";

/// `spelling.onnx` reads the characters of tokens, and returns one feature vector per token. `model.onnx` reads these
/// vectors, the word ids and the word [shapes](crate::features::shape), and returns the emissions (the score of each
/// label for each token), `[batch, time, labels]`. To find the entities, a program runs the Viterbi algorithm on the
/// emissions and the CRF scores, which are in the metadata of the graphs.
impl ToOnnx for Tagger {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        let labels: Vec<String> = (0..self.labels().count()).map(|label| self.labels().name(label)).collect();
        Ok(Export::new(vec![sentences(self, options), spelling(self, options)])
            .with("vocabulary", self.encoder().words().to_text(), "one word per line, in the order of the ids from 0")
            .with("words", WORDS, "how a token becomes a word of the vocabulary; unknown words have the id 1")
            .with(
                "characters",
                self.encoder().characters(),
                "the known characters, in the order of their ids from 2; any other character has the id 1",
            )
            .with("shapes", SHAPE, "the shape of a token")
            .with("labels", labels.join("\n"), "the labels, one per line: O, and B, I, E, S of each kind of entity")
            .with("crf", crf(self).to_string(), CRF)
            .with(
                "outside_penalty",
                self.settings().outside_penalty.to_string(),
                "the number to subtract from the emissions of the first label before decoding",
            ))
    }
}

/// Returns the graph `model.onnx`, which computes the emissions: the score of each label for each token.
fn sentences(tagger: &Tagger, options: &Options) -> Graph {
    let about = match options.lengths {
        true => "Scores of the labels of each token, for sentences padded to the longest of a batch.",
        false => "Scores of the labels of each token. All sentences of a batch have the same number of tokens.",
    };
    let network = tagger.network();
    let mut graph = Graph::new("model", about, options.precision);
    let spelled = network.spelling.output_size();
    let words = graph.input(Port::new("words", Element::Int64, &[BATCH, TIME], "the ids of the words"));
    let shapes = graph.input(Port::new("shapes", Element::Int64, &[BATCH, TIME], "the shapes of the tokens"));
    let dims = [BATCH, TIME, Dim::Fixed(spelled)];
    let spellings = graph.input(Port::new("spellings", Element::Float, &dims, "the outputs of spelling.onnx"));
    let lengths = options.lengths.then(|| graph.lengths_input("sentence"));
    let features = match &network.words {
        Some(embedding) => graph.embedding("words", embedding, &words), // [B, T, E]
        None => vectors(&mut graph, tagger, &words),
    };
    let one_hot: Vec<f32> = (0..SHAPES * SHAPES).map(|index| f32::from(index % (SHAPES + 1) == 0)).collect();
    let one_hot = graph.floats("shapes", &one_hot, &[SHAPES, SHAPES]);
    let shapes = graph.node("Gather", &[&one_hot, &shapes]); // [B, T, SHAPES]
    let tokens = graph.concat(&[features, spellings, shapes], 2);
    let outputs = graph.rnn(&network.rnn, &tokens, None, lengths.as_ref()).output; // [B, T, 2·H]
    let emissions = graph.linear("dense", &network.dense, &outputs);
    let dims = [BATCH, TIME, Dim::Fixed(tagger.labels().count())];
    let about = "the score of each label for each token, before the CRF";
    graph.output(Port::new("emissions", Element::Float, &dims, about), &emissions);
    graph
}

/// Returns the pretrained vectors of words: `[B, T]` → `[B, T, E]`. The graph stores the vectors with 8 bits per
/// number, as the package does.
fn vectors(graph: &mut Graph, tagger: &Tagger, words: &Value) -> Value {
    let Some(vectors) = tagger.encoder().vectors() else {
        unreachable!("a network without learned word embeddings has pretrained word vectors")
    };
    let values = graph.bytes("vectors", vectors.values(), &[vectors.words(), vectors.size()]);
    let scales = graph.floats("scales", vectors.scales(), &[vectors.words(), 1]);
    let rows = graph.node("Gather", &[&values, words]);
    let rows = graph.cast(&rows, Element::Float);
    let scales = graph.node("Gather", &[&scales, words]); // [B, T, 1]
    graph.node("Mul", &[&rows, &scales])
}

/// Returns the graph that computes the spelling features of tokens from their characters. The caller must give tokens
/// of equal length in one batch, because the graph does not handle padding.
fn spelling(tagger: &Tagger, options: &Options) -> Graph {
    let about = "Features of the spelling of tokens, computed from their first 24 characters. All tokens of a batch \
                 must have the same number of characters, because there is no padding. A program can compute the features of a token once and keep them.";
    let network = tagger.network();
    let mut graph = Graph::new("spelling", about, options.precision);
    let dims = [Dim::Named("tokens"), Dim::Named("characters")];
    let ids = graph.input(Port::new("characters", Element::Int64, &dims, "the ids of the characters"));
    let features = graph.embedding("characters", &network.characters, &ids);
    let state = graph.rnn(&network.spelling, &features, None, None).state;
    let spelled = graph.last_hidden(&network.spelling, &state); // [U, 2·C]
    let dims = [Dim::Named("tokens"), Dim::Fixed(network.spelling.output_size())];
    graph.output(Port::new("spellings", Element::Float, &dims, "the features of each token"), &spelled);
    graph
}

/// Returns the scores of the CRF. The score of a start, an end or a transition that is not allowed is −10⁹.
fn crf(tagger: &Tagger) -> serde_json::Value {
    let crf = &tagger.network().crf;
    let allowed = &crf.allowed;
    let masked = |scores: &[f32], allowed: &[bool]| -> Vec<f32> {
        scores.iter().zip(allowed).map(|(score, allowed)| if *allowed { *score } else { -1e9 }).collect()
    };
    let transitions = numbers(crf.transitions.val());
    let rows = transitions.chunks(allowed.start.len()).zip(&allowed.transitions);
    json!({
        "start": masked(&numbers(crf.start.val()), &allowed.start),
        "end": masked(&numbers(crf.end.val()), &allowed.end),
        "transitions": rows.map(|(scores, allowed)| masked(scores, allowed)).collect::<Vec<_>>(),
    })
}
