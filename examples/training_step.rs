//! A training step written out, and how long it takes: forward, loss, backward, clipping, update.
//!
//! ```text
//! cargo run -p examples --example training_step               # all models
//! cargo run -p examples --example training_step -- ptb-awd    # one of them
//! ```
//!
//! The networks of some recipes, `imdb-bigru`, `ptb-lstm-small` and `ptb-awd` on made-up words and `etth1-96` on noise.
//! `models/rnn/comparison/compare.py --steps` sets them beside the same steps in PyTorch. `memory_mib` is by how much the
//! largest resident memory of the process grew; of the second model in one process it says nothing.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use forecasting::Forecasting;
use forecasting::model::Kind;
use language_model::LanguageModel;
use sentiment::Sentiment;
use sentiment::model::Words;
use training::clip::{Clip, clip};
use training::machine::{keep_memory, peak_memory};
use training::recipe::RecipeText;
use training::{RecipeOf, Task, TaskResult};

/// Steps before those that count.
const WARM_UP: usize = 3;
const RUNS: usize = 15;

fn main() -> TaskResult<()> {
    keep_memory();
    let device = Device::flex().autodiff();
    let wanted = std::env::args().nth(1);
    let wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    if wanted("imdb-bigru") {
        reviews(&device)?;
    }
    for name in ["ptb-lstm-small", "ptb-awd"] {
        if wanted(name) {
            language(name, &device)?;
        }
    }
    if wanted("etth1-96") {
        series(&device)?;
    }
    Ok(())
}

/// 64 reviews of 256 words, each said to be favourable.
fn reviews(device: &Device) -> TaskResult<()> {
    let recipe: RecipeOf<Sentiment> = RecipeText::find("imdb-bigru", Sentiment::RECIPES)?.parse()?;
    let config = recipe.model.network.ok_or("imdb-bigru has no network")?;
    let vocabulary = recipe.data.vocabulary.get();
    let texts = texts(64, 256, vocabulary);
    measure(
        "imdb-bigru",
        || config.init(vocabulary, device),
        recipe.optimizer.init(),
        |network| {
            let words = Words::new(texts.iter().map(Vec::as_slice), device);
            log_sigmoid(network.forward(words)).mean().neg() // [1]
        },
    );
    Ok(())
}

/// A batch of texts of a language model's recipe, and the next words.
fn language(name: &str, device: &Device) -> TaskResult<()> {
    let recipe: RecipeOf<LanguageModel> = RecipeText::find(name, LanguageModel::RECIPES)?.parse()?;
    let (vocabulary, window) = (recipe.data.vocabulary.get(), recipe.data.window.get());
    let texts = texts(recipe.training.batch_size.get(), window + 1, vocabulary);
    measure(
        name,
        || recipe.model.init(vocabulary, device),
        recipe.optimizer.init(),
        |network| {
            let [words, next] = [0..window, 1..window + 1].map(|steps| numbers(&texts, steps, device)); // [B, T]
            network.loss(&network.forward(words, None), next) // [1]
        },
    );
    Ok(())
}

/// A batch of windows of seven columns, and what comes next.
fn series(device: &Device) -> TaskResult<()> {
    const COLUMNS: usize = 7;
    let recipe: RecipeOf<Forecasting> = RecipeText::find("etth1-96", Forecasting::RECIPES)?.parse()?;
    let (look_back, horizon) = (recipe.data.look_back.get(), recipe.data.horizon.get());
    let noise =
        |steps| Tensor::<3>::random([recipe.training.batch_size.get(), steps, COLUMNS], Distribution::Default, device);
    let (inputs, targets) = (noise(look_back), noise(horizon)); // [B, L, C], [B, H, C]
    let Kind::SegRnn(config) = &recipe.model.kind else { return Err("etth1-96 is no SegRNN".into()) };
    measure(
        "etth1-96",
        || config.init(COLUMNS, horizon, device),
        recipe.optimizer.init(),
        |model| (model.forward(inputs.clone()) - targets.clone()).abs().mean(), // [1]
    );
    Ok(())
}

/// Trains a model for some steps and prints how long one takes, a median, and how much memory.
fn measure<M: Module>(
    name: &str,
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
    let memory = (peak_memory().unwrap_or(0) - before) >> 20;
    println!(r#"{{"model":"{name}","step_ms":{:.3},"memory_mib":{memory}}}"#, times[RUNS / 2]);
}

/// Words as frequent as those of a language: number `n` about as often as `1 / (n + 1)`.
fn texts(batch: usize, time: usize, vocabulary: usize) -> Vec<Vec<u32>> {
    let mut state = 1u64;
    let mut word = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let uniform = (state >> 33) as f64 / (1u64 << 31) as f64;
        (vocabulary as f64).powf(uniform) as u32 - 1
    };
    (0..batch).map(|_| (0..time).map(|_| word()).collect()).collect()
}

fn numbers(texts: &[Vec<u32>], steps: std::ops::Range<usize>, device: &Device) -> Tensor<2, Int> {
    let shape = [texts.len(), steps.len()];
    let words = texts.iter().flat_map(|text| text[steps.clone()].iter().map(|&word| word as i32)).collect();
    Tensor::from_data(TensorData::new::<i32, _>(words, shape), device)
}

#[cfg(test)]
#[path = "tests/training_step.rs"]
mod tests;
