//! Measures the time and the memory of a training step: forward, loss, backward, gradient clipping, update. The program
//! has its own loop, without the trainer of the zoo.
//!
//! ```text
//! cargo run -p examples --example training_step               # all models
//! cargo run -p examples --example training_step -- ptb-awd    # one model
//! cargo run -p examples --example training_step --features vulkan -- ptb-awd vulkan    # on another backend
//! ```
//!
//! The program trains the networks of four recipes: `imdb-bigru`, `ptb-lstm-small` and `ptb-awd` on artificial token
//! ids, and `etth1-96` on noise. `models/rnn/comparison/compare.py steps` compares the times with the times of the same
//! steps in PyTorch. The printed `memory_mib` is the growth of the peak resident memory of the process in MiB. On a GPU
//! it is the memory that burn has reserved, in MiB. If one process measures several models, only the memory of the
//! first model is valid.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use forecasting::model::Kind;
use forecasting::train::Forecasting;
use language_model::train::LanguageModelTask;
use sentiment::model::Batch;
use sentiment::train::SentimentTask;
use training::backend::Backend;
use training::clip::{Clip, clip};
use training::machine::{keep_memory, peak_memory};
use training::recipe::RecipeText;
use training::{RecipeOf, Task, TaskResult};

/// The number of steps without time measurement, before the timed steps.
const WARM_UP: usize = 3;
/// The number of timed steps.
const RUNS: usize = 15;

fn main() -> TaskResult<()> {
    keep_memory();
    let mut arguments = std::env::args().skip(1);
    let argument = arguments.next();
    let backend: Backend = arguments.next().map_or(Ok(Backend::default()), |name| name.parse())?;
    let device = backend.device(0)?.autodiff();
    let selected = |name: &str| argument.as_ref().is_none_or(|argument| argument == name);
    if selected("imdb-bigru") {
        reviews(&device)?;
    }
    for name in ["ptb-lstm-small", "ptb-awd"] {
        if selected(name) {
            language(name, &device)?;
        }
    }
    if selected("etth1-96") {
        series(&device)?;
    }
    Ok(())
}

/// Measures the time and the memory of training steps with the network of the recipe `imdb-bigru`. A batch has 64
/// reviews of 256 words, all with the positive label.
fn reviews(device: &Device) -> TaskResult<()> {
    let recipe: RecipeOf<SentimentTask> = RecipeText::find("imdb-bigru", SentimentTask::RECIPES)?.parse()?;
    let network = recipe.model.network.ok_or("imdb-bigru has no network".to_owned())?;
    let vocabulary = recipe.data.vocabulary.get();
    let texts = texts(64, 256, vocabulary);
    measure(
        "imdb-bigru",
        device,
        || network.config(None).init(vocabulary, 1, network.dropouts(), device),
        recipe.optimizer.init(),
        |network| {
            let batch = Batch::new(texts.iter().map(Vec::as_slice), device);
            log_sigmoid(network.forward(batch)).mean().neg() // [1]
        },
    );
    Ok(())
}

/// Measures the time and the memory of training steps with the network of a language-model recipe. A batch holds random
/// token ids, and the target of each step is the next token id.
fn language(name: &str, device: &Device) -> TaskResult<()> {
    let recipe: RecipeOf<LanguageModelTask> = RecipeText::find(name, LanguageModelTask::RECIPES)?.parse()?;
    let (vocabulary, window) = (recipe.data.vocabulary.get(), recipe.data.window.get());
    let texts = texts(recipe.training.batch_size.get(), window + 1, vocabulary);
    measure(
        name,
        device,
        || recipe.model.init(vocabulary, device),
        recipe.optimizer.init(),
        |network| {
            let [inputs, targets] = [0..window, 1..window + 1].map(|steps| ids(&texts, steps, device)); // [B, T]
            network.loss(&network.forward(inputs, None), targets) // [1]
        },
    );
    Ok(())
}

/// Measures the time and the memory of training steps with the network of the recipe `etth1-96`. The input windows and
/// the targets are noise. They have seven columns: the number of time series in the data set ETTh1.
fn series(device: &Device) -> TaskResult<()> {
    const COLUMNS: usize = 7;
    let recipe: RecipeOf<Forecasting> = RecipeText::find("etth1-96", Forecasting::RECIPES)?.parse()?;
    let (look_back, horizon) = (recipe.data.look_back.get(), recipe.data.horizon.get());
    let noise =
        |steps| Tensor::<3>::random([recipe.training.batch_size.get(), steps, COLUMNS], Distribution::Default, device);
    let (inputs, targets) = (noise(look_back), noise(horizon)); // [B, L, C], [B, H, C]
    let Kind::SegRnn(config) = &recipe.model.kind else {
        return Err("the model of the recipe etth1-96 is not a SegRNN, which this example needs".to_owned().into());
    };
    measure(
        "etth1-96",
        device,
        || config.init(COLUMNS, horizon, device),
        recipe.optimizer.init(),
        |model| (model.forward(inputs.clone()) - targets.clone()).abs().mean(), // [1]
    );
    Ok(())
}

/// Trains a model for a few steps. Prints the median time per step in ms and the memory in MiB: on the CPU, the growth
/// of the peak memory; on a GPU, the reserved memory.
fn measure<M: Module>(
    name: &str,
    device: &Device,
    model: impl FnOnce() -> M,
    mut optimizer: ModuleOptimizer,
    loss: impl Fn(&M) -> Tensor<1>,
) {
    let before = peak_memory().unwrap_or(0);
    let mut model = model();
    let mut times = Vec::new();
    for _ in 0..WARM_UP + RUNS {
        let start = Instant::now();
        let grads = GradientsParams::from_grads(loss(&model).backward(), &model);
        let (grads, _norm) = clip(&model, grads, 1.0, Some(Clip::Norm(0.1)));
        model = optimizer.step(1e-3, model, grads);
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    let times = &mut times[WARM_UP..];
    times.sort_by(f64::total_cmp);
    let on_device = device.memory_pool_usage().map(|usage| usage.bytes_reserved);
    let memory = on_device.unwrap_or_else(|| peak_memory().unwrap_or(0) - before) >> 20;
    println!(r#"{{"model":"{name}","step_ms":{:.3},"memory_mib":{memory}}}"#, times[RUNS / 2]);
}

/// Returns `batch` random sequences of `time` token ids. The ids have the word frequencies of a natural language
/// (Zipf's law): the probability of id `n` is about proportional to `1 / (n + 1)`.
fn texts(batch: usize, time: usize, vocabulary: usize) -> Vec<Vec<u32>> {
    let mut state = 1u64;
    let mut id = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let uniform = (state >> 33) as f64 / (1u64 << 31) as f64;
        (vocabulary as f64).powf(uniform) as u32 - 1
    };
    (0..batch).map(|_| (0..time).map(|_| id()).collect()).collect()
}

fn ids(texts: &[Vec<u32>], steps: std::ops::Range<usize>, device: &Device) -> Tensor<2, Int> {
    let shape = [texts.len(), steps.len()];
    let ids = texts.iter().flat_map(|text| text[steps.clone()].iter().map(|&id| id as i32)).collect();
    Tensor::from_data(TensorData::new::<i32, _>(ids, shape), device)
}

#[cfg(test)]
#[path = "tests/training_step.rs"]
mod tests;
