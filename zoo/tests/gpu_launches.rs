//! The number of kernels that a training step launches on a GPU. The test needs neither a GPU nor a driver: wgpu's noop
//! backend validates every kernel against the limits that WebGPU guarantees, and computes nothing.
//!
//! ```sh
//! cargo test -p zoo --features noop --test gpu_launches
//! ```
//!
//! This file has only one test, because launches are counted for the whole process.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuSetup, wgpu};
use cubecl::future::block_on;
use cubecl::logging::{LaunchObservation, LaunchObserver};
use forecasting::train::Forecasting;
use language_model::train::LanguageModelTask;
use sentiment::train::SentimentTask;
use training::backend::Backend;
use training::recipe::RecipeText;
use training::{Event, Fitted, Interrupt, RecipeOf, Session, Task, Training};

/// A device with the limits of WebGPU: 8 storage buffers, 16 KiB of shared memory, 256 units, no subgroups.
fn device() -> Device {
    let noop = wgpu::NoopBackendOptions {
        enable: true,
        limits: Some(wgpu::Limits::default()),
        features: Some(wgpu::Features::empty()),
        ..Default::default()
    };
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::NOOP,
        backend_options: wgpu::BackendOptions { noop, ..Default::default() },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapter = block_on(instance.request_adapter(&Default::default())).unwrap();
    let (device, queue) = block_on(adapter.request_device(&Default::default())).unwrap();
    let setup = WgpuSetup { instance, adapter, device, queue, backend: wgpu::Backend::Noop };
    Device::wgpu_options().setup(setup).init().unwrap()
}

#[derive(Default)]
struct Count(AtomicUsize);

impl LaunchObserver for Count {
    fn launched(&self, _kernel: &'static str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns the number of launches of one training step of a recipe with other settings.
fn launches<T: Task>(recipe: &str, settings: &[&str], device: &Device) -> usize {
    let count = Arc::new(Count::default());
    let mut at = Vec::new();
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let recipe = RecipeText::find(recipe, T::RECIPES).unwrap().with_overrides(&settings).unwrap();
    let recipe: RecipeOf<T> = recipe.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    let observation = LaunchObservation::new(count.clone());
    let observer = |event: &Event| {
        if let Event::Step(_) = event {
            at.push(count.0.load(Ordering::Relaxed));
            if at.len() == STEPS {
                interrupt.request();
            }
        }
    };
    let mut session = Session { backend: Backend::Wgpu, device: device.clone(), ..Session::default() };
    session.interrupt = interrupt.clone();
    session.observer = Box::new(observer);
    let fitted = Training::<T>::new(recipe).in_folder(folder.path().join("run")).fit(&mut session).unwrap();
    assert!(matches!(fitted, Fitted::Interrupted));
    drop((observation, session));
    // Each step sends the same kernels. The first steps also create the state of the optimizer.
    let launches: Vec<usize> = at.windows(2).map(|pair| pair[1] - pair[0]).skip(2).collect();
    println!("{launches:?}");
    launches.into_iter().max().unwrap()
}

/// The number of steps of each training.
const STEPS: usize = 8;

#[test]
fn a_training_step_needs_few_launches() {
    let device = device();
    // The networks of the recipes, on data that are part of the program.
    let bigru = launches::<SentimentTask>(
        "quick",
        &[
            "model.network.embedding_size=128",
            "model.network.hidden_size=128",
            "model.network.word_dropout=0.3",
            "model.network.embedding_dropout=0.4",
            "model.network.output_dropout=0.3",
            "model.network.dropout=0.5",
            "training.batch_size=32",
            "optimizer.kind=adamw",
        ],
        &device,
    );
    let ptb = launches::<LanguageModelTask>("ptb-lstm-small", &["data.set=grammar"], &device);
    let etth1 = launches::<Forecasting>(
        "quick",
        &["model={kind=\"segrnn\", loss=\"mae\", hidden_size=512, segment=7, dropout=0.5}", "optimizer.kind=adam"],
        &device,
    );
    println!("launches per training step: imdb-bigru {bigru}, ptb-lstm-small {ptb}, etth1-96 {etth1}");
    assert!(bigru <= 400 && ptb <= 400 && etth1 <= 400);
}
