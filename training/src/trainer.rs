//! The training loop, written once for every application.
//!
//! ```text
//! batches of an epoch ─► loss ─► backward ─► average over the group ─► clip the global norm ─► optimiser step
//!        ▲                                                                                        │
//!        └── next epoch ◄── stop early? ◄── best/ if better ◄── metrics on validation ◄── end of epoch
//! ```

use std::fmt::{Display, Formatter};
use std::str::FromStr;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Device;

use crate::average::{self, Averaging};
use crate::checkpoint::{self, Checkpoints, Snapshot, State, Sums};
use crate::clip::clip;
use crate::error::{Result, TrainingError};
use crate::events::Events;
use crate::interrupt;
use crate::machine::check_memory;
use crate::package::Package;
use crate::progress::{Progress, duration, list, say};
use crate::random::{Purpose, device_seed, stream};
use crate::run::{Epoch, Run};
use crate::schedule::Moment;
use crate::task::{Carry, RecipeOf, Splits, Task};
use crate::weights::{self, Precision};

/// How often a checkpoint is written within an epoch; at its end there is always one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// After so many optimiser steps.
    Steps(usize),
    /// After so much time.
    Time(Duration),
}

impl Default for Interval {
    fn default() -> Self {
        Self::Time(Duration::from_secs(60))
    }
}

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        match (digits.parse::<u32>(), unit) {
            (Ok(number @ 1..), "") => Ok(Self::Steps(number as usize)),
            (Ok(number @ 1..), "s") => Ok(Self::Time(Duration::from_secs(number.into()))),
            (Ok(number @ 1..), "m") => Ok(Self::Time(Duration::from_secs(60 * u64::from(number)))),
            _ => Err("write 30s, 5m, or a number of optimiser steps"),
        }
    }
}

impl Display for Interval {
    fn fmt(&self, formatter: &mut Formatter) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(formatter, "{steps}"),
            Self::Time(time) => write!(formatter, "{}s", time.as_secs()),
        }
    }
}

/// What to do when the loss or a gradient is no finite number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnNonFinite {
    /// Stop with an error; the last checkpoint stays.
    #[default]
    Stop,
    /// Pass over the step, and begin the next one without a carried state.
    Skip,
}

/// What is chosen by whoever starts the trainer, and is no part of the recipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// How often a checkpoint is written.
    pub interval: Interval,
    /// What to do when something is no finite number.
    pub on_nonfinite: OnNonFinite,
}

/// Numbers to a parameter while training: itself, its gradient, and two moments.
const COPIES: f64 = 4.0;

/// Trains one task by one recipe in one run folder.
pub struct Trainer<'a, T: Task> {
    task: &'a T,
    recipe: &'a RecipeOf<T>,
    splits: &'a Splits<T::Set>,
    /// Records gradients.
    device: Device,
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
    carry: Carry,
    checkpoints: Checkpoints,
    events: Events,
    /// Optimiser steps of the whole run.
    steps: usize,
}

impl<M: Module> Learner<M> {
    /// What is measured and kept: the average if there is one.
    fn judged(&self) -> M {
        self.now.average.clone().unwrap_or_else(|| self.now.model.valid())
    }

    fn save(&mut self) -> Result<()> {
        self.now.state.carry = checkpoint::carry_to_data(&self.carry);
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
        let device = device.clone().autodiff();
        Self { task, recipe, splits, device, run, rules, started }
    }

    /// Trains from the start, or from the run's last checkpoint.
    pub fn fit(&self, resume: bool) -> Result<Ending<T::Model>> {
        let batches = self.plan(0).len();
        let mut learner = self.start(resume, batches)?;
        let before = learner.now.state.seconds;
        let mut progress = Progress::new(batches * self.epochs(), learner.now.state.batches);
        while !self.ended(&learner.now.state) {
            let stopped;
            (learner, stopped) = self.epoch(learner, &mut progress)?;
            learner.now.state.seconds = before + self.started.elapsed().as_secs_f64();
            learner.save()?;
            if stopped && !self.ended(&learner.now.state) {
                progress.finish();
                return Ok(Ending::Interrupted);
            }
        }
        progress.finish();
        let mut model = learner.judged();
        let mut state = learner.now.state;
        if state.best.is_some() {
            weights::load(&mut model, &self.run.best().join("model.safetensors"), T::WEIGHT_NAMES)?;
        }
        state.seconds = before + self.started.elapsed().as_secs_f64();
        Ok(Ending::Done(model, Box::new(state)))
    }

    fn start(&self, resume: bool, batches: usize) -> Result<Learner<T::Model>> {
        let mut checkpoints = Checkpoints::new(self.run.checkpoints());
        let fresh = self.fresh()?;
        let now = match resume {
            false => fresh,
            true => match checkpoints.load(fresh)? {
                Some(now) => now,
                None => {
                    say("no checkpoint had been written yet: starting anew");
                    self.fresh()?
                }
            },
        };
        let steps = self.epochs() * batches.div_ceil(self.recipe.training.accumulate.get());
        let carry = checkpoint::carry_from_data(&now.state.carry, &self.device);
        let events = Events::create(self.run.dir(), now.state.step)?;
        Ok(Learner { now, carry, checkpoints, events, steps })
    }

    fn fresh(&self) -> Result<Snapshot<T::Model>> {
        check_memory(self.task.num_params(), COPIES)?;
        self.device.seed(device_seed(&mut stream(self.recipe.seed, Purpose::Weights, 0)));
        let mut model = self.task.init(&self.device);
        if let Some(name) = &self.recipe.start_from {
            let weights = Package::<T>::find(name)?.join("model.safetensors");
            weights::load(&mut model, &weights, T::WEIGHT_NAMES)?;
        }
        let average = match self.recipe.training.average {
            Some(Averaging::Moving(_)) => Some(model.valid()),
            Some(Averaging::Triggered(_)) | None => None,
        };
        Ok(Snapshot { model, average, optimizer: self.recipe.optimizer.init(), state: State::default() })
    }

    fn plan(&self, epoch: usize) -> Vec<T::Batch> {
        let mut order = stream(self.recipe.seed, Purpose::Order, epoch);
        self.task.batches(&self.splits.train, self.recipe.training.batch_size.get(), epoch, &mut order)
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
        let plan = self.plan(learner.now.state.epoch);
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

    /// One optimiser step on the average gradient of a group of batches, each item weighing the same.
    fn step(
        &self,
        mut learner: Learner<T::Model>,
        group: &[T::Batch],
        progress: &mut Progress,
    ) -> Result<Learner<T::Model>> {
        let mut accumulator = GradientsAccumulator::new();
        let (mut items, mut total) = (0, 0.0);
        for batch in group {
            let Learner { now: Snapshot { model, state, .. }, carry, .. } = &mut learner;
            let mut rng = stream(self.recipe.seed, Purpose::Batch, state.batches);
            self.device.seed(device_seed(&mut rng));
            let loss = self.task.loss(model, &self.splits.train, batch, carry, &mut rng, &self.device);
            total += f64::from(loss.mean.clone().into_scalar::<f32>()) * loss.count as f64;
            items += loss.count;
            // What is carried to the next batch ends here: back-propagation is truncated to one batch.
            carry.iter_mut().for_each(|state| *state = state.clone().detach());
            let grads = loss.mean.mul_scalar(loss.count as f64).backward();
            accumulator.accumulate(model, GradientsParams::from_grads(grads, model));
            state.batch += 1;
            state.batches += 1;
            progress.step(|| self.describe(state));
        }
        let (grads, norm) =
            clip(&learner.now.model, accumulator.grads(), 1.0 / items as f64, self.recipe.training.clip());
        for (what, value) in [("the loss", total / items as f64), ("the gradient's norm", norm)] {
            if !value.is_finite() {
                self.pass_over(&mut learner, what, value, group.len())?;
                return Ok(learner);
            }
        }
        let sums = &mut learner.now.state.sums;
        sums.loss += total;
        sums.count += items;
        let mut learner = self.update(learner, grads, norm);
        let State { step, sums, .. } = &learner.now.state;
        let values =
            [("training/loss", total / items as f64), ("training/gradient norm", norm), ("training/rate", sums.lr)];
        learner.events.scalars(*step, values)?;
        Ok(learner)
    }

    /// The model is handed over, not lent: what nobody else holds can be changed in place.
    fn update(&self, learner: Learner<T::Model>, grads: GradientsParams, norm: f64) -> Learner<T::Model> {
        let Learner { now: Snapshot { model, average, mut optimizer, mut state }, carry, checkpoints, events, steps } =
            learner;
        let lr = self.recipe.optimizer.lr.get() * self.share(&state, steps);
        let model = optimizer.step(lr, model, grads);
        state.step += 1;
        state.remember_norm(norm);
        let average = match (self.recipe.training.average, average) {
            (Some(averaging), Some(average)) => {
                state.averaged += 1;
                Some(average::update(average, &model.valid(), averaging.share(state.averaged)))
            }
            _ => None,
        };
        let Sums { norm: norms, steps: done, largest_norm, .. } = state.sums;
        let largest_norm = largest_norm.max(norm);
        state.sums = Sums { norm: norms + norm, steps: done + 1, largest_norm, lr, ..state.sums };
        Learner { now: Snapshot { model, average, optimizer, state }, carry, checkpoints, events, steps }
    }

    /// The share of the peak learning rate that the next step takes.
    fn share(&self, state: &State, steps: usize) -> f64 {
        let schedule = &self.recipe.schedule;
        let drops = schedule.drops(T::MONITOR, state.history.iter().map(monitored::<T>));
        schedule.share(Moment { step: state.step, steps, epoch: state.epoch, drops })
    }

    /// A step that led out of the numbers: an error, or a step less.
    fn pass_over(&self, learner: &mut Learner<T::Model>, what: &'static str, value: f64, batches: usize) -> Result<()> {
        let state = &mut learner.now.state;
        let batch = match batches {
            1 => format!("batch {}", state.batch),
            _ => format!("batches {} to {}", state.batch + 1 - batches, state.batch),
        };
        if self.rules.on_nonfinite == OnNonFinite::Skip {
            say(&format!("{what} is {value} in {batch} of epoch {}: passed over", state.epoch + 1));
            state.sums.skipped += 1;
            learner.carry.clear();
            return Ok(());
        }
        let kept = match learner.checkpoints.last() {
            Some(path) => format!("The last good state is in {}", path.display()),
            None => "No checkpoint had been written yet".to_owned(),
        };
        let norms = state.norms.iter().map(|norm| format!("{norm:.3}")).collect::<Vec<_>>().join(", ");
        let (step, epoch) = (state.step + 1, state.epoch + 1);
        Err(TrainingError::NonFinite { what, value, step, batch, epoch, norms, kept })
    }

    fn finish_epoch(&self, learner: &mut Learner<T::Model>, progress: &mut Progress) -> Result<()> {
        let model = learner.judged();
        let valid = self.task.evaluate(&model, &self.splits.valid, &self.device.clone().inner());
        let state = &mut learner.now.state;
        let Sums { loss, count, norm, steps, largest_norm, lr, skipped } = std::mem::take(&mut state.sums);
        state.epoch += 1;
        state.batch = 0;
        learner.carry.clear();
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
        let loss = state.sums.loss / state.sums.count.max(1) as f64;
        let monitor = T::MONITOR.metric;
        let best = state.best.map_or(String::new(), |(_, value)| format!("  best {monitor} {value:.4}"));
        format!("epoch {}/{}  loss {loss:.4}{best}", state.epoch + 1, self.epochs())
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
