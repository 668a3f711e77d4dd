//! The network as ONNX graphs: one graph for whole texts and, if the network can run step by step, one graph that reads
//! one word per call.

use inference::text::Vocabulary;
use onnx::{BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, RnnValues, TIME, ToOnnx, Value};
use rnn::Pooling;

use crate::model::Network;
use crate::predictor::Sentiment;

const TOKENIZER: &str = "lower case; words and punctuation marks are tokens; see tokenize() of rnn-zoo's crate \
                         `inference`. A word that is not in the vocabulary is split as in WordPiece: into the longest \
                         token with which the word begins, and then the longest tokens, with the prefix `##`, with \
                         which the word continues; a word that cannot be split becomes the unknown token";

/// The graph for whole texts reads token ids, `[batch, time]`. For a model with the classes `negative` and `positive`,
/// it returns `logit`, the logit of the positive label, `[batch]`. For a model with other classes, it returns `logits`,
/// `[batch, classes]`. For a blend of network and n-grams, only the network is exported, and the metadata contain the
/// weight of the network in the blend.
impl ToOnnx for Sentiment {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        let classifier = self.network().ok_or(OnnxError::NoGraph {
            model: "a model of n-grams",
            reason: "it has no network; its weights are in ngrams.safetensors",
        })?;
        let network = classifier.network();
        let mut graphs = vec![whole(network, options)];
        if network.pooling == Pooling::Last && !network.rnn.is_bidirectional() && network.contextual.is_none() {
            graphs.push(step(network, options));
        }
        let reading = classifier.reading();
        let export = Export::new(graphs)
            .with("vocabulary", classifier.vocabulary().to_text(), "one token per line, in the order of the ids from 0")
            .with("tokenizer", TOKENIZER, "how a text becomes tokens")
            .with("unknown", Vocabulary::UNKNOWN.to_string(), "the id of tokens that are not in the vocabulary")
            .with(
                "max_words",
                reading.max_words.get().to_string(),
                "the largest number of tokens that the network reads",
            )
            .with("keep", format!("{:?}", reading.keep).to_lowercase(), "which end of a longer text the network reads")
            .with(
                "labels",
                self.settings().labels().join("\n"),
                "the labels, one per line, in the order of the logits; a single logit belongs to the second of two \
                 labels",
            );
        let export = match self.settings().temperature {
            None => export,
            Some(temperature) => {
                export.with("temperature", temperature.get().to_string(), "divide the logits by this temperature")
            }
        };
        let export = match self.settings().length_exponent {
            None => export,
            Some(exponent) => export.with(
                "length_exponent",
                exponent.to_string(),
                "also divide the logits by (n / 20) to the power of this exponent, where n is the number of tokens, \
                 but at least 1 and at most 45",
            ),
        };
        Ok(match self.ngrams() {
            None => export,
            Some(_) => export.with(
                "network_share",
                self.share().to_string(),
                "the weight of the graph's logits in the blend, from 0 to 1; the logits of the n-grams, which are not \
                 in the graph, have the weight 1 minus this weight",
            ),
        })
    }
}

/// The graph that reads whole texts.
fn whole(network: &Network, options: &Options) -> Graph {
    let about = match options.lengths {
        true => "Classifies texts, which are padded to the longest text of the batch.",
        false => "Classifies texts. All texts of a batch must have the same number of tokens, without padding.",
    };
    let mut graph = Graph::new("model", about, options.precision);
    let ids = graph.input(Port::new("ids", Element::Int64, &[BATCH, TIME], "token ids"));
    let lengths = options.lengths.then(|| graph.lengths_input("text"));
    let features = graph.embedding("embedding", &network.embedding, &ids); // [B, T, E]
    let features = match &network.contextual {
        Some(contextual) => {
            let words = graph.embedding("contextual.embedding", &contextual.embedding, &ids); // [B, T, E']
            let RnnValues { output, .. } = graph.rnn(&contextual.rnn, &words, None, lengths.as_ref()); // [B, T, C]
            graph.concat(&[features, output], 2) // [B, T, E + C]
        }
        None => features,
    };
    let values = graph.rnn(&network.rnn, &features, None, lengths.as_ref());
    let pooled = graph.pooling(network.pooling, network.attention.as_ref(), &network.rnn, values, lengths.as_ref()); // [B, F]
    logit(&mut graph, network, &pooled);
    graph
}

/// The graph that reads one token per call, and returns the logits of the text up to this token.
fn step(network: &Network, options: &Options) -> Graph {
    let about = "Classifies a text token by token: each call reads a token, and returns the logits of the text so far.";
    let mut graph = Graph::new("step", about, options.precision);
    let ids = graph.input(Port::new("ids", Element::Int64, &[BATCH, Dim::Fixed(1)], "token ids"));
    let state = graph.state_inputs(&network.rnn);
    let features = graph.embedding("embedding", &network.embedding, &ids); // [B, 1, E]
    let RnnValues { state, .. } = graph.rnn(&network.rnn, &features, Some(&state), None);
    let pooled = graph.last_hidden(&network.rnn, &state); // [B, H]
    logit(&mut graph, network, &pooled);
    graph.state_outputs(&network.rnn, &state);
    graph
}

/// Adds the output layer, which reads `pooled`, `[batch, features]`. The output of the graph is `logit`, `[batch]`, if
/// the network has one logit per text, and `logits`, `[batch, classes]`, if it has several.
fn logit(graph: &mut Graph, network: &Network, pooled: &Value) {
    let logits = graph.linear("dense", &network.dense, pooled); // [B, K]
    let [_, outputs] = network.dense.weight.dims();
    if outputs > 1 {
        let about = "the logits of the classes; their softmax gives the probabilities";
        graph.output(Port::new("logits", Element::Float, &[BATCH, Dim::Fixed(outputs)], about), &logits);
        return;
    }
    let logits = graph.squeeze(&logits, 1);
    let about = "the logit of the positive label; the sigmoid of the logit is the probability of this label";
    graph.output(Port::new("logit", Element::Float, &[BATCH], about), &logits);
}
