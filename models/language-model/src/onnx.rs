//! The network as two ONNX graphs: one reads whole texts, the other one token per call.

use inference::text::Level;
use onnx::{BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, RnnValues, TIME, ToOnnx};

use crate::predictor::LanguageModel;

/// Exports two graphs: `model.onnx` reads any number of tokens per call, and `step.onnx` reads one. The inputs of both
/// are token ids, `[batch, time]`, and the recurrent state. The outputs are the logits of the next token at each
/// position, `[batch, time, vocabulary]`, and the new recurrent state.
impl ToOnnx for LanguageModel {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        if options.lengths {
            return Err(OnnxError::NoLengths {
                model: "a language model",
                reason: "each call continues all texts of the batch where the last call ended, without padding",
            });
        }
        let tokenizer = match self.codec.level() {
            Level::Word => "words: the tokens of a text are separated by spaces; unknown tokens have the id 1",
            Level::Character => "characters: every character is a token; unknown characters have the id 1",
        };
        let graphs = vec![self.graph("model", TIME, options), self.graph("step", Dim::Fixed(1), options)];
        Ok(Export::new(graphs)
            .with("vocabulary", self.codec.vocabulary().to_text(), "one token per line, in the order of the ids from 0")
            .with("tokenizer", tokenizer, "how a text is split into tokens")
            .with(
                "end_of_line",
                "0",
                "the id of the token that ends a line, which is also the first token of a new text",
            ))
    }
}

impl LanguageModel {
    fn graph(&self, name: &'static str, time: Dim, options: &Options) -> Graph {
        let network = &self.network;
        let about = "Language model: the logits of the next token after each token. A text starts with the id 0 and a \
                     state of zeros; the next call continues from the state that the last call returned.";
        let mut graph = Graph::new(name, about, options.precision);
        let ids = graph.input(Port::new("ids", Element::Int64, &[BATCH, time], "token ids"));
        let state = graph.state_inputs(&network.rnn);
        let embedding = network.embedding.weight.val();
        let [tokens, _] = embedding.dims();
        let embedding = graph.stored_tensor("embedding", embedding); // [V, E]
        let features = graph.rows(&embedding, &ids); // [B, T, E]
        let RnnValues { output, state } = graph.rnn(&network.rnn, &features, Some(&state), None); // [B, T, H]
        let weight = match &network.decoder.weight {
            Some(weight) => graph.tensor("decoder", weight.val()), // [V, H]
            None => graph.single(&embedding),
        };
        let transposed = graph.transpose(&weight, &[1, 0]); // [H, V]
        let products = graph.node("MatMul", &[&output, &transposed]);
        let bias = graph.tensor("decoder.bias", network.decoder.bias.val());
        let logits = graph.node("Add", &[&products, &bias]); // [B, T, V]
        let about = "the logit of each token of the vocabulary; the softmax of the logits is the distribution of the \
                     next token";
        graph.output(Port::new("logits", Element::Float, &[BATCH, time, Dim::Fixed(tokens)], about), &logits);
        graph.state_outputs(&network.rnn, &state);
        graph
    }
}
