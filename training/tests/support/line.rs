//! A tiny task for the tests: linear regression. It records the calls of the trainer, so that tests can check them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use inference::{Package, PackageError, PredictError, Predictor};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use training::{
    CollateContext, Contents, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Pretrained, RecipeOf, Splits,
    StepContext, Task, TaskError, TaskResult,
};

/// A call of the trainer.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `plan` returned these batches for an epoch.
    Plan { epoch: usize, batches: Vec<Vec<usize>> },
    /// `loss` received a batch.
    Loss { epoch: usize, step: usize, items: Vec<usize> },
    /// `baselines` was called.
    Baselines,
}

/// The calls of all tests, each with the name of the test from `data.test`. They are in a static variable, because the
/// trainer creates the tasks. They have names, because tests run in parallel.
static CALLS: Mutex<Vec<(String, Call)>> = Mutex::new(Vec::new());

/// The calls of one test, in order.
pub fn calls(test: &str) -> Vec<Call> {
    CALLS.lock().unwrap().iter().filter(|(name, _)| name == test).map(|(_, call)| call.clone()).collect()
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The name of the test.
    test: String,
    /// The item that cannot be collated in the second epoch.
    #[serde(default)]
    broken_item: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {}

#[derive(Module, Debug)]
pub struct Model {
    dense: Linear,
}

impl Model {
    fn new(device: &Device) -> Self {
        Self { dense: LinearConfig::new(1, 1).init(device) }
    }

    /// The mean squared error at the given points of the line.
    fn loss(&self, items: &[usize], device: &Device) -> Tensor<1> {
        let x: Vec<f32> = items.iter().map(|item| *item as f32 / 10.0).collect();
        let x = Tensor::<1>::from_floats(x.as_slice(), device).unsqueeze_dim::<2>(1); // [B, 1]
        let y = x.clone() * 2.0 + 1.0;
        (self.dense.forward(x) - y).square().mean()
    }
}

/// Predicts y for x.
pub struct Line {
    model: Model,
    device: Device,
}

impl Predictor for Line {
    const APPLICATION: &'static str = "line";
    type Input = f32;
    type Options = ();
    type Output = f32;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let mut model = Model::new(device);
        package.load_weights(&mut model, LineTask::WEIGHT_NAMES)?;
        Ok(Self { model, device: device.clone() })
    }

    fn predict(&self, inputs: &[f32], (): &()) -> Result<Vec<f32>, PredictError> {
        let x = Tensor::<1>::from_floats(inputs, &self.device).unsqueeze_dim::<2>(1);
        Ok(self.model.dense.forward(x).into_data().iter::<f32>().collect())
    }

    fn example(&self) -> f32 {
        1.0
    }
}

pub struct LineTask {
    data: Data,
}

impl LineTask {
    fn record(&self, call: Call) {
        CALLS.lock().unwrap().push((self.data.test.clone(), call));
    }
}

impl Task for LineTask {
    type Predictor = Line;
    type Data = Data;
    type Architecture = Architecture;
    type Raw = ();
    type Set = Vec<usize>;
    type Model = Model;
    type Items = Vec<usize>;
    type Batch = Vec<usize>;

    const RECIPES: &'static [&'static str] = &[include_str!("line.toml")];
    const MONITOR: Monitor = Monitor { metric: "mse", higher_is_better: false };
    const ITEMS: &'static str = "points";

    fn load(_: &Data, cx: &mut LoadContext) -> TaskResult<()> {
        cx.note("the data are artificial");
        Ok(())
    }

    fn fit(recipe: &RecipeOf<Self>, (): &(), _: Option<Pretrained<Self>>) -> TaskResult<Self> {
        Ok(Self { data: recipe.data.clone() })
    }

    fn of_trained(recipe: &RecipeOf<Self>, _: &Line) -> TaskResult<Self> {
        Self::fit(recipe, &(), None)
    }

    fn encode(&self, (): (), _: &mut LoadContext) -> TaskResult<Splits<Vec<usize>>> {
        Ok(Splits { train: (0..10).collect(), valid: vec![10, 11], test: vec![12, 13] })
    }

    fn num_params(&self) -> f64 {
        2.0
    }

    fn init(&self, device: &Device) -> Option<Model> {
        Some(Model::new(device))
    }

    fn plan(&self, set: &Vec<usize>, size: usize, epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let mut items = set.clone();
        items.shuffle(rng);
        let batches: Vec<Vec<usize>> = items.chunks(size).map(<[usize]>::to_vec).collect();
        self.record(Call::Plan { epoch, batches: batches.clone() });
        batches
    }

    fn collate(&self, _: &Vec<usize>, items: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<Vec<usize>> {
        match self.data.broken_item {
            Some(item) if cx.epoch == 1 && items.contains(&item) => {
                Err(TaskError::setting("data.broken_item", format!("item {item} cannot be read")))
            }
            _ => Ok(items.clone()),
        }
    }

    fn loss(&self, model: &Model, items: Vec<usize>, cx: &mut StepContext) -> TaskResult<Loss> {
        let loss = Loss { mean: model.loss(&items, cx.device), count: items.len() };
        self.record(Call::Loss { epoch: cx.epoch, step: cx.step, items });
        Ok(loss)
    }

    fn predictor(&self, network: Option<Model>, device: &Device) -> TaskResult<Line> {
        let model = network.ok_or_else(|| TaskError::Other("there is no network".to_owned()))?;
        Ok(Line { model, device: device.clone() })
    }

    fn contents(predictor: &Line) -> TaskResult<Contents<'_, Model>> {
        Contents::new(&serde_json::json!({}), &predictor.model, Vec::new())
    }

    fn evaluate(&self, predictor: &Line, set: &Vec<usize>, interrupt: &Interrupt) -> TaskResult<Measured> {
        interrupt.check()?;
        let loss = predictor.model.loss(set, &predictor.device);
        Ok(vec![Metric::lower("mse", loss.into_scalar::<f32>().into())].into())
    }

    fn baselines(&self, _: &Splits<Vec<usize>>, _: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        self.record(Call::Baselines);
        Ok([("zero".to_owned(), vec![Metric::lower("mse", 12.25)].into())].into())
    }
}
