//! The time of whole training steps: loss, gradients, clipping and update, with the data of a recipe.

use std::time::{Duration, Instant};

use crate::error::{Result, TaskError, TrainingError};
use crate::fit::Origin;
use crate::session::Session;
use crate::steps::Stepper;
use crate::task::{RecipeOf, Task};

/// The measured times of the optimizer steps of a recipe.
#[derive(Clone, Debug)]
pub struct StepTimes {
    /// The time of each optimizer step, in the order of training.
    pub times: Vec<Duration>,
    /// The number of items, such as sentences or tokens, in all measured steps together.
    pub items: usize,
}

impl StepTimes {
    /// Trains a new network for `warm_up` steps and then for `steps` steps, which are measured. The network is
    /// discarded, and no run folder is written.
    ///
    /// # Errors
    ///
    /// The errors of loading the data and of computing a step.
    pub fn measure<T: Task>(recipe: &RecipeOf<T>, warm_up: usize, steps: usize, session: &mut Session) -> Result<Self> {
        let all = with_stepper::<T, _>(recipe, session, |stepper| times(stepper, warm_up + steps))?;
        let (times, items): (Vec<Duration>, Vec<usize>) = all.into_iter().skip(warm_up).unzip();
        Ok(Self { times, items: items.into_iter().sum() })
    }
}

/// Loads the data of a recipe, and calls `work` with the [`Stepper`] that computes the optimizer steps of its training.
pub(crate) fn with_stepper<T: Task, R>(
    recipe: &RecipeOf<T>,
    session: &mut Session,
    work: impl FnOnce(&Stepper<T>) -> Result<R>,
) -> Result<R> {
    session.ranks.check()?;
    let raw = session.load::<T>(&recipe.data)?;
    let origin = Origin::find::<T>(recipe)?;
    let package = origin.open::<T>()?;
    let task = T::fit(recipe, &raw, origin.pretrained::<T>(package.as_ref())?)?;
    let train = session.encode(&task, raw)?.train;
    let device = session.device.clone().autodiff();
    let (ranks, wire) = (&*session.ranks, session.options.wire);
    work(&Stepper { task: &task, recipe, train: &train, start: package.as_ref(), device, ranks, wire })
}

/// Trains for `steps` steps. Returns the time and the number of items of each step.
fn times<T: Task>(stepper: &Stepper<T>, steps: usize) -> Result<Vec<(Duration, usize)>> {
    let no_steps =
        || TaskError::setting("model", "a model without a network has no training steps; choose another model");
    let mut now = stepper.fresh()?.ok_or_else(no_steps)?;
    let (lr, group) = (stepper.recipe.optimizer.lr.get(), stepper.recipe.training.accumulate.get());
    let mut times = Vec::new();
    for epoch in 0.. {
        now.state.epoch = epoch;
        let plan = stepper.plan(epoch);
        if plan.is_empty() {
            let message = "the training part is smaller than a batch; choose a smaller batch";
            return Err(TaskError::setting("training.batch_size", message).into());
        }
        now = std::thread::scope(|scope| {
            let batches = stepper.load(scope, &plan, &now.state);
            for group in plan.chunks(group).take(steps - times.len()) {
                let start = Instant::now();
                let result = stepper.gradients(&mut now, &batches, group.len())?;
                let items = result.items;
                now = stepper.update(now, result.grads, lr);
                finish(stepper)?;
                times.push((start.elapsed(), items));
            }
            Ok::<_, TrainingError>(now)
        })?;
        now.carry.clear();
        if times.len() == steps {
            break;
        }
    }
    Ok(times)
}

/// Waits until the device has finished all computations.
fn finish<T: Task>(stepper: &Stepper<T>) -> Result<()> {
    stepper.device.sync().map_err(|error| TaskError::Other(crate::panics::one_line(&error.to_string())).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::recipe::RecipeText;
    use crate::sentences::Sentences;

    #[test]
    fn the_steps_after_the_warm_up_are_measured_over_several_epochs() {
        let overrides = ["data.words=800".to_owned(), "training.accumulate=1".to_owned()];
        let text = RecipeText::embedded(Sentences::RECIPES[0]).with_overrides(&overrides).unwrap();
        let recipe: RecipeOf<Sentences> = text.parse().unwrap();
        let measure =
            |warm_up, steps| StepTimes::measure::<Sentences>(&recipe, warm_up, steps, &mut Session::default()).unwrap();
        let [one, many] = [measure(0, 1), measure(2, 40)];
        assert_eq!((one.times.len(), many.times.len()), (1, 40));
        assert!(many.items > 20 * one.items && one.items > 0, "{} and {} items", one.items, many.items);
        assert!(many.times.iter().all(|time| !time.is_zero()));
    }
}
