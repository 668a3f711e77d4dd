//! Command-line options and verbs that all applications share.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use inference::weights::Precision;
use training::backend::Backend;
use training::options::{Interval, OnNonFinite};
use training::settings::Count;

/// The command-line arguments of one application. `V` is the type of the application's own verbs, and `O` the type of
/// its own options of `train` and `find-rate`.
#[derive(Debug, Args)]
pub(crate) struct Arguments<V: Subcommand, O: Args> {
    /// The verb to run. If it is absent, the program trains with the application's first recipe.
    #[command(subcommand)]
    pub command: Option<Command<V, O>>,
    /// Options that every verb accepts, such as `--backend`.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs of the command line, such as `train` and `eval`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command<V: Subcommand, O: Args> {
    /// Train a model with the settings of a recipe, and measure it on the test part of the data
    Train(Train<O>),
    /// Measure a trained model on the validation part or the test part of the data
    Eval(Eval),
    /// Measure the shipped models on the test part again, and compare the metrics with the recorded metrics
    Verify(Verify),
    /// A verb of the application itself, such as `predict`.
    #[command(flatten)]
    Own(V),
    /// List the trained models with size, test metric and folder, or copy the shipped models to a folder
    Models(Models),
    /// Serve a trained model over HTTP, with a web page on which people can try the model
    Serve(Serve),
    /// Write a trained model as a package (a folder that other programs can open) or as ONNX graphs
    Export(Export),
    /// Measure the load time and the prediction speed of a trained model
    Bench(Bench),
    /// List the backends and their devices, and check each device with a small training step
    Backends,
    /// List the recipes, which are TOML files of training settings, or print a recipe
    Recipes(Recipes),
    /// List training runs and compare their metrics
    Runs(Runs),
    /// Plot the training loss over growing learning rates, to choose a learning rate
    FindRate(FindRate<O>),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// Options that every verb accepts.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Common {
    /// burn backend that runs the computations
    #[arg(long, global = true, default_value = "flex", value_name = "NAME", value_parser = backend())]
    pub backend: Backend,
    /// Index of the backend's device, counted from 0; `backends` lists the devices
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub device: usize,
    /// Number of threads of the CPU backends [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder or archive with the data set [default: search $RNN_ZOO_DATA and the cache, or download it]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print results as JSON, one object per line
    #[arg(long, global = true)]
    pub json: bool,
}

pub(crate) fn backend() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse::<Backend>())
}

/// A recipe, and the options that override its settings.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Recipe")]
pub struct ChangedRecipe<O: Args> {
    /// Name of a recipe, or path of its TOML file [default: the first recipe that `recipes` lists]
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    /// Override a setting of the recipe, such as optimizer.lr=0.001; an empty value removes the setting (may be
    /// repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random numbers of the training
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Number of epochs (passes over the training part)
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// The application's own options, such as `--text FILE`.
    #[command(flatten)]
    pub options: O,
}

/// No options: the type for an application that adds no options to `train` and `find-rate`.
#[derive(Clone, Debug, Default, Args)]
pub struct NoOptions {}

/// Parses command-line options, such as `["--csv", "FILE"]`. The tests of an application's own options use this
/// function.
///
/// # Errors
///
/// The message of clap if an option is unknown, or if its value is not valid.
pub fn parse_options<O: Args>(words: &[&str]) -> Result<O, clap::Error> {
    let command = O::augment_args(clap::Command::new("train").no_binary_name(true));
    O::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// No verbs: the type for an application that adds no verbs to the shared verbs.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum NoVerbs {}

/// Arguments of the verb `train`.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  train                                       the first recipe
  train --recipe NAME --seed 2                another recipe, another seed
  train --recipe NAME --seeds 5               mean and standard deviation over five seeds
  train --grid grid.toml --out runs/grid      every combination of the settings in a file
  train --resume runs/NAME/TIME               continue after Ctrl-C, with bit-identical results
  train --resume runs/NAME/TIME --epochs 20   train a run for more epochs")]
pub(crate) struct Train<O: Args> {
    /// The recipe to train with, and its overrides.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// Train N times with different seeds, and report mean and standard deviation of the test metrics
    #[arg(long, value_name = "N", conflicts_with = "resume", help_heading = "Recipe")]
    pub seeds: Option<Count>,
    /// Folder for the files of the run [default: runs/RECIPE/TIME]
    #[arg(long, alias = "run", value_name = "DIR", conflicts_with = "resume", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Resume the run in the folder --out. If this run is finished, do nothing. If the folder contains no run, start a
    /// new run
    #[arg(long, requires = "out", conflicts_with_all = ["seeds", "grid", "resume"], help_heading = "Output")]
    pub or_resume: bool,
    /// Folder for the results of the baselines; runs with the same folder compute the baselines only once
    #[arg(long, hide = true, requires = "or_resume", conflicts_with = "resume")]
    pub baselines_in: Option<PathBuf>,
    /// The options for a grid search: one training for each combination of setting values and seeds.
    #[command(flatten)]
    pub grid: GridArgs,
    /// Resume the run in this folder with its saved recipe. If the folder was written with --seeds, resume the runs of
    /// all seeds. Only two parts of the saved recipe can be changed: the number of epochs, with a larger --epochs, and
    /// the paths of the data
    #[arg(long, value_name = "DIR", conflicts_with = "recipe", help_heading = "Output")]
    pub resume: Option<PathBuf>,
    /// How often to write a checkpoint: a time, such as 30s or 5m, or a number of optimizer steps
    #[arg(long, value_name = "INTERVAL", default_value_t, help_heading = "Output")]
    pub checkpoint_every: Interval,
    /// What to do when the loss or the gradient is NaN or infinite
    #[arg(long, value_enum, default_value_t, value_name = "ACTION", help_heading = "Recipe")]
    pub on_nonfinite: NonFinite,
    /// With mpirun, send gradients in half precision (f16), except the gradients of embeddings. This halves the number
    /// of bytes and makes the gradients less exact
    #[cfg(feature = "mpi")]
    #[arg(long, help_heading = "Recipe")]
    pub half_gradients: bool,
}

/// The options of `train` for a grid search: one training for each combination of setting values and seeds.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Grid")]
pub(crate) struct GridArgs {
    /// Train once for each combination of the setting values and seeds in this TOML file. Each training has its own
    /// folder inside --out. To continue a grid that was stopped, repeat the command
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with_all = ["seeds", "resume"])]
    pub grid: Option<PathBuf>,
    /// Number of trainings that run at the same time, each with a share of the cores [default: 1]
    #[arg(long, value_name = "N", requires = "grid", conflicts_with = "resume")]
    pub jobs: Option<Count>,
    /// Do not train, but write a script that runs the trainings through this scheduler
    #[arg(long, value_enum, value_name = "PROGRAM", requires = "grid", conflicts_with_all = ["jobs", "resume"])]
    pub emit: Option<Scheduler>,
}

/// A scheduler: a program that distributes the trainings of a grid over processor cores or machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scheduler {
    /// Slurm: a job array for `sbatch`.
    Slurm,
    /// HyperQueue: a script that calls `hq submit`.
    Hyperqueue,
    /// GNU parallel: a script that calls `parallel`.
    Parallel,
}

/// What to do during training when the loss or the gradient is NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NonFinite {
    /// Stop the training with an error; the last checkpoint is kept.
    #[default]
    Stop,
    /// Leave the weights unchanged in this step, and continue.
    Skip,
}

impl From<NonFinite> for OnNonFinite {
    fn from(given: NonFinite) -> Self {
        match given {
            NonFinite::Stop => Self::Stop,
            NonFinite::Skip => Self::Skip,
        }
    }
}

/// Arguments of the verb `find-rate`.
#[derive(Debug, Args)]
pub(crate) struct FindRate<O: Args> {
    /// The recipe whose model is trained with growing learning rates, and the overrides of its settings.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// Smallest learning rate of the range
    #[arg(long, value_name = "RATE", default_value = "1e-6", help_heading = "Range")]
    pub from: f64,
    /// Largest learning rate of the range
    #[arg(long, value_name = "RATE", default_value = "10", help_heading = "Range")]
    pub to: f64,
    /// Number of optimizer steps from the smallest to the largest learning rate
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Range")]
    pub steps: usize,
    /// SVG file for the plot of the loss [default: find-rate.svg, or none with --json]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub plot: Option<PathBuf>,
}

/// The option that selects a trained model.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelArgs {
    /// Trained model: a name that `models` lists, a run folder, or the folder of an exported model (package)
    #[arg(long, aliases = ["pretrained", "run"], value_name = "NAME|RUN|DIR", help_heading = "Model")]
    pub model: Option<String>,
}

/// Arguments of the verb `eval`.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The model to measure.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Part of the data set to measure on
    #[arg(long, value_enum, default_value_t, help_heading = "Data")]
    pub split: Part,
}

/// A part of the data set on which a model is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The validation part, whose metrics decide which epoch and which settings are best.
    Valid,
    /// The test part, which training does not use.
    #[default]
    Test,
}

/// Arguments of the verb `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Names of the models to verify [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Export each model with this precision first, and measure the exported model
    #[arg(long, value_enum)]
    pub precision: Option<Bits>,
}

/// Arguments of the verb `models`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Models {
    /// Copy the shipped models from the source checkout to DIR, or to the user's data folder if DIR is absent
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub install: Option<Option<PathBuf>>,
}

/// Arguments of the verb `recipes`.
#[derive(Debug, Args)]
pub(crate) struct Recipes {
    /// Recipe to print [default: list all recipes]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Arguments of the verb `runs`.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// Run folders, or folders that contain run folders [default: runs]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Rank settings by their mean validation metric over the seeds, best first, with 95 % confidence intervals
    #[arg(long, help_heading = "Output")]
    pub rank: bool,
    /// SVG file for a plot of the validation metric over the epochs, with one line per run
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub plot: Option<PathBuf>,
}

/// Arguments of the verb `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The model to export.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Folder for the files: a new or empty folder, or an earlier export to replace
    #[arg(long, alias = "to", value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// Precision of the stored weights
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub precision: Bits,
    /// Format of the export: a package for this program and its Rust crates, or ONNX graphs for other runtimes
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
    /// Give the ONNX graph an input for the lengths of padded sequences. Some runtimes, such as tract, cannot run such
    /// a graph
    #[arg(long, help_heading = "Output")]
    pub lengths: bool,
}

/// Arguments of the verb `bench`.
#[derive(Debug, Args)]
#[command(after_help = "Measures the time of predictions for an artificial input of typical length. Examples:
  bench --model NAME           load time, latency and throughput
  bench --model NAME --card    also file size, number of parameters and memory (the deployment card)")]
pub(crate) struct Bench {
    /// The model to measure.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Also print the size of the files, the number of parameters, the resident memory, the processor and the number of
    /// threads (the deployment card)
    #[arg(long, help_heading = "Output")]
    pub card: bool,
}

/// The file format of an exported model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A package: a folder that this program and the Rust crates of the applications can open.
    #[default]
    Package,
    /// ONNX graphs, which ONNX Runtime, tract and other runtimes execute.
    Onnx,
}

/// The precision of the weights in an exported package or graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bits {
    /// Store 16 bits per weight (half precision).
    #[default]
    Half,
    /// Store 32 bits per weight (single precision).
    Single,
    /// Store 8 bits per weight (int8 quantization), with one scale per row of each weight matrix.
    Int8,
}

impl From<Bits> for Precision {
    fn from(given: Bits) -> Self {
        match given {
            Bits::Half => Self::Half,
            Bits::Single => Self::Single,
            Bits::Int8 => Self::Int8,
        }
    }
}

/// Arguments of the verb `serve` of an application.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The model to serve.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The address, the token and the limits of the server.
    #[command(flatten)]
    pub options: ServeOptions,
}

/// Address, token and limits of a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServeOptions {
    /// Address and port to listen on; with the default, only this computer can connect
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// File with the bearer token that requests must have [default: no token]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Origin of the web pages that may send requests to this server, such as `https://example.org` [default: none]
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Option<String>,
    /// Largest batch size: the number of inputs that a model processes together; 1 turns batching off
    #[arg(long, value_name = "N", default_value = "32")]
    pub batch: NonZero<usize>,
    /// Milliseconds that a model waits for more requests before a prediction
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1000))]
    pub batch_wait: u64,
    /// Largest body of a request, in bytes
    #[arg(long, value_name = "BYTES", default_value = "4194304")]
    pub max_body: NonZero<usize>,
    /// Largest number of characters in each text of a request
    #[arg(long, value_name = "N", default_value = "20000")]
    pub max_text: NonZero<usize>,
    /// Largest number of requests that wait for one model
    #[arg(long, value_name = "N", default_value = "256")]
    pub max_queue: NonZero<usize>,
    /// Largest number of open sessions; in a session, a client requests an answer piece by piece
    #[arg(long, value_name = "N", default_value = "1000")]
    pub max_sessions: NonZero<usize>,
    /// Seconds that a session is kept after its last use
    #[arg(long, value_name = "S", default_value_t = 300)]
    pub session_time: u64,
    /// Largest number of seconds that the answer to a request may take
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub answer_time: u64,
}

/// Returns the names of the [global options](Common) that a verb uses; `None` for verbs that applications define
/// themselves, such as `predict`, except `merge`.
pub(crate) fn used_globals(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "train" | "eval" | "verify" | "find-rate" => &["backend", "device", "threads", "data_dir", "json"],
        "bench" => &["backend", "device", "threads", "json"],
        "serve" => &["backend", "device", "threads"],
        "models" | "export" | "recipes" | "runs" | "backends" => &["json"],
        "completions" | "merge" => &[],
        _ => return None,
    })
}

/// Arguments of the verb `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Completions {
    /// Shell for which the script is printed
    pub shell: clap_complete::Shell,
}
