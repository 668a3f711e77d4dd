//! The state of an unfinished training run, whole, so that resuming equals never having stopped.
//!
//! Weights and optimiser moments keep burn's parameter identities. Random generators need no saving: every draw is
//! derived from the seed and the number of the epoch or batch.

use std::path::Path;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::files;
use crate::run::Epoch;
use crate::task::Carry;

/// The version of the checkpoint layout that this crate writes.
const FORMAT: u32 = 1;

/// Where training stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub format: u32,
    /// What identifies the data.
    pub data: String,
    /// Epochs done.
    pub epoch: usize,
    /// Batches done in the current epoch.
    pub batch: usize,
    /// Batches done in all.
    pub batches: usize,
    /// Optimiser steps done.
    pub step: usize,
    /// Sums over the batches of the current epoch.
    pub sums: Sums,
    /// The best epoch so far and its validation metric.
    pub best: Option<(usize, f64)>,
    /// Finished epochs.
    pub history: Vec<Epoch>,
    /// Seconds spent so far.
    pub seconds: f64,
    /// The carried hidden state.
    pub carry: Vec<TensorData>,
}

/// What an epoch's means are made from.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Loss times items.
    pub loss: f64,
    /// Items.
    pub count: usize,
    /// Gradient norms.
    pub norm: f64,
    /// Optimiser steps.
    pub steps: usize,
    /// Learning rate of the last step.
    pub lr: f64,
}

/// Writes model, average, optimiser and state into `dir` in one move.
pub fn save<M: Module>(
    dir: &Path,
    model: &M,
    average: Option<&M>,
    optimizer: &ModuleOptimizer,
    state: &State,
) -> Result<()> {
    files::replace_dir(dir, |dir| {
        save_weights(&dir.join("model.bpk"), model)?;
        if let Some(average) = average {
            save_weights(&dir.join("average.bpk"), average)?;
        }
        let moments = dir.join("optimizer.bpk");
        optimizer.save(&moments).map_err(|error| TrainingError::damaged(&moments, error.to_string()))?;
        files::write(&dir.join("state.json"), &files::json(&State { format: FORMAT, ..state.clone() })?)
    })
}

fn save_weights<M: Module>(path: &Path, model: &M) -> Result<()> {
    model.clone().into_record().save(path).map_err(|error| TrainingError::damaged(path, error.to_string()))
}

/// Reads them back into a fresh model, average and optimiser.
pub fn load<M: Module>(
    dir: &Path,
    model: M,
    average: Option<M>,
    optimizer: ModuleOptimizer,
) -> Result<(M, Option<M>, ModuleOptimizer, State)> {
    let state = load_state(dir)?;
    let model = load_weights(&dir.join("model.bpk"), model)?;
    let average = average.map(|average| load_weights(&dir.join("average.bpk"), average)).transpose()?;
    let moments = dir.join("optimizer.bpk");
    let optimizer = optimizer.load(&moments).map_err(|error| damaged(&moments, &error))?;
    Ok((model, average, optimizer, state))
}

fn load_weights<M: Module>(path: &Path, model: M) -> Result<M> {
    ModuleRecord::load(path).and_then(|record| model.try_load_record(record)).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> TrainingError {
    TrainingError::damaged(path, format!("cannot be resumed from ({error}); start a new run"))
}

fn load_state(dir: &Path) -> Result<State> {
    let path = dir.join("state.json");
    let text = std::fs::read_to_string(&path).map_err(TrainingError::io("read", &path))?;
    let state: State = serde_json::from_str(&text)
        .map_err(|error| TrainingError::damaged(&path, format!("is not a checkpoint's state: {error}")))?;
    if state.format > FORMAT {
        let message = format!("has format {}, and this version reads up to {FORMAT}; update the program", state.format);
        return Err(TrainingError::damaged(&path, message));
    }
    Ok(state)
}

/// The carried hidden state as data.
pub fn carry_to_data(carry: &Carry) -> Vec<TensorData> {
    carry.iter().map(|tensor| tensor.clone().into_data()).collect()
}

/// And back.
pub fn carry_from_data(data: &[TensorData], device: &Device) -> Carry {
    data.iter().map(|data| Tensor::from_data(data.clone(), device)).collect()
}
