//! The [`Task`] trait: how the model of an application is trained and evaluated.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use datasets::Locator;
use inference::weights::WeightNames;
use inference::{Package, Predictor};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::TaskResult;
use crate::interrupt::Interrupt;
use crate::metric::{Measured, Monitor};
use crate::package::Outcome;
use crate::recipe::Recipe;

/// The recipe type of a task.
pub type RecipeOf<T> = Recipe<<T as Task>::Data, <T as Task>::Architecture>;

/// The name of the application of a task, such as `sentiment`.
pub(crate) const fn application<T: Task>() -> &'static str {
    <T::Predictor as Predictor>::APPLICATION
}

/// The hidden state that [`Task::loss`] carries from batch to batch, for truncated back-propagation through time.
/// The trainer detaches the tensors from the graph after each batch, and clears them at the start of every epoch.
pub type Carry = Vec<Tensor<3>>;

/// A data set in three parts.
#[derive(Clone, Debug)]
pub struct Splits<S> {
    /// The training part.
    pub train: S,
    /// The validation part, for all choices, such as the best epoch.
    pub valid: S,
    /// The test part, for the final evaluation only.
    pub test: S,
}

/// The loss of one batch.
#[derive(Debug)]
pub struct Loss {
    /// Mean loss over the items of the batch, `[1]`, with its graph.
    pub mean: Tensor<1>,
    /// The number of items or tokens in the mean. It is the weight of this batch in gradient accumulation.
    pub count: usize,
}

/// A demonstration of a trained model: examples of its predictions. It is shown when training ends, and stored in the
/// run and in the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demonstration {
    /// Lines of text.
    pub lines: Vec<String>,
    /// A picture as SVG, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// The context of [`Task::load`] and [`Task::encode`].
pub struct LoadContext<'a> {
    /// Finds the files of published data sets.
    pub locator: Locator,
    note: &'a mut dyn FnMut(&str),
}

impl<'a> LoadContext<'a> {
    /// A context that passes notes to a function.
    pub fn new(locator: Locator, note: &'a mut dyn FnMut(&str)) -> Self {
        Self { locator, note }
    }

    /// Reports a fact about the data that users should know, such as repaired gaps.
    pub fn note(&mut self, text: &str) {
        (self.note)(text);
    }
}

/// The context of [`Task::collate`], which runs in the thread of the data loader.
pub struct CollateContext<'a> {
    /// The device of the batch, with autodiff.
    pub device: &'a Device,
    /// The epoch, from 0.
    pub epoch: usize,
    /// The random generator of this batch. [`Task::loss`] continues with the same generator. Do not draw from the
    /// random generator of the device here, because the loss of another batch draws from it at the same time.
    pub rng: &'a mut ChaCha8Rng,
}

/// The context of [`Task::loss`].
pub struct StepContext<'a> {
    /// The device of the model, with autodiff. It is seeded before each batch.
    pub device: &'a Device,
    /// The epoch, from 0.
    pub epoch: usize,
    /// The optimizer step in the whole run, from 0.
    pub step: usize,
    /// The hidden state from the previous batch. Replace it with the state after this batch.
    pub carry: &'a mut Carry,
    /// The random generator of this batch.
    pub rng: &'a mut ChaCha8Rng,
}

/// The indices `0..count` in random order, in batches: the [`plan`](Task::plan) of most tasks.
pub fn shuffled(count: usize, size: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(rng);
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

/// The contents of a package besides its training record: see [`Task::contents`].
pub struct Contents<'a, M> {
    /// The settings that [`Predictor::open`] reads.
    pub settings: serde_json::Value,
    /// The network, if the model has one.
    pub network: Option<&'a M>,
    /// The application's own files, by name.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

/// How the model of an application is trained and evaluated.
///
/// A value of the type holds what was fitted to the training part without gradients, such as a vocabulary or a scaler.
/// The crate documentation shows the order of the calls. If a function returns an error, the training ends with it.
///
/// ```text
/// recipe.toml ─► load ─► fit ─► encode ─► Splits ─► plan ─► collate ─► loss ─► gradients
///                                                           (thread)
///                                           model ─► predictor ─► validate, evaluate ─► Package
/// ```
pub trait Task: Sized + Sync {
    /// The trained model with the interface for users, from raw input to answer. Evaluations use the same interface.
    type Predictor: Predictor;
    /// The table `[data]` of a recipe.
    type Data: Clone + Serialize + DeserializeOwned;
    /// The table `[model]` of a recipe.
    type Architecture: Clone + Serialize + DeserializeOwned;
    /// The data as loaded, before they are split and encoded.
    type Raw;
    /// One encoded part of the data.
    type Set: Sync;
    /// The network.
    type Model: Module;
    /// What identifies the items of one batch, such as indices.
    type Items: Send + Sync;
    /// A batch as tensors.
    type Batch: Send;

    /// The texts of the embedded recipes; the first is the default.
    const RECIPES: &'static [&'static str];
    /// Part of the model card, in Markdown: intended use, preprocessing, limits, license of the data.
    const CARD: &'static str = "";
    /// The metric that chooses the best epoch.
    const MONITOR: Monitor;
    /// The name of the items that [`Loss::count`] counts, in the plural, such as `tokens`.
    const ITEMS: &'static str = "items";
    /// The mapping between the names of the network's parameters and PyTorch's names.
    const WEIGHT_NAMES: WeightNames = WeightNames::SAME;

    /// Loads the data.
    fn load(data: &Self::Data, cx: &mut LoadContext) -> TaskResult<Self::Raw>;

    /// A text that changes whenever the data change, such as a checksum. It may be empty if the recipe determines the
    /// data.
    fn fingerprint(_raw: &Self::Raw) -> String {
        String::new()
    }

    /// Fits everything that needs no gradients, such as a vocabulary, to the training part only. `start` is the model
    /// that the recipe names as `start_from`.
    fn fit(recipe: &RecipeOf<Self>, raw: &Self::Raw, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self>;

    /// Restores the task of a trained model, for evaluation.
    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Self::Predictor) -> TaskResult<Self>;

    /// Encodes the data for the model, and splits them.
    fn encode(&self, raw: Self::Raw, cx: &mut LoadContext) -> TaskResult<Splits<Self::Set>>;

    /// The number of parameters of the network. The trainer compares it with the free memory before [`Task::init`].
    fn num_params(&self) -> f64 {
        0.0
    }

    /// Creates the network with random weights; `None` for models without a network, which are not trained in epochs.
    fn init(&self, device: &Device) -> Option<Self::Model>;

    /// The items of each batch of an epoch, in order. `size` is the batch size of the recipe.
    ///
    /// The number of batches must be the same in every epoch. For reproducible runs, use no generator other than `rng`.
    fn plan(&self, set: &Self::Set, size: usize, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Self::Items>;

    /// Makes a batch, in a thread that runs ahead of the optimizer steps. A PyTorch user would call this `collate_fn`.
    fn collate(&self, set: &Self::Set, items: &Self::Items, cx: &mut CollateContext) -> TaskResult<Self::Batch>;

    /// Computes the loss of a batch.
    fn loss(&self, model: &Self::Model, batch: Self::Batch, cx: &mut StepContext) -> TaskResult<Loss>;

    /// Makes the predictor. `network` is in evaluation mode: without dropout and gradients.
    fn predictor(&self, network: Option<Self::Model>, device: &Device) -> TaskResult<Self::Predictor>;

    /// The contents of the package of a predictor. [`Predictor::open`] must be able to read them.
    fn contents(predictor: &Self::Predictor) -> TaskResult<Contents<'_, Self::Model>>;

    /// Metrics on the validation part after each epoch, including [`Task::MONITOR`].
    fn validate(&self, predictor: &Self::Predictor, set: &Self::Set, interrupt: &Interrupt) -> TaskResult<Measured> {
        self.evaluate(predictor, set, interrupt)
    }

    /// All metrics on one part of the data. Long loops should [check](Interrupt::check) the interrupt.
    fn evaluate(&self, predictor: &Self::Predictor, set: &Self::Set, interrupt: &Interrupt) -> TaskResult<Measured>;

    /// Metrics of the baselines on the test part, by name of the baseline. Baselines are fitted to the training part.
    fn baselines(&self, splits: &Splits<Self::Set>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>>;

    /// Tunes settings without gradients on the validation part. It is called after training, with the best weights.
    fn finish(&self, _predictor: &mut Self::Predictor, _valid: &Self::Set, _interrupt: &Interrupt) -> TaskResult<()> {
        Ok(())
    }

    /// Makes a demonstration of the trained model.
    fn demonstrate(
        &self,
        _predictor: &Self::Predictor,
        _outcome: &Outcome,
        _test: &Self::Set,
    ) -> TaskResult<Demonstration> {
        Ok(Demonstration::default())
    }
}

/// The trained model that a recipe names as `start_from`.
pub struct Pretrained<'a, T: Task> {
    /// The package of the model.
    pub package: &'a Package<'a>,
    /// The table `[data]` of the recipe that the model was trained with.
    pub data: T::Data,
}
