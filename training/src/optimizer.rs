//! The optimizers Adam, AdamW and SGD. The recipe (the TOML file with the settings of a training run) selects one of
//! them.

use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::decay::DecayMatrices;
use crate::sgd::Sgd;
use inference::settings::{Fraction, Positive};

/// The table `[optimizer]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The optimizer's algorithm: Adam, AdamW or SGD.
    pub kind: OptimizerKind,
    /// The peak learning rate, which the learning-rate schedule multiplies by a factor from 0 to 1.
    pub lr: Positive,
    /// Weight decay: an L2 term in the gradient for `adam` and `sgd`, decoupled for `adamw`
    /// ([Loshchilov & Hutter 2019](https://arxiv.org/abs/1711.05101)). It applies to weight matrices only, not to
    /// biases.
    #[serde(default)]
    pub weight_decay: Fraction,
    /// The momentum of `sgd`. Adam and AdamW always use β₁ = 0.9 and β₂ = 0.999.
    #[serde(default)]
    pub momentum: Fraction,
}

/// The available optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam ([Kingma & Ba 2015](https://arxiv.org/abs/1412.6980)).
    Adam,
    /// AdamW: Adam with decoupled weight decay.
    AdamW,
    /// Stochastic gradient descent, with optional momentum.
    Sgd,
}

impl OptimizerConfig {
    /// Creates the optimizer with an empty state. The ε of Adam is 1e-8, PyTorch's default.
    pub fn init(&self) -> ModuleOptimizer {
        let decay = self.weight_decay.get() as f32;
        match self.kind {
            OptimizerKind::Adam => DecayMatrices { decaying: Adam::new(decay, 0.0), plain: Adam::new(0.0, 0.0) }.into(),
            OptimizerKind::AdamW => {
                DecayMatrices { decaying: Adam::new(0.0, decay), plain: Adam::new(0.0, 0.0) }.into()
            }
            OptimizerKind::Sgd => {
                let momentum = self.momentum.get();
                DecayMatrices { decaying: Sgd::new(decay, momentum), plain: Sgd::new(0.0, momentum) }.into()
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
