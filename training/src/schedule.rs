//! Learning-rate schedules: the factor by which the peak learning rate is multiplied at each optimizer step.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::metric::Monitor;
use inference::settings::{Count, Fraction};

/// The settings of the learning-rate schedule: the table `[schedule]` of a recipe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The kind of curve that the learning rate follows after the warm-up.
    pub kind: ScheduleKind,
    /// The fraction of all optimizer steps that are warm-up steps. During the warm-up, the learning rate increases to
    /// its peak: along half a cosine for the schedule `one-cycle`, and linearly for all other schedules.
    pub warmup: Fraction,
    /// The learning rate at the end of the schedules `linear` and `cosine`, as a fraction of the peak learning rate.
    pub floor: Fraction,
    /// The factor by which the schedules `step` and `plateau` multiply the learning rate each time that they reduce it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<Fraction>,
    /// The number of epochs before the schedule `step` reduces the learning rate for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Count>,
    /// The number of epochs between two reductions of the learning rate by the schedule `step`; 1 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Count>,
    /// The number of epochs without a better validation metric after which the schedule `plateau` reduces the learning
    /// rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<Count>,
}

/// The available learning-rate schedules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The learning rate is constant.
    #[default]
    Constant,
    /// The learning rate decreases linearly from its peak to `floor` times the peak.
    Linear,
    /// The learning rate decreases along half a cosine from its peak to `floor` times the peak
    /// ([Loshchilov & Hutter 2017](https://arxiv.org/abs/1608.03983)).
    Cosine,
    /// The learning rate follows half a cosine from a 25th of the peak up to the peak, and then half a cosine down to
    /// almost 0, as in PyTorch's `OneCycleLR` ([Smith & Topin 2018](https://arxiv.org/abs/1708.07120)).
    OneCycle,
    /// The learning rate is multiplied by `factor` after the first `after` epochs, and then once more every `every`
    /// epochs ([Zaremba et al. 2014](https://arxiv.org/abs/1409.2329)).
    Step,
    /// The learning rate is multiplied by `factor` when the validation metric has not improved for `patience` epochs.
    Plateau,
}

/// The position in a training run, which determines the learning rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The number of finished optimizer steps.
    pub step: usize,
    /// The number of optimizer steps in the whole run.
    pub steps: usize,
    /// The number of finished epochs.
    pub epoch: usize,
    /// How often the schedule `plateau` has reduced the learning rate so far: see [`ScheduleConfig::drops`].
    pub drops: usize,
}

/// The learning rate at the first step of the schedule `one-cycle`, as a fraction of the peak learning rate:
/// 1 / `div_factor`, with the default of PyTorch's `OneCycleLR`.
const BEGIN: f64 = 1.0 / 25.0;
/// The learning rate at the last step of the schedule `one-cycle`, as a fraction of the peak learning rate:
/// 1 / (`div_factor` · `final_div_factor`), with the defaults of PyTorch's `OneCycleLR`.
const END: f64 = BEGIN / 1e4;

impl ScheduleConfig {
    /// Checks that the recipe gives every setting that this kind of schedule needs, and no setting that it does not
    /// use.
    pub(crate) fn check(&self) -> Result<(), String> {
        use ScheduleKind::*;
        let kind = self.kind;
        let written = format!("schedule.kind = {}", json!(kind));
        let given = [
            ("floor", self.floor.get() > 0.0, &[Linear, Cosine][..], false),
            ("factor", self.factor.is_some(), &[Step, Plateau], true),
            ("after", self.after.is_some(), &[Step], true),
            ("every", self.every.is_some(), &[Step], false),
            ("patience", self.patience.is_some(), &[Plateau], true),
        ];
        if kind == OneCycle && self.warmup.get() == 0.0 {
            return Err(format!(
                "{written} needs the fraction of the warm-up steps; set schedule.warmup, for example to 0.3"
            ));
        }
        for (name, given, kinds, needed) in given {
            if given && !kinds.contains(&kind) {
                return Err(format!("{written} does not use schedule.{name}; remove this setting"));
            }
            if !given && needed && kinds.contains(&kind) {
                return Err(format!("{written} needs schedule.{name}; add this setting"));
            }
        }
        Ok(())
    }

    /// Returns whether the learning rate of a step depends on the number of steps in the whole run.
    pub(crate) fn spans_the_run(&self) -> bool {
        let kinds = [ScheduleKind::Linear, ScheduleKind::Cosine, ScheduleKind::OneCycle];
        self.warmup.get() > 0.0 || kinds.contains(&self.kind)
    }

    /// Returns the factor for the next step. The learning rate of the step is this factor times the peak learning rate.
    pub(crate) fn factor(&self, at: Position) -> f64 {
        let warmup = (self.warmup.get() * at.steps as f64).round();
        let step = at.step as f64;
        if self.kind == ScheduleKind::OneCycle {
            let (top, last) = ((self.warmup.get() * at.steps as f64 - 1.0).max(0.0), at.steps as f64 - 1.0);
            return match step < top {
                true => cosine(BEGIN, 1.0, step / top),
                false => cosine(1.0, END, (step - top) / (last - top).max(1.0)),
            };
        }
        if step < warmup {
            return 1.0 / warmup + (1.0 - 1.0 / warmup) * step / warmup;
        }
        let done = ((step - warmup) / (at.steps as f64 - warmup).max(1.0)).min(1.0);
        let floor = self.floor.get();
        let dropped = |times: usize| self.factor.map_or(1.0, |factor| factor.get()).powi(times as i32);
        match self.kind {
            ScheduleKind::Constant | ScheduleKind::OneCycle => 1.0,
            ScheduleKind::Linear => 1.0 + (floor - 1.0) * done,
            ScheduleKind::Cosine => cosine(1.0, floor, done),
            ScheduleKind::Step => {
                let [after, every] = [self.after, self.every].map(|epochs| epochs.map_or(1, |epochs| epochs.get()));
                dropped((at.epoch + every).saturating_sub(after) / every)
            }
            ScheduleKind::Plateau => dropped(at.drops),
        }
    }

    /// Counts how often the schedule `plateau` has reduced the learning rate: once each time that the validation metric
    /// has not improved for `patience` epochs. After a reduction, the count of these epochs starts again at 0. `values`
    /// are the validation metrics of all finished epochs.
    pub(crate) fn drops(&self, monitor: Monitor, values: impl Iterator<Item = f64>) -> usize {
        let Some(patience) = self.patience else { return 0 };
        let (mut best, mut since, mut drops) = (None, 0, 0);
        for value in values {
            since += 1;
            if monitor.improves(value, best) {
                (best, since) = (Some(value), 0);
            } else if since == patience.get() {
                (since, drops) = (0, drops + 1);
            }
        }
        drops
    }
}

/// Interpolates along half a cosine between two values: `from` at progress 0, and `to` at progress 1.
fn cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> ScheduleConfig {
        let schedule: ScheduleConfig = toml::from_str(text).unwrap();
        schedule.check().unwrap();
        schedule
    }

    /// The factors of all steps of a run with `epoch` steps per epoch.
    fn factors(text: &str, steps: usize, epoch: usize) -> Vec<f64> {
        let schedule = schedule(text);
        (0..steps).map(|step| schedule.factor(Position { step, steps, epoch: step / epoch, drops: 0 })).collect()
    }

    #[track_caller]
    fn assert_factors(text: &str, epoch: usize, expected: &[f64]) {
        for (factor, expected) in factors(text, expected.len(), epoch).iter().zip(expected) {
            approx::assert_abs_diff_eq!(*factor, expected, epsilon = 1e-9);
        }
    }

    #[test]
    fn linear_warms_up_to_the_peak_and_decays_to_the_floor() {
        let expected = [0.25, 0.4375, 0.625, 0.8125, 1.0, 0.8, 0.6, 0.4];
        assert_factors("kind = 'linear'\nwarmup = 0.5\nfloor = 0.2", 8, &expected);
    }

    #[test]
    fn cosine_is_one_half_in_the_middle() {
        let factors = factors("kind = 'cosine'", 100, 10);
        approx::assert_abs_diff_eq!(factors[50], 0.5, epsilon = 1e-9);
        assert!(factors[0] == 1.0 && factors[99] < 0.001);
    }

    /// `torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=10, pct_start=0.3)`
    #[test]
    fn one_cycle_equals_pytorchs() {
        let expected = [
            0.04,
            0.52,
            1.0,
            0.950_484_632,
            0.811_745_653_9,
            0.611_262_021_9,
            0.388_741_978_1,
            0.188_258_346_1,
            0.049_519_367_99,
            4e-6,
        ];
        assert_factors("kind = 'one-cycle'\nwarmup = 0.3", 10, &expected);
    }

    #[test]
    fn step_drops_first_after_and_then_every_some_epochs() {
        assert_factors("kind = 'step'\nafter = 2\nfactor = 0.5", 1, &[1.0, 1.0, 0.5, 0.25, 0.125]);
        assert_factors("kind = 'step'\nafter = 1\nevery = 2\nfactor = 0.5", 1, &[1.0, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn plateau_drops_when_the_metric_does_not_improve() {
        let schedule = schedule("kind = 'plateau'\npatience = 2\nfactor = 0.1");
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        let drops = |values: &[f64]| schedule.drops(perplexity, values.iter().copied());
        assert_eq!(drops(&[9.0, 8.0, 8.5]), 0);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0]), 1);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0, 8.2]), 1);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0, 8.2, 8.1, 7.0]), 2);
        approx::assert_abs_diff_eq!(schedule.factor(Position { step: 9, steps: 10, epoch: 9, drops: 2 }), 0.01);
    }

    #[test]
    fn unused_and_missing_settings_are_refused() {
        let check = |text: &str| toml::from_str::<ScheduleConfig>(text).unwrap().check().unwrap_err();
        assert!(check("kind = 'cosine'\nfactor = 0.5").contains("schedule.factor"));
        assert!(check("kind = 'step'\nfactor = 0.5").contains("schedule.after"));
    }
}
