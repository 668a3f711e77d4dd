//! One optimizer step: gradient accumulation, clipping, update and weight averaging.

use std::sync::mpsc::Receiver;
use std::thread::Scope;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use inference::Package;

use crate::average::{self, Averaging};
use crate::checkpoint::{Snapshot, State};
use crate::clip::clip;
#[cfg(feature = "cube")]
use crate::clip::clip_on_gpu;
use crate::collective::shared::{self, Totals};
use crate::collective::{Collective, Wire};
use crate::error::{Result, TaskError};
#[cfg(feature = "cube")]
use crate::gpu;
use crate::loader::{self, Cursor, Prepared};
use crate::machine::check_memory;
use crate::random::{Purpose, device_seed, stream};
use crate::task::{Carry, Loss, RecipeOf, StepContext, Task};

/// The number of values in memory per parameter during training: the parameter itself, its gradient, and the two
/// moments of Adam.
pub const COPIES: f64 = 4.0;

/// Computes the optimizer steps of a training run.
pub struct Stepper<'a, T: Task> {
    /// The task, which makes the batches and computes the loss.
    pub task: &'a T,
    /// The recipe of the training run.
    pub recipe: &'a RecipeOf<T>,
    /// The training part of the data.
    pub train: &'a T::Set,
    /// The package (the files of a trained model) from which the initial weights are loaded; `None` for random weights.
    pub start: Option<&'a Package<'a>>,
    /// The device on which the network is trained, with autodiff (autograd in PyTorch) enabled.
    pub device: Device,
    /// The connection with the other ranks (processes) of the training. Each rank computes a part of the rows of every
    /// batch.
    pub ranks: &'a dyn Collective,
    /// The number format (f32 or f16) in which the ranks send gradients to each other.
    pub wire: Wire,
}

/// The gradient and the loss of one optimizer step. With gradient accumulation, the step has several batches.
pub struct StepResult {
    /// The mean gradient over all items of the step, after clipping.
    pub grads: GradientsParams,
    /// The loss and the norm of the gradient.
    pub progress: Progress,
    /// The number of items in the step, such as sentences or tokens.
    pub items: usize,
}

/// The loss and the norm of the gradient of one optimizer step, in the memory of the CPU or of a GPU.
pub enum Progress {
    /// The values are in CPU memory.
    Known(Measures),
    /// The values are in the memory of a GPU: the first two elements of a tensor are the loss and the norm. Reading
    /// them waits until the GPU has computed the step.
    #[cfg(feature = "cube")]
    OnGpu(Box<Tensor<1>>),
}

/// The loss and the norm of the gradient of one optimizer step.
#[derive(Clone, Copy)]
pub struct Measures {
    /// The mean loss over all items of the step.
    pub loss: f64,
    /// The global norm of the gradient before clipping.
    pub norm: f64,
}

impl Progress {
    /// Returns the values. Waits for the GPU if the values are in the memory of a GPU.
    pub fn read(self) -> Measures {
        match self {
            Self::Known(measures) => measures,
            #[cfg(feature = "cube")]
            Self::OnGpu(values) => {
                let mut values = values.into_data().iter::<f64>().collect::<Vec<_>>().into_iter();
                let mut next = || values.next().unwrap_or(f64::NAN);
                Measures { loss: next(), norm: next() }
            }
        }
    }

    /// Returns whether reading the values would wait for a GPU.
    pub fn is_on_gpu(&self) -> bool {
        !matches!(self, Self::Known(_))
    }
}

impl Measures {
    /// Looks for a value that is NaN or infinite: first the loss, then the gradient norm. Returns the name of the
    /// quantity and this value; `None` if both are finite.
    pub fn nonfinite(self) -> Option<(&'static str, f64)> {
        [("loss", self.loss), ("gradient norm", self.norm)].into_iter().find(|(_, value)| !value.is_finite())
    }
}

/// The sum of the losses of all items of an optimizer step.
enum LossSum {
    /// The sum is in CPU memory.
    Known(f64),
    /// The sum is in the memory of a GPU; `None` before the first batch.
    #[cfg(feature = "cube")]
    OnGpu(Option<Box<Tensor<1>>>),
}

impl LossSum {
    /// Creates a sum of 0. The losses are added on the GPU if the device is a GPU and there is only one rank, and on
    /// the CPU in all other cases.
    fn new(_device: &Device, _ranks: &dyn Collective) -> Self {
        #[cfg(feature = "cube")]
        if gpu::is_gpu(_device) && _ranks.is_alone() {
            return Self::OnGpu(None);
        }
        Self::Known(0.0)
    }

    /// Adds the losses of a batch, which has `count` items and the mean loss `mean`.
    fn add(&mut self, mean: &Tensor<1>, count: usize) {
        match self {
            Self::Known(sum) => *sum += f64::from(mean.clone().into_scalar::<f32>()) * count as f64,
            #[cfg(feature = "cube")]
            Self::OnGpu(sum) => {
                let loss = mean.clone().inner().mul_scalar(count as f64);
                *sum = Some(Box::new(match sum.take() {
                    Some(sum) => *sum + loss,
                    None => loss,
                }));
            }
        }
    }
}

/// Uses every parameter, so that burn draws its random weights.
struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}

impl<'a, T: Task> Stepper<'a, T> {
    /// Returns the state of training before the first step; `None` for a model without a network.
    pub fn fresh(&self) -> Result<Option<Snapshot<T::Model>>> {
        // The ranks in this process share one random generator, so they draw one after the other.
        self.ranks.turn(|| self.drawn())
    }

    fn drawn(&self) -> Result<Option<Snapshot<T::Model>>> {
        check_memory(self.task.num_params(), COPIES)?;
        // burn draws the weights of a parameter when the parameter is first used. On the CPU, this is in the first
        // batch, which sets the seed, or below, if the recipe has a moving average. For other devices, all weights are
        // drawn here on the CPU, because the random generators of devices differ.
        let cpu = Device::flex().autodiff();
        cpu.seed(device_seed(&mut stream(self.recipe.seed, Purpose::Weights, 0)));
        let Some(mut model) = self.task.init(&cpu) else { return Ok(None) };
        if self.device != cpu {
            model.visit(&mut Draw);
            model = model.fork(&self.device);
        }
        if let Some(package) = self.start {
            package.load_weights(&mut model, T::WEIGHT_NAMES)?;
        }
        let average = match self.recipe.training.average {
            Some(Averaging::Moving(_)) => Some(model.valid()),
            Some(Averaging::Triggered(_)) | None => None,
        };
        let (optimizer, carry, state) = (self.recipe.optimizer.init(), Carry::new(), State::default());
        Ok(Some(Snapshot { model, average, optimizer, carry, state }))
    }

    /// Returns the items of each batch of an epoch, in the order of training.
    pub fn plan(&self, epoch: usize) -> Vec<T::Items> {
        let mut order = stream(self.recipe.seed, Purpose::Order, epoch);
        self.task.plan(self.train, self.recipe.training.batch_size.get(), epoch, &mut order)
    }

    /// Starts the data loader: a thread of `scope` that makes the batches of `plan`.
    pub fn load<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        plan: &'scope [T::Items],
        state: &State,
    ) -> Receiver<Prepared<T::Batch>> {
        let cursor = Cursor { seed: self.recipe.seed, epoch: state.epoch, batches: state.batches };
        loader::load(scope, self.task, self.train, plan, cursor, self.ranks.share(), &self.device)
    }

    /// Computes the mean gradient and the mean loss over the items of the next `count` batches.
    pub fn gradients(
        &self,
        now: &mut Snapshot<T::Model>,
        batches: &Receiver<Prepared<T::Batch>>,
        count: usize,
    ) -> Result<StepResult> {
        let Snapshot { model, carry, state, .. } = now;
        let mut accumulator = GradientsAccumulator::new();
        let (mut items, mut total) = (0, LossSum::new(&self.device, self.ranks));
        for _ in 0..count {
            let panicked = |_| TaskError::Other("the data loader has panicked; please report this as a bug".to_owned());
            let Prepared { batch, seed, mut rng } = batches.recv().map_err(panicked)?;
            state.batch += 1;
            state.batches += 1;
            let Some(batch) = batch? else {
                if state.step == 0 {
                    // burn draws the weights when the first batch uses them, so every rank must have rows of it.
                    return Err(self.too_few_rows().into());
                }
                continue;
            };
            let (epoch, step) = (state.epoch, state.step);
            let mut cx = StepContext { device: &self.device, epoch, step, carry, rng: &mut rng };
            let Loss { mean, count } = self.ranks.turn(|| {
                self.device.seed(seed);
                self.task.loss(model, batch, &mut cx)
            })?;
            total.add(&mean, count);
            items += count;
            // Truncated back-propagation: no gradient flows into the previous batch.
            carry.iter_mut().for_each(|state| *state = state.clone().detach());
            let grads = mean.mul_scalar(count as f64).backward();
            accumulator.accumulate(model, GradientsParams::from_grads(grads, model));
        }
        let mut grads = accumulator.grads();
        if let (LossSum::Known(sum), false) = (&mut total, self.ranks.is_alone()) {
            let totals;
            (grads, totals) = shared::add(self.ranks, model, grads, Totals { loss: *sum, items }, self.wire)?;
            (*sum, items) = (totals.loss, totals.items);
        }
        let (scale, clipping) = (1.0 / items as f64, self.recipe.training.clip());
        let (grads, progress) = match total {
            LossSum::Known(sum) => {
                let (grads, norm) = clip(model, grads, scale, clipping);
                (grads, Progress::Known(Measures { loss: sum / items as f64, norm }))
            }
            #[cfg(feature = "cube")]
            LossSum::OnGpu(sum) => {
                let no_loss = || Tensor::zeros([1], &self.device.clone().without_autodiff());
                let sum = sum.map_or_else(no_loss, |sum| *sum);
                let (grads, values) = clip_on_gpu(model, grads, sum, scale, clipping);
                (grads, Progress::OnGpu(Box::new(values)))
            }
        };
        Ok(StepResult { grads, progress, items })
    }

    fn too_few_rows(&self) -> TaskError {
        let message = format!(
            "the first batch has too few rows for {} ranks (processes), because each rank needs a row; increase the \
             batch size, or start fewer ranks",
            self.ranks.world()
        );
        TaskError::setting("training.batch_size", message)
    }

    /// Performs the optimizer step: updates the weights in `now`. `now` is passed by value, because a tensor can be
    /// updated in place only if it has a single owner.
    pub fn update(&self, now: Snapshot<T::Model>, grads: GradientsParams, lr: f64) -> Snapshot<T::Model> {
        let Snapshot { model, average, mut optimizer, carry, mut state } = now;
        let model = optimizer.step(lr, model, grads);
        state.step += 1;
        let average = match (self.recipe.training.average, average) {
            (Some(averaging), Some(average)) => {
                state.averaged += 1;
                Some(average::update(average, &model.valid(), averaging.weight(state.averaged)))
            }
            _ => None,
        };
        Snapshot { model, average, optimizer, carry, state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collective::Alone;
    use crate::recipe::RecipeText;
    use crate::sentences::Sentences;
    use crate::session::Session;

    /// The loss and the gradient of the dense layer for each optimizer step. There are two batches, with 9 and 1 time
    /// steps; `groups` has the number of batches of each optimizer step. The weights are not updated.
    fn results(groups: &[usize]) -> Vec<(f64, Vec<f64>)> {
        let text = RecipeText::embedded(Sentences::RECIPES[0]).with_overrides(&["training.clip_norm=1e9".to_owned()]);
        let recipe: RecipeOf<Sentences> = text.unwrap().parse().unwrap();
        let mut session = Session::default();
        let raw = session.load::<Sentences>(&recipe.data).unwrap();
        let task = Sentences::fit(&recipe, &raw, None).unwrap();
        let splits = session.encode(&task, raw).unwrap();
        let device = Device::flex().autodiff();
        let (train, ranks) = (&splits.train, &Alone);
        let wire = Wire::default();
        let stepper = Stepper { task: &task, recipe: &recipe, train, start: None, device, ranks, wire };
        let mut now = stepper.fresh().unwrap().unwrap();
        let plan = [0..9, 9..10];
        std::thread::scope(|scope| {
            let batches = stepper.load(scope, &plan, &now.state);
            let mut step = |count: &usize| {
                let result = stepper.gradients(&mut now, &batches, *count).unwrap();
                let gradient = result.grads.get::<2>(now.model.dense.weight.id).unwrap().into_data();
                (result.progress.read().loss, gradient.iter::<f64>().collect())
            };
            groups.iter().map(&mut step).collect()
        })
    }

    #[test]
    fn every_item_has_the_same_weight_in_gradient_accumulation() {
        let (together, apart) = (results(&[2]), results(&[1, 1]));
        let [(long_loss, long), (short_loss, short)] = &apart[..] else { unreachable!() };
        approx::assert_relative_eq!(together[0].0, 0.9 * long_loss + 0.1 * short_loss, max_relative = 1e-6);
        for (together, (long, short)) in together[0].1.iter().zip(long.iter().zip(short)) {
            approx::assert_abs_diff_eq!(*together, 0.9 * long + 0.1 * short, epsilon = 1e-7);
        }
    }
}
