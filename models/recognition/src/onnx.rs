//! The network as an ONNX graph.

use burn::nn::Linear;
use onnx::{Attribute, BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, TIME, ToOnnx, Value};

use crate::model::Network;
use crate::predictor::Recognizer;

const DRAWING: &str = "scale the drawing so that its larger side is 1 and its center is at 0, and resample the drawing \
                       to this number of points at equal distances along its path";
const VIDEO: &str =
    "the height and the width of each image in pixels; the input has grey values from 0 to 255, standardised";
const WINDOW: &str = "the number of samples per window, and the number of samples from the start of a window to the \
                      start of the next; average the probabilities of all windows";

/// Input: frames of standardised features, `[batch, time, samples per frame × features]`; output: the logits of the
/// classes, `[batch, classes]`.
impl ToOnnx for Recognizer {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        let settings = self.settings();
        let frame = settings.model.frame.get();
        let width = frame * settings.features();
        let about = "The class of a multichannel series.";
        let mut graph = Graph::new("model", about, options.precision);
        let port = Port::new("frames", Element::Float, &[BATCH, TIME, Dim::Fixed(width)], "standardised features");
        let mut steps = graph.input(port);
        let lengths = options.lengths.then(|| graph.lengths_input("sequence"));
        let mut features = width;
        if let Some(side) = settings.video {
            (steps, features) = convolve_images(&mut graph, self.network(), &steps, side.get());
        }
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
            .with("channels", settings.channels.join("\n"), "the channels, in the order of the input")
            .with(
                "relative",
                settings.features.relative.to_string(),
                "whether the first sample is subtracted from all samples",
            )
            .with(
                "deltas",
                settings.features.deltas.to_string(),
                "whether the differences from the previous sample follow the channels",
            )
            .with("mean", numbers(&settings.features.mean), "the number that is subtracted from each feature")
            .with(
                "deviation",
                numbers(&settings.features.deviation),
                "the number by which each feature is divided after the mean is subtracted",
            )
            .with(
                "samples_per_frame",
                frame.to_string(),
                "the number of samples per time step; the last time step is padded with zeros",
            )
            .with(
                "temperature",
                settings.temperature.to_string(),
                "the number by which the logits are divided before the softmax",
            );
        let window = settings.window.map(|window| format!("{} {}", window.length, window.step));
        let more = [
            ("video", settings.video.map(|side| side.to_string()), VIDEO),
            ("rate", settings.rate.map(|rate| rate.to_string()), "samples per second"),
            ("drawing", settings.drawing.map(|points| points.to_string()), DRAWING),
            ("window", window, WINDOW),
        ];
        let known = more.into_iter().filter_map(|(key, value, about)| Some((key, value?, about)));
        Ok(known.fold(export, |export, (key, value, about)| export.with(key, value, about)))
    }
}

/// Adds the image convolutions, each with a ReLU: `[B, T, S²]` → `[B, T, C·h·w]`. S is `side`, the height and the width
/// of an image; C, h and w are the channels, the height and the width after the convolutions. Returns the output and
/// its number of features, C·h·w.
fn convolve_images(graph: &mut Graph, network: &Network, steps: &Value, side: usize) -> (Value, usize) {
    let batch_and_time = [graph.size(steps, 0), graph.size(steps, 1)];
    let (mut images, mut side, mut channels) = (graph.reshape(steps, &[-1, 1, side as i64, side as i64]), side, 1);
    for (index, convolution) in network.image_convolutions.iter().enumerate() {
        let name = format!("image_convolutions.{index}");
        let weight = graph.tensor(&format!("{name}.weight"), convolution.weight.val());
        let bias = convolution.bias.as_ref().map(|bias| graph.tensor(&format!("{name}.bias"), bias.val()));
        let [kernel, stride] = [convolution.kernel_size, convolution.stride];
        let border = kernel[0] as i64 / 2;
        let attributes = [
            ("strides", Attribute::Ints(stride.map(|stride| stride as i64).to_vec())),
            ("pads", Attribute::Ints(vec![border; 4])),
        ];
        let inputs: Vec<&Value> = [&images, &weight].into_iter().chain(&bias).collect();
        let convolved = graph.node_with("Conv", &inputs, &attributes);
        images = graph.node("Relu", &[&convolved]); // [B·T, C, h, w]
        (side, channels) = (side.div_ceil(stride[0]), convolution.weight.dims()[0]);
    }
    let features = channels * side * side;
    let [batch, time] = batch_and_time;
    let shape = [batch, time, graph.ints(&[features as i64])];
    let shape = graph.concat(&shape, 0);
    (graph.node("Reshape", &[&images, &shape]), features)
}

/// Adds a causal convolution, over the current and the previous steps, and a ReLU: `[B, T, F]` → `[B, T, C]`, for F
/// features (`features`) and C output channels. As in the network, the steps before the first step are zeros.
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
