//! `find-rate`: the learning-rate range test ([Smith 2017](https://arxiv.org/abs/1506.01186)).

use burn::tensor::Device;
use serde_json::json;

use super::{print_json, print_line};
use crate::cli::FindRate;
use crate::error::{Result, TrainingError};
use crate::steps::Stepper;
use crate::task::{Context, RecipeOf, Task};
use crate::{curves, files};

/// What stays of the smoothed loss at each step.
const SMOOTHING: f64 = 0.95;

/// Training has got out of hand when the smoothed loss lies this many times its first value above the least.
const TOO_MUCH: f64 = 1.0;

/// The share of the steps over which a slope is taken, and of the first ones, which are noise.
const SPAN: f64 = 0.1;

pub(super) fn run<T: Task>(args: FindRate<T::Options>, context: &Context) -> Result<()> {
    let recipe = args.recipe.read::<T>()?;
    if !(args.from > 0.0 && args.from < args.to && args.to.is_finite() && args.steps > 1) {
        let message = "find-rate needs 0 < --from < --to and --steps of at least 2; change them".to_owned();
        return Err(TrainingError::Settings { recipe: recipe.name, message });
    }
    let raw = T::load(&recipe.data, context.data_dir.as_deref())?;
    let task = T::fit(&recipe, &raw)?;
    let train = task.encode(raw)?.train;
    let losses = losses(&task, &recipe, &train, &context.device, &args)?;
    let smoothed = smooth(&losses);
    let Some((rate, least)) = steepest(&smoothed) else {
        let message =
            format!("only {} steps came to a finite loss; give a smaller --from or more --steps", losses.len());
        return Err(TrainingError::Settings { recipe: recipe.name, message });
    };
    files::write(&args.plot, curves::rates(&losses, &smoothed)?.as_bytes())?;
    if context.json {
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
    args: &FindRate<T::Options>,
) -> Result<Vec<(f64, f64)>> {
    let stepper = Stepper { task, recipe, train, device: device.clone().autodiff() };
    let mut now = stepper.fresh()?;
    let (mut losses, mut hold) = (Vec::new(), Hold::default());
    for epoch in 0.. {
        let plan = stepper.plan(epoch);
        for group in plan.chunks(recipe.training.accumulate.get()) {
            let found = stepper.gradients(&mut now, group);
            if losses.len() == args.steps || found.nonfinite().is_some() || hold.is_lost() {
                return Ok(losses);
            }
            let rate = args.from * (args.to / args.from).powf(losses.len() as f64 / (args.steps - 1) as f64);
            losses.push((rate, found.loss));
            hold.see(found.loss);
            now = stepper.update(now, found, rate);
        }
        now.carry.clear();
        if plan.is_empty() {
            break;
        }
    }
    Ok(losses)
}

/// Whether training is still in hand, by its smoothed losses: the first, the least and the last.
#[derive(Default)]
struct Hold {
    average: Average,
    seen: Option<[f64; 3]>,
}

impl Hold {
    fn see(&mut self, loss: f64) {
        let last = self.average.push(loss);
        let [first, least, _] = self.seen.unwrap_or([last; 3]);
        self.seen = Some([first, least.min(last), last]);
    }

    fn is_lost(&self) -> bool {
        self.seen.is_some_and(|[first, least, last]| last - least > TOO_MUCH * first.abs())
    }
}

/// A moving average, corrected for its beginning at zero.
#[derive(Default)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    fn push(&mut self, loss: f64) -> f64 {
        self.sum = SMOOTHING * self.sum + (1.0 - SMOOTHING) * loss;
        self.weight = SMOOTHING * self.weight + (1.0 - SMOOTHING);
        self.sum / self.weight
    }
}

fn smooth(losses: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut average = Average::default();
    losses.iter().map(|(rate, loss)| (*rate, average.push(*loss))).collect()
}

/// The rates at which the loss falls fastest and at which it is least, past the first steps.
fn steepest(smoothed: &[(f64, f64)]) -> Option<(f64, f64)> {
    let span = ((smoothed.len() as f64 * SPAN) as usize).max(1);
    let later = smoothed.get(span..)?;
    let least = later.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let falls = later.windows(span + 1).filter(|steps| steps[span].0 <= least);
    let fastest = falls.min_by(|a, b| (a[span].1 - a[0].1).total_cmp(&(b[span].1 - b[0].1)));
    Some((fastest.map_or(least, |steps| steps[span / 2].0), least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_fall_is_before_the_least_loss() {
        // Flat but for a dip in the first steps, then down to step 30, then up.
        let loss = |step: usize| match step {
            0..5 => 0.1 + step as f64 / 10.0,
            5..20 => 1.0,
            20..30 => 1.0 - (step - 20) as f64 * 0.05,
            _ => 0.5 + (step - 30) as f64,
        };
        let losses: Vec<_> = (0..50).map(|step| (1e-5 * 1.3f64.powi(step as i32), loss(step))).collect();
        let (fastest, least) = steepest(&losses).unwrap();
        assert!((losses[20].0..losses[30].0).contains(&fastest), "{fastest}");
        assert_eq!(least, losses[30].0);
        assert_eq!(steepest(&[]), None);
        let out_of_hand = |losses: &[(f64, f64)]| {
            let mut hold = Hold::default();
            losses.iter().for_each(|(_, loss)| hold.see(*loss));
            hold.is_lost()
        };
        assert!(
            out_of_hand(&[(1.0, 1.0), (2.0, 0.9), (3.0, 40.0)]) && !out_of_hand(&[(1.0, 1.0), (2.0, 0.9), (3.0, 1.5)])
        );
    }

    #[test]
    fn smoothing_begins_with_the_first_value() {
        let smoothed = smooth(&[(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)]);
        approx::assert_relative_eq!(smoothed[1].1, 2.0);
        assert!(smoothed[2].1 > 2.0 && smoothed[2].1 < 3.0);
    }
}
