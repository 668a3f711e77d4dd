//! The table `[model]` of a recipe (a TOML file with the settings of a training).

use rnn::{Cell, Pooling};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};
use training::{RecipeOf, TaskError, TaskResult};

use crate::contextual::ContextualConfig;
use crate::model::{Dropouts, NetworkConfig, one};
use crate::ngrams::MAX_ORDER;
use crate::settings::{ModelSettings, NgramSettings};
use crate::train::SentimentTask;
use crate::train::ngrams::NgramConfig;
use crate::train::pretraining::PretrainingConfig;

/// The table `[model]` of a training recipe: a network, n-grams, or a blend of both.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// The architecture and the regularisation of the network; absent for n-grams alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkRecipe>,
    /// How the n-grams are fitted; absent for a network alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ngrams: Option<NgramConfig>,
}

/// The table `[model.network]` of a training recipe: the architecture of the network and its regularisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRecipe {
    /// The recurrent cell.
    pub cell: Cell,
    /// The number of features per word.
    pub embedding_size: Count,
    /// The number of features of a hidden state, in each direction.
    pub hidden_size: Count,
    /// The number of stacked recurrent layers.
    #[serde(default = "one")]
    pub layers: Count,
    /// Whether the network reads in both directions.
    #[serde(default)]
    pub bidirectional: bool,
    /// How the outputs of the recurrent layers become one vector.
    pub pooling: Pooling,
    /// Probability that a word of a training text is replaced by the unknown word.
    #[serde(default)]
    pub word_dropout: Fraction,
    /// Probability of locked dropout of word features: one mask for all words of a text.
    #[serde(default)]
    pub embedding_dropout: Fraction,
    /// Probability of locked dropout of the outputs before pooling: one mask for all words of a text.
    #[serde(default)]
    pub output_dropout: Fraction,
    /// Probability of dropout of the pooled vector, and between recurrent layers.
    #[serde(default)]
    pub dropout: Fraction,
    /// Label smoothing ε: with K classes, the target probability of the true class is 1 − ε + ε / K ([Szegedy et al.
    /// 2016](https://arxiv.org/abs/1512.00567)).
    #[serde(default)]
    pub label_smoothing: Fraction,
    /// Whether the classes have equal weights in the loss, so that rare classes count as much as frequent ones.
    #[serde(default)]
    pub balanced: bool,
    /// How long the embeddings keep their initial values, such as pretrained word vectors (`data.vectors`): a number of
    /// epochs, or `"always"`. With the default, 0 epochs, the embeddings are trained from the start.
    #[serde(default)]
    pub frozen: Frozen,
    /// Settings of pretraining by word prediction, before the labels are learned; no pretraining if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretraining: Option<PretrainingConfig>,
}

/// How long embeddings keep their initial values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frozen {
    /// The embeddings keep their initial values in this number of epochs from the start of the training.
    Epochs(u32),
    /// The embeddings keep their initial values during the whole training.
    Always(Always),
}

/// The word `always` as the value of the setting `frozen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Always {
    /// The value `"always"`.
    Always,
}

impl Default for Frozen {
    fn default() -> Self {
        Self::Epochs(0)
    }
}

impl Frozen {
    /// Whether the embeddings are frozen in an epoch, counted from 0.
    pub fn holds_in(self, epoch: usize) -> bool {
        match self {
            Self::Epochs(epochs) => epoch < epochs as usize,
            Self::Always(_) => true,
        }
    }
}

impl NetworkRecipe {
    /// The architecture without the settings of regularisation and pretraining, as it is stored in the package of a
    /// trained model. `contextual` is the architecture of the language model that gives contextual word vectors.
    pub fn config(&self, contextual: Option<ContextualConfig>) -> NetworkConfig {
        NetworkConfig {
            cell: self.cell,
            embedding_size: self.embedding_size,
            hidden_size: self.hidden_size,
            layers: self.layers,
            bidirectional: self.bidirectional,
            pooling: self.pooling,
            contextual,
        }
    }

    /// The dropout probabilities of the network.
    pub fn dropouts(&self) -> Dropouts {
        Dropouts {
            embedding: self.embedding_dropout.get(),
            output: self.output_dropout.get(),
            dense: self.dropout.get(),
        }
    }
}

impl Architecture {
    /// The settings that the predictor needs, which are stored in the package of the trained model.
    pub fn settings(&self, contextual: Option<ContextualConfig>) -> ModelSettings {
        ModelSettings {
            network: self.network.as_ref().map(|network| network.config(contextual)),
            ngrams: self.ngrams.as_ref().map(|_| NgramSettings {}),
        }
    }
}

/// Checks that the settings of a recipe can be combined, such as pretraining and the number of epochs.
pub fn check(recipe: &RecipeOf<SentimentTask>) -> TaskResult<()> {
    let Architecture { network, ngrams } = &recipe.model;
    if let Some(NgramConfig { order, .. }) = ngrams.as_ref().filter(|config| !(1..=MAX_ORDER).contains(&config.order)) {
        let message = format!("{order} is out of range; set a number from 1 to {MAX_ORDER}");
        return Err(TaskError::setting("model.ngrams.order", message));
    }
    let epochs = recipe.training.epochs as usize;
    let Some(network) = network else {
        return match ngrams {
            None => Err(TaskError::setting("model", "neither [model.network] nor [model.ngrams] is given; add one")),
            Some(_) if epochs > 0 => {
                let message = format!("{epochs}, but n-grams without a network are not trained in epochs; set 0");
                Err(TaskError::setting("training.epochs", message))
            }
            Some(_) => Ok(()),
        };
    };
    let Some(PretrainingConfig { epochs: first, .. }) = network.pretraining else { return Ok(()) };
    if recipe.data.contextual.is_some() {
        let message = "pretraining predicts the next word, but the vectors of data.contextual already depend on this \
                       word; remove this setting, or data.contextual";
        return Err(TaskError::setting("model.network.pretraining", message));
    }
    let (embedding, hidden) = (network.embedding_size, network.hidden_size);
    let patience = recipe.training.patience.map_or(usize::MAX, |patience| patience.get());
    if embedding != hidden {
        let sizes = format!("hidden_size = {hidden} and embedding_size = {embedding}");
        return Err(TaskError::setting(
            "model.network.pretraining",
            format!("pretraining needs equal sizes of hidden state and embedding, not {sizes}; change one of them"),
        ));
    }
    if network.frozen.holds_in(0) {
        let message = "pretraining trains the embeddings; remove this setting, or model.network.pretraining";
        return Err(TaskError::setting("model.network.frozen", message));
    }
    if epochs < first.get() {
        let message = format!(
            "{epochs}, but the first {first} epochs are for pretraining; increase training.epochs, or decrease \
             model.network.pretraining.epochs"
        );
        return Err(TaskError::setting("training.epochs", message));
    }
    if patience <= first.get() && epochs > first.get() {
        let message = format!(
            "{patience}, which could stop the training within the {first} epochs of pretraining; increase \
             training.patience"
        );
        return Err(TaskError::setting("training.patience", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_frozen_for_some_epochs_or_always() {
        let read = |text: &str| serde_json::from_str::<Frozen>(text);
        assert_eq!([0, 1, 2].map(|epoch| read("2").unwrap().holds_in(epoch)), [true, true, false]);
        assert!(read("\"always\"").unwrap().holds_in(1000) && !Frozen::default().holds_in(0));
        read("\"never\"").unwrap_err();
        read("-1").unwrap_err();
    }
}
