//! A training step written out, and how long it takes: forward, loss, backward, clipping, update.
//!
//! ```text
//! cargo run -p examples --example training_step               # both models
//! cargo run -p examples --example training_step -- ptb-lstm    # one of them
//! ```
//!
//! Two models on made-up words: the network of `imdb-bigru`, and a word-level language model as large as the small one of
//! [Zaremba et al. 2014](https://arxiv.org/abs/1409.2329). `models/rnn/comparison/compare.py --steps` sets them beside
//! the same steps in PyTorch. `memory_mib` is by how much the largest resident memory of the process grew; of the second model
//! in one process it says nothing.

use std::time::Instant;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rnn::{Cell, Rnn, RnnConfig, cross_entropy};
use sentiment::Sentiment;
use sentiment::model::Words;
use training::clip::{Clip, clip};
use training::machine::{keep_memory, peak_memory};
use training::optimizer::{OptimizerConfig, OptimizerKind};
use training::recipe::RecipeText;
use training::settings::{Fraction, Positive};
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
    if wanted("ptb-lstm") {
        language(&device);
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

/// Words → embedding → two LSTM layers → which word comes next?
#[derive(Module, Debug)]
struct LanguageModel {
    embedding: Embedding,
    rnn: Rnn,
    dense: Linear,
}

/// 20 texts of 20 words and the next.
fn language(device: &Device) {
    const VOCABULARY: usize = 10_000;
    const HIDDEN_SIZE: usize = 200;
    let model = || LanguageModel {
        embedding: EmbeddingConfig::new(VOCABULARY, HIDDEN_SIZE).init(device),
        rnn: RnnConfig::new(Cell::Lstm, HIDDEN_SIZE, HIDDEN_SIZE).with_num_layers(2).init(device),
        dense: LinearConfig::new(HIDDEN_SIZE, VOCABULARY).init(device),
    };
    let texts = texts(20, 21, VOCABULARY);
    let adam = OptimizerConfig {
        kind: OptimizerKind::Adam,
        lr: Positive::ONE,
        weight_decay: Fraction::default(),
        momentum: Fraction::default(),
    };
    measure("ptb-lstm", model, adam.init(), |model| {
        let words: Tensor<2, Int> = numbers(&texts, 0..20, device); // [B, T]
        let next = numbers(&texts, 1..21, device).reshape([20 * 20]); // [B × T]
        let (outputs, _) = model.rnn.forward(model.embedding.forward(words), None, None); // [B, T, H]
        let scores = model.dense.forward(outputs.reshape([20 * 20, HIDDEN_SIZE])); // [B × T, V]
        cross_entropy(scores, next).mean() // [1]
    });
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
