//! The training loop, written once for every application.
//!
//! ```text
//! batches of an epoch ─► loss ─► backward ─► average over the group ─► clip the global norm ─► optimiser step
//!        ▲                                                                                        │
//!        └── next epoch ◄── stop early? ◄── best/ if better ◄── metrics on validation ◄── end of epoch
//! ```

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use crate::average::Averaging;
use crate::checkpoint::{Checkpoints, Snapshot, State, Sums};
use crate::error::{Result, TrainingError};
use crate::events::Events;
use crate::interrupt;
use crate::package::Package;
use crate::progress::{Progress, Step, duration, list, say};
use crate::rules::{Interval, OnNonFinite, Rules};
use crate::run::{Epoch, Run};
use crate::schedule::Moment;
use crate::steps::{Found, Stepper};
use crate::task::{RecipeOf, Splits, Task};
use crate::weights::{self, Precision};

/// Trains one task by one recipe in one run folder.
pub struct Trainer<'a, T: Task> {
    task: &'a T,
    recipe: &'a RecipeOf<T>,
    splits: &'a Splits<T::Set>,
    stepper: Stepper<'a, T>,
    run: &'a Run,
    rules: Rules,
    started: Instant,
}

/// The end of training.
pub enum Ending<M> {
    /// All epochs done, or stopped early: the best weights, without gradients.
    Done(M, Box<State>),
    /// Somebody asked to stop; there is a checkpoint.
    Interrupted,
}

/// All that changes from step to step.
struct Learner<M> {
    now: Snapshot<M>,
    checkpoints: Checkpoints,
    events: Events,
    /// Optimiser steps of the whole run.
    steps: usize,
    /// Seconds spent before this program was started.
    before: f64,
    started: Instant,
}

impl<M: Module> Learner<M> {
    /// What is measured and kept: the average if there is one.
    fn judged(&self) -> M {
        self.now.average.clone().unwrap_or_else(|| self.now.model.valid())
    }

    /// Seconds spent, by all programs that worked on the run.
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn save(&mut self) -> Result<()> {
        self.now.state.seconds = self.seconds();
        self.events.flush()?;
        self.checkpoints.save(&self.now)
    }
}

impl<'a, T: Task> Trainer<'a, T> {
    /// A trainer on `device`. Time counts from `started`.
    pub fn new(
        task: &'a T,
        recipe: &'a RecipeOf<T>,
        splits: &'a Splits<T::Set>,
        device: &Device,
        run: &'a Run,
        rules: Rules,
        started: Instant,
    ) -> Self {
        let stepper = Stepper { task, recipe, train: &splits.train, device: device.clone().autodiff() };
        Self { task, recipe, splits, stepper, run, rules, started }
    }

    /// Trains from the start, or from the run's last checkpoint.
    pub fn fit(&self, resume: bool) -> Result<Ending<T::Model>> {
        let batches = self.stepper.plan(0).len();
        let mut learner = self.start(resume, batches)?;
        let mut progress = Progress::new(batches * self.epochs(), learner.now.state.batches);
        while !self.ended(&learner.now.state) {
            let stopped;
            (learner, stopped) = self.epoch(learner, &mut progress)?;
            learner.save()?;
            if stopped && !self.ended(&learner.now.state) {
                progress.finish();
                return Ok(Ending::Interrupted);
            }
        }
        progress.finish();
        let mut model = learner.judged();
        let state = State { seconds: learner.seconds(), ..learner.now.state };
        if state.best.is_some() {
            weights::load(&mut model, &self.run.best().join("model.safetensors"), T::WEIGHT_NAMES)?;
        }
        Ok(Ending::Done(model, Box::new(state)))
    }

    fn start(&self, resume: bool, batches: usize) -> Result<Learner<T::Model>> {
        let mut checkpoints = Checkpoints::new(self.run.checkpoints());
        let fresh = self.stepper.fresh()?;
        let now = match resume {
            false => fresh,
            true => match checkpoints.load(fresh, &self.stepper.device)? {
                Some(now) => now,
                None => {
                    say("no checkpoint had been written yet: starting anew");
                    self.stepper.fresh()?
                }
            },
        };
        let steps = self.epochs() * batches.div_ceil(self.recipe.training.accumulate.get());
        let events = Events::create(self.run.dir(), now.state.step)?;
        // What a killed program wrote of an epoch that its last checkpoint does not know.
        if resume {
            self.run.write_history(&now.state.history)?;
        }
        if resume && self.ended(&now.state) {
            say("all its epochs are done: measuring again");
        }
        let before = now.state.seconds;
        Ok(Learner { now, checkpoints, events, steps, before, started: self.started })
    }

    fn epochs(&self) -> usize {
        self.recipe.training.epochs as usize
    }

    fn ended(&self, state: &State) -> bool {
        let since_best = state.epoch - state.best.map_or(0, |(epoch, _)| epoch);
        let patience = self.recipe.training.patience.map_or(usize::MAX, |patience| patience.get());
        state.epoch >= self.epochs() || (state.batch == 0 && since_best >= patience)
    }

    /// Trains to the end of the current epoch. Returns whether somebody asked to stop.
    fn epoch(&self, mut learner: Learner<T::Model>, progress: &mut Progress) -> Result<(Learner<T::Model>, bool)> {
        let plan = self.stepper.plan(learner.now.state.epoch);
        let group = self.recipe.training.accumulate.get();
        let mut saved = (learner.now.state.step, Instant::now());
        while learner.now.state.batch < plan.len() {
            let end = (learner.now.state.batch + group).min(plan.len());
            let group = &plan[learner.now.state.batch..end];
            learner = self.step(learner, group, progress)?;
            if interrupt::requested() && end < plan.len() {
                return Ok((learner, true));
            }
            let due = match self.rules.interval {
                Interval::Steps(steps) => learner.now.state.step >= saved.0 + steps,
                Interval::Time(time) => saved.1.elapsed() >= time,
            };
            if due {
                learner.save()?;
                saved = (learner.now.state.step, Instant::now());
            }
        }
        self.finish_epoch(&mut learner, progress)?;
        Ok((learner, interrupt::requested()))
    }

    /// One optimiser step.
    fn step(
        &self,
        mut learner: Learner<T::Model>,
        group: &[T::Batch],
        progress: &mut Progress,
    ) -> Result<Learner<T::Model>> {
        let found = self.stepper.gradients(&mut learner.now, group);
        if let Some((what, value)) = found.nonfinite() {
            self.pass_over(&mut learner, (what, value), group.len(), progress)?;
            return Ok(learner);
        }
        let rate = self.rate(&learner.now.state, learner.steps);
        let Found { items, loss, norm, .. } = found;
        learner.now = self.stepper.update(learner.now, found, rate);
        let values = [("training/loss", loss), ("training/gradient norm", norm), ("training/rate", rate)];
        learner.events.scalars(learner.now.state.step, values)?;
        progress.step(Step { batches: group.len(), items, loss, norm, rate }, || self.describe(&learner.now.state));
        Ok(learner)
    }

    /// The learning rate of the next step.
    fn rate(&self, state: &State, steps: usize) -> f64 {
        let schedule = &self.recipe.schedule;
        let drops = schedule.drops(T::MONITOR, state.history.iter().map(monitored::<T>));
        let share = schedule.share(Moment { step: state.step, steps, epoch: state.epoch, drops });
        self.recipe.optimizer.lr.get() * share
    }

    /// A step that led out of the numbers: an error, or a step less.
    fn pass_over(
        &self,
        learner: &mut Learner<T::Model>,
        (what, value): (&'static str, f64),
        batches: usize,
        progress: &mut Progress,
    ) -> Result<()> {
        let state = &mut learner.now.state;
        let batch = match batches {
            1 => format!("batch {}", state.batch),
            _ => format!("batches {} to {}", state.batch + 1 - batches, state.batch),
        };
        if self.rules.on_nonfinite == OnNonFinite::Skip {
            progress.line(&format!("{what} is {value} in {batch} of epoch {}: passed over", state.epoch + 1));
            progress.skip(batches);
            state.sums.skipped += 1;
            learner.now.carry.clear();
            return Ok(());
        }
        let kept = match learner.checkpoints.last() {
            Some(path) => format!("The last checkpoint is {}", path.display()),
            None => "No checkpoint had been written yet".to_owned(),
        };
        let norms = state.norms.iter().map(|norm| format!("{norm:.3}")).collect::<Vec<_>>().join(", ");
        let (step, epoch) = (state.step + 1, state.epoch + 1);
        Err(TrainingError::NonFinite { what, value, step, batch, epoch, norms, kept })
    }

    fn finish_epoch(&self, learner: &mut Learner<T::Model>, progress: &mut Progress) -> Result<()> {
        let model = learner.judged();
        let valid = self.task.watch(&model, &self.splits.valid, &self.stepper.device.clone().inner());
        let state = &mut learner.now.state;
        let Sums { loss, count, norm, steps, largest_norm, lr, skipped } = std::mem::take(&mut state.sums);
        state.epoch += 1;
        state.batch = 0;
        learner.now.carry.clear();
        let epoch = Epoch {
            epoch: state.epoch,
            step: state.step,
            lr,
            train_loss: loss / count as f64,
            gradient_norm: norm / steps as f64,
            largest_norm,
            skipped,
            valid,
        };
        let value = monitored::<T>(&epoch);
        let better = T::MONITOR.improves(value, state.best.map(|(_, value)| value));
        progress.line(&self.epoch_line(&epoch, better));
        let names = epoch.valid.iter().map(|(name, value)| (format!("validation/{name}"), *value)).collect::<Vec<_>>();
        learner.events.scalars(state.step, names.iter().map(|(name, value)| (&name[..], *value)))?;
        state.history.push(epoch);
        self.run.write_history(&state.history)?;
        let values: Vec<f64> = state.history.iter().map(monitored::<T>).collect();
        if let Some(Averaging::Triggered(trigger)) = self.recipe.training.average
            && learner.now.average.is_none()
            && trigger.fires(T::MONITOR, &values)
        {
            progress.line("no better for a while: averaging the weights from here on");
            learner.now.average = Some(learner.now.model.valid());
        }
        if better {
            state.best = Some((state.epoch, value));
            Package::write(&self.run.best(), self.task, &model, self.recipe, None, Precision::Single)?;
        }
        Ok(())
    }

    fn describe(&self, state: &State) -> String {
        let monitor = T::MONITOR.metric;
        let best =
            state.best.map_or(String::new(), |(epoch, value)| format!(", best {monitor} {value:.4} in epoch {epoch}"));
        format!("epoch {}/{}{best}", state.epoch + 1, self.epochs())
    }

    fn epoch_line(&self, epoch: &Epoch, better: bool) -> String {
        let valid = list(&epoch.valid);
        format!(
            "epoch {}/{}: training loss {:.4}, gradient norm {:.3}, validation {valid}{} ({})",
            epoch.epoch,
            self.epochs(),
            epoch.train_loss,
            epoch.gradient_norm,
            if better { " *" } else { "" },
            duration(self.started.elapsed().as_secs_f64()),
        )
    }
}

/// The metric that chooses the best epoch.
fn monitored<T: Task>(epoch: &Epoch) -> f64 {
    epoch.valid.get(T::MONITOR.metric).copied().unwrap_or(f64::NAN)
}
