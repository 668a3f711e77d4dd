//! What happens at a step: from a group of batches to changed weights.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Device;

use crate::average::{self, Averaging};
use crate::checkpoint::{Snapshot, State};
use crate::clip::clip;
use crate::error::Result;
use crate::machine::check_memory;
use crate::package::Package;
use crate::random::{Purpose, device_seed, stream};
use crate::task::{Carry, RecipeOf, Task};
use crate::weights;

/// Numbers to a parameter while training: itself, its gradient, and two moments.
pub const COPIES: f64 = 4.0;

/// A task, its training part and its recipe.
pub struct Stepper<'a, T: Task> {
    pub task: &'a T,
    pub recipe: &'a RecipeOf<T>,
    pub train: &'a T::Set,
    /// Records gradients.
    pub device: Device,
}

/// What a group of batches says.
pub struct Found {
    /// The mean over all items, clipped.
    pub grads: GradientsParams,
    /// The gradient's global norm before clipping.
    pub norm: f64,
    /// The mean over all items.
    pub loss: f64,
    pub items: usize,
}

impl Found {
    /// What of it is no finite number, if anything is.
    pub fn nonfinite(&self) -> Option<(&'static str, f64)> {
        [("the loss", self.loss), ("the gradient's norm", self.norm)].into_iter().find(|(_, value)| !value.is_finite())
    }
}

impl<T: Task> Stepper<'_, T> {
    /// Everything before the first step.
    pub fn fresh(&self) -> Result<Snapshot<T::Model>> {
        check_memory(self.task.num_params(), COPIES)?;
        self.device.seed(device_seed(&mut stream(self.recipe.seed, Purpose::Weights, 0)));
        let mut model = self.task.init(&self.device);
        if let Some((dir, _)) = Package::<T>::start_of(self.recipe)? {
            weights::load(&mut model, &dir.join("model.safetensors"), T::WEIGHT_NAMES)?;
        }
        let average = match self.recipe.training.average {
            Some(Averaging::Moving(_)) => Some(model.valid()),
            Some(Averaging::Triggered(_)) | None => None,
        };
        let (optimizer, carry, state) = (self.recipe.optimizer.init(), Carry::new(), State::default());
        Ok(Snapshot { model, average, optimizer, carry, state })
    }

    /// The batches of an epoch.
    pub fn plan(&self, epoch: usize) -> Vec<T::Batch> {
        let mut order = stream(self.recipe.seed, Purpose::Order, epoch);
        self.task.batches(self.train, self.recipe.training.batch_size.get(), epoch, &mut order)
    }

    /// The average gradient of a group of batches, each item weighing the same.
    pub fn gradients(&self, now: &mut Snapshot<T::Model>, group: &[T::Batch]) -> Found {
        let Snapshot { model, carry, state, .. } = now;
        let mut accumulator = GradientsAccumulator::new();
        let (mut items, mut total) = (0, 0.0);
        for batch in group {
            let mut rng = stream(self.recipe.seed, Purpose::Batch, state.batches);
            self.device.seed(device_seed(&mut rng));
            let loss = self.task.loss(model, self.train, batch, carry, &mut rng, &self.device);
            total += f64::from(loss.mean.clone().into_scalar::<f32>()) * loss.count as f64;
            items += loss.count;
            // What is carried to the next batch ends here: back-propagation is truncated to one batch.
            carry.iter_mut().for_each(|state| *state = state.clone().detach());
            let grads = loss.mean.mul_scalar(loss.count as f64).backward();
            accumulator.accumulate(model, GradientsParams::from_grads(grads, model));
            state.batch += 1;
            state.batches += 1;
        }
        let (grads, norm) = clip(model, accumulator.grads(), 1.0 / items as f64, self.recipe.training.clip());
        Found { grads, norm, loss: total / items as f64, items }
    }

    /// Changes the weights. The model is handed over, not lent: what nobody else holds can be changed in place.
    pub fn update(&self, now: Snapshot<T::Model>, found: Found, rate: f64) -> Snapshot<T::Model> {
        let Snapshot { model, average, mut optimizer, carry, mut state } = now;
        let Found { grads, norm, loss, items } = found;
        let model = optimizer.step(rate, model, grads);
        state.step += 1;
        state.note(loss, items, norm, rate);
        let average = match (self.recipe.training.average, average) {
            (Some(averaging), Some(average)) => {
                state.averaged += 1;
                Some(average::update(average, &model.valid(), averaging.share(state.averaged)))
            }
            _ => None,
        };
        Snapshot { model, average, optimizer, carry, state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RecipeText;
    use crate::sentences::Sentences;

    #[test]
    fn every_item_of_a_group_weighs_the_same() {
        let text = RecipeText::embedded(Sentences::RECIPES[0]).with_overrides(&["training.clip_norm=1e9".to_owned()]);
        let recipe: RecipeOf<Sentences> = text.unwrap().parse().unwrap();
        let raw = Sentences::load(&recipe.data, None).unwrap();
        let task = Sentences::fit(&recipe, &raw).unwrap();
        let train = task.encode(raw).unwrap().train;
        let stepper = Stepper { task: &task, recipe: &recipe, train: &train, device: Device::flex().autodiff() };
        let (mut now, mut later) = (stepper.fresh().unwrap(), stepper.fresh().unwrap());
        let [long, short] = [0..9, 9..10];

        let together = stepper.gradients(&mut now, &[long.clone(), short.clone()]);
        let parts = [stepper.gradients(&mut later, &[long]), stepper.gradients(&mut later, &[short])];

        let shares = [0.9, 0.1];
        let loss: f64 = parts.iter().zip(shares).map(|(part, share)| share * part.loss).sum();
        approx::assert_relative_eq!(together.loss, loss, max_relative = 1e-6);
        let gradient = |found: &Found, model: &<Sentences as Task>::Model| {
            found.grads.get::<2>(model.dense.weight.id).unwrap().into_data()
        };
        let parts = parts.iter().zip(shares).map(|(part, share)| {
            gradient(part, &later.model).iter::<f64>().map(|value| share * value).collect::<Vec<_>>()
        });
        let sum = parts.reduce(|one, other| one.iter().zip(other).map(|(one, other)| one + other).collect()).unwrap();
        for (together, sum) in gradient(&together, &now.model).iter::<f64>().zip(sum) {
            approx::assert_abs_diff_eq!(together, sum, epsilon = 1e-7);
        }
    }
}
