//! The training loop, written once for every application.
//!
//! ```text
//! batches of an epoch ─► loss ─► backward ─► average over the group ─► clip the global norm ─► optimiser step
//!        ▲                                                                                        │
//!        └── next epoch ◄── stop early? ◄── best/ if better ◄── metrics on validation ◄── end of epoch
//! ```

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;

use crate::average;
use crate::checkpoint::{self, State, Sums};
use crate::clip::clip_global_norm;
use crate::error::{Result, TrainingError};
use crate::interrupt;
use crate::package::Package;
use crate::progress::{Progress, duration, list, say};
use crate::random::{Purpose, device_seed, stream};
use crate::run::{Epoch, Run};
use crate::task::{Carry, RecipeOf, Splits, Task};
use crate::weights::{self, Precision};

/// How often a checkpoint is written within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(120);

/// Trains one task by one recipe in one run folder.
pub struct Trainer<'a, T: Task> {
    task: &'a T,
    recipe: &'a RecipeOf<T>,
    splits: &'a Splits<T::Set>,
    /// Records gradients.
    device: Device,
    run: &'a Run,
    data: String,
    started: Instant,
}

/// The end of training.
pub enum Ending<M> {
    /// All epochs done, or stopped early: the best weights, without gradients.
    Done(M, State),
    /// Somebody asked to stop; the state is in `last/`.
    Interrupted,
}

/// All that changes from step to step.
struct Learner<M> {
    model: M,
    /// The moving average of the model's weights, without gradients.
    average: Option<M>,
    optimizer: ModuleOptimizer,
    schedule: ModuleLrScheduler,
    carry: Carry,
    state: State,
}

impl<M: Module> Learner<M> {
    /// What is measured and kept: the average if there is one.
    fn judged(&self) -> M {
        self.average.clone().unwrap_or_else(|| self.model.valid())
    }
}

impl<'a, T: Task> Trainer<'a, T> {
    /// A trainer on `device`. `data` identifies the data, as given by [`Task::fingerprint`]; time counts from `started`.
    pub fn new(
        task: &'a T,
        recipe: &'a RecipeOf<T>,
        splits: &'a Splits<T::Set>,
        device: &Device,
        run: &'a Run,
        data: String,
        started: Instant,
    ) -> Self {
        let device = device.clone().autodiff();
        Self { task, recipe, splits, device, run, data, started }
    }

    /// Trains from the start, or from the run's last checkpoint.
    pub fn fit(&self, resume: bool) -> Result<Ending<T::Model>> {
        let batches = self.plan(0).len();
        let mut learner = self.start(resume, batches)?;
        let before = learner.state.seconds;
        let mut progress = Progress::new(batches * self.epochs(), learner.state.batches);
        while !self.ended(&learner.state) {
            let stopped;
            (learner, stopped) = self.epoch(learner, &mut progress)?;
            learner.state.seconds = before + self.started.elapsed().as_secs_f64();
            self.save(&mut learner)?;
            if stopped && !self.ended(&learner.state) {
                progress.finish();
                return Ok(Ending::Interrupted);
            }
        }
        progress.finish();
        let mut model = learner.judged();
        if learner.state.best.is_some() {
            weights::load(&mut model, &self.run.best().join("model.safetensors"), T::WEIGHT_NAMES)?;
        }
        learner.state.seconds = before + self.started.elapsed().as_secs_f64();
        Ok(Ending::Done(model, learner.state))
    }

    fn start(&self, resume: bool, batches: usize) -> Result<Learner<T::Model>> {
        self.device.seed(device_seed(&mut stream(self.recipe.seed, Purpose::Weights, 0)));
        let mut model = self.task.init(&self.device);
        if let Some(name) = &self.recipe.start_from {
            let weights = Package::<T>::find(name)?.join("model.safetensors");
            weights::load(&mut model, &weights, T::WEIGHT_NAMES)?;
        }
        let mut average = self.recipe.training.average.map(|_| model.valid());
        let mut optimizer = self.recipe.optimizer.init();
        let mut state = State { data: self.data.clone(), ..State::default() };
        if resume && !self.run.last().exists() {
            say("no checkpoint had been written yet: starting anew");
        } else if resume {
            (model, average, optimizer, state) = checkpoint::load(&self.run.last(), model, average, optimizer)?;
            self.check_data(&state)?;
        }
        let training = &self.recipe.training;
        let steps = self.epochs() * batches.div_ceil(training.accumulate.get());
        let schedule =
            self.recipe.schedule.init(steps.max(1), state.step).map_err(|text| TrainingError::Task(text.into()))?;
        let carry = checkpoint::carry_from_data(&state.carry, &self.device);
        Ok(Learner { model, average, optimizer, schedule, carry, state })
    }

    fn check_data(&self, state: &State) -> Result<()> {
        if state.data == self.data {
            return Ok(());
        }
        let (path, was, now) = (self.run.dir().to_path_buf(), state.data.clone(), self.data.clone());
        Err(TrainingError::DataChanged { path, was, now })
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
        let plan = self.plan(learner.state.epoch);
        let group = self.recipe.training.accumulate.get();
        let mut saved = Instant::now();
        while learner.state.batch < plan.len() {
            let end = (learner.state.batch + group).min(plan.len());
            let group = &plan[learner.state.batch..end];
            learner = self.step(learner, group, progress)?;
            if interrupt::requested() && end < plan.len() {
                return Ok((learner, true));
            }
            if saved.elapsed() >= CHECKPOINT_EVERY {
                self.save(&mut learner)?;
                saved = Instant::now();
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
        let mut items = 0;
        for batch in group {
            let mut rng = stream(self.recipe.seed, Purpose::Batch, learner.state.batches);
            self.device.seed(device_seed(&mut rng));
            let Learner { model, carry, state, .. } = &mut learner;
            let loss = self.task.loss(model, &self.splits.train, batch, carry, &mut rng, &self.device);
            let value = f64::from(loss.mean.clone().into_scalar::<f32>());
            self.check_finite("the loss", value, state)?;
            // What is carried to the next batch ends here: back-propagation is truncated to one batch.
            carry.iter_mut().for_each(|state| *state = state.clone().detach());
            let grads = loss.mean.mul_scalar(loss.count as f64).backward();
            accumulator.accumulate(model, GradientsParams::from_grads(grads, model));
            items += loss.count;
            state.sums.loss += value * loss.count as f64;
            state.sums.count += loss.count;
            state.batch += 1;
            state.batches += 1;
            progress.step(|| self.describe(state));
        }
        self.update(learner, accumulator.grads(), items)
    }

    /// The model is handed over, not lent: what nobody else holds can be changed in place.
    fn update(
        &self,
        mut learner: Learner<T::Model>,
        grads: GradientsParams,
        items: usize,
    ) -> Result<Learner<T::Model>> {
        let max_norm = self.recipe.training.clip_norm.map(|norm| norm.get());
        let (grads, norm) = clip_global_norm(&learner.model, grads, 1.0 / items as f64, max_norm);
        self.check_finite("the gradient's norm", norm, &learner.state)?;
        let lr = self.recipe.optimizer.lr.get() * learner.schedule.step().base();
        learner.model = learner.optimizer.step(lr, learner.model, grads);
        learner.state.step += 1;
        if let (Some(decay), Some(average)) = (self.recipe.training.average, learner.average.take()) {
            let model = learner.model.valid();
            learner.average = Some(average::update(average, &model, decay.get(), learner.state.step));
        }
        let sums = &mut learner.state.sums;
        *sums = Sums { norm: sums.norm + norm, steps: sums.steps + 1, lr, ..*sums };
        Ok(learner)
    }

    fn check_finite(&self, what: &'static str, value: f64, state: &State) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        let kept = if self.run.last().exists() {
            format!("The last good state is in {}", self.run.last().display())
        } else {
            "No checkpoint had been written yet".to_owned()
        };
        Err(TrainingError::NonFinite { what, value, step: state.step + 1, epoch: state.epoch + 1, kept })
    }

    fn finish_epoch(&self, learner: &mut Learner<T::Model>, progress: &mut Progress) -> Result<()> {
        let model = learner.judged();
        let valid = self.task.evaluate(&model, &self.splits.valid, &self.device.clone().inner());
        let state = &mut learner.state;
        let Sums { loss, count, norm, steps, lr } = std::mem::take(&mut state.sums);
        state.epoch += 1;
        state.batch = 0;
        learner.carry.clear();
        let epoch = Epoch {
            epoch: state.epoch,
            step: state.step,
            lr,
            train_loss: loss / count as f64,
            gradient_norm: norm / steps as f64,
            valid,
        };
        let value = epoch.valid.get(T::MONITOR.metric).copied().unwrap_or(f64::NAN);
        let better = T::MONITOR.improves(value, state.best.map(|(_, value)| value));
        progress.line(&self.epoch_line(&epoch, better));
        state.history.push(epoch);
        self.run.write_history(&state.history)?;
        if better {
            state.best = Some((state.epoch, value));
            Package::write(&self.run.best(), self.task, &model, self.recipe, None, Precision::Single)?;
        }
        Ok(())
    }

    fn save(&self, learner: &mut Learner<T::Model>) -> Result<()> {
        learner.state.carry = checkpoint::carry_to_data(&learner.carry);
        checkpoint::save(&self.run.last(), &learner.model, learner.average.as_ref(), &learner.optimizer, &learner.state)
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
