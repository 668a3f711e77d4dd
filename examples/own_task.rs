//! Your own model on your own data: a network classifies the movement of a wrist from its accelerations. The network
//! implements [`Predictor`], and a [`Task`] trains it. A program with these two traits gets a command line, recipes
//! (TOML files of training settings), checkpoints, resuming, reports and packages (the files of trained models).
//!
//! ```sh
//! cargo run -p examples --example own_task                     # trains; the last lines name the run folder, RUN
//! cargo run -p examples --example own_task -- train --set model.size=8 --epochs 3
//! cargo run -p examples --example own_task -- predict --model RUN '[[0.1, 0.2, 0.0], …]'    # 40 steps
//! ```

use std::{f32::consts::TAU, process::ExitCode};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, loss::CrossEntropyLoss};
use burn::tensor::{Device, Int, Tensor, TensorData};
use inference::{Package, PackageError, PredictError, Predictor, settings::Count, weights::WeightNames};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rnn::{Cell, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};
use training::{CollateContext, Contents, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Pretrained};
use training::{RecipeOf, Splits, StepContext, Task, TaskResult, shuffled};

const MOVEMENTS: [&str; 3] = ["waving", "circling", "knocking"];

/// The accelerations of a wrist, and the index of its movement in [`MOVEMENTS`].
type Recording = (Steps, i32);
/// The accelerations along three axes in each of the 40 steps.
type Steps = [[f32; 3]; 40];

/// The type of two tables of the recipe, `[model]` and `[data]`. In `[model]`, `size` is the hidden size. In `[data]`,
/// `size` is the number of recordings.
#[derive(Clone, Serialize, Deserialize)]
struct Size {
    size: Count,
}

/// Recordings `[B, T, 3]` → GRU → last hidden state `[B, H]` → logits of the movements `[B, 3]`.
#[derive(Module, Debug)]
struct Network {
    rnn: Rnn,
    dense: Linear,
}

impl Network {
    fn new(Size { size }: &Size, device: &Device) -> Self {
        let rnn = RnnConfig::new(Cell::Gru, 3, size.get()).init(device);
        Self { rnn, dense: LinearConfig::new(size.get(), MOVEMENTS.len()).init(device) }
    }

    fn forward(&self, batch: &[Steps]) -> Tensor<2> {
        let steps = TensorData::new(batch.as_flattened().as_flattened().to_vec(), [batch.len(), 40, 3]);
        let (_, state) = self.rnn.forward(Tensor::from_data(steps, &self.dense.weight.device()), None, None);
        self.dense.forward(state.hidden.squeeze_dim(0))
    }
}

impl Predictor for Network {
    const APPLICATION: &'static str = "gestures";
    type Input = Vec<[f32; 3]>;
    type Options = ();
    type Output = &'static str;

    fn open(package: &Package, device: &Device) -> Result<Self, PackageError> {
        let mut network = Self::new(&package.settings()?, device);
        package.load_weights(&mut network, WeightNames::SAME)?;
        Ok(network)
    }

    fn predict(&self, inputs: &[Vec<[f32; 3]>], (): &()) -> Result<Vec<&'static str>, PredictError> {
        let error = |steps: &[_]| PredictError::bad_input("input", format!("{} steps are given; give 40", steps.len()));
        let batch = inputs.iter().map(|steps| steps[..].try_into().map_err(|_| error(steps)));
        let logits = self.forward(&batch.collect::<Result<Vec<_>, _>>()?);
        Ok(logits.argmax(1).into_data().iter::<i32>().map(|index| MOVEMENTS[index as usize]).collect())
    }

    fn example(&self) -> Vec<[f32; 3]> {
        vec![[0.0, 0.0, 1.0]; 40]
    }
}

/// The task that trains the network. It holds the table `[model]` of the recipe, from which the network is initialised.
struct GestureTask(Size);

impl Task for GestureTask {
    const RECIPES: &'static [&'static str] = &[include_str!("own_task.toml")];
    const MONITOR: Monitor = Monitor { metric: "accuracy", higher_is_better: true };
    type Predictor = Network;
    type Data = Size;
    type Architecture = Size;
    type Raw = Vec<Recording>;
    type Set = Vec<Recording>;
    type Model = Network;
    type Items = Vec<usize>;
    type Batch = (Vec<Steps>, Vec<i32>);

    fn load(data: &Size, _: &mut LoadContext) -> TaskResult<Vec<Recording>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Ok((0..data.size.get()).map(|_| recording(&mut rng)).collect())
    }

    fn fit(recipe: &RecipeOf<Self>, _: &Vec<Recording>, _: Option<Pretrained<Self>>) -> TaskResult<Self> {
        Ok(Self(recipe.model.clone()))
    }

    fn of_trained(recipe: &RecipeOf<Self>, _: &Network) -> TaskResult<Self> {
        Ok(Self(recipe.model.clone()))
    }

    fn encode(&self, mut train: Vec<Recording>, _: &mut LoadContext) -> TaskResult<Splits<Vec<Recording>>> {
        let test = train.split_off(train.len() * 9 / 10);
        let valid = train.split_off(train.len() * 8 / 9);
        Ok(Splits { train, valid, test })
    }

    fn init(&self, device: &Device) -> Option<Network> {
        Some(Network::new(&self.0, device))
    }

    fn plan(&self, set: &Vec<Recording>, size: usize, _: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        shuffled(set.len(), size, rng)
    }

    fn collate(&self, set: &Vec<Recording>, items: &Vec<usize>, _: &mut CollateContext) -> TaskResult<Self::Batch> {
        Ok(items.iter().map(|index| set[*index]).unzip())
    }

    fn loss(&self, network: &Network, (steps, movements): Self::Batch, cx: &mut StepContext) -> TaskResult<Loss> {
        let targets = Tensor::<1, Int>::from_data(&movements[..], cx.device);
        let mean = CrossEntropyLoss::new(None, cx.device).forward(network.forward(&steps), targets);
        Ok(Loss { mean, count: steps.len() })
    }

    fn predictor(&self, network: Option<Network>, _: &Device) -> TaskResult<Network> {
        Ok(network.ok_or_else(|| "the network is missing".to_owned())?)
    }

    fn contents(network: &Network) -> TaskResult<Contents<'_, Network>> {
        Contents::new(&serde_json::json!({ "size": network.rnn.hidden_size }), network, vec![])
    }

    fn evaluate(&self, network: &Network, set: &Vec<Recording>, _: &Interrupt) -> TaskResult<Measured> {
        let (steps, movements): (Vec<_>, Vec<_>) = set.iter().copied().unzip();
        let predictions = network.forward(&steps).argmax(1).into_data();
        let correct = predictions.iter::<i32>().zip(movements).filter(|(index, movement)| index == movement);
        Ok(vec![Metric::higher("accuracy", correct.count() as f64 / set.len() as f64)].into())
    }
}

/// Generates a recording: a periodic movement with noise.
fn recording(rng: &mut ChaCha8Rng) -> Recording {
    let (movement, frequency, start) = (rng.random_range(0..3), rng.random_range(0.05..0.15), rng.random::<f32>());
    let steps = |step: usize| {
        let phase = TAU * (start + frequency * step as f32);
        let [x, y] = [[phase.sin(), 0.0], [phase.sin(), phase.cos()], [phase.sin().powi(9), 0.0]][movement as usize];
        [x, y, 0.0].map(|value: f32| value + rng.random_range(-1.0..1.0))
    };
    (std::array::from_fn(steps), movement)
}

fn main() -> ExitCode {
    cli::main::<cli::Plain<GestureTask>>()
}

#[cfg(test)]
#[path = "tests/own_task.rs"]
mod tests;
