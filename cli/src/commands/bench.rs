//! `bench`: measures the load time and the prediction speed of a trained model, and the disk space and the memory that
//! a deployment of the model needs.

use std::path::Path;
use std::time::{Duration, Instant};

use inference::package::{MANIFEST, WEIGHTS};
use inference::weights::{self, Precision};
use inference::{Folder, Package, PredictError, Predictor};
use serde::Serialize;
use training::Task;
use training::machine::{processor, resident_memory};

use crate::application::Application;
use crate::args::Bench;
use crate::context::Context;
use crate::error::Result;
use crate::output::{columns, print_json, print_line};

/// The batch size at which the throughput is measured.
const BATCH: usize = 32;
/// The time after which a measurement ends, unless it has fewer than [`FEWEST`] predictions.
const LONGEST: Duration = Duration::from_secs(3);
/// The largest number of predictions in one measurement.
const MOST: usize = 200;
/// The smallest number of predictions in one measurement.
const FEWEST: usize = 3;

/// The speed of a model: one object of JSON.
#[derive(Debug, Serialize)]
struct Speed {
    /// The name of the application, such as `sentiment`.
    application: &'static str,
    /// The name of the model, such as `imdb-lstm`.
    model: String,
    /// The name of the burn backend that runs the model.
    runtime: &'static str,
    /// The time that loading the model from its folder takes, in milliseconds.
    load_ms: f64,
    /// The median time of one prediction for one input, in milliseconds.
    p50_ms: f64,
    /// The 95th percentile of the time of one prediction for one input, in milliseconds.
    p95_ms: f64,
    /// The throughput with batches of 32 inputs, in inputs per second.
    throughput_32: f64,
    /// The deployment card; `None` without the option `--card`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    card: Option<Card>,
}

/// The deployment card: the disk space and the memory that a deployment of the model needs, and the machine on which
/// they were measured.
#[derive(Debug, Serialize)]
struct Card {
    /// The number of parameters of the model.
    parameters: usize,
    /// The size of the files that inference reads, as they are stored, in bytes.
    size_bytes: u64,
    /// The size of the files that inference reads, in bytes, if each weight has 32 bits.
    size_f32_bytes: u64,
    /// The size of the files that inference reads, in bytes, if each weight has 16 bits.
    size_f16_bytes: u64,
    /// The resident memory of the process in bytes, after predictions for one input; `None` if the operating system
    /// does not report the memory.
    resident_bytes: Option<u64>,
    /// The name of the processor.
    processor: String,
    /// The number of threads of the CPU backends.
    threads: usize,
}

pub fn run<A: Application>(args: &Bench, cx: &Context) -> Result<()> {
    let folder = cx.model_folder::<<A::Task as Task>::Predictor>(&args.model, A::DEFAULT_MODEL)?;
    let speed = measure::<<A::Task as Task>::Predictor>(&folder, args.card, cx)?;
    if cx.json { print_json(&speed) } else { columns(&rows(&speed)).iter().try_for_each(|line| print_line(line)) }
}

fn measure<P: Predictor>(folder: &Path, with_card: bool, cx: &Context) -> Result<Speed> {
    let start = Instant::now();
    let (manifest, predictor) = cx.open_folder::<P>(folder)?;
    let load = start.elapsed();
    let options = P::Options::default();
    let one = [predictor.example()];
    let times = times(|| predictor.predict(&one, &options).map(drop))?;
    // The memory is measured first, because `card` reads the files again.
    let resident = resident_memory();
    let files = Folder::new(folder);
    let card = if with_card { Some(card(&Package::open(&files, P::APPLICATION)?, resident)?) } else { None };
    let many: Vec<P::Input> = (0..BATCH).map(|_| predictor.example()).collect();
    let batches = self::times(|| predictor.predict(&many, &options).map(drop))?;
    Ok(Speed {
        application: P::APPLICATION,
        model: manifest.name,
        runtime: cx.session.backend.name(),
        load_ms: milliseconds(load),
        p50_ms: milliseconds(quantile(&times, 0.5)),
        p95_ms: milliseconds(quantile(&times, 0.95)),
        throughput_32: BATCH as f64 / quantile(&batches, 0.5).as_secs_f64(),
        card,
    })
}

/// Returns the times of repeated predictions, in ascending order. The first prediction is not counted.
fn times(mut predict: impl FnMut() -> std::result::Result<(), PredictError>) -> Result<Vec<Duration>> {
    predict()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < FEWEST || (times.len() < MOST && start.elapsed() < LONGEST) {
        let begin = Instant::now();
        predict()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times)
}

/// Returns a quantile of the times, which are sorted in ascending order. `share` is the level of the quantile, such as
/// 0.5 for the median.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}

fn card(package: &Package<'_>, resident_bytes: Option<u64>) -> Result<Card> {
    let manifest = &package.manifest;
    let is_read = |name: &str| !name.ends_with(".md") && !name.ends_with(".svg") && name != "training.json";
    let mut size = serde_json::to_vec_pretty(manifest).map_or(0, |text| text.len() as u64);
    for name in manifest.files.keys().filter(|name| is_read(name) && *name != MANIFEST) {
        size += package.read(name)?.len() as u64;
    }
    let (mut others, mut values) = (size, 0);
    if manifest.files.contains_key(WEIGHTS) {
        let content = package.read(WEIGHTS)?;
        values = weights::count(&content).map_err(|message| package.invalid(WEIGHTS, message))? as u64;
        let header = content.first_chunk().map_or(0, |length| 8 + u64::from_le_bytes(*length));
        others = size - content.len() as u64 + header;
    }
    let with = |precision: Precision| others + values * precision.bits() as u64 / 8;
    Ok(Card {
        parameters: manifest.parameters,
        size_bytes: size,
        size_f32_bytes: with(Precision::Single),
        size_f16_bytes: with(Precision::Half),
        resident_bytes,
        processor: processor(),
        threads: rayon::current_num_threads(),
    })
}

/// Returns the rows of the table that is printed without `--json`: name and value.
fn rows(speed: &Speed) -> Vec<[String; 2]> {
    let size = |bytes: u64| match bytes {
        0..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![row("model", speed.model.clone()), row("runtime", speed.runtime.to_owned())];
    if let Some(card) = &speed.card {
        rows.push(row("parameters", card.parameters.to_string()));
        rows.push(row("size, f32", size(card.size_f32_bytes)));
        rows.push(row("size, f16", size(card.size_f16_bytes)));
    }
    rows.push(row("load time", format!("{:.1} ms", speed.load_ms)));
    rows.push(row("latency, p50", format!("{:.2} ms", speed.p50_ms)));
    rows.push(row("latency, p95", format!("{:.2} ms", speed.p95_ms)));
    rows.push(row("throughput, batch 32", format!("{:.0} inputs/s", speed.throughput_32)));
    if let Some(card) = &speed.card {
        rows.push(row("resident memory", card.resident_bytes.map_or("–".to_owned(), size)));
        rows.push(row("processor", card.processor.clone()));
        rows.push(row("threads", card.threads.to_string()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!([0.5, 0.95, 1.0].map(|share| quantile(&times, share).as_millis()), [10, 19, 20]);
        assert_eq!(quantile(&times[..1], 0.5).as_millis(), 1);
    }
}
