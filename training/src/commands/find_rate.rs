//! `find-rate`: the learning-rate range test ([Smith 2017](https://arxiv.org/abs/1506.01186)).

use burn::tensor::Device;
use serde_json::json;

use super::{Setting, print_json, print_line};
use crate::cli::FindRate;
use crate::error::{Result, TrainingError};
use crate::steps::Stepper;
use crate::task::{Carry, RecipeOf, Task};
use crate::{curves, files};

/// What stays of the smoothed loss at each step.
const SMOOTHING: f64 = 0.95;

/// Training has got out of hand when the loss is this many times the least.
const TOO_MUCH: f64 = 4.0;

pub(super) fn run<T: Task>(args: FindRate, setting: &Setting) -> Result<()> {
    let recipe = args.recipe.read::<T>()?;
    if !(args.from > 0.0 && args.from < args.to && args.to.is_finite() && args.steps > 1) {
        let message = "find-rate needs 0 < --from < --to and --steps of at least 2; change them".to_owned();
        return Err(TrainingError::Settings { recipe: recipe.name, message });
    }
    let raw = T::load(&recipe.data, setting.data_dir())?;
    let task = T::fit(&recipe, &raw)?;
    let train = task.encode(raw).train;
    let losses = losses(&task, &recipe, &train, setting.device(), &args)?;
    let smoothed = smooth(&losses);
    files::write(&args.plot, curves::rates(&losses, &smoothed)?.as_bytes())?;
    let Some((rate, least)) = steepest(&smoothed) else {
        let message = format!("no step of {} came to a finite loss; lower --from", losses.len());
        return Err(TrainingError::Settings { recipe: recipe.name, message });
    };
    if setting.context.json {
        return print_json(&json!({ "recipe": recipe.name, "steepest": rate, "least": least, "plot": args.plot }));
    }
    print_line(&format!("the loss falls fastest at {rate:.1e} and is least at {least:.1e}: {}", args.plot.display()))?;
    print_line(&format!("a tenth of the latter is a usual choice: --set optimizer.lr={:.1e}", least / 10.0))
}

/// Learning rates, each larger than the one before by the same factor, and the losses before their steps.
fn losses<T: Task>(
    task: &T,
    recipe: &RecipeOf<T>,
    train: &T::Set,
    device: &Device,
    args: &FindRate,
) -> Result<Vec<(f64, f64)>> {
    let stepper = Stepper { task, recipe, train, device: device.clone().autodiff() };
    let mut now = stepper.fresh()?;
    let (mut carry, mut losses, mut least) = (Carry::new(), Vec::new(), f64::INFINITY);
    for epoch in 0.. {
        let plan = stepper.plan(epoch);
        for group in plan.chunks(recipe.training.accumulate.get()) {
            let found = stepper.gradients(&mut now, &mut carry, group);
            least = least.min(found.loss);
            let enough = losses.len() == args.steps || found.nonfinite().is_some() || found.loss > TOO_MUCH * least;
            if enough {
                return Ok(losses);
            }
            let rate = args.from * (args.to / args.from).powf(losses.len() as f64 / (args.steps - 1) as f64);
            losses.push((rate, found.loss));
            now = stepper.update(now, found, rate);
        }
        carry.clear();
        if plan.is_empty() {
            break;
        }
    }
    Ok(losses)
}

/// A moving average, corrected for its beginning at zero.
fn smooth(losses: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (mut sum, mut weight) = (0.0, 0.0);
    let smoothed = losses.iter().map(|(rate, loss)| {
        sum = SMOOTHING * sum + (1.0 - SMOOTHING) * loss;
        weight = SMOOTHING * weight + (1.0 - SMOOTHING);
        (*rate, sum / weight)
    });
    smoothed.collect()
}

/// The rates at which the loss falls fastest and at which it is least.
fn steepest(smoothed: &[(f64, f64)]) -> Option<(f64, f64)> {
    let least = smoothed.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let falls = smoothed.windows(2).filter(|pair| pair[1].0 <= least);
    let fastest = falls.min_by(|a, b| (a[1].1 - a[0].1).total_cmp(&(b[1].1 - b[0].1)));
    Some((fastest.map_or(least, |pair| pair[1].0), least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_fall_is_before_the_least_loss() {
        let losses = [(1.0, 5.0), (2.0, 4.9), (4.0, 3.0), (8.0, 2.5), (16.0, 9.0), (32.0, 1.0 + 9.0)];
        assert_eq!(steepest(&losses), Some((4.0, 8.0)));
        assert_eq!(steepest(&[]), None);
    }

    #[test]
    fn smoothing_begins_with_the_first_value() {
        let smoothed = smooth(&[(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)]);
        approx::assert_relative_eq!(smoothed[1].1, 2.0);
        assert!(smoothed[2].1 > 2.0 && smoothed[2].1 < 3.0);
    }
}
