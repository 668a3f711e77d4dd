//! What the training loop carries from step to step: the state of training, and the files in which it is recorded.

use std::fmt;
use std::time::Instant;

use burn::module::Module;

use crate::checkpoint::{Checkpoints, Snapshot};
use crate::collective::{Collective, shared};
use crate::error::Result;
use crate::events::Events;
use crate::steps::Progress;

/// The state of training, and the files in which it is recorded.
pub struct Learner<M> {
    /// The state that checkpoints store: network, averaged weights, optimizer, carried hidden state and counters.
    pub now: Snapshot<M>,
    /// The folder of the checkpoints.
    pub checkpoints: Checkpoints,
    /// The event file for TensorBoard; `None` for a rank that writes no files.
    pub events: Option<Events>,
    /// The last optimizer step, if its loss and gradient norm were not read from the GPU yet. They are read after the
    /// next step was sent to the GPU, so that the GPU does not wait for the CPU.
    pub unread: Option<(Progress, Done)>,
    /// The number of optimizer steps in the whole run.
    pub steps: usize,
    /// The time in seconds that earlier processes spent on the run.
    pub before: f64,
    /// The time at which this process started or resumed the run.
    pub started: Instant,
}

/// An optimizer step whose loss and gradient norm are not recorded yet.
pub struct Done {
    pub items: usize,
    pub lr: f64,
    pub place: Place,
}

/// The position of an optimizer step in the training run.
#[derive(Clone, Copy)]
pub struct Place {
    /// The number of the step since the start of the run, counted from 1.
    pub step: usize,
    /// The number of the epoch, counted from 1.
    pub epoch: usize,
    /// The number of the last batch of the step, counted from 1 in each epoch.
    pub batch: usize,
    /// The number of batches whose gradients were accumulated in the step.
    pub batches: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { batch, batches, .. } = self;
        match batches {
            1 => write!(f, "batch {batch}"),
            _ => write!(f, "batches {} to {batch}", batch + 1 - batches),
        }
    }
}

impl<M: Module> Learner<M> {
    /// Returns the network for validation and for the package: with the averaged weights, or with the current weights
    /// if weights are not averaged.
    pub fn averaged(&self) -> M {
        self.now.average.clone().unwrap_or_else(|| self.now.model.valid())
    }

    /// Returns the time in seconds that all processes have spent on the run.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Writes a checkpoint, with the hidden states of all ranks. All ranks call this function, but only rank 0 writes
    /// the files.
    pub fn save(&mut self, ranks: &dyn Collective) -> Result<()> {
        self.now.state.seconds = self.seconds();
        let own = if ranks.is_alone() {
            None
        } else {
            let all = shared::gather(ranks, &self.now.carry)?;
            Some(std::mem::replace(&mut self.now.carry, all))
        };
        if let Some(events) = &mut self.events {
            events.flush()?;
            self.checkpoints.save(&self.now)?;
        }
        if let Some(own) = own {
            self.now.carry = own;
        }
        Ok(())
    }

    /// Records named values for TensorBoard, if this rank writes files. `step` is the number of the optimizer step.
    pub fn scalars<'a>(&mut self, step: usize, values: impl IntoIterator<Item = (&'a str, f64)>) -> Result<()> {
        self.events.as_mut().map_or(Ok(()), |events| events.scalars(step, values))
    }
}
