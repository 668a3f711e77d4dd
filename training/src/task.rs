//! The [`Task`] trait: how the model of an application is trained and evaluated.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use datasets::Locator;
use inference::weights::WeightNames;
use inference::{Package, Predictor};
use rand::rngs::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::collective::Share;
use crate::error::{TaskError, TaskResult};
use crate::interrupt::Interrupt;
use crate::metric::{Measured, Monitor};
use crate::package::Outcome;
use crate::recipe::Recipe;

/// The type of the recipes of the task `T`: a [`Recipe`] with the tables `[data]` and `[model]` of this task.
pub type RecipeOf<T> = Recipe<<T as Task>::Data, <T as Task>::Architecture>;

/// Returns the name of the application of a task, such as `sentiment`.
pub(crate) const fn application<T: Task>() -> &'static str {
    <T::Predictor as Predictor>::APPLICATION
}

/// The hidden state that [`Task::loss`] passes from batch to batch, for truncated back-propagation through time. Each
/// tensor has the shape `[layers, rows, features]`. The trainer detaches the tensors from the autodiff graph after each
/// batch, and clears the list at the start of every epoch.
pub type Carry = Vec<Tensor<3>>;

/// A data set in three parts.
#[derive(Clone, Debug)]
pub struct Splits<S> {
    /// The training part.
    pub train: S,
    /// The validation part, on which all choices are made, such as the best epoch.
    pub valid: S,
    /// The test part, which is used for the final evaluation only.
    pub test: S,
}

impl<S> Splits<S> {
    /// Returns the [fingerprint](Task::fingerprint) of the data, made from the fingerprints of the three parts.
    pub fn fingerprint(&self, of_part: impl Fn(&S) -> String) -> String {
        [&self.train, &self.valid, &self.test].map(of_part).join(", ")
    }
}

/// The loss of one batch.
#[derive(Debug)]
pub struct Loss {
    /// The mean loss over the items of the batch, `[1]`, attached to the autodiff graph.
    pub mean: Tensor<1>,
    /// The number of items, such as sentences or tokens, over which the mean is taken. It is the weight of this batch
    /// in gradient accumulation.
    pub count: usize,
}

/// A demonstration of a trained model: examples of its predictions. The demonstration is shown when training ends, and
/// stored in the run and in the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demonstration {
    /// The example predictions as lines of text.
    pub lines: Vec<String>,
    /// The example predictions as a picture in SVG format; `None` if the application draws no picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Services of the trainer for [`Task::load`] and [`Task::encode`]: a locator, which finds data files, and a function
/// that reports notes about the data to the user.
pub struct LoadContext<'a> {
    /// Finds the files of published data sets.
    pub locator: Locator,
    /// The function that reports a note to the user.
    note: &'a mut dyn FnMut(&str),
}

impl<'a> LoadContext<'a> {
    /// Creates a context that passes notes about the data to the function `note`.
    pub fn new(locator: Locator, note: &'a mut dyn FnMut(&str)) -> Self {
        Self { locator, note }
    }

    /// Reports a fact about the data to the user, for example that gaps in a time series were filled.
    pub fn note(&mut self, text: &str) {
        (self.note)(text);
    }
}

/// The device, the epoch and the random generator for [`Task::collate`], which runs in the thread of the data loader.
pub struct CollateContext<'a> {
    /// The device on which the batch is created, with autodiff (autograd in PyTorch) enabled.
    pub device: &'a Device,
    /// The number of the epoch, counted from 0.
    pub epoch: usize,
    /// The random generator of this batch. [`Task::loss`] continues with the same generator. Do not draw from the
    /// random generator of the device here, because the loss of another batch draws from it at the same time.
    pub rng: &'a mut ChaCha8Rng,
}

/// The device, the position in the training run, the hidden state and the random generator for [`Task::loss`].
pub struct StepContext<'a> {
    /// The device of the model, with autodiff (autograd in PyTorch) enabled. The random generator of the device is
    /// seeded before each batch.
    pub device: &'a Device,
    /// The number of the epoch, counted from 0.
    pub epoch: usize,
    /// The number of the optimizer step since the start of the run, counted from 0.
    pub step: usize,
    /// The hidden state after the previous batch. Replace it with the hidden state after this batch.
    pub carry: &'a mut Carry,
    /// The random generator of this batch, which [`Task::collate`] may have used before.
    pub rng: &'a mut ChaCha8Rng,
}

/// The settings, the network and the files of an application that are stored in a package: see [`Task::contents`].
pub struct Contents<'a, M> {
    /// The settings that [`Predictor::open`] reads.
    pub settings: serde_json::Value,
    /// The network whose weights are stored; `None` for models without a network.
    pub network: Option<&'a M>,
    /// The names and contents of the application's own files, such as a vocabulary.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

impl<'a, M> Contents<'a, M> {
    /// Creates the contents of a package from settings, which are converted to JSON, a network, and files. `network` is
    /// `None` for a model without a network.
    ///
    /// # Errors
    ///
    /// [`TaskError::Other`] if the settings cannot be converted.
    pub fn new(
        settings: &impl Serialize,
        network: impl Into<Option<&'a M>>,
        files: Vec<(&'static str, Vec<u8>)>,
    ) -> TaskResult<Self> {
        let settings = serde_json::to_value(settings).map_err(|error| TaskError::Other(error.to_string()))?;
        Ok(Self { settings, network: network.into(), files })
    }
}

/// How the model of an application is trained and evaluated.
///
/// A type that implements this trait stores what [`fit`](Self::fit) computes from the training part, such as a
/// vocabulary or a scaler. It does not store the network. The diagram shows the order of the calls. If a function
/// returns an error, the training ends with this error.
///
/// ```text
/// recipe.toml ─► load ─► fit ─► encode ─► Splits ─► plan ─► collate ─► loss ─► gradients
///                                                           (thread)
///                                           model ─► predictor ─► validate, evaluate ─► Package
/// ```
pub trait Task: Sized + Sync {
    /// The trained model as users call it, from raw input to prediction. Evaluations use the same interface.
    type Predictor: Predictor;
    /// The settings in the table `[data]` of a recipe.
    type Data: Clone + Serialize + DeserializeOwned;
    /// The settings in the table `[model]` of a recipe.
    type Architecture: Clone + Serialize + DeserializeOwned;
    /// The data as they were loaded, before they are split and encoded.
    type Raw;
    /// One part of the encoded data: training, validation or test part.
    type Set: Sync;
    /// The neural network that is trained.
    type Model: Module;
    /// The identification of the items of one batch, such as their indices.
    type Items: Send + Sync;
    /// The tensors of one batch.
    type Batch: Send;

    /// The TOML texts of the recipes that are compiled into the program. The first recipe is the default.
    const RECIPES: &'static [&'static str];
    /// A part of the model card, in Markdown: intended use, preprocessing, limits, license of the data.
    const CARD: &'static str = "";
    /// The validation metric that determines the best epoch.
    const MONITOR: Monitor;
    /// The name of the items that [`Loss::count`] counts, in the plural, such as `tokens`.
    const ITEMS: &'static str = "items";
    /// The mapping between the parameter names of the network and PyTorch's names.
    const WEIGHT_NAMES: WeightNames = WeightNames::SAME;
    /// The keys of the settings with the paths of the user's data files, such as `data.file`. A resumed run may change
    /// these paths: the [fingerprint](Self::fingerprint) shows whether the data are the same.
    const PATHS: &'static [&'static str] = &[];

    /// Loads the data that the table `[data]` of a recipe describes.
    fn load(data: &Self::Data, cx: &mut LoadContext) -> TaskResult<Self::Raw>;

    /// Returns a text that changes whenever the data change, such as a checksum. The text may be empty if the recipe
    /// alone determines the data.
    fn fingerprint(_raw: &Self::Raw) -> String {
        String::new()
    }

    /// Fits everything that needs no gradients, such as a vocabulary, to the training part only. `start` is the trained
    /// model that the recipe names as `start_from`; `None` if the recipe names no model.
    fn fit(recipe: &RecipeOf<Self>, raw: &Self::Raw, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self>;

    /// Creates the task again to evaluate a trained model. Takes everything that [`fit`](Self::fit) has computed, such
    /// as the vocabulary, from the `predictor` of the model. `recipe` is the recipe with which the model was trained.
    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Self::Predictor) -> TaskResult<Self>;

    /// Encodes the data for the model, and splits them into a training, a validation and a test part.
    fn encode(&self, raw: Self::Raw, cx: &mut LoadContext) -> TaskResult<Splits<Self::Set>>;

    /// Returns the number of parameters of the network. Before [`Task::init`], the trainer checks that the free memory
    /// is large enough for this number.
    fn num_params(&self) -> f64 {
        0.0
    }

    /// Creates the network with random weights; `None` for models without a network, which are not trained in epochs.
    fn init(&self, device: &Device) -> Option<Self::Model>;

    /// Returns the items of each batch of an epoch, in order. `size` is the batch size of the recipe.
    ///
    /// The number of batches must be the same in every epoch. For reproducible runs, use no generator other than `rng`.
    fn plan(&self, set: &Self::Set, size: usize, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Self::Items>;

    /// Makes a batch, in a thread that runs ahead of the optimizer steps. A PyTorch user would call this `collate_fn`.
    fn collate(&self, set: &Self::Set, items: &Self::Items, cx: &mut CollateContext) -> TaskResult<Self::Batch>;

    /// Returns the rows of a batch that one rank (process) of a data-parallel training computes; `None` if the batch
    /// has too few rows for all ranks. The mean of the losses of all ranks, weighted by [`Loss::count`], must be the
    /// loss of the whole batch. A task that does not support several ranks keeps the default implementation, which
    /// returns an error.
    ///
    /// # Errors
    ///
    /// [`TaskError`](crate::TaskError) if the batch cannot be divided among the ranks.
    fn part(&self, _batch: Self::Batch, _share: Share) -> TaskResult<Option<Self::Batch>> {
        let message = "this application trains with one process only; start it without mpirun";
        Err(crate::TaskError::Other(message.to_owned()))
    }

    /// Computes the mean loss of a batch.
    fn loss(&self, model: &Self::Model, batch: Self::Batch, cx: &mut StepContext) -> TaskResult<Loss>;

    /// Makes the predictor, which evaluations and users call. `network` is in evaluation mode, without dropout and
    /// gradients; `None` for a model without a network.
    fn predictor(&self, network: Option<Self::Model>, device: &Device) -> TaskResult<Self::Predictor>;

    /// Returns the contents of the package in which a predictor is stored. [`Predictor::open`] must be able to read the
    /// contents.
    fn contents(predictor: &Self::Predictor) -> TaskResult<Contents<'_, Self::Model>>;

    /// Measures the metrics on the validation part after each epoch, including [`Task::MONITOR`].
    fn validate(&self, predictor: &Self::Predictor, set: &Self::Set, interrupt: &Interrupt) -> TaskResult<Measured> {
        self.evaluate(predictor, set, interrupt)
    }

    /// Measures all metrics on one part of the data. Long loops should [check](Interrupt::check) the interrupt.
    fn evaluate(&self, predictor: &Self::Predictor, set: &Self::Set, interrupt: &Interrupt) -> TaskResult<Measured>;

    /// Measures the baselines on the test part. Returns their metrics by name of the baseline. Baselines are fitted to
    /// the training part. The default implementation returns no baselines.
    fn baselines(&self, _splits: &Splits<Self::Set>, _interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        Ok(BTreeMap::new())
    }

    /// Tunes settings of the predictor, such as a blending weight, on the validation part and without gradients. The
    /// trainer calls this function after training, when the predictor has the best weights.
    fn finish(&self, _predictor: &mut Self::Predictor, _valid: &Self::Set, _interrupt: &Interrupt) -> TaskResult<()> {
        Ok(())
    }

    /// Makes a demonstration of the trained model: examples of its predictions.
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
    /// The package of the trained model.
    pub package: &'a Package<'a>,
    /// The table `[data]` of the recipe that the model was trained with.
    pub data: T::Data,
    /// The [fingerprint](Task::fingerprint) of these data; `None` if the package does not contain the fingerprint.
    pub fingerprint: Option<String>,
}

impl<T: Task> Pretrained<'_, T> {
    /// Returns an error if the recipe names a trained model. Applications call this function in [`Task::fit`] if their
    /// training cannot start from the weights of a trained model.
    ///
    /// # Errors
    ///
    /// [`TaskError::Setting`] with the setting `start_from`.
    pub fn refuse_start(start: Option<Self>) -> TaskResult<()> {
        match start {
            None => Ok(()),
            Some(_) => {
                let name = T::Predictor::APPLICATION;
                let message = format!("trainings of {name} cannot start from a trained model; remove this setting");
                Err(TaskError::setting("start_from", message))
            }
        }
    }
}
