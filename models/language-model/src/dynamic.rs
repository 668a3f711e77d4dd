//! Dynamic evaluation ([Krause et al. 2018](https://arxiv.org/abs/1709.07432)): the network goes on learning from the text that it
//! is measured on, always after it has been asked. A weight moves the less the larger its gradients were in training, and
//! back towards what it was trained to be the more.
//!
//! ```text
//! w ← w − η · g / (√m + ε) + min(λ · r, 1) · (w₀ − w)      m: mean squared gradient in training;  r: √m over its mean
//! ```

use std::collections::HashMap;
use std::ops::RangeInclusive;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use training::streams::Streams;

use crate::model::Network;
use crate::perplexity::{Layout, Reading, mean, windows};

/// Settings of dynamic evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dynamic {
    /// η
    pub rate: f64,
    /// λ
    pub decay: f64,
}

/// What is tried on the validation part, or on as many of its first tokens.
const RATES: [f64; 3] = [5e-4, 1e-3, 2e-3];
const DECAYS: [f64; 3] = [0.001, 0.003, 0.01];
const TRIED: usize = 10_000;

/// Tokens from one change of the weights to the next. Of `ptb-awd`, each with the best of a few rates and decays: 5 and 10 left
/// perplexities of 83.9 and 82.8 on the first 5,000 tokens of the validation part, and 20 in less time 82.0; on the first 10,000
/// 20 left 91.4, 40 93.6.
const SEGMENT: usize = 20;
/// The training part's windows over which squared gradients are averaged: at most so many, of so many rows and steps.
const WINDOWS: usize = 50;
const ROWS: usize = 20;
const STEPS: usize = 70;
/// ε
const SMALL: f32 = 1e-3;
/// Values that a thread takes at once.
const CHUNK: usize = 1 << 14;

impl Dynamic {
    /// The settings under which the beginning of a text is least surprising.
    pub fn choose(trained: &Trained, tokens: &[u32], device: &Device) -> Self {
        let tokens = &tokens[..tokens.len().min(TRIED)];
        let settings = RATES.into_iter().flat_map(|rate| DECAYS.map(|decay| Self { rate, decay }));
        let costs = settings.map(|settings| (settings.cost(trained, tokens, device), settings));
        let best = costs.min_by(|(one, _), (other, _)| one.total_cmp(other));
        best.map_or(Self { rate: RATES[0], decay: DECAYS[0] }, |(_, settings)| settings)
    }

    /// Its settings, and where they may lie.
    pub fn ranges(&self) -> [(&'static str, f64, RangeInclusive<f64>); 2] {
        [("dynamic.rate", self.rate, 0.0..=f64::MAX), ("dynamic.decay", self.decay, 0.0..=f64::MAX)]
    }

    /// The mean cost of a text's tokens, in nats.
    pub fn cost(&self, trained: &Trained, tokens: &[u32], device: &Device) -> f64 {
        let device = device.clone().autodiff();
        let layout = Layout::new(tokens, Reading { rows: 1, before: 0, window: SEGMENT });
        let (mut network, mut state, mut all) = (trained.network.clone(), None, Vec::with_capacity(tokens.len()));
        for columns in windows(0..tokens.len(), SEGMENT) {
            let outputs = network.forward(layout.inputs(&columns, &device), state);
            let costs = network.costs(&outputs, layout.targets(&columns, &device)); // [T]
            all.extend(costs.clone().into_data().iter::<f32>());
            state = Some(outputs.state.detach());
            let grads = GradientsParams::from_grads(costs.mean().backward(), &network);
            network = network.map(&mut Change { grads, trained, settings: *self });
        }
        mean(&all)
    }
}

/// A network, and how large its gradients were in training.
pub struct Trained {
    /// On a device that records gradients; without dropout.
    network: Network,
    memories: HashMap<ParamId, Memory>,
    /// Of √m, over all weights.
    mean: f32,
}

/// Of the weights of one parameter.
#[derive(Default)]
struct Memory {
    /// w₀
    trained: Vec<f32>,
    /// √m
    sizes: Vec<f32>,
}

impl Trained {
    /// Takes gradients of a network on the text it was trained on.
    pub fn new(network: &Network, training: &[u32], device: &Device) -> Self {
        let device = device.clone().autodiff();
        let network = network.clone().without_dropout().train();
        let streams = Streams::new(training, ROWS.min(training.len() / 2));
        let mut squares = Squares::default();
        let mut state = None;
        let windows = streams.windows(STEPS);
        let windows = &windows[..windows.len().min(WINDOWS)];
        for window in windows {
            let outputs = network.forward(streams.inputs(window, &device), state);
            let loss = network.costs(&outputs, streams.targets(window, &device)).mean();
            squares.grads = Some(GradientsParams::from_grads(loss.backward(), &network));
            network.visit(&mut squares);
            state = Some(outputs.state.detach());
        }
        let mut memories = squares.memories;
        let (mut sum, mut count) = (0.0, 0);
        for size in memories.values_mut().flat_map(|memory| &mut memory.sizes) {
            *size = (*size / windows.len() as f32).sqrt();
            sum += f64::from(*size);
            count += 1;
        }
        Self { network, memories, mean: (sum / f64::from(count)) as f32 }
    }
}

/// Adds up squared gradients, and keeps the weights.
#[derive(Default)]
struct Squares {
    grads: Option<GradientsParams>,
    memories: HashMap<ParamId, Memory>,
}

impl ModuleVisitor for Squares {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.as_ref().and_then(|grads| grads.get::<D>(param.id)) else { return };
        let memory = self.memories.entry(param.id).or_insert_with(|| {
            let trained: Vec<f32> = param.val().into_data().iter::<f32>().collect();
            Memory { sizes: vec![0.0; trained.len()], trained }
        });
        memory.sizes.iter_mut().zip(grad.into_data().iter::<f32>()).for_each(|(sum, grad)| *sum += grad * grad);
    }
}

/// Changes every weight.
struct Change<'a> {
    grads: GradientsParams,
    trained: &'a Trained,
    settings: Dynamic,
}

impl ModuleMapper for Change<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (Some(grad), Some(memory)) = (self.grads.remove::<D>(param.id), self.trained.memories.get(&param.id))
        else {
            return param;
        };
        let (rate, decay) = (self.settings.rate as f32, self.settings.decay as f32 / self.trained.mean);
        param.map(|weights| {
            let device = weights.device();
            let (mut weights, grad) = (weights.inner().into_data().convert::<f32>(), grad.into_data().convert::<f32>());
            change(&mut weights, &grad, memory, rate, decay);
            Tensor::from_data(weights, &device).require_grad()
        })
    }
}

/// `decay` is λ over the mean of √m.
fn change(weights: &mut TensorData, grad: &TensorData, memory: &Memory, rate: f32, decay: f32) {
    let (Ok(weights), Ok(grads)) = (weights.as_mut_slice::<f32>(), grad.as_slice::<f32>()) else {
        unreachable!("both were converted")
    };
    let memory = memory.trained.par_chunks(CHUNK).zip(memory.sizes.par_chunks(CHUNK));
    weights.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK)).zip(memory).for_each(
        |((weights, grads), (trained, sizes))| {
            for ((weight, grad), (trained, size)) in weights.iter_mut().zip(grads).zip(trained.iter().zip(sizes)) {
                *weight += (decay * size).min(1.0) * (trained - *weight) - rate * grad / (size + SMALL);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perplexity::tests::{network, text};

    #[test]
    fn a_network_that_does_not_move_is_the_network() {
        let device = Device::flex();
        let (network, tokens) = (network(&device), text(300));
        let alone = mean(&crate::perplexity::costs(&network, &tokens, Reading::default(), &device));
        let trained = Trained::new(&network, &text(3000), &device);
        let still = Dynamic { rate: 0.0, decay: 0.1 };
        approx::assert_relative_eq!(still.cost(&trained, &tokens, &device), alone, max_relative = 1e-5);
    }

    #[test]
    fn a_text_that_repeats_itself_is_learned_and_forgotten() {
        let device = Device::flex();
        let (network, tokens) = (network(&device), text(2000));
        let trained = Trained::new(&network, &text(3000), &device);
        let cost = |rate, decay| Dynamic { rate, decay }.cost(&trained, &tokens, &device);
        let [alone, learned, held] = [(0.0, 0.0), (0.01, 0.0), (0.01, 10.0)].map(|(rate, decay)| cost(rate, decay));
        assert!(learned < alone - 0.05, "{learned} {alone}");
        assert!(learned < held && held <= alone, "{held}: pulled back to what it was");
    }
}
