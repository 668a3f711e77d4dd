//! Optimisers, chosen by a recipe.

use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::decay::SparingBiases;
use crate::settings::{Fraction, Positive};
use crate::sgd::Sgd;

/// `[optimizer]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The rule.
    pub kind: OptimizerKind,
    /// Peak learning rate.
    pub lr: Positive,
    /// Weight decay: an L2 term in the gradient for `adam` and `sgd`, decoupled for `adamw`
    /// ([Loshchilov & Hutter 2019](https://arxiv.org/abs/1711.05101)). Biases are spared.
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
        match self.kind {
            OptimizerKind::Adam => SparingBiases { decaying: Adam::new(decay, 0.0), bare: Adam::new(0.0, 0.0) }.into(),
            OptimizerKind::AdamW => SparingBiases { decaying: Adam::new(0.0, decay), bare: Adam::new(0.0, 0.0) }.into(),
            OptimizerKind::Sgd => {
                let momentum = self.momentum.get();
                SparingBiases { decaying: Sgd::new(decay, momentum), bare: Sgd::new(0.0, momentum) }.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<OptimizerConfig>("kind = 'adam'\nlr = 0.1\nmomentun = 0.9").is_err());
    }
}
