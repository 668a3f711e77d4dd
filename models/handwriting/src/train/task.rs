//! [`HandwritingTask`]: how the models are trained and measured.

use std::collections::BTreeMap;

use burn::tensor::Device;
use datasets::recordings::Recordings;
use inference::weights::WeightNames;
use rand::rngs::ChaCha8Rng;
use training::collective::Share;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Monitor, Outcome, Pretrained,
    RecipeOf, Splits, StepContext, Task, TaskError, TaskResult, bucketed,
};

use crate::model::{Network, NetworkConfig, WEIGHT_NAMES};
use crate::predictor::Writer;
use crate::settings::Settings;
use crate::train::baselines::{autoregression, one_gaussian};
use crate::train::batch::Batch;
use crate::train::data::{DataConfig, Part};
use crate::train::demonstration::demonstrate;
use crate::train::evaluation::likelihood;

/// Trains and evaluates [`Writer`] models. It holds the settings of a model, with two values that are computed from the
/// training part before the training starts: the list of classes, and the scale of the offsets.
pub struct HandwritingTask {
    data: DataConfig,
    settings: Settings,
}

impl Task for HandwritingTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/omniglot.toml"),
        include_str!("../../recipes/pendigits.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "nll", higher_is_better: false };
    const ITEMS: &'static str = "points";
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;

    type Predictor = Writer;
    type Data = DataConfig;
    type Architecture = NetworkConfig;
    type Raw = Splits<Recordings>;
    type Set = Part;
    type Model = Network;
    /// The drawings of a batch, as their indices in the part.
    type Items = Vec<usize>;
    type Batch = Batch;

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<Splits<Recordings>> {
        data.load(cx)
    }

    fn fingerprint(raw: &Splits<Recordings>) -> String {
        raw.fingerprint(Recordings::fingerprint)
    }

    fn fit(recipe: &RecipeOf<Self>, raw: &Splits<Recordings>, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        Pretrained::refuse_start(start)?;
        let (classes, scale) = (raw.train.classes(), recipe.data.scale(&raw.train));
        Ok(Self { data: recipe.data, settings: Settings { model: recipe.model.clone(), classes, scale } })
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Writer) -> TaskResult<Self> {
        Ok(Self { data: recipe.data, settings: predictor.settings().clone() })
    }

    fn encode(&self, raw: Splits<Recordings>, _: &mut LoadContext) -> TaskResult<Splits<Part>> {
        let Settings { classes, scale, .. } = &self.settings;
        let part = |part: &Recordings| self.data.part(part, classes, *scale);
        Ok(Splits { train: part(&raw.train)?, valid: part(&raw.valid)?, test: part(&raw.test)? })
    }

    fn num_params(&self) -> f64 {
        self.settings.model.num_params(self.settings.classes.len())
    }

    fn init(&self, device: &Device) -> Option<Network> {
        Some(self.settings.model.init(self.settings.classes.len(), device))
    }

    fn plan(&self, part: &Part, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = part.examples.iter().map(|example| example.points.len()).collect();
        bucketed(&lengths, size, rng)
    }

    fn collate(&self, part: &Part, items: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<Batch> {
        let distorted = |index: &usize| {
            let example = &part.examples[*index];
            (self.data.distorted(example, self.settings.scale, cx.rng), example.class)
        };
        let drawings: Vec<_> = items.iter().map(distorted).collect();
        let drawings: Vec<_> = drawings.iter().map(|(points, class)| (points.as_slice(), *class)).collect();
        Ok(Batch::new(&drawings, cx.device))
    }

    fn part(&self, batch: Batch, share: Share) -> TaskResult<Option<Batch>> {
        Ok(batch.part(share))
    }

    /// Computes the mean negative log-likelihood per point in nats.
    fn loss(&self, network: &Network, batch: Batch, _: &mut StepContext) -> TaskResult<Loss> {
        let (losses, _) = batch.losses(network);
        let mean = (losses.offset + losses.pen).sum().div_scalar(losses.points as f64);
        Ok(Loss { mean, count: losses.points })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<Writer> {
        let network = network.ok_or_else(TaskError::without_network)?;
        Ok(Writer::new(network, self.settings.clone(), device.clone()))
    }

    fn contents(predictor: &Writer) -> TaskResult<Contents<'_, Network>> {
        Contents::new(predictor.settings(), predictor.network(), Vec::new())
    }

    fn evaluate(&self, predictor: &Writer, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        Ok(likelihood(predictor, part, interrupt)?.measured())
    }

    fn baselines(&self, splits: &Splits<Part>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        let classes = self.settings.classes.len();
        Ok(BTreeMap::from([
            ("one Gaussian".to_owned(), one_gaussian(splits, interrupt)?.measured()),
            ("autoregression".to_owned(), autoregression(splits, classes, interrupt)?.measured()),
        ]))
    }

    /// Shows drawings by persons from the test part, and generated drawings of the same classes beside them.
    fn demonstrate(&self, predictor: &Writer, _: &Outcome, test: &Part) -> TaskResult<Demonstration> {
        demonstrate(predictor, test)
    }
}
