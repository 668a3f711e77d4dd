//! The network as two ONNX graphs: one reads whole drawings, the other one point per call.

use onnx::{BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, RnnValues, TIME, ToOnnx, Value};

use crate::drawing::{Pen, Point};
use crate::mixture::{CORRELATION, DEVIATION};
use crate::predictor::Writer;

/// The names and descriptions of the outputs that have one value per component of the mixture, in the order of the
/// network's parameters.
const PARTS: [(&str, &str); 6] = [
    ("logits", "the logit of each Gaussian of the mixture"),
    ("mean_x", "the mean of the offset along x of each Gaussian"),
    ("mean_y", "the mean of the offset along y of each Gaussian"),
    ("deviation_x", "the standard deviation of the offset along x of each Gaussian"),
    ("deviation_y", "the standard deviation of the offset along y of each Gaussian"),
    ("correlation", "the correlation of the offsets along x and y of each Gaussian"),
];

/// Writes two graphs: `model.onnx` reads whole drawings, and `step.onnx` reads one point per call. The inputs are the
/// points, `[batch, time, 5]`, the class ids, `[batch, time]`, and the recurrent state. The outputs are, for each
/// point, the parameters of the distribution of the next point, and the new recurrent state.
impl ToOnnx for Writer {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        if options.lengths {
            return Err(OnnxError::NoLengths {
                model: "a model of handwriting",
                reason: "the graph reads drawings without padding; each call continues from the state that the last \
                         call returned",
            });
        }
        let settings = self.settings();
        let graphs = vec![self.graph("model", TIME, options), self.graph("step", Dim::Fixed(1), options)];
        Ok(Export::new(graphs)
            .with("classes", settings.classes.join("\n"), "one class per line, in the order of their ids from 0")
            .with(
                "scale",
                settings.scale.to_string(),
                "the factor by which to multiply the predicted offsets; the larger side of a drawing is then about 1",
            ))
    }
}

impl Writer {
    fn graph(&self, name: &'static str, time: Dim, options: &Options) -> Graph {
        let network = self.network();
        let about = "Handwriting: the distribution of the next point after each point of a drawing. A drawing starts \
                     with the point 0, 0, 0, 0, 1 and a state of zeros; the next call continues from the state that \
                     the last call returned. The output for the offset of the first point has no meaning: this offset \
                     is always 0.";
        let mut graph = Graph::new(name, about, options.precision);
        let about = "the offset from the previous point along x and y, and a one-hot vector of the state of the pen: \
                     the stroke goes on, the pen is lifted after the point, the drawing ends";
        let port = Port::new("points", Element::Float, &[BATCH, time, Dim::Fixed(Point::FEATURES)], about);
        let points = graph.input(port);
        let about = "the id of the class, the same at all points of a drawing";
        let classes = graph.input(Port::new("classes", Element::Int64, &[BATCH, time], about));
        let state = graph.state_inputs(&network.rnn);
        let embedded = graph.embedding("embedding.weight", &network.embedding, &classes); // [B, T, E]
        let inputs = graph.concat(&[points, embedded], 2); // [B, T, 5 + E]
        let RnnValues { output, state } = graph.rnn(&network.rnn, &inputs, Some(&state), None); // [B, T, H]
        let parameters = graph.linear("dense", &network.dense, &output); // [B, T, 6·M + 3]
        self.outputs(&mut graph, time, &parameters);
        graph.state_outputs(&network.rnn, &state);
        graph
    }

    /// Splits the parameters of the distributions, `[B, T, 6·M + 3]` for M Gaussians, into the outputs of the graph.
    /// Standard deviations and correlations are bounded as in [`Mixture::new`](crate::mixture::Mixture::new).
    fn outputs(&self, graph: &mut Graph, time: Dim, parameters: &Value) {
        let components = self.settings().model.components.get();
        for (index, (name, about)) in PARTS.into_iter().enumerate() {
            let first = (index * components) as i64;
            let part = graph.slice(parameters, 2, first, first + components as i64); // [B, T, M]
            let value = match name {
                "deviation_x" | "deviation_y" => {
                    let [low, high] = DEVIATION.map(f32::ln);
                    let [low, range] = [low, high - low].map(|number| graph.float(number));
                    let share = graph.node("Sigmoid", &[&part]);
                    let scaled = graph.node("Mul", &[&share, &range]);
                    let logarithm = graph.node("Add", &[&scaled, &low]);
                    graph.node("Exp", &[&logarithm])
                }
                "correlation" => {
                    let largest = graph.float(CORRELATION);
                    let share = graph.node("Tanh", &[&part]);
                    graph.node("Mul", &[&share, &largest])
                }
                _ => part,
            };
            graph.output(Port::new(name, Element::Float, &[BATCH, time, Dim::Fixed(components)], about), &value);
        }
        let pen = graph.slice(parameters, 2, (PARTS.len() * components) as i64, i64::MAX); // [B, T, 3]
        let about = "the logits of the three states of the pen: the stroke goes on, the pen is lifted after the \
                     point, the drawing ends";
        let dims = [BATCH, time, Dim::Fixed(Pen::ALL.len())];
        graph.output(Port::new("pen", Element::Float, &dims, about), &pen);
    }
}
