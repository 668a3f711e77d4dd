//! Pooling of the outputs of recurrent layers: reduces the outputs of all time steps to one vector per sequence.

use rnn::{AttentionPooling, Pooling, Rnn};

use crate::graph::{Element, Graph, Value};
use crate::recurrent::RnnValues;

impl Graph {
    /// Adds nodes that compute [`Pooling::forward`]. Returns one vector per sequence, `[batch, features]`. The
    /// [`RnnValues`] must be the result of [`Graph::rnn`](Self::rnn) for the same `rnn` and the same `lengths`.
    /// `attention` is the layer for [`Pooling::Attention`], and `None` for the other kinds of pooling.
    pub fn pooling(
        &mut self,
        pooling: Pooling,
        attention: Option<&AttentionPooling>,
        rnn: &Rnn,
        RnnValues { output, state }: RnnValues,
        lengths: Option<&Value>,
    ) -> Value {
        match (attention, pooling) {
            (Some(attention), _) => attend(self, attention, &output, lengths),
            (None, Pooling::Last) => self.last_hidden(rnn, &state),
            (None, _) => max_and_mean(self, &output, lengths),
        }
    }
}

/// Computes the maximum and the mean over the steps of each sequence: `[batch, time, features]` →
/// `[batch, 2 · features]`.
fn max_and_mean(graph: &mut Graph, steps: &Value, lengths: Option<&Value>) -> Value {
    let [max, mean] = match lengths {
        None => ["ReduceMax", "ReduceMean"].map(|operator| graph.reduce(operator, steps, 1, false)),
        Some(lengths) => {
            // The outputs are at least -1, and zero in the padding. The added -100 keeps the padding out of the
            // maximum.
            let padding = padding(graph, steps, lengths, -100.0); // [B, T, 1]
            let below = graph.node("Add", &[steps, &padding]);
            let max = graph.reduce("ReduceMax", &below, 1, false);
            let sum = graph.sum(steps, 1);
            let counts = graph.cast(lengths, Element::Float);
            let counts = graph.unsqueeze(&counts, 1);
            [max, graph.node("Div", &[&sum, &counts])]
        }
    };
    graph.concat(&[max, mean], 1)
}

/// Returns the mean over the steps of each sequence, weighted by attention: `[batch, time, features]` →
/// `[batch, features]`.
fn attend(graph: &mut Graph, attention: &AttentionPooling, steps: &Value, lengths: Option<&Value>) -> Value {
    let keys = graph.linear("attention.key", &attention.key, steps);
    let keys = graph.node("Tanh", &[&keys]);
    let mut scores = graph.linear("attention.question", &attention.question, &keys); // [B, T, 1]
    if let Some(lengths) = lengths {
        let padding = padding(graph, steps, lengths, -1e9);
        scores = graph.node("Add", &[&scores, &padding]);
    }
    let weights = graph.softmax(&scores, 1);
    let weighted = graph.node("Mul", &[steps, &weights]);
    graph.sum(&weighted, 1)
}

/// Computes `[batch, time, 1]`: 0 for the steps of each sequence, and `value` for the padding.
fn padding(graph: &mut Graph, steps: &Value, lengths: &Value, value: f32) -> Value {
    let is_padding = graph.is_padding(steps, lengths); // [B, T, 1]
    let value = graph.float(value);
    graph.node("Mul", &[&is_padding, &value])
}
