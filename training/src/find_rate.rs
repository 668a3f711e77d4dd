//! The learning-rate range test ([Smith 2017](https://arxiv.org/abs/1506.01186)): it trains for some steps with an
//! increasing learning rate, and records the loss of each step.

use crate::curves;
use crate::error::{Result, TaskError, TrainingError};
use crate::session::Session;
use crate::step_times::with_stepper;
use crate::steps::Stepper;
use crate::task::{RecipeOf, Task};

/// The decay of the moving average that smooths the loss.
const SMOOTHING: f64 = 0.95;

/// The threshold of divergence, relative to the first smoothed loss: training has diverged when the smoothed loss
/// exceeds the smallest smoothed loss by more than this number times the first smoothed loss.
const DIVERGED: f64 = 1.0;

/// The length of the sliding window in which the slope of the loss is computed, as a fraction of all steps. The same
/// number of steps at the start is ignored, because the loss is noisy there.
const SPAN: f64 = 0.1;

/// The learning rates that a range test tries.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The smallest learning rate.
    pub from: f64,
    /// The largest learning rate.
    pub to: f64,
    /// The number of optimizer steps.
    pub steps: usize,
}

/// The result of a learning-rate range test.
#[derive(Clone, Debug)]
pub struct RateTest {
    /// The learning rate and the loss of each step.
    pub losses: Vec<(f64, f64)>,
    /// The learning rate at which the smoothed loss decreases fastest.
    pub steepest: f64,
    /// The learning rate at which the smoothed loss is smallest.
    pub least: f64,
}

impl RateTest {
    /// Trains a new network with an increasing learning rate. Returns the loss of each step, and the learning rates at
    /// which the loss decreases fastest and is smallest. The network is discarded, and no run folder is written.
    pub fn run<T: Task>(recipe: &RecipeOf<T>, range: Range, session: &mut Session) -> Result<Self> {
        let Range { from, to, steps } = range;
        if !(from > 0.0 && from < to && to.is_finite() && steps > 1) {
            let message = format!(
                "cannot raise the learning rate from {from} to {to} in {steps} steps; choose 0 < from < to and at \
                 least 2 steps"
            );
            return Err(TaskError::setting("range", message).into());
        }
        let losses = with_stepper::<T, _>(recipe, session, |stepper| losses(stepper, range))?;
        match steepest(&smooth(&losses)) {
            Some((steepest, least)) => Ok(Self { losses, steepest, least }),
            None => {
                let message = format!("only {} steps had a finite loss; start at a lower learning rate", losses.len());
                Err(TaskError::setting("range", message).into())
            }
        }
    }

    /// Plots the loss against the learning rate, as SVG.
    pub fn draw(&self) -> Result<String> {
        curves::range_test(&self.losses, &smooth(&self.losses))
    }
}

/// Trains with learning rates in geometric progression. Returns each learning rate with the loss before the optimizer
/// step that uses it. Stops early if the loss is NaN or infinite, or if training diverges.
fn losses<T: Task>(stepper: &Stepper<T>, Range { from, to, steps }: Range) -> Result<Vec<(f64, f64)>> {
    let Some(mut now) = stepper.fresh()? else {
        return Err(TaskError::setting(
            "model",
            "a model without a network has no learning rate; choose another model",
        )
        .into());
    };
    let (mut losses, mut divergence) = (Vec::new(), Divergence::default());
    let group = stepper.recipe.training.accumulate.get();
    for epoch in 0.. {
        now.state.epoch = epoch;
        let plan = stepper.plan(epoch);
        let ended = std::thread::scope(|scope| {
            let batches = stepper.load(scope, &plan, &now.state);
            for group in plan.chunks(group) {
                let result = stepper.gradients(&mut now, &batches, group.len())?;
                let measures = result.progress.read();
                if losses.len() == steps || measures.nonfinite().is_some() || divergence.is_detected() {
                    return Ok::<_, TrainingError>(None);
                }
                let lr = from * (to / from).powf(losses.len() as f64 / (steps - 1) as f64);
                losses.push((lr, measures.loss));
                divergence.push(measures.loss);
                now = stepper.update(now, result.grads, lr);
            }
            Ok(Some(now))
        })?;
        match ended {
            Some(after) if !plan.is_empty() => now = after,
            _ => break,
        }
        now.carry.clear();
    }
    Ok(losses)
}

/// Detects that the training diverges.
#[derive(Default)]
struct Divergence {
    /// The moving average that smooths the loss.
    average: Average,
    /// The first, the smallest and the last smoothed loss; `None` before the first loss.
    losses: Option<[f64; 3]>,
}

impl Divergence {
    fn push(&mut self, loss: f64) {
        let last = self.average.push(loss);
        let [first, least, _] = self.losses.unwrap_or([last; 3]);
        self.losses = Some([first, least.min(last), last]);
    }

    fn is_detected(&self) -> bool {
        self.losses.is_some_and(|[first, least, last]| last - least > DIVERGED * first.abs())
    }
}

/// An exponential moving average of the loss, with bias correction.
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
    losses.iter().map(|(lr, loss)| (*lr, average.push(*loss))).collect()
}

/// Returns the learning rate at which the smoothed loss decreases fastest, and the learning rate at which the smoothed
/// loss is smallest. `smoothed` has the learning rate and the smoothed loss of each step. The first steps are ignored:
/// see [`SPAN`].
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
    fn the_steepest_slope_comes_before_the_smallest_loss() {
        // A dip in the first steps, constant to step 20, decreasing to step 30, then increasing.
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
        let diverged = |losses: &[(f64, f64)]| {
            let mut divergence = Divergence::default();
            losses.iter().for_each(|(_, loss)| divergence.push(*loss));
            divergence.is_detected()
        };
        assert!(diverged(&[(1.0, 1.0), (2.0, 0.9), (3.0, 40.0)]) && !diverged(&[(1.0, 1.0), (2.0, 0.9), (3.0, 1.5)]));
    }

    #[test]
    fn smoothing_starts_at_the_first_value() {
        let smoothed = smooth(&[(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)]);
        approx::assert_relative_eq!(smoothed[1].1, 2.0);
        assert!(smoothed[2].1 > 2.0 && smoothed[2].1 < 3.0);
    }
}
