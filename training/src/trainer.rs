//! The training loop of all applications.
//!
//! ```text
//! batches of an epoch ─► loss ─► backward ─► gradient accumulation ─► gradient clipping ─► optimizer step
//!        ▲                                                                                      │
//!        └── next epoch ◄── early stopping ◄── best/ if better ◄── validation metrics ◄── end of epoch
//! ```

use std::sync::mpsc::Receiver;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use inference::weights::Precision;
use inference::{Folder, Package};

use crate::average::Averaging;
use crate::checkpoint::{Checkpoints, Snapshot, State, Sums};
use crate::collective::{Collective, shared};
use crate::error::{Result, TrainingError};
use crate::events::Events;
use crate::interrupt::Interrupt;
use crate::learner::{Done, Learner, Place};
use crate::loader::Prepared;
use crate::metric::Metrics;
use crate::observer::{Event, Observer, Step};
use crate::options::{Interval, OnNonFinite, TrainerOptions};
use crate::package;
use crate::recipe::Keep;
use crate::run::{Epoch, Run};
use crate::schedule::Position;
use crate::steps::{Measures, StepResult, Stepper};
use crate::task::{RecipeOf, Splits, Task, application};

/// Trains a network, and writes checkpoints, metrics and the best weights to a run folder.
pub struct Trainer<'a, T: Task> {
    /// The task, which makes the batches, computes the loss and measures the metrics.
    pub task: &'a T,
    /// The recipe of the run.
    pub recipe: &'a RecipeOf<T>,
    /// The encoded data: training, validation and test part.
    pub splits: &'a Splits<T::Set>,
    /// The package (the files of a trained model) from which the initial weights are loaded; `None` for random weights.
    pub start: Option<&'a Package<'a>>,
    /// The device on which the network is trained. Give it without autodiff; [`fit`](Self::fit) enables autodiff.
    pub device: &'a Device,
    /// The run folder.
    pub run: &'a Run,
    /// The options of the trainer that are not part of the recipe, such as the interval between checkpoints.
    pub options: TrainerOptions,
    /// The handle that stops the training.
    pub interrupt: &'a Interrupt,
    /// The connection with the other ranks (processes) of the training. Each rank computes a part of the rows of every
    /// batch.
    pub ranks: &'a dyn Collective,
    /// The time at which this process started or resumed the run.
    pub started: Instant,
}

/// How the training loop ended.
pub enum FitOutcome<M> {
    /// Training is done: the model with the best weights, without autodiff, and the final state of training.
    Done(M, Box<State>),
    /// A stop was requested, and a checkpoint was written.
    Interrupted,
    /// Training is done, and this rank is not rank 0. Only rank 0 has the model.
    Followed,
    /// The model has no network, so there is nothing to train by gradient descent.
    NoNetwork,
}

impl<T: Task> Trainer<'_, T> {
    /// Trains from the beginning or, if `resume` is true, from the last checkpoint of the run.
    pub fn fit(&self, resume: bool, observer: &mut dyn Observer) -> Result<FitOutcome<T::Model>> {
        let stepper = Stepper {
            task: self.task,
            recipe: self.recipe,
            train: &self.splits.train,
            start: self.start,
            device: self.device.clone().autodiff(),
            ranks: self.ranks,
            wire: self.options.wire,
        };
        let Some(fresh) = stepper.fresh()? else {
            return Ok(if self.ranks.leads() { FitOutcome::NoNetwork } else { FitOutcome::Followed });
        };
        let batches = stepper.plan(0).len();
        let learner = self.begin(fresh, resume, batches, observer)?;
        observer.observe(&Event::Fitting { batches: batches * self.epochs(), done: learner.now.state.batches });
        let fitted = self.train_epochs(&stepper, learner, observer);
        observer.observe(&Event::Stopped);
        let Some(learner) = fitted? else { return Ok(FitOutcome::Interrupted) };
        if !self.ranks.leads() {
            return Ok(FitOutcome::Followed);
        }
        let mut model = learner.averaged();
        let state = State { seconds: learner.seconds(), ..learner.now.state };
        if state.best.is_some() {
            let files = Folder::new(self.run.best());
            Package::open(&files, application::<T>())?.load_weights(&mut model, T::WEIGHT_NAMES)?;
        }
        Ok(FitOutcome::Done(model, Box::new(state)))
    }

    fn begin(
        &self,
        fresh: Snapshot<T::Model>,
        resume: bool,
        batches: usize,
        observer: &mut dyn Observer,
    ) -> Result<Learner<T::Model>> {
        let mut checkpoints = Checkpoints::new(self.run.checkpoints());
        let mut note = |text: &str| observer.observe(&Event::Note(text));
        let mut now = match resume {
            false => fresh,
            true => checkpoints.load(fresh, &self.device.clone().autodiff(), &mut note)?,
        };
        let steps = self.epochs() * batches.div_ceil(self.recipe.training.accumulate.get());
        if resume {
            // Only the weights of a checkpoint are compared. New weights are drawn in the first batch: see
            // `Stepper::fresh`. A comparison would draw them earlier, with another seed.
            let loaded = checkpoints.last().map(|_| &now.model);
            self.check_ranks(loaded, &now.state)?;
        }
        now.carry = shared::part(self.ranks, now.carry);
        let leads = self.ranks.leads();
        let events = leads.then(|| Events::create(self.run.dir(), now.state.step)).transpose()?;
        if resume && leads {
            // A killed process may have written an epoch to metrics.jsonl after its last checkpoint. This removes the
            // epoch.
            self.run.write_history(&now.state.history)?;
            if now.state.epoch >= self.epochs() {
                note("all epochs are already trained: evaluating the model again");
            } else if self.ended(&now.state) {
                note("training ended early, because of training.patience: evaluating the model again");
            }
        }
        let before = now.state.seconds;
        Ok(Learner { now, checkpoints, events, unread: None, steps, before, started: self.started })
    }

    fn epochs(&self) -> usize {
        self.recipe.training.epochs as usize
    }

    fn ended(&self, state: &State) -> bool {
        let since_best = state.epoch - state.best.map_or(0, |(epoch, _)| epoch);
        let patience = self.recipe.training.patience.map_or(usize::MAX, |patience| patience.get());
        state.epoch >= self.epochs() || (state.batch == 0 && since_best >= patience)
    }

    /// Trains the remaining epochs. Returns `None` if a stop was requested before the end of the training.
    fn train_epochs(
        &self,
        stepper: &Stepper<T>,
        mut learner: Learner<T::Model>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Learner<T::Model>>> {
        while !self.ended(&learner.now.state) {
            let plan = stepper.plan(learner.now.state.epoch);
            learner = self.train_steps(stepper, learner, &plan, observer)?;
            if learner.now.state.batch == plan.len() {
                self.finish_epoch(&mut learner, observer)?;
            }
            learner.save(self.ranks)?;
            let [stop, _] = self.agree(false)?;
            if stop && !self.ended(&learner.now.state) {
                return Ok(None);
            }
        }
        Ok(Some(learner))
    }

    fn check_ranks(&self, model: Option<&T::Model>, state: &State) -> Result<()> {
        let State { epoch, batch, step, .. } = *state;
        shared::check_equal(self.ranks, model, [epoch, batch, step])
    }

    /// Returns whether a stop was requested on any rank, and whether a checkpoint is due on any rank. `due` is whether
    /// a checkpoint is due on this rank. If a stop was requested on any rank, sets the [`Interrupt`] of this rank too.
    fn agree(&self, due: bool) -> Result<[bool; 2]> {
        let [stop, due] = self.ranks.any([self.interrupt.is_requested(), due])?;
        if stop {
            self.interrupt.request();
        }
        Ok([stop, due])
    }

    /// Trains the remaining steps of the current epoch. If a stop is requested, ends after the current step.
    fn train_steps(
        &self,
        stepper: &Stepper<T>,
        mut learner: Learner<T::Model>,
        plan: &[T::Items],
        observer: &mut dyn Observer,
    ) -> Result<Learner<T::Model>> {
        let group = self.recipe.training.accumulate.get();
        let mut last_saved = (learner.now.state.step, Instant::now());
        std::thread::scope(|scope| {
            let batches = stepper.load(scope, &plan[learner.now.state.batch..], &learner.now.state);
            while learner.now.state.batch < plan.len() {
                let count = group.min(plan.len() - learner.now.state.batch);
                learner = self.step(stepper, learner, &batches, count, observer)?;
                let due = match self.options.interval {
                    Interval::Steps(steps) => learner.now.state.step >= last_saved.0 + steps,
                    Interval::Time(time) => last_saved.1.elapsed() >= time,
                };
                let [stop, due] = self.agree(due)?;
                if stop {
                    break;
                }
                if due {
                    self.record_unread(&mut learner, observer)?;
                    learner.save(self.ranks)?;
                    last_saved = (learner.now.state.step, Instant::now());
                }
            }
            self.record_unread(&mut learner, observer)?;
            Ok(learner)
        })
    }

    /// Performs one optimizer step with the gradients of `count` batches.
    fn step(
        &self,
        stepper: &Stepper<T>,
        mut learner: Learner<T::Model>,
        batches: &Receiver<Prepared<T::Batch>>,
        count: usize,
        observer: &mut dyn Observer,
    ) -> Result<Learner<T::Model>> {
        let StepResult { grads, progress, items } = stepper.gradients(&mut learner.now, batches, count)?;
        let State { step, epoch, batch, .. } = learner.now.state;
        let place = Place { step: step + 1, epoch: epoch + 1, batch, batches: count };
        // If a step with a NaN or infinite loss stops the training, the loss can be read after the update. If such a
        // step is skipped, the loss must be read before the update.
        if progress.is_on_gpu() && self.options.on_nonfinite == OnNonFinite::Stop {
            self.record_unread(&mut learner, observer)?;
            let lr = self.learning_rate(&learner.now.state, learner.steps);
            learner.now = stepper.update(learner.now, grads, lr);
            learner.unread = Some((progress, Done { items, lr, place }));
            return Ok(learner);
        }
        let measures = progress.read();
        if let Some(nonfinite) = measures.nonfinite() {
            self.skip_step(&mut learner, nonfinite, place, observer)?;
            return Ok(learner);
        }
        let lr = self.learning_rate(&learner.now.state, learner.steps);
        learner.now = stepper.update(learner.now, grads, lr);
        self.record(&mut learner, Done { items, lr, place }, measures, observer)?;
        Ok(learner)
    }

    /// Reads and records the loss and the gradient norm of the last optimizer step, if they were not read yet. Call
    /// this function before a checkpoint is written, so that no checkpoint contains an update with a NaN or infinite
    /// gradient.
    fn record_unread(&self, learner: &mut Learner<T::Model>, observer: &mut dyn Observer) -> Result<()> {
        let Some((progress, done)) = learner.unread.take() else { return Ok(()) };
        let measures = progress.read();
        match measures.nonfinite() {
            Some(nonfinite) => self.skip_step(learner, nonfinite, done.place, observer),
            None => self.record(learner, done, measures, observer),
        }
    }

    fn record(
        &self,
        learner: &mut Learner<T::Model>,
        done: Done,
        measures: Measures,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Done { items, lr, place } = done;
        let Measures { loss, norm } = measures;
        learner.now.state.add_step(loss, items, norm, lr);
        let values = [("training/loss", loss), ("training/gradient norm", norm), ("training/rate", lr)];
        learner.scalars(place.step, values)?;
        observer.observe(&Event::Step(Step {
            batches: place.batches,
            items,
            loss,
            norm,
            lr,
            epoch: place.epoch,
            epochs: self.epochs(),
            best: learner.now.state.best,
            monitor: T::MONITOR.metric,
        }));
        Ok(())
    }

    /// Returns the learning rate of the next optimizer step.
    fn learning_rate(&self, state: &State, steps: usize) -> f64 {
        let schedule = &self.recipe.schedule;
        let drops = schedule.drops(T::MONITOR, state.history.iter().map(monitored::<T>));
        let factor = schedule.factor(Position { step: state.step, steps, epoch: state.epoch, drops });
        self.recipe.optimizer.lr.get() * factor
    }

    /// Handles a loss or gradient that is NaN or infinite: skips the step if the options contain [`OnNonFinite::Skip`],
    /// and otherwise returns an error.
    fn skip_step(
        &self,
        learner: &mut Learner<T::Model>,
        (what, value): (&'static str, f64),
        place: Place,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let state = &mut learner.now.state;
        let Place { step, epoch, batches, .. } = place;
        let batch = place.to_string();
        if self.options.on_nonfinite == OnNonFinite::Skip {
            observer.observe(&Event::Skipped { what, value, batch: &batch, epoch, batches });
            state.sums.skipped += 1;
            learner.now.carry.clear();
            return Ok(());
        }
        let checkpoint = match learner.checkpoints.last() {
            Some(path) => format!("The last checkpoint is {}", path.display()),
            None => "There is no checkpoint yet".to_owned(),
        };
        let norms = state.norms.iter().map(|norm| format!("{norm:.3}")).collect::<Vec<_>>().join(", ");
        Err(TrainingError::NonFinite { what, value, step, batch, epoch, norms, checkpoint })
    }

    /// Measures the validation metrics at the end of an epoch. Writes the model to `best/` if it is the best so far, or
    /// after every epoch if `training.keep` is `last`.
    fn finish_epoch(&self, learner: &mut Learner<T::Model>, observer: &mut dyn Observer) -> Result<()> {
        self.check_ranks(Some(&learner.now.model), &learner.now.state)?;
        let leads = self.ranks.leads();
        let make = || self.task.predictor(Some(learner.averaged()), self.device);
        let predictor = leads.then(make).transpose()?;
        let valid = self.validate(predictor.as_ref())?;
        let epoch = close_epoch(&mut learner.now.state, valid);
        learner.now.carry.clear();
        let value = monitored::<T>(&epoch);
        let state = &mut learner.now.state;
        let keeps_best = self.recipe.training.keep == Keep::Best;
        let before = state.best.map(|(_, value)| value).filter(|_| keeps_best);
        let is_kept = T::MONITOR.improves(value, before);
        let is_best = is_kept && keeps_best;
        let seconds = self.started.elapsed().as_secs_f64();
        observer.observe(&Event::Epoch { epoch: &epoch, epochs: self.epochs(), is_best, seconds });
        let names = epoch.valid.iter().map(|(name, value)| (format!("validation/{name}"), *value)).collect::<Vec<_>>();
        let step = state.step;
        learner.scalars(step, names.iter().map(|(name, value)| (&name[..], *value)))?;
        let state = &mut learner.now.state;
        state.history.push(epoch);
        if leads {
            self.run.write_history(&state.history)?;
        }
        let values: Vec<f64> = state.history.iter().map(monitored::<T>).collect();
        if let Some(Averaging::Triggered(trigger)) = self.recipe.training.average
            && learner.now.average.is_none()
            && trigger.fires(T::MONITOR, &values)
        {
            observer.observe(&Event::Note("validation has not improved: the weights are averaged from now on"));
            learner.now.average = Some(learner.now.model.valid());
        }
        if is_kept {
            learner.now.state.best = Some((learner.now.state.epoch, value));
            if let Some(predictor) = &predictor {
                package::write::<T>(&self.run.best(), predictor, self.recipe, None, Precision::Single)?;
            }
        }
        Ok(())
    }

    /// Returns the validation metrics. Rank 0 measures them with the predictor, and the other ranks receive exactly the
    /// same values.
    fn validate(&self, predictor: Option<&T::Predictor>) -> Result<Metrics> {
        // A stop request does not interrupt the validation: it takes only seconds, and without it the epoch is not
        // finished.
        let measure = |predictor| self.task.validate(predictor, &self.splits.valid, &Interrupt::default());
        let valid = predictor.map(measure).transpose()?.map(|measured| measured.flat()).unwrap_or_default();
        if self.ranks.is_alone() {
            return Ok(valid);
        }
        let bits: Vec<(&String, u64)> = valid.iter().map(|(name, value)| (name, value.to_bits())).collect();
        let bytes = self.ranks.broadcast(&serde_json::to_vec(&bits).map_err(TrainingError::serialize)?)?;
        let bits: Vec<(String, u64)> = serde_json::from_slice(&bytes).map_err(TrainingError::serialize)?;
        Ok(bits.into_iter().map(|(name, bits)| (name, f64::from_bits(bits))).collect())
    }
}

/// Advances the state to the next epoch. Returns the metrics of the epoch that ended. `valid` are its validation
/// metrics.
fn close_epoch(state: &mut State, valid: Metrics) -> Epoch {
    let Sums { loss, count, norm, steps, largest_norm, lr, skipped } = std::mem::take(&mut state.sums);
    state.epoch += 1;
    state.batch = 0;
    Epoch {
        epoch: state.epoch,
        step: state.step,
        lr,
        train_loss: loss / count as f64,
        gradient_norm: norm / steps as f64,
        largest_norm,
        skipped,
        valid,
    }
}

/// Returns the validation metric that determines the best epoch; NaN if the task did not measure it.
fn monitored<T: Task>(epoch: &Epoch) -> f64 {
    epoch.valid.get(T::MONITOR.metric).copied().unwrap_or(f64::NAN)
}
