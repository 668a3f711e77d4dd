//! One's own data and one's own model under the shared trainer, in under 100 lines of code: which movement did a wrist
//! make? Recipes, checkpoints, resuming, schedules, reports, plots, packages and `verify` come with the trainer.
//!
//! ```sh
//! cargo run -p examples --example own_task                 # train; results in runs/gestures
//! cargo run -p examples --example own_task -- train --set model.size=8 --epochs 3
//! cargo run -p examples --example own_task -- --help
//! ```

use std::{collections::BTreeMap, f32::consts::TAU, path::Path, process::ExitCode};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, loss::CrossEntropyLoss};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rnn::{Cell, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};
use training::cli::{NoOptions, NoVerbs};
use training::settings::Count;
use training::{Carry, Loss, Metrics, Monitor, RecipeOf, Splits, Task, TaskResult};

/// Accelerations along three axes, step by step, and which movement they are of: waving, circling or knocking.
type Recording = ([[f32; 3]; 40], i32);

/// `[data]` of the recipe, how many recordings; and `[model]`, how large a state.
#[derive(Clone, Serialize, Deserialize)]
struct Size {
    size: Count,
}

/// Recordings `[B, T, 3]` → GRU → its last state `[B, H]` → scores of the movements `[B, 3]`.
#[derive(Module, Debug)]
struct Model {
    rnn: Rnn,
    dense: Linear,
}

struct Gestures(usize);

fn recording(rng: &mut ChaCha8Rng) -> Recording {
    let (movement, pace, start) = (rng.random_range(0..3), rng.random_range(0.05..0.15), rng.random::<f32>());
    let steps = |step: usize| {
        let phase = TAU * (start + pace * step as f32);
        let [x, y] = [[phase.sin(), 0.0], [phase.sin(), phase.cos()], [phase.sin().powi(9), 0.0]][movement as usize];
        [x, y, 0.0].map(|value: f32| value + rng.random_range(-1.0..1.0))
    };
    (std::array::from_fn(steps), movement)
}

/// The scores of some recordings `[B, 3]`, and what they are of `[B]`.
fn scores(model: &Model, batch: &[Recording], device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let steps = batch.iter().flat_map(|(steps, _)| steps.as_flattened().iter().copied()).collect::<Vec<f32>>();
    let movements = batch.iter().map(|(_, movement)| *movement).collect::<Vec<i32>>();
    let state =
        model.rnn.forward(Tensor::from_data(TensorData::new(steps, [batch.len(), 40, 3]), device), None, None).1;
    let movements = Tensor::from_data(TensorData::new(movements, [batch.len()]), device);
    (model.dense.forward(state.hidden.squeeze_dim(0)), movements)
}

impl Task for Gestures {
    const PACKAGE: &'static str = "examples --example own_task";
    const ABOUT: &'static str = "Tells which movement a wrist made.";
    const RECIPES: &'static [&'static str] = &[include_str!("own_task.toml")];
    const MONITOR: Monitor = Monitor { metric: "accuracy", higher_is_better: true };
    const ITEMS: &'static str = "recordings";
    type Data = Size;
    type Architecture = Size;
    type Raw = Vec<Recording>;
    type Set = Vec<Recording>;
    type Model = Model;
    type Batch = Vec<Recording>;
    type Verb = NoVerbs;
    type Options = NoOptions;

    /// The data as they are found: here they are drawn; others are read from the folder that is given.
    fn load(data: &Size, _: Option<&Path>) -> TaskResult<Vec<Recording>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Ok((0..data.size.get()).map(|_| recording(&mut rng)).collect())
    }

    /// What is fitted on the training part, such as a vocabulary or a scaler: nothing.
    fn fit(recipe: &RecipeOf<Self>, _: &Vec<Recording>) -> TaskResult<Self> {
        Ok(Self(recipe.model.size.get()))
    }

    /// What was fitted, from the folder of a package.
    fn open(recipe: &RecipeOf<Self>, _: &Path) -> TaskResult<Self> {
        Ok(Self(recipe.model.size.get()))
    }

    /// What the network reads, in three parts.
    fn encode(&self, mut train: Vec<Recording>) -> TaskResult<Splits<Vec<Recording>>> {
        let test = train.split_off(train.len() * 9 / 10);
        let valid = train.split_off(train.len() * 8 / 9);
        Ok(Splits { train, valid, test })
    }

    fn init(&self, device: &Device) -> Model {
        let rnn = RnnConfig::new(Cell::Gru, 3, self.0).init(device);
        Model { rnn, dense: LinearConfig::new(self.0, 3).init(device) }
    }

    fn batches(&self, set: &Vec<Recording>, size: usize, _: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<Recording>> {
        let mut set = set.clone();
        set.shuffle(rng);
        set.chunks(size).map(<[Recording]>::to_vec).collect()
    }

    fn loss(
        &self,
        model: &Model,
        _: &Vec<Recording>,
        batch: &Vec<Recording>,
        _: &mut Carry,
        _: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss {
        let (scores, movements) = scores(model, batch, device);
        Loss { mean: CrossEntropyLoss::new(None, device).forward(scores, movements), count: batch.len() }
    }

    fn evaluate(&self, model: &Model, set: &Vec<Recording>, device: &Device) -> Metrics {
        let (scores, movements) = scores(model, set, device);
        let right: f32 = scores.argmax(1).squeeze_dim::<1>(1).equal(movements).float().mean().into_scalar();
        Metrics::from([("accuracy".to_owned(), f64::from(right))])
    }

    fn baselines(&self, _: &Splits<Vec<Recording>>) -> TaskResult<BTreeMap<String, Metrics>> {
        Ok(BTreeMap::from([("guessing".to_owned(), Metrics::from([("accuracy".to_owned(), 1.0 / 3.0)]))]))
    }
}

fn main() -> ExitCode {
    training::main::<Gestures>()
}

#[cfg(test)]
#[path = "tests/own_task.rs"]
mod tests;
