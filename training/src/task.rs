//! What an application adds: the [`Task`] trait.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::TaskError;
use crate::package::Outcome;
use crate::recipe::Recipe;
use crate::weights::WeightNames;

/// The result of a task's own functions.
pub type TaskResult<T> = Result<T, TaskError>;

/// Metrics by their plain names: `accuracy`, `loss`, `perplexity`, `mse`, …
pub type Metrics = BTreeMap<String, f64>;

/// The recipe of a task.
pub type RecipeOf<T> = Recipe<<T as Task>::Data, <T as Task>::Architecture>;

/// What is kept from batch to batch within an epoch: the hidden state of truncated back-propagation through time.
/// The trainer cuts it off the graph after each batch. Empty at the start of every epoch, and always for tasks whose batches do not follow one another.
pub type Carry = Vec<Tensor<3>>;

/// A data set in three parts.
#[derive(Clone, Debug)]
pub struct Splits<S> {
    /// Learned from.
    pub train: S,
    /// Chosen by.
    pub valid: S,
    /// Measured on, once.
    pub test: S,
}

/// The loss of one batch.
#[derive(Debug)]
pub struct Loss {
    /// Mean over the batch, `[1]`, in the graph.
    pub mean: Tensor<1>,
    /// How many items (or tokens) the mean is over: its weight in the mean over several batches.
    pub count: usize,
}

/// The metric by which the best epoch is chosen, on the validation part.
#[derive(Clone, Copy, Debug)]
pub struct Monitor {
    /// Its name in [`Metrics`].
    pub metric: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
}

impl Monitor {
    /// Whether `value` beats `best`. What is no finite number beats nothing.
    pub fn improves(&self, value: f64, best: Option<f64>) -> bool {
        value.is_finite() && best.is_none_or(|best| if self.higher_is_better { value > best } else { value < best })
    }
}

/// A trained model at work, for people to see: printed when training ends, and kept in the run and the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demonstration {
    /// Lines of text.
    pub lines: Vec<String>,
    /// An SVG, if there is something to be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// What options of an application change of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The recipe to take where none is named.
    pub recipe: Option<&'static str>,
    /// Settings, as after `--set`.
    pub settings: Vec<String>,
}

/// Choices of the command line that a verb of the application may need.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where to compute.
    pub device: Device,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--json`: standard output carries one JSON object a line and nothing else.
    pub json: bool,
    /// The backend's name.
    pub(crate) backend: &'static str,
    /// Threads of the CPU backends.
    pub(crate) threads: usize,
    /// What has to be typed again to go on with the same backend and data: after `cargo run`, and at the end.
    pub(crate) features: String,
    pub(crate) flags: String,
}

/// An application: its data, model, loss, metrics and baselines. Trainer, checkpoints, reports and command line are
/// written once, against this trait.
///
/// The value itself is what is fitted on the training part without gradients: a vocabulary, a scaler, a baseline.
pub trait Task: Sized {
    /// The cargo package, as in `cargo run -p PACKAGE`.
    const PACKAGE: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// Texts of the embedded recipes; the first is the default.
    const RECIPES: &'static [&'static str];
    /// The folder of the shipped packages, if there are any.
    const PRETRAINED: &'static str = "pretrained";
    /// PyTorch's names of the network's weights.
    const WEIGHT_NAMES: WeightNames = WeightNames::SAME;
    /// For the model card, in Markdown: what the model is for, preprocessing, limits, licence of the data.
    const CARD: &'static str = "";
    /// What to type after training, and why; `RUN` stands for the run folder.
    const NEXT: &'static [(&'static str, &'static str)] = &[];
    /// The metric that chooses the best epoch.
    const MONITOR: Monitor;
    /// What [`Loss::count`] counts, in the plural.
    const ITEMS: &'static str;

    /// `[data]` of the recipes.
    type Data: Clone + Serialize + DeserializeOwned;
    /// `[model]` of the recipes.
    type Architecture: Clone + Serialize + DeserializeOwned;
    /// The data as they were found, before anything is fitted to them.
    type Raw;
    /// One part of the data as the model reads it.
    type Set;
    /// The network.
    type Model: Module;
    /// Which items make up a batch; tensors are made from it by [`Task::loss`].
    type Batch;
    /// Verbs of the command line beside the shared ones, such as `predict`.
    type Verb: clap::Subcommand;
    /// Options of `train` beside the shared ones, that stand for settings of a recipe;
    /// [`NoOptions`](crate::cli::NoOptions) for none.
    type Options: clap::Args + Clone + Default + std::fmt::Debug;

    /// What such options stand for.
    fn changes(_options: &Self::Options) -> TaskResult<Changes> {
        Ok(Changes::default())
    }

    /// Finds and reads the data.
    fn load(data: &Self::Data, data_dir: Option<&Path>) -> TaskResult<Self::Raw>;

    /// A text that changes when the data do, such as their checksum; empty where they come from the recipe alone.
    fn fingerprint(_raw: &Self::Raw) -> String {
        String::new()
    }

    /// Fits what is fitted without gradients, on the training part alone.
    fn fit(recipe: &RecipeOf<Self>, raw: &Self::Raw) -> TaskResult<Self>;

    /// Writes what was fitted into the folder of a package; nothing, if nothing was.
    fn save(&self, _dir: &Path) -> TaskResult<()> {
        Ok(())
    }

    /// Reads it back.
    fn open(recipe: &RecipeOf<Self>, dir: &Path) -> TaskResult<Self>;

    /// Turns the data into what the model reads.
    fn encode(&self, raw: Self::Raw) -> TaskResult<Splits<Self::Set>>;

    /// How many parameters [`Task::init`] will make; asked before, so that no size is too large. 0 if it is not known.
    fn num_params(&self) -> f64 {
        0.0
    }

    /// The network with random weights.
    fn init(&self, device: &Device) -> Self::Model;

    /// The batches of an epoch (counted from 0), in order; as many in every epoch. All randomness from `rng`.
    fn batches(&self, set: &Self::Set, size: usize, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Self::Batch>;

    /// The loss of one batch. The device is seeded before each call; randomness of the host comes from `rng`.
    fn loss(
        &self,
        model: &Self::Model,
        set: &Self::Set,
        batch: &Self::Batch,
        carry: &mut Carry,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss;

    /// What is measured on the validation part after each epoch, [`Task::MONITOR`] at least: all there is to measure, if it is
    /// not said otherwise.
    fn watch(&self, model: &Self::Model, valid: &Self::Set, device: &Device) -> Metrics {
        self.evaluate(model, valid, device)
    }

    /// Metrics of the network on a part, without dropout or gradients.
    fn evaluate(&self, model: &Self::Model, set: &Self::Set, device: &Device) -> Metrics;

    /// Metrics on the test part of what a model must beat, by the baseline's name. Learned from the training part.
    fn baselines(&self, splits: &Splits<Self::Set>) -> TaskResult<BTreeMap<String, Metrics>>;

    /// Called with the best weights when training ends: the place to choose on `valid` what has no gradient.
    fn finish(&mut self, _model: &Self::Model, _valid: &Self::Set, _device: &Device) {}

    /// Shows the trained model at work, if there is something to be seen; `outcome` is what was measured of it.
    fn demonstrate(
        &self,
        _model: &Self::Model,
        _outcome: &Outcome,
        _test: &Self::Set,
        _device: &Device,
    ) -> TaskResult<Demonstration> {
        Ok(Demonstration::default())
    }

    /// Runs a verb of the application, where it has verbs of its own.
    fn run(_verb: Self::Verb, _context: &Context) -> TaskResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_better_number_improves() {
        let accuracy = Monitor { metric: "accuracy", higher_is_better: true };
        let perplexity = Monitor { metric: "perplexity", higher_is_better: false };
        assert!(accuracy.improves(0.6, Some(0.5)) && !accuracy.improves(0.5, Some(0.5)));
        assert!(perplexity.improves(90.0, Some(91.0)) && !perplexity.improves(92.0, Some(91.0)));
        assert!(perplexity.improves(90.0, None));
        assert!(!perplexity.improves(f64::NAN, None) && !perplexity.improves(f64::INFINITY, None));
    }
}
