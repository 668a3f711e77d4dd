//! Checkpoints: the complete state of an unfinished training run, for bit-exact resuming.
//!
//! ```text
//! checkpoints/000041/    the previous checkpoint, which is used if the newest checkpoint is damaged
//! checkpoints/000042/    model.bpk  average.bpk  optimizer.bpk  carry.safetensors  state.json  SHA256SUMS
//! ```
//!
//! A checkpoint is written to a temporary folder, flushed to disk, and renamed. Weights and optimizer state keep burn's
//! parameter ids. Random generators have no state to save: all random numbers are derived from the seed and the number
//! of the epoch or batch.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::files;
use crate::run::Epoch;
use crate::task::Carry;

/// The version of the checkpoint layout that this crate writes.
const FORMAT: u32 = 1;

/// The complete state of training between two optimizer steps.
pub struct Snapshot<M> {
    /// The network that is trained.
    pub model: M,
    /// The network with averaged weights (EMA or ASGD), without gradients; `None` if weights are not averaged, or if
    /// averaging has not started yet.
    pub average: Option<M>,
    /// The optimizer with its state, such as moments.
    pub optimizer: ModuleOptimizer,
    /// The hidden state that is carried from batch to batch.
    pub carry: Carry,
    /// The counters and metrics of the run.
    pub state: State,
}

/// The counters and metrics of a run, as stored in a checkpoint. Fields that are missing in older checkpoints get their
/// defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Version of the checkpoint layout.
    pub format: u32,
    /// The number of finished epochs.
    pub epoch: usize,
    /// The number of finished batches in the current epoch.
    pub batch: usize,
    /// The number of finished batches in all epochs.
    pub batches: usize,
    /// The number of finished optimizer steps.
    pub step: usize,
    /// Sums over the optimizer steps of the current epoch, such as the sum of losses.
    pub sums: Sums,
    /// The number of the best epoch so far, counted from 1, and its validation metric.
    pub best: Option<(usize, f64)>,
    /// The metrics of all finished epochs.
    pub history: Vec<Epoch>,
    /// The gradient norms of the most recent steps, for error messages.
    pub norms: VecDeque<f64>,
    /// The number of optimizer steps whose weights are in the average.
    pub averaged: usize,
    /// The time spent on the run so far, in seconds.
    pub seconds: f64,
    /// The number of items, such as sentences or tokens, that the run has trained on so far. An item counts once per
    /// epoch.
    pub items: usize,
}

/// The sums, over the optimizer steps of an epoch, from which the mean loss and the mean gradient norm of the epoch are
/// computed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// The sum of the losses of all items in the finished steps.
    pub loss: f64,
    /// The number of items in the finished steps.
    pub count: usize,
    /// The sum of the global gradient norms of all steps, before clipping.
    pub norm: f64,
    /// The number of optimizer steps in the sums.
    pub steps: usize,
    /// The largest global gradient norm, before clipping.
    pub largest_norm: f64,
    /// The learning rate of the most recent step.
    pub lr: f64,
    /// The number of steps that were skipped because the loss or the gradient was NaN or infinite.
    pub skipped: usize,
}

impl State {
    /// The number of gradient norms that are kept for error messages.
    const NORMS: usize = 8;

    /// Adds the results of an optimizer step: the mean loss over its items, the number of items, the global gradient
    /// norm, and the learning rate.
    pub fn add_step(&mut self, loss: f64, items: usize, norm: f64, lr: f64) {
        if self.norms.len() == Self::NORMS {
            self.norms.pop_front();
        }
        self.norms.push_back(norm);
        self.items += items;
        let Sums { loss: losses, count, norm: norms, steps, largest_norm, skipped, .. } = self.sums;
        self.sums = Sums {
            loss: losses + loss * items as f64,
            count: count + items,
            norm: norms + norm,
            steps: steps + 1,
            largest_norm: largest_norm.max(norm),
            lr,
            skipped,
        };
    }
}

/// The folder that contains the checkpoints of a run.
pub struct Checkpoints {
    /// The path of the folder, which may not exist yet.
    dir: PathBuf,
    /// The path of the checkpoint that this object has written or loaded most recently; `None` if there is none. This
    /// checkpoint is known to be undamaged, because `load` verifies checksums.
    last: Option<PathBuf>,
}

impl Checkpoints {
    /// Manages the checkpoints in a folder, which need not exist yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, last: None }
    }

    /// Returns the path of the checkpoint that this object has written or loaded most recently, if any.
    pub fn last(&self) -> Option<&Path> {
        self.last.as_deref()
    }

    /// Returns the path of the newest checkpoint in the folder, even if the checkpoint is damaged.
    pub fn newest(&self) -> Result<Option<PathBuf>> {
        Ok(self.numbers()?.last().map(|number| self.dir.join(format!("{number:06}"))))
    }

    /// Writes a new checkpoint. Then removes all older checkpoints except the one that this object has written or
    /// loaded most recently before.
    pub fn save<M: Module>(&mut self, snapshot: &Snapshot<M>) -> Result<()> {
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let path = self.dir.join(format!("{number:06}"));
        files::new_dir(&path, |dir| write(dir, snapshot))?;
        let before = self.last.replace(path);
        self.remove_older(number, before.as_deref());
        Ok(())
    }

    /// Loads the newest undamaged checkpoint. `fresh` is the state before the first step: it receives the loaded
    /// values, and is returned unchanged if there is no checkpoint yet.
    ///
    /// Calls `note` with a message about each damaged checkpoint, or with a message that there is no checkpoint.
    pub fn load<M: Module>(
        &mut self,
        fresh: Snapshot<M>,
        device: &Device,
        note: &mut dyn FnMut(&str),
    ) -> Result<Snapshot<M>> {
        let mut damaged = None;
        for number in self.numbers()?.into_iter().rev() {
            let path = self.dir.join(format!("{number:06}"));
            match files::check_sums(&path) {
                Ok(()) => {
                    self.last = Some(path.clone());
                    return read(&path, fresh, device);
                }
                // The checkpoint cannot be read but may be intact. Loading an older checkpoint would discard it.
                Err(error @ TrainingError::Io { .. }) if !error.is_missing_file() => return Err(error),
                Err(error) => {
                    note(&format!("{error}: falling back to the previous checkpoint"));
                    damaged.get_or_insert(path);
                }
            }
        }
        match damaged {
            Some(path) => Err(TrainingError::damaged(
                &path,
                "is damaged, and there is no intact older checkpoint; start a new run",
            )),
            None => {
                note("the run has no checkpoint yet: starting from the beginning");
                Ok(fresh)
            }
        }
    }

    /// Returns the numbers of all checkpoints, in ascending order.
    fn numbers(&self) -> Result<Vec<u64>> {
        let entries = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(TrainingError::io("read", &self.dir))?,
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut numbers: Vec<u64> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes the temporary folders of killed processes, and all checkpoints before `newest` except `kept`. Failures
    /// are ignored: an old checkpoint that stays does no harm.
    fn remove_older(&self, newest: u64, kept: Option<&Path>) {
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let older = name.parse::<u64>().is_ok_and(|number| number < newest) && kept != Some(&entry.path());
            if older || name.starts_with(files::UNFINISHED) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn write<M: Module>(dir: &Path, snapshot: &Snapshot<M>) -> Result<()> {
    let Snapshot { model, average, optimizer, carry, state } = snapshot;
    let record = |name: &str, bytes: std::result::Result<Bytes, _>| {
        let path = dir.join(name);
        let bytes = bytes.map_err(|error: burn::store::RecordError| {
            TrainingError::damaged(&path, format!("cannot be written: {error}"))
        })?;
        files::write(&path, &bytes)
    };
    record("model.bpk", model.clone().into_record().into_bytes())?;
    if let Some(average) = average {
        record("average.bpk", average.clone().into_record().into_bytes())?;
    }
    record("optimizer.bpk", optimizer.into_bytes())?;
    if !carry.is_empty() {
        write_carry(&dir.join(CARRY), carry)?;
    }
    files::write(&dir.join("state.json"), &files::json(&State { format: FORMAT, ..state.clone() })?)?;
    files::write_sums(dir)
}

fn read<M: Module>(dir: &Path, fresh: Snapshot<M>, device: &Device) -> Result<Snapshot<M>> {
    let state = read_state(&dir.join("state.json"))?;
    let bytes = |path: &Path| {
        let bytes = std::fs::read(path).map_err(TrainingError::io("read", path))?;
        Ok::<_, TrainingError>(Bytes::from_bytes_vec(bytes))
    };
    let weights = |name: &str, model: M| {
        let path = dir.join(name);
        let record = ModuleRecord::from_bytes(bytes(&path)?);
        record.and_then(|record| model.try_load_record(record)).map_err(|error| mismatch(&path, &error))
    };
    let average = match dir.join("average.bpk").exists() {
        true => Some(weights("average.bpk", fresh.model.valid())?),
        false => None,
    };
    let model = weights("model.bpk", fresh.model)?;
    let moments = dir.join("optimizer.bpk");
    let optimizer = fresh.optimizer.from_bytes(bytes(&moments)?).map_err(|error| mismatch(&moments, &error))?;
    let carry = match dir.join(CARRY).exists() {
        true => read_carry(&dir.join(CARRY), device)?,
        false => Carry::new(),
    };
    Ok(Snapshot { model, average, optimizer, carry, state })
}

/// Makes the error for a checkpoint file that is not damaged, but that does not match the recipe of the run.
fn mismatch(path: &Path, error: &dyn std::fmt::Display) -> TrainingError {
    TrainingError::damaged(path, format!("does not match the recipe of the run ({error}); start a new run"))
}

fn read_state(path: &Path) -> Result<State> {
    let text = std::fs::read_to_string(path).map_err(TrainingError::io("read", path))?;
    let state: State = serde_json::from_str(&text).map_err(|error| {
        TrainingError::damaged(path, format!("is not a valid state of a checkpoint ({error}); start a new run"))
    })?;
    if state.format > FORMAT {
        let message = format!(
            "has format version {}, but this program reads only versions up to {FORMAT}; update the program",
            state.format
        );
        return Err(TrainingError::damaged(path, message));
    }
    Ok(state)
}

const CARRY: &str = "carry.safetensors";

/// Writes the hidden state that is carried from batch to batch. The tensors are stored in single precision, with the
/// names `0`, `1`, ….
fn write_carry(path: &Path, carry: &Carry) -> Result<()> {
    let bytes: Vec<(String, [usize; 3], Vec<u8>)> = carry
        .iter()
        .enumerate()
        .map(|(index, tensor)| {
            let values = tensor.to_data().iter::<f32>().flat_map(f32::to_le_bytes).collect();
            (index.to_string(), tensor.dims(), values)
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, values)| TensorView::new(Dtype::F32, shape.to_vec(), values).map(|view| (name, view)));
    let written = views.collect::<std::result::Result<Vec<_>, _>>().and_then(|views| serialize(views, None));
    files::write(path, &written.map_err(|error| TrainingError::damaged(path, error.to_string()))?)
}

fn read_carry(path: &Path, device: &Device) -> Result<Carry> {
    let bytes = std::fs::read(path).map_err(TrainingError::io("read", path))?;
    let damaged = |what: &dyn std::fmt::Display| {
        TrainingError::damaged(path, format!("is not a valid file of hidden states ({what}); start a new run"))
    };
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error))?;
    let tensor = |index: usize| {
        let view = tensors.tensor(&index.to_string()).map_err(|error| damaged(&error))?;
        let shape: [usize; 3] = view.shape().try_into().map_err(|error| damaged(&error))?;
        let (values, rest) = view.data().as_chunks::<4>();
        if view.dtype() != Dtype::F32 || !rest.is_empty() {
            return Err(damaged(&"the values are not 32-bit floats"));
        }
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    };
    (0..tensors.len()).map(tensor).collect()
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{GradientsParams, SgdConfig, momentum::MomentumConfig};

    use super::*;
    use test_support::try_damaged;

    fn fresh() -> Snapshot<Linear> {
        let model = LinearConfig::new(3, 2).init(&Device::flex().autodiff());
        let optimizer = SgdConfig::new().with_momentum(Some(MomentumConfig::new())).init();
        Snapshot { model, average: None, optimizer, carry: Carry::new(), state: State::default() }
    }

    /// A snapshot after one step.
    fn stepped() -> Snapshot<Linear> {
        let Snapshot { model, mut optimizer, mut state, .. } = fresh();
        let loss = model.forward(Tensor::<2>::ones([1, 3], &model.weight.device())).sum();
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        let model = optimizer.step(0.1, model, grads);
        state.add_step(0.5, 3, 1.0, 0.1);
        let average = Some(model.valid());
        let carry = vec![Tensor::ones([1, 2, 3], &model.weight.device())];
        Snapshot { model, average, optimizer, carry, state }
    }

    /// The checksums detect all damage. The parsers of two files are also tested without them.
    #[test]
    fn damaged_checkpoints_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &stepped()).unwrap();
        for name in ["state.json", CARRY, "model.bpk", "optimizer.bpk", "SHA256SUMS"] {
            let path = dir.path().join(name);
            let whole = std::fs::read(&path).unwrap();
            try_damaged(&whole, |bytes| {
                std::fs::write(&path, bytes).unwrap();
                let found = files::check_sums(dir.path());
                // Some changes of SHA256SUMS do not change its meaning: a final newline, or a repeated line.
                assert!(found.is_err() || bytes == whole || name == "SHA256SUMS", "{name}");
                match name {
                    "state.json" => drop(read_state(&path)),
                    CARRY => drop(read_carry(&path, &Device::flex())),
                    _ => {}
                }
            });
            std::fs::write(&path, whole).unwrap();
        }
        let whole = read(dir.path(), fresh(), &Device::flex()).unwrap();
        assert_eq!((whole.state.sums.count, whole.carry[0].dims()), (3, [1, 2, 3]));
    }
}
