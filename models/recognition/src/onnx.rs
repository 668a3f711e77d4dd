//! The network as an ONNX graph.

use burn::nn::Linear;
use onnx::{BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, TIME, ToOnnx, Value};

use crate::predictor::Recognizer;

const DRAWING: &str = "scale the drawing so that its larger side is 1 and its middle 0, and reduce it to this number of \
                       points with equal distances along its path";
const WINDOW: &str =
    "the samples of a window, and from its start to that of the next; average the probabilities of all windows";

/// Input: frames of standardised features, `[batch, time, samples per frame × features]`; output: the logits of the
/// classes, `[batch, classes]`.
impl ToOnnx for Recognizer {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        let settings = self.settings();
        let frame = settings.model.frame.get();
        let width = frame * settings.features.size(settings.channels.len());
        let about = "The class of a multichannel series.";
        let mut graph = Graph::new("model", about, options.precision);
        let port = Port::new("frames", Element::Float, &[BATCH, TIME, Dim::Fixed(width)], "standardised features");
        let mut steps = graph.input(port);
        let lengths = options.lengths.then(|| graph.lengths_input("sequence"));
        let mut features = width;
        for (index, convolution) in self.network().convolutions.iter().enumerate() {
            steps = convolve(&mut graph, &format!("convolutions.{index}"), convolution, &steps, features);
            features = convolution.weight.dims()[1];
        }
        let network = self.network();
        let values = graph.rnn(&network.rnn, &steps, None, lengths.as_ref());
        let pooled = graph.pooling(network.pooling, network.attention.as_ref(), &network.rnn, values, lengths.as_ref());
        let logits = graph.linear("dense", &network.dense, &pooled); // [B, K]
        let dims = [BATCH, Dim::Fixed(settings.classes.len())];
        graph.output(Port::new("logits", Element::Float, &dims, "the logit of each class"), &logits);
        let numbers = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join("\n");
        let export = Export::new(vec![graph])
            .with("labels", settings.classes.join("\n"), "the classes, in the order of the logits")
            .with("channels", settings.channels.join("\n"), "the channels, in their order")
            .with(
                "relative",
                settings.features.relative.to_string(),
                "whether the first sample is subtracted from all samples",
            )
            .with(
                "deltas",
                settings.features.deltas.to_string(),
                "whether differences to the sample before follow the channels",
            )
            .with("mean", numbers(&settings.features.mean), "the number that is subtracted from each feature")
            .with(
                "deviation",
                numbers(&settings.features.deviation),
                "the number by which each feature is then divided",
            )
            .with(
                "samples_per_frame",
                frame.to_string(),
                "the number of samples per time step; the last is filled with zeros",
            )
            .with("temperature", settings.temperature.to_string(), "divide the logits by it before the softmax");
        let window = settings.window.map(|window| format!("{} {}", window.length, window.step));
        let more = [
            ("rate", settings.rate.map(|rate| rate.to_string()), "samples per second"),
            ("drawing", settings.drawing.map(|points| points.to_string()), DRAWING),
            ("window", window, WINDOW),
        ];
        let known = more.into_iter().filter_map(|(key, value, about)| Some((key, value?, about)));
        Ok(known.fold(export, |export, (key, value, about)| export.with(key, value, about)))
    }
}

/// Adds a convolution that reads the past, and a ReLU: `[B, T, F]` → `[B, T, C]`. As in the network, the steps before the
/// first one are zeros. `features` is F.
fn convolve(graph: &mut Graph, name: &str, convolution: &Linear, steps: &Value, features: usize) -> Value {
    let kernel = (convolution.weight.dims()[0] / features) as i64;
    let pads = graph.ints(&[0, kernel - 1, 0, 0, 0, 0]);
    let padded = graph.node("Pad", &[steps, &pads]); // [B, k − 1 + T, F]
    let part = |first: i64| if first + 1 < kernel { first + 1 - kernel } else { i64::MAX };
    let parts: Vec<Value> = (0..kernel).map(|first| graph.slice(&padded, 1, first, part(first))).collect();
    let windows = graph.concat(&parts, 2); // [B, T, k·F]
    let outputs = graph.linear(name, convolution, &windows);
    graph.node("Relu", &[&outputs])
}
