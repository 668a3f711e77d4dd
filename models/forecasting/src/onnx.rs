//! Exports the networks as ONNX graphs. The graphs read and forecast standardised values, which are
//! `(value − mean) / deviation`. The metadata contain the mean and the deviation of each column.

use burn::nn::Linear;
use onnx::{
    BATCH, Dim, Element, Export, Graph, OnnxError, Options, Port, RnnValues, StateValues, ToOnnx, Value, numbers,
};

use crate::forecaster::Forecaster;
use crate::likelihood::{Likelihood, MIN_SCALE};
use crate::linear::{AVERAGE, LinearModel};
use crate::model::{Model, Sizes};
use crate::recurrent::{MIN_DEVIATION, Normalise, Recurrent, Steps};
use crate::segrnn::SegRnn;

const KNOWN: &str = "sine and cosine of the time of day, sine and cosine of the time of the week, sine and cosine of \
                     the time of the year, the elapsed fraction of the year minus 0.5 (these three are 0 if the \
                     scaler's `yearly` is false), 0.5 for days on a weekend and -0.5 for other days; then the \
                     standardised columns whose future values are known";

/// Inputs: the standardised values that the network reads and, for recurrent networks, the features whose future values
/// are known; output: the parameters of the distribution of each value, `[batch, horizon, targets, parameters]`. An
/// autoregressive network has two graphs: one reads the past, and the other computes one step of a forecast.
impl ToOnnx for Forecaster {
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError> {
        if options.lengths {
            return Err(OnnxError::NoLengths {
                model: "a forecaster",
                reason: "all windows have the same number of steps",
            });
        }
        let settings = self.settings();
        let sizes = settings.sizes(self.scalers().columns()).map_err(|_| OnnxError::NoGraph {
            model: "this forecaster",
            reason: "its settings do not fit the columns of its scaler; copy, download or export the package again",
        })?;
        let graphs = match self.network() {
            Model::SegRnn(network) => vec![segrnn(network, sizes, options)],
            Model::Linear(network) => vec![linear(network, sizes, options)],
            Model::Recurrent(network) => match &network.steps {
                Some(steps) => vec![direct(network, steps, sizes, options)],
                None => vec![past(network, sizes, options), next(network, sizes, options)],
            },
        };
        let scaler = serde_json::to_string(self.scalers()).unwrap_or_default();
        let loss = serde_json::to_value(self.likelihood()).unwrap_or_default();
        Ok(Export::new(graphs)
            .with("scaler", scaler, "means and deviations of the columns, targets first, as JSON")
            .with("look_back", sizes.look_back.to_string(), "the number of steps that the network reads")
            .with("horizon", sizes.horizon.to_string(), "the number of steps of a forecast")
            .with(
                "targets",
                sizes.targets.to_string(),
                "the number of columns that are forecast; they are the first columns of the input",
            )
            .with("distribution", loss.as_str().unwrap_or_default(), meaning(self.likelihood()))
            .with("known", KNOWN, "the features of the input `known`, in order"))
    }
}

/// Returns a description of the distribution parameters that the network computes for each value.
fn meaning(likelihood: Likelihood) -> &'static str {
    match likelihood {
        Likelihood::Mae | Likelihood::Mse => "one parameter per value: the forecast",
        Likelihood::Gaussian => "two parameters per value: mean and standard deviation",
        Likelihood::StudentT => "three parameters per value: location, scale, degrees of freedom",
        Likelihood::Quantiles => "five parameters per value: the quantiles 0.025, 0.1, 0.5, 0.9, 0.975",
        Likelihood::Qlike => "one parameter per value: the logarithm of the variance",
        Likelihood::Direction => "one parameter per value: the logit of the event that the value is above 0",
    }
}

/// Adds the input `inputs`: the standardised values that the network reads, `[batch, look-back, columns]`.
fn values_input(graph: &mut Graph, sizes: Sizes) -> Value {
    let dims = [BATCH, Dim::Fixed(sizes.look_back), Dim::Fixed(sizes.columns)];
    graph.input(Port::new("inputs", Element::Float, &dims, "the standardised values of the steps before the forecast"))
}

/// Adds the input `known`: the features whose future values are known, `[batch, steps, features]`.
fn known_input(graph: &mut Graph, sizes: Sizes, steps: usize, about: &str) -> Value {
    let dims = [BATCH, Dim::Fixed(steps), Dim::Fixed(sizes.known)];
    graph.input(Port::new("known", Element::Float, &dims, about))
}

/// Adds the output `parameters`: the parameters of the distribution of each value, `[batch, steps, targets, width]`.
fn parameters_output(graph: &mut Graph, sizes: Sizes, steps: usize, width: usize, value: &Value) {
    let dims = [BATCH, Dim::Fixed(steps), Dim::Fixed(sizes.targets), Dim::Fixed(width)];
    let about = "the parameters of the distribution of each standardised value";
    graph.output(Port::new("parameters", Element::Float, &dims, about), value);
}

/// Adds the output `parameters` of a network that forecasts one number per value (a point forecast), and not several
/// parameters of a distribution. `all` are the forecasts of all columns, `[batch, horizon, columns]`, targets first.
/// The output contains only the forecasts of the targets.
fn targets_output(graph: &mut Graph, sizes: Sizes, all: &Value) {
    let targets = graph.slice(all, 2, 0, sizes.targets as i64);
    let parameters = graph.unsqueeze(&targets, 3);
    parameters_output(graph, sizes, sizes.horizon, 1, &parameters);
}

/// Returns the graph of SegRNN. The shapes have B windows, C columns, L steps that are read, w steps per segment, m
/// segments that are forecast, and H features per hidden state.
fn segrnn(network: &SegRnn, sizes: Sizes, options: &Options) -> Graph {
    let mut graph = Graph::new("model", "SegRNN: forecasts all steps at once.", options.precision);
    let inputs = values_input(&mut graph, sizes); // [B, L, C]
    let [segment, hidden] = network.encoder.weight.dims().map(|size| size as i64);
    let [count, half] = network.positions.dims();
    let (columns, look_back) = (sizes.columns as i64, sizes.look_back as i64);
    let last = graph.slice(&inputs, 1, look_back - 1, look_back); // [B, 1, C]
    let changes = graph.node("Sub", &[&inputs, &last]);
    let by_column = graph.transpose(&changes, &[0, 2, 1]); // [B, C, L]
    let segments = graph.reshape(&by_column, &[-1, look_back / segment, segment]); // [B·C, L/w, w]
    let encoded = graph.linear("encoder", &network.encoder, &segments);
    let encoded = graph.node("Relu", &[&encoded]);
    let state = graph.rnn(&network.rnn, &encoded, None, None).state; // [1, B·C, H]

    let (positions, channels) = (numbers(network.positions.val()), numbers(network.channels.val()));
    let place = |channel: usize, position: usize| {
        [&positions[position * half..][..half], &channels[channel * half..][..half]].concat()
    };
    let places = (0..sizes.columns).flat_map(|channel| (0..count).map(move |position| (channel, position)));
    let places: Vec<f32> = places.flat_map(|(channel, position)| place(channel, position)).collect();
    let places = graph.weights("places", &places, &[1, sizes.columns, count, 2 * half]);
    let batch = graph.size(&inputs, 0);
    let rest = graph.ints(&[columns, count as i64, hidden]);
    let shape = graph.concat(&[batch, rest], 0);
    let places = graph.node("Expand", &[&places, &shape]); // [B, C, m, H]
    let places = graph.reshape(&places, &[-1, 1, hidden]); // [B·C·m, 1, H]
    let states = graph.reshape(state.hidden(), &[-1, columns, 1, hidden]);
    let states = graph.node("Expand", &[&states, &shape]); // [B, C, m, H]
    let states = StateValues::new(graph.reshape(&states, &[1, -1, hidden]), None);

    let decoded = graph.rnn(&network.rnn, &places, Some(&states), None).output; // [B·C·m, 1, H]
    let forecast = graph.linear("decoder", &network.decoder, &decoded); // [B·C·m, 1, w]
    let forecast = graph.reshape(&forecast, &[-1, columns, count as i64 * segment]); // [B, C, m·w]
    let forecast = graph.transpose(&forecast, &[0, 2, 1]);
    let forecast = graph.node("Add", &[&forecast, &last]);
    targets_output(&mut graph, sizes, &forecast);
    graph
}

/// Returns the graph of DLinear or NLinear. The shapes have B windows, C columns, L steps that are read, and H steps
/// that are forecast.
fn linear(network: &LinearModel, sizes: Sizes, options: &Options) -> Graph {
    let about = "A linear map from the steps that are read to the steps of the forecast, the same for all columns.";
    let mut graph = Graph::new("model", about, options.precision);
    let inputs = values_input(&mut graph, sizes);
    let by_column = graph.transpose(&inputs, &[0, 2, 1]); // [B, C, L]
    let forecast = match &network.trend {
        Some(trend) => {
            let average = graph.moving_average(&by_column, AVERAGE);
            let rest = graph.node("Sub", &[&by_column, &average]);
            let of_rest = graph.linear("map", &network.map, &rest);
            let of_average = graph.linear("trend", trend, &average);
            graph.node("Add", &[&of_rest, &of_average])
        }
        None => {
            let last = graph.slice(&by_column, 2, sizes.look_back as i64 - 1, sizes.look_back as i64); // [B, C, 1]
            let changes = graph.node("Sub", &[&by_column, &last]);
            let forecast = graph.linear("map", &network.map, &changes);
            graph.node("Add", &[&forecast, &last])
        }
    }; // [B, C, H]
    let forecast = graph.transpose(&forecast, &[0, 2, 1]);
    targets_output(&mut graph, sizes, &forecast);
    graph
}

/// Returns the graph of a recurrent network with direct decoding. The shapes have B windows, C columns, K features
/// whose future values are known, L steps that are read, H steps that are forecast, and N features per hidden state.
fn direct(network: &Recurrent, steps: &Steps, sizes: Sizes, options: &Options) -> Graph {
    let mut graph = Graph::new("model", "A recurrent network that forecasts all steps at once.", options.precision);
    let Sizes { look_back, horizon, .. } = sizes;
    let inputs = values_input(&mut graph, sizes); // [B, L, C]
    let known = known_input(
        &mut graph,
        sizes,
        look_back + horizon,
        "the known features of the steps that are read and of the steps that are forecast",
    );
    let scale = Scale::of_window(&mut graph, network.normalise, &inputs, sizes);
    let values = scale.normalise(&mut graph, &inputs);
    let known_past = graph.slice(&known, 1, 0, look_back as i64);
    let read = graph.concat(&[values, known_past], 2); // [B, L, C + K]
    let states = graph.rnn(&network.rnn, &read, None, None).output; // [B, L, N]
    let last = graph.slice(&states, 1, look_back as i64 - 1, look_back as i64); // [B, 1, N]
    let future = graph.slice(&known, 1, look_back as i64, (look_back + horizon) as i64); // [B, H, K]
    let mapped = decoded(&mut graph, &steps.map, &last, &future); // [B, H, N]
    let positions = graph.tensor("steps.positions", steps.positions.val()); // [H, N]
    let sum = graph.node("Add", &[&mapped, &positions]);
    let states = graph.node("Relu", &[&sum]);
    parameters(&mut graph, network, &states, &scale, sizes, horizon);
    graph
}

/// Returns the output of the linear layer `map`, `[B, H, N]`. The layer reads the last hidden state, `[B, 1, N]`,
/// concatenated with the known features of each future step, `[B, H, K]`. The state is the same at all H steps, so its
/// product with the weights is computed once.
fn decoded(graph: &mut Graph, map: &Linear, last: &Value, future: &Value) -> Value {
    let [rows, columns] = map.weight.dims();
    let weight = numbers(map.weight.val()); // [N + K, N]
    let (of_state, of_known) = weight.split_at(columns * columns);
    let of_state = graph.weights("steps.map.state", of_state, &[columns, columns]);
    let of_known = graph.weights("steps.map.known", of_known, &[rows - columns, columns]);
    let state = graph.node("MatMul", &[last, &of_state]); // [B, 1, N]
    let known = graph.node("MatMul", &[future, &of_known]); // [B, H, N]
    let sum = graph.node("Add", &[&state, &known]);
    match &map.bias {
        None => sum,
        Some(bias) => {
            let bias = graph.tensor("steps.map.bias", bias.val());
            graph.node("Add", &[&sum, &bias])
        }
    }
}

/// Returns the graph with which an autoregressive network reads all steps of the look-back except the last step. The
/// graph of [`next`] reads the value of this last step, to forecast the first future step.
fn past(network: &Recurrent, sizes: Sizes, options: &Options) -> Graph {
    let about = "Reads the past of a window. The graph `step` then forecasts one step per call. Its first call reads \
                 the last value of the past and the known features of the first step of the forecast; each later call \
                 reads the value of the previous step.";
    let mut graph = Graph::new("model", about, options.precision);
    let look_back = sizes.look_back as i64;
    let inputs = values_input(&mut graph, sizes); // [B, L, T]
    let known = known_input(&mut graph, sizes, sizes.look_back, "the known features of the steps that are read");
    let scale = Scale::of_window(&mut graph, network.normalise, &inputs, sizes);
    let values = scale.normalise(&mut graph, &inputs);
    let values = graph.slice(&values, 1, 0, look_back - 1);
    let known = graph.slice(&known, 1, 1, look_back);
    let read = graph.concat(&[values, known], 2); // [B, L − 1, T + K]
    let state = graph.rnn(&network.rnn, &read, None, None).state;
    graph.state_outputs(&network.rnn, &state);
    scale.output(&mut graph, sizes);
    graph
}

/// Returns the graph with which an autoregressive network forecasts one step.
fn next(network: &Recurrent, sizes: Sizes, options: &Options) -> Graph {
    let about = "Forecasts one step from the value of the previous step, which is observed or sampled from the \
                 previous forecast.";
    let mut graph = Graph::new("step", about, options.precision);
    let dims = [BATCH, Dim::Fixed(1), Dim::Fixed(sizes.targets)];
    let value = graph.input(Port::new("value", Element::Float, &dims, "the standardised value of the previous step"));
    let known = known_input(&mut graph, sizes, 1, "the known features of the step to forecast");
    let state = graph.state_inputs(&network.rnn);
    let scale = Scale::inputs(&mut graph, network.normalise, sizes);
    let value = scale.normalise(&mut graph, &value);
    let read = graph.concat(&[value, known], 2);
    let RnnValues { output, state } = graph.rnn(&network.rnn, &read, Some(&state), None);
    parameters(&mut graph, network, &output, &scale, sizes, 1);
    graph.state_outputs(&network.rnn, &state);
    graph
}

/// Adds the output layer, which computes the output `parameters`, the parameters of the predicted distributions, from
/// hidden states, `[B, S, hidden]`. The shapes have B windows, S steps, T targets and P parameters per value.
fn parameters(graph: &mut Graph, network: &Recurrent, states: &Value, scale: &Scale, sizes: Sizes, steps: usize) {
    let width = network.likelihood.width();
    let outputs = graph.linear("output", &network.output, states); // [B, S, T·P]
    let outputs = graph.reshape(&outputs, &[0, 0, sizes.targets as i64, width as i64]); // [B, S, T, P]
    let of = |scale: &Value, graph: &mut Graph| {
        let targets = graph.slice(scale, 2, 0, sizes.targets as i64);
        graph.unsqueeze(&targets, 3) // [B, 1, T, 1]
    };
    let mean = scale.mean.as_ref().map(|mean| of(mean, graph));
    let deviation = scale.deviation.as_ref().map(|deviation| of(deviation, graph));
    let parts: Vec<Value> = match network.likelihood {
        Likelihood::Gaussian | Likelihood::StudentT => {
            let parts: Vec<Value> =
                (0..width).map(|index| graph.slice(&outputs, 3, index as i64, index as i64 + 1)).collect();
            let location = rescaled(graph, &parts[0], mean.as_ref(), deviation.as_ref());
            let spread = positive(graph, &parts[1], MIN_SCALE as f32);
            let spread = rescaled(graph, &spread, None, deviation.as_ref());
            let freedom = parts.get(2).map(|part| positive(graph, part, 2.0));
            [location, spread].into_iter().chain(freedom).collect()
        }
        _ => vec![rescaled(graph, &outputs, mean.as_ref(), deviation.as_ref())],
    };
    let parameters = graph.concat(&parts, 3);
    parameters_output(graph, sizes, steps, width, &parameters);
}

/// Computes `softplus(value) + least`.
fn positive(graph: &mut Graph, value: &Value, least: f32) -> Value {
    let positive = graph.node("Softplus", &[value]);
    let least = graph.float(least);
    graph.node("Add", &[&positive, &least])
}

/// Computes `value · deviation + mean`. A factor or a term that is `None` is left out.
fn rescaled(graph: &mut Graph, value: &Value, mean: Option<&Value>, deviation: Option<&Value>) -> Value {
    let scaled = deviation.map_or(value.clone(), |deviation| graph.node("Mul", &[value, deviation]));
    mean.map_or(scaled.clone(), |mean| graph.node("Add", &[&scaled, mean]))
}

/// The normalisation of each window: the mean (or last value) and the standard deviation of each column,
/// `[batch, 1, columns]`. A value that the network does not use is `None`.
struct Scale {
    mean: Option<Value>,
    deviation: Option<Value>,
}

impl Scale {
    /// Computes the normalisation of the windows `inputs`, `[batch, look-back, columns]`.
    fn of_window(graph: &mut Graph, normalise: Option<Normalise>, inputs: &Value, sizes: Sizes) -> Self {
        let look_back = sizes.look_back as i64;
        match normalise {
            None => Self { mean: None, deviation: None },
            Some(Normalise::Last) => {
                Self { mean: Some(graph.slice(inputs, 1, look_back - 1, look_back)), deviation: None }
            }
            Some(Normalise::Window) => {
                let mean = graph.reduce("ReduceMean", inputs, 1, true);
                let difference = graph.node("Sub", &[inputs, &mean]);
                let square = graph.node("Mul", &[&difference, &difference]);
                let variance = graph.reduce("ReduceMean", &square, 1, true);
                let deviation = graph.node("Sqrt", &[&variance]);
                let least = graph.float(MIN_DEVIATION as f32);
                let deviation = graph.node("Max", &[&deviation, &least]);
                Self { mean: Some(mean), deviation: Some(deviation) }
            }
        }
    }

    /// Adds the inputs `mean` and `deviation`, if the normalisation uses them. The graph of [`past`] computes their
    /// values as outputs with the same names.
    fn inputs(graph: &mut Graph, normalise: Option<Normalise>, sizes: Sizes) -> Self {
        let dims = [BATCH, Dim::Fixed(1), Dim::Fixed(sizes.columns)];
        let mut input = |name| graph.input(Port::new(name, Element::Float, &dims, "model.onnx's output of this name"));
        Self {
            mean: normalise.map(|_| input("mean")),
            deviation: (normalise == Some(Normalise::Window)).then(|| input("deviation")),
        }
    }

    /// Adds the outputs `mean` and `deviation`.
    fn output(&self, graph: &mut Graph, sizes: Sizes) {
        let dims = [BATCH, Dim::Fixed(1), Dim::Fixed(sizes.columns)];
        let parts = [("mean", &self.mean), ("deviation", &self.deviation)];
        for (name, value) in parts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            graph.output(
                Port::new(
                    name,
                    Element::Float,
                    &dims,
                    "normalises the columns of the window; pass this value to step.onnx",
                ),
                value,
            );
        }
    }

    fn normalise(&self, graph: &mut Graph, values: &Value) -> Value {
        let centred = self.mean.as_ref().map_or(values.clone(), |mean| graph.node("Sub", &[values, mean]));
        self.deviation.as_ref().map_or(centred.clone(), |deviation| graph.node("Div", &[&centred, deviation]))
    }
}
