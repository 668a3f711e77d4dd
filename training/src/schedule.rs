//! Learning rates over time: the share of the peak rate that each optimiser step takes.

use serde::{Deserialize, Serialize};

use crate::settings::{Count, Fraction};
use crate::task::Monitor;

/// `[schedule]` of a recipe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The curve after warm-up.
    pub kind: ScheduleKind,
    /// Share of the steps in which the rate first rises to its peak: in a straight line, and in half a cosine for
    /// `one-cycle`.
    pub warmup: Fraction,
    /// Share of the peak at which `linear` and `cosine` end.
    pub floor: Fraction,
    /// What stays of the rate at each drop of `step` and `plateau`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<Fraction>,
    /// Epochs before the first drop of `step`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Count>,
    /// Epochs from drop to drop of `step`; 1 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Count>,
    /// Epochs without a better validation metric after which `plateau` drops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<Count>,
}

/// The curves on offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The peak to the end.
    #[default]
    Constant,
    /// A straight line down.
    Linear,
    /// Half a cosine down ([Loshchilov & Hutter 2017](https://arxiv.org/abs/1608.03983)).
    Cosine,
    /// From a 25th of the peak up in half a cosine, and down in another to almost nothing
    /// ([Smith & Topin 2018](https://arxiv.org/abs/1708.07120)).
    OneCycle,
    /// Times `factor` after some epochs, and then again and again
    /// ([Zaremba et al. 2014](https://arxiv.org/abs/1409.2329)).
    Step,
    /// Times `factor` whenever the validation metric has not become better for a while.
    Plateau,
}

/// Where training stands, as a schedule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Optimiser steps done.
    pub step: usize,
    /// Optimiser steps of the whole run.
    pub steps: usize,
    /// Epochs done.
    pub epoch: usize,
    /// How often a plateau was met: [`ScheduleConfig::drops`].
    pub drops: usize,
}

/// Where `one-cycle` begins, and where it ends, as shares of the peak: PyTorch's.
const BEGIN: f64 = 1.0 / 25.0;
const END: f64 = BEGIN / 1e4;

impl ScheduleConfig {
    /// Refuses settings that the curve does not read, and the lack of one that it needs.
    pub fn check(&self) -> Result<(), String> {
        use ScheduleKind::*;
        let kind = self.kind;
        let given = [
            ("floor", self.floor.get() > 0.0, &[Linear, Cosine][..], false),
            ("factor", self.factor.is_some(), &[Step, Plateau], true),
            ("after", self.after.is_some(), &[Step], true),
            ("every", self.every.is_some(), &[Step], false),
            ("patience", self.patience.is_some(), &[Plateau], true),
        ];
        if kind == OneCycle && self.warmup.get() == 0.0 {
            return Err(
                "schedule.warmup is needed by the kind OneCycle; give the share of the steps in which it rises, \
                        such as 0.3"
                    .to_owned(),
            );
        }
        for (name, given, kinds, needed) in given {
            if given && !kinds.contains(&kind) {
                return Err(format!("schedule.{name} means nothing to the kind {kind:?}; remove one of the two"));
            }
            if !given && needed && kinds.contains(&kind) {
                return Err(format!("schedule.{name} is needed by the kind {kind:?}; give it"));
            }
        }
        Ok(())
    }

    /// The share of the peak rate that the next step takes.
    pub fn share(&self, at: Moment) -> f64 {
        let warmup = (self.warmup.get() * at.steps as f64).round();
        let step = at.step as f64;
        if self.kind == ScheduleKind::OneCycle {
            let (top, last) = ((self.warmup.get() * at.steps as f64 - 1.0).max(0.0), at.steps as f64 - 1.0);
            return match step < top {
                true => between(BEGIN, 1.0, step / top),
                false => between(1.0, END, (step - top) / (last - top).max(1.0)),
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
            ScheduleKind::Cosine => between(1.0, floor, done),
            ScheduleKind::Step => {
                let [after, every] = [self.after, self.every].map(|epochs| epochs.map_or(1, |epochs| epochs.get()));
                dropped((at.epoch + every).saturating_sub(after) / every)
            }
            ScheduleKind::Plateau => dropped(at.drops),
        }
    }

    /// How often the validation metric stayed without improvement for `patience` epochs, which are counted anew after each
    /// time.
    pub fn drops(&self, monitor: Monitor, values: impl Iterator<Item = f64>) -> usize {
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

/// On half a cosine from one value to another.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> ScheduleConfig {
        let schedule: ScheduleConfig = toml::from_str(text).unwrap();
        schedule.check().unwrap();
        schedule
    }

    /// The shares of all steps of a run, of which an epoch has `epoch`.
    fn shares(text: &str, steps: usize, epoch: usize) -> Vec<f64> {
        let schedule = schedule(text);
        (0..steps).map(|step| schedule.share(Moment { step, steps, epoch: step / epoch, drops: 0 })).collect()
    }

    #[track_caller]
    fn assert_shares(text: &str, epoch: usize, expected: &[f64]) {
        for (share, expected) in shares(text, expected.len(), epoch).iter().zip(expected) {
            approx::assert_abs_diff_eq!(*share, expected, epsilon = 1e-9);
        }
    }

    #[test]
    fn warm_up_rises_to_the_peak_and_the_line_falls_to_the_floor() {
        let expected = [0.25, 0.4375, 0.625, 0.8125, 1.0, 0.8, 0.6, 0.4];
        assert_shares("kind = 'linear'\nwarmup = 0.5\nfloor = 0.2", 8, &expected);
    }

    #[test]
    fn cosine_is_half_way_in_the_middle() {
        let shares = shares("kind = 'cosine'", 100, 10);
        approx::assert_abs_diff_eq!(shares[50], 0.5, epsilon = 1e-9);
        assert!(shares[0] == 1.0 && shares[99] < 0.001);
    }

    /// `torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=10, pct_start=0.3)`
    #[test]
    fn one_cycle_is_that_of_pytorch() {
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
        assert_shares("kind = 'one-cycle'\nwarmup = 0.3", 10, &expected);
    }

    #[test]
    fn a_step_drops_after_some_epochs_and_then_every_so_often() {
        assert_shares("kind = 'step'\nafter = 2\nfactor = 0.5", 1, &[1.0, 1.0, 0.5, 0.25, 0.125]);
        assert_shares("kind = 'step'\nafter = 1\nevery = 2\nfactor = 0.5", 1, &[1.0, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn a_plateau_drops_when_nothing_becomes_better() {
        let schedule = schedule("kind = 'plateau'\npatience = 2\nfactor = 0.1");
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        let drops = |values: &[f64]| schedule.drops(perplexity, values.iter().copied());
        assert_eq!(drops(&[9.0, 8.0, 8.5]), 0);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0]), 1);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0, 8.2]), 1);
        assert_eq!(drops(&[9.0, 8.0, 8.5, 8.0, 8.2, 8.1, 7.0]), 2);
        approx::assert_abs_diff_eq!(schedule.share(Moment { step: 9, steps: 10, epoch: 9, drops: 2 }), 0.01);
    }

    #[test]
    fn settings_that_mean_nothing_or_lack_are_refused() {
        let check = |text: &str| toml::from_str::<ScheduleConfig>(text).unwrap().check().unwrap_err();
        assert!(check("kind = 'cosine'\nfactor = 0.5").contains("schedule.factor"));
        assert!(check("kind = 'step'\nfactor = 0.5").contains("schedule.after"));
    }
}
