//! `zoo bench`: measures the time of layers and of whole training steps on the compiled backends.

use std::path::Path;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, RnnConfig};
use training::Session;
use training::adapter::Adapter;
use training::backend::Backend;
use training::collective::Share;
use training::panics::{caught, one_line};
use training::step_times::StepTimes;

use crate::commands::timings::{Rate, Timings};
use crate::context::{locator, ranks};
use crate::error::{CliError, Result};
use crate::output::{log, print_json, print_text};
use crate::program::Entry;
use crate::zoo_args::{Benchmark, BenchmarkArgs, StepsArgs};

/// The measured layers: batch size, number of time steps, input size and hidden size of each. The shapes are those of
/// layers in a sentiment classifier, a small and a medium language model, a forecaster of weather, and a forecaster of
/// many series.
const SHAPES: [[usize; 4]; 5] =
    [[32, 200, 128, 128], [20, 20, 200, 200], [20, 35, 650, 650], [64, 120, 7, 32], [128, 48, 321, 512]];

const CELLS: [(&str, Cell); 2] = [("lstm", Cell::Lstm), ("gru", Cell::Gru)];

/// Runs `zoo bench`.
///
/// # Errors
///
/// [`CliError::NoWorkingDevice`] if a backend fails. All results that could be measured are printed first.
pub fn run(benchmark: Benchmark, applications: &[Entry]) -> Result<()> {
    match benchmark {
        Benchmark::Layers(args) => layers(&args),
        Benchmark::Steps(args) => steps(&args, applications),
        Benchmark::Table { files } => {
            let all = files.iter().map(|path| Timings::read(path)).collect::<Result<Vec<_>>>()?;
            print_text(&Timings::table(&all))
        }
    }
}

fn layers(args: &BenchmarkArgs) -> Result<()> {
    let named = |shape: [usize; 4], (name, cell): (&str, Cell)| {
        let [batch, time, input, hidden] = shape;
        (format!("{name}-{batch}x{time}x{input}-{hidden}"), (cell, shape))
    };
    let all = SHAPES.into_iter().flat_map(|shape| CELLS.map(|cell| named(shape, cell))).collect();
    let layers = chosen(all, &args.names)?;
    each_backend(args, Share { rank: 0, world: 1 }, |_, device, timings| {
        for (name, (cell, shape)) in &layers {
            let [forward, training] = layer(*cell, *shape, args, device);
            timings.push(format!("{name} forward"), forward, None);
            timings.push(format!("{name} training"), training, None);
        }
        Ok(())
    })
}

/// Measures training steps of the recipes that the user names. If the user names none, measures the first recipe of
/// each application, whose data need no download.
fn steps(StepsArgs { benchmark: args, data_dir, set }: &StepsArgs, applications: &[Entry]) -> Result<()> {
    let count = if args.names.is_empty() { 1 } else { usize::MAX };
    let named = |entry| recipes(entry).take(count);
    let recipes = chosen(applications.iter().flat_map(named).collect(), &args.names)?;
    let mut session = Session { locator: locator(data_dir.as_deref()), ranks: ranks(), ..Session::default() };
    let done = each_backend(args, session.ranks.share(), |backend, device, timings| {
        (session.backend, session.device) = (backend, device.clone());
        for (name, (entry, recipe)) in &recipes {
            let StepTimes { times, items } =
                (entry.steps)(recipe, set, [args.warm_up, args.rounds.get()], &mut session)?;
            let items_per_second = items as f64 / times.iter().sum::<Duration>().as_secs_f64();
            let rate = Rate { items_per_second, items: entry.items.to_owned() };
            timings.push(name.clone(), median(times), Some(rate));
        }
        Ok(())
    });
    match &done {
        // The error is logged here, because the drop of `session` ends all ranks.
        Err(error) if session.ranks.world() > 1 => log(&format!("error: {error}")),
        _ => session.ranks.finish(),
    }
    done
}

/// Returns the recipes of an application, each with the name of its benchmark, such as `sentiment/quick`.
fn recipes(entry: &Entry) -> impl Iterator<Item = (String, (&Entry, String))> {
    (entry.recipes)().into_iter().map(move |recipe| (format!("{}/{recipe}", entry.name), (entry, recipe)))
}

/// Returns the benchmarks whose names contain one of the given texts; all of them if no text is given.
fn chosen<T>(all: Vec<(String, T)>, texts: &[String]) -> Result<Vec<(String, T)>> {
    let is_chosen = |name: &str| texts.is_empty() || texts.iter().any(|text| name.contains(text.as_str()));
    if !all.iter().any(|(name, _)| is_chosen(name)) {
        let known = all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let texts = texts.join(" or ");
        let message = format!("no benchmark has {texts} in its name; give a part of one of these names: {known}");
        return Err(CliError::Usage(message));
    }
    Ok(all.into_iter().filter(|(name, _)| is_chosen(name)).collect())
}

/// Calls `measure` for each chosen backend, and then writes the results. If a backend fails, continues with the next
/// backend.
///
/// If `mpirun` has started several processes (ranks), only rank 0 writes the results. The first failure of a backend
/// then stops the benchmark, because the other ranks wait for the rank that failed.
fn each_backend(
    args: &BenchmarkArgs,
    share: Share,
    mut measure: impl FnMut(Backend, &Device, &mut Timings) -> Result<()>,
) -> Result<()> {
    let backends = match args.backend {
        Some(backend) => vec![backend],
        None => Backend::ALL.into_iter().filter(|backend| backend.is_compiled()).collect(),
    };
    let mut timings = Timings::new(args.warm_up, args.rounds.get());
    let mut failed = Vec::new();
    for backend in backends {
        let done = caught(|| {
            let device = backend.device(args.device)?;
            timings.begin(backend, Adapter::of(&device));
            measure(backend, &device, &mut timings)
        });
        match done {
            Ok(done) => done?,
            Err(message) => {
                log(&format!("the backend {} has failed: {message}", backend.name()));
                failed.push(backend.name());
                if share.world > 1 {
                    break;
                }
            }
        }
    }
    if share.rank == 0 {
        write(&timings, args.out.as_deref(), args.json)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(CliError::NoWorkingDevice { backends: failed.join(", ") }) }
}

fn write(timings: &Timings, out: Option<&Path>, json: bool) -> Result<()> {
    if let Some(path) = out {
        timings.write(path)?;
    }
    if json { print_json(timings) } else { print_text(&Timings::table(std::slice::from_ref(timings))) }
}

/// Returns two median times of a layer in milliseconds: first the time of the forward pass without gradients, then the
/// time of the forward and backward pass together, which compute the gradients of the input and of all weights.
fn layer(cell: Cell, [batch, time, input, hidden]: [usize; 4], args: &BenchmarkArgs, device: &Device) -> [f64; 2] {
    let training_device = device.clone().autodiff();
    let rnn = RnnConfig::new(cell, input, hidden).init(&training_device);
    let x = Tensor::<3>::random([batch, time, input], Distribution::Normal(0.0, 1.0), &training_device);
    let (plain, inner) = (rnn.valid().keep_packed(), x.clone().inner());
    let forward = rounds(args, device, || drop(plain.forward(inner.clone(), None, None)));
    let train = || drop(rnn.forward(x.clone().require_grad(), None, None).0.sum().backward());
    [forward, rounds(args, device, train)]
}

/// Calls `round` for the warm-up and then for the measurement. Returns the median time of the measured calls in
/// milliseconds. Each time includes the wait until the device has finished its work.
fn rounds(args: &BenchmarkArgs, device: &Device, mut round: impl FnMut()) -> f64 {
    let mut timed = || {
        let start = Instant::now();
        round();
        // burn also panics when a device fails in another way. `each_backend` catches these panics.
        device.sync().unwrap_or_else(|error| panic!("{}", one_line(&error.to_string())));
        start.elapsed()
    };
    (0..args.warm_up).for_each(|_| _ = timed());
    median((0..args.rounds.get()).map(|_| timed()).collect())
}

/// Returns the median of the times in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    1e3 * times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64()
}
