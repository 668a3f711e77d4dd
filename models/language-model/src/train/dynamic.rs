//! Dynamic evaluation ([Krause et al. 2018](https://arxiv.org/abs/1709.07432)): training continues on the text that is
//! evaluated. The text is cut into segments of tokens. The network first predicts the tokens of a segment; then one
//! gradient step on this segment updates the weights. A weight with large gradients on the training text is changed
//! less, and is pulled back to its trained value more strongly.
//!
//! ```text
//! w ← w − η · g / (√m + ε) + min(λ · r, 1) · (w₀ − w)
//! ```
//!
//! w is a weight, w₀ its trained value, g its gradient, η the learning rate, and λ the decay. m is the mean of g² on
//! the training text, and r is √m divided by the mean of √m over all weights. ε is a small constant.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use training::streams::Streams;
use training::{Interrupt, TaskResult};

use crate::adaptation::DynamicConfig;
use crate::evaluation::{EvalLayout, Rows, mean, windows};
use crate::model::Network;

/// The learning rates η that the grid search tries.
const RATES: [f64; 3] = [5e-4, 1e-3, 2e-3];
/// The decays λ that the grid search tries.
const DECAYS: [f64; 3] = [0.001, 0.003, 0.01];
/// The grid search measures settings on the first tokens of the validation part, up to this number of tokens.
const SEARCH_TOKENS: usize = 10_000;

/// The number of tokens between two updates. It was chosen by the perplexity of the model `ptb-awd` on the first tokens
/// of the validation part, with the best of a few learning rates and decays for each segment length. On the first 5,000
/// tokens, segments of 5 and 10 tokens give perplexities of 83.9 and 82.8, and segments of 20 give 82.0 in less time.
/// On the first 10,000 tokens, segments of 20 give 91.4, and segments of 40 give 93.6.
const SEGMENT: usize = 20;
/// The largest number of windows of the training text over which squared gradients are averaged.
const WINDOWS: usize = 50;
/// The batch size for the training text: the text is cut into at most this many rows, which the network reads in
/// parallel.
const ROWS: usize = 20;
/// The number of time steps of a window of the training text.
const STEPS: usize = 70;
/// The constant ε of the update rule, which is added to the root mean square of a gradient.
const EPSILON: f32 = 1e-3;
/// The number of weights that one job of the thread pool updates.
const CHUNK: usize = 1 << 14;

/// Finds the learning rate and the decay with the lowest loss on the beginning of a text, by grid search.
pub fn choose(trained: &Trained, ids: &[u32], device: &Device, interrupt: &Interrupt) -> TaskResult<DynamicConfig> {
    let ids = &ids[..ids.len().min(SEARCH_TOKENS)];
    let mut best = (f64::INFINITY, DynamicConfig { rate: RATES[0], decay: DECAYS[0] });
    for config in RATES.into_iter().flat_map(|rate| DECAYS.map(|decay| DynamicConfig { rate, decay })) {
        let loss = loss(&config, trained, ids, device, interrupt)?;
        if loss < best.0 {
            best = (loss, config);
        }
    }
    Ok(best.1)
}

/// Returns the mean loss per token of a text with dynamic evaluation, in nats.
pub fn loss(
    config: &DynamicConfig,
    trained: &Trained,
    ids: &[u32],
    device: &Device,
    interrupt: &Interrupt,
) -> TaskResult<f64> {
    let device = device.clone().autodiff();
    let rows = Rows::new(ids, EvalLayout { rows: 1, context: 0, window: SEGMENT });
    let (mut network, mut state, mut all) = (trained.network.clone(), None, Vec::with_capacity(ids.len()));
    for columns in windows(0..ids.len(), SEGMENT) {
        interrupt.check()?;
        let outputs = network.forward(rows.inputs(&columns, &device), state);
        let losses = network.losses(&outputs, rows.targets(&columns, &device)); // [T]
        all.extend(losses.clone().into_data().iter::<f32>());
        state = Some(outputs.state.detach());
        let grads = GradientsParams::from_grads(losses.mean().backward(), &network);
        network = network.map(&mut Update { grads, trained, config: *config });
    }
    Ok(mean(&all))
}

/// A trained network, and the root mean squares of its gradients on the training text.
pub struct Trained {
    /// The network without dropout, on a device that records gradients.
    network: Network,
    /// The trained weights of each parameter tensor, and the root mean squares of their gradients.
    statistics: HashMap<ParamId, Statistics>,
    /// The mean of √m over all weights of the network. √m is the root mean square of a weight's gradient.
    mean: f32,
}

/// The trained weights of one parameter tensor, and the root mean squares of their gradients.
#[derive(Default)]
struct Statistics {
    /// The trained value of each weight, called w₀ in the update rule.
    trained: Vec<f32>,
    /// The root mean square of each weight's gradient, called √m in the update rule.
    sizes: Vec<f32>,
}

impl Trained {
    /// Computes the gradients of a network on windows of its training text, and their root mean squares.
    pub fn new(network: &Network, training: &[u32], device: &Device, interrupt: &Interrupt) -> TaskResult<Self> {
        let device = device.clone().autodiff();
        let network = network.clone().without_dropout().train();
        let streams = Streams::new(training, ROWS.min(training.len() / 2));
        let mut squares = Squares::default();
        let mut state = None;
        let windows = streams.windows(STEPS);
        let windows = &windows[..windows.len().min(WINDOWS)];
        for window in windows {
            interrupt.check()?;
            let outputs = network.forward(streams.inputs(window, &device), state);
            let loss = network.losses(&outputs, streams.targets(window, &device)).mean();
            squares.grads = Some(GradientsParams::from_grads(loss.backward(), &network));
            network.visit(&mut squares);
            state = Some(outputs.state.detach());
        }
        let mut statistics = squares.statistics;
        let (mut sum, mut count) = (0.0, 0);
        for size in statistics.values_mut().flat_map(|statistics| &mut statistics.sizes) {
            *size = (*size / windows.len() as f32).sqrt();
            sum += f64::from(*size);
            count += 1;
        }
        Ok(Self { network, statistics, mean: (sum / f64::from(count)) as f32 })
    }
}

/// Visits a module to sum squared gradients and to copy the trained weights.
#[derive(Default)]
struct Squares {
    /// The gradients of the current window.
    grads: Option<GradientsParams>,
    /// The trained weights, and the sums of squared gradients so far, by parameter.
    statistics: HashMap<ParamId, Statistics>,
}

impl ModuleVisitor for Squares {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.as_ref().and_then(|grads| grads.get::<D>(param.id)) else { return };
        let statistics = self.statistics.entry(param.id).or_insert_with(|| {
            let trained: Vec<f32> = param.val().into_data().iter::<f32>().collect();
            Statistics { sizes: vec![0.0; trained.len()], trained }
        });
        statistics.sizes.iter_mut().zip(grad.into_data().iter::<f32>()).for_each(|(sum, grad)| *sum += grad * grad);
    }
}

/// Updates every weight of a network by the rule w ← … in the documentation of this [file](self).
struct Update<'a> {
    /// The gradients of the current segment.
    grads: GradientsParams,
    /// The trained weights, and the root mean squares of their gradients on the training text.
    trained: &'a Trained,
    /// The learning rate and the decay.
    config: DynamicConfig,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (Some(grad), Some(statistics)) = (self.grads.remove::<D>(param.id), self.trained.statistics.get(&param.id))
        else {
            return param;
        };
        let (rate, decay) = (self.config.rate as f32, self.config.decay as f32 / self.trained.mean);
        param.map(|weights| {
            let device = weights.device();
            let (mut weights, grad) = (weights.inner().into_data().convert::<f32>(), grad.into_data().convert::<f32>());
            update(&mut weights, &grad, statistics, rate, decay);
            Tensor::from_data(weights, &device).require_grad()
        })
    }
}

/// Updates the weights of one parameter by the rule of the [module](self). `rate` is η, and `decay` is λ divided by the
/// mean of √m over all weights.
fn update(weights: &mut TensorData, grad: &TensorData, statistics: &Statistics, rate: f32, decay: f32) {
    let (Ok(weights), Ok(grads)) = (weights.as_mut_slice::<f32>(), grad.as_slice::<f32>()) else {
        unreachable!("weights and gradients were converted to f32")
    };
    let statistics = statistics.trained.par_chunks(CHUNK).zip(statistics.sizes.par_chunks(CHUNK));
    weights.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK)).zip(statistics).for_each(
        |((weights, grads), (trained, sizes))| {
            for ((weight, grad), (trained, size)) in weights.iter_mut().zip(grads).zip(trained.iter().zip(sizes)) {
                *weight += (decay * size).min(1.0) * (trained - *weight) - rate * grad / (size + EPSILON);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::losses;
    use crate::evaluation::tests::{network, text};

    fn trained(device: &Device) -> Trained {
        Trained::new(&network(device), &text(3000), device, &Interrupt::default()).unwrap()
    }

    fn loss_of(trained: &Trained, ids: &[u32], rate: f64, decay: f64) -> f64 {
        loss(&DynamicConfig { rate, decay }, trained, ids, &Device::flex(), &Interrupt::default()).unwrap()
    }

    #[test]
    fn a_rate_of_zero_gives_the_loss_of_the_network() {
        let device = Device::flex();
        let (trained, ids) = (trained(&device), text(300));
        let alone = mean(&losses(&network(&device), &ids, EvalLayout::default(), &device));
        approx::assert_relative_eq!(loss_of(&trained, &ids, 0.0, 0.1), alone, max_relative = 1e-5);
    }

    #[test]
    fn a_repetitive_text_is_learned_and_decay_limits_the_learning() {
        let (trained, ids) = (trained(&Device::flex()), text(2000));
        let [alone, learned, held] =
            [(0.0, 0.0), (0.01, 0.0), (0.01, 10.0)].map(|(rate, decay)| loss_of(&trained, &ids, rate, decay));
        assert!(learned < alone - 0.05, "{learned} {alone}");
        assert!(learned < held && held <= alone, "{held}");
    }

    #[test]
    fn the_search_finds_the_lowest_loss() {
        let (device, ids) = (Device::flex(), text(500));
        let trained = trained(&device);
        let DynamicConfig { rate, decay } = choose(&trained, &ids, &device, &Interrupt::default()).unwrap();
        let best = loss_of(&trained, &ids, rate, decay);
        for (rate, decay) in RATES.into_iter().flat_map(|rate| DECAYS.map(|decay| (rate, decay))) {
            assert!(best <= loss_of(&trained, &ids, rate, decay));
        }
    }
}
