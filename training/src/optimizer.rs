//! Optimisers and learning-rate schedules: burn's, chosen by a recipe.

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::{
    LrSchedulerConfig, cosine::CosineAnnealingLrSchedulerConfig, linear::LinearLrSchedulerConfig,
    sequential::SequentialLrSchedulerConfig,
};
use burn::optim::{ModuleOptimizer, SgdConfig, decay::WeightDecayConfig, momentum::MomentumConfig};
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::settings::{Fraction, Positive};

/// `[optimizer]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The rule.
    pub kind: OptimizerKind,
    /// Peak learning rate.
    pub lr: Positive,
    /// Weight decay: an L2 term in the gradient for `adam` and `sgd`, decoupled for `adamw`
    /// ([Loshchilov & Hutter 2019](https://arxiv.org/abs/1711.05101)).
    #[serde(default)]
    pub weight_decay: Fraction,
    /// Momentum of `sgd`; the Adam family uses its own 0.9 and 0.999.
    #[serde(default)]
    pub momentum: Fraction,
}

/// The update rules on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// [Kingma & Ba 2015](https://arxiv.org/abs/1412.6980).
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
    /// Stochastic gradient descent.
    Sgd,
}

impl OptimizerConfig {
    /// The optimiser with empty state. ε is 1e-8, as in PyTorch.
    pub fn init(&self) -> ModuleOptimizer {
        let decay = self.weight_decay.get() as f32;
        let l2 = (decay > 0.0).then(|| WeightDecayConfig::new(decay));
        match self.kind {
            OptimizerKind::Adam => Adam::new(decay, 0.0).into(),
            OptimizerKind::AdamW => Adam::new(0.0, decay).into(),
            OptimizerKind::Sgd => SgdConfig::new().with_weight_decay(l2).with_momentum(self.momentum()).init(),
        }
    }

    fn momentum(&self) -> Option<MomentumConfig> {
        let momentum = self.momentum.get();
        (momentum > 0.0).then_some(MomentumConfig { momentum, dampening: 0.0, nesterov: false })
    }
}

/// `[schedule]` of a recipe: the learning rate as a share of its peak, over all optimiser steps of the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The curve after warm-up.
    pub kind: ScheduleKind,
    /// Share of the steps in which the rate first rises linearly to its peak.
    pub warmup: Fraction,
    /// Share of the peak at which the curve ends.
    pub floor: Fraction,
}

/// The curves on offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// The peak to the end.
    #[default]
    Constant,
    /// A straight line down.
    Linear,
    /// Half a cosine down ([Loshchilov & Hutter 2017](https://arxiv.org/abs/1608.03983)).
    Cosine,
}

impl ScheduleConfig {
    /// The schedule as a factor on the peak rate, after `done` of `steps` optimiser steps.
    ///
    /// burn's schedules refuse rates above 1, which plain SGD uses: hence a factor, and the rate is factor × peak.
    pub fn init(&self, steps: usize, done: usize) -> Result<ModuleLrScheduler, String> {
        let warmup = (self.warmup.get() * steps as f64).round() as usize;
        let rest = steps.saturating_sub(warmup).max(1);
        let curve = match self.kind {
            ScheduleKind::Constant => LrSchedulerConfig::Constant(1.0),
            ScheduleKind::Linear => {
                LrSchedulerConfig::Linear(LinearLrSchedulerConfig::new(1.0, self.floor.get(), rest))
            }
            ScheduleKind::Cosine => LrSchedulerConfig::Cosine(
                CosineAnnealingLrSchedulerConfig::new(1.0, rest).with_min_lr(self.floor.get()),
            ),
        };
        let mut scheduler = if warmup == 0 {
            SequentialLrSchedulerConfig::new(vec![curve], vec![])
        } else {
            let rise = LinearLrSchedulerConfig::new(1.0 / warmup as f64, 1.0, warmup);
            SequentialLrSchedulerConfig::new(vec![LrSchedulerConfig::Linear(rise), curve], vec![warmup])
        }
        .init()?;
        (0..done).for_each(|_| drop(scheduler.step()));
        Ok(scheduler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(config: &ScheduleConfig, steps: usize, done: usize) -> Vec<f64> {
        let mut scheduler = config.init(steps, done).unwrap();
        (done..steps).map(|_| scheduler.step().base()).collect()
    }

    fn schedule(text: &str) -> ScheduleConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn warm_up_rises_to_the_peak_and_the_line_falls_to_the_floor() {
        let factors = factors(&schedule("kind = 'linear'\nwarmup = 0.5\nfloor = 0.2"), 8, 0);
        for (got, want) in factors.iter().zip([0.25, 0.4375, 0.625, 0.8125, 1.0, 0.8, 0.6, 0.4]) {
            approx::assert_abs_diff_eq!(*got, want, epsilon = 1e-12);
        }
    }

    #[test]
    fn cosine_is_half_way_in_the_middle() {
        let factors = factors(&schedule("kind = 'cosine'"), 100, 0);
        approx::assert_abs_diff_eq!(factors[0], 1.0);
        approx::assert_abs_diff_eq!(factors[50], 0.5, epsilon = 1e-9);
        assert!(factors[99] < 0.001);
    }

    #[test]
    fn a_resumed_schedule_goes_on_where_it_was() {
        let config = schedule("kind = 'cosine'\nwarmup = 0.1");
        assert_eq!(factors(&config, 50, 20), factors(&config, 50, 0)[20..]);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<OptimizerConfig>("kind = 'adam'\nlr = 0.1\nmomentun = 0.9").is_err());
    }
}
