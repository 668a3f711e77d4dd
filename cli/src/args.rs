//! Options and verbs that all applications share.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use inference::weights::Precision;
use training::backend::Backend;
use training::options::{Interval, OnNonFinite};
use training::settings::Count;

/// The arguments of one application. `V`: the application's own verbs. `O`: its own options of `train` and `find-rate`.
#[derive(Debug, Args)]
pub struct Arguments<V: Subcommand, O: Args> {
    /// What to do; `train` with the first recipe if absent.
    #[command(subcommand)]
    pub command: Option<Command<V, O>>,
    /// Options of all verbs.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command<V: Subcommand, O: Args> {
    /// Train a model by a recipe and measure it on the test part
    Train(Train<O>),
    /// Measure a trained model
    Eval(Eval),
    /// Measure the shipped models again and compare them to their cards
    Verify(Verify),
    /// The application's own verbs.
    #[command(flatten)]
    Own(V),
    /// List the models with size, metric and folder
    Models(Models),
    /// Write a trained model as a package for others
    Export(Export),
    /// List the recipes, or print one
    Recipes(Recipes),
    /// List runs and compare them
    Runs(Runs),
    /// Draw the loss over growing learning rates
    FindRate(FindRate<O>),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// Options of all verbs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Common {
    /// Backend that computes
    #[arg(long, global = true, default_value = "flex", value_name = "NAME", value_parser = backend())]
    pub backend: Backend,
    /// Device number of the backend
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub device: usize,
    /// Threads of the CPU backends [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder or archive with the data [default: $RNN_ZOO_DATA, the cache, a download]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON object per line on standard output
    #[arg(long, global = true)]
    pub json: bool,
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse::<Backend>())
}

/// A recipe and its overrides.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "changed-recipe", multiple = true)]
#[command(next_help_heading = "Recipe")]
pub struct ChangedRecipe<O: Args> {
    /// Name of a recipe, or path of a TOML file [default: the first of `recipes`]
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    /// Override a setting, such as optimizer.lr=0.001; an empty value removes it (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Passes over the training part
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// The application's own options.
    #[command(flatten)]
    pub options: O,
}

/// For applications without options of their own.
#[derive(Clone, Debug, Default, Args)]
pub struct NoOptions {}

/// For applications without verbs of their own.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum NoVerbs {}

/// Arguments of the verb `train`.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  train                                       the first recipe
  train --recipe NAME --seed 2                another recipe, another seed
  train --recipe NAME --seeds 5               mean and standard deviation over five seeds
  train --resume runs/NAME/TIME               continue after Ctrl-C, bit for bit")]
pub struct Train<O: Args> {
    /// The recipe to train by.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// Train N times with different seeds and report mean and standard deviation
    #[arg(long, value_name = "N", conflicts_with = "resume", help_heading = "Recipe")]
    pub seeds: Option<Count>,
    /// Folder for the run [default: runs/RECIPE/TIME]
    #[arg(long, alias = "run", value_name = "DIR", conflicts_with = "resume", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Resume the run, or the runs of all seeds, in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "changed-recipe", help_heading = "Output")]
    pub resume: Option<PathBuf>,
    /// How often to write a checkpoint: a time, such as 30s or 5m, or a number of optimizer steps
    #[arg(long, value_name = "INTERVAL", default_value_t, help_heading = "Output")]
    pub checkpoint_every: Interval,
    /// What to do when the loss or the gradient is NaN or infinite
    #[arg(long, value_enum, default_value_t, value_name = "ACTION", help_heading = "Recipe")]
    pub on_nonfinite: NonFinite,
}

/// What to do when the loss or the gradient is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NonFinite {
    /// Stop with an error; the last checkpoint stays.
    #[default]
    Stop,
    /// Skip the step.
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
pub struct FindRate<O: Args> {
    /// The recipe to train by.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// The smallest learning rate
    #[arg(long, value_name = "RATE", default_value = "1e-6", help_heading = "Range")]
    pub from: f64,
    /// The largest learning rate
    #[arg(long, value_name = "RATE", default_value = "10", help_heading = "Range")]
    pub to: f64,
    /// Optimizer steps between them
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Range")]
    pub steps: usize,
    /// File for the plot (SVG)
    #[arg(long, value_name = "FILE", default_value = "find-rate.svg", help_heading = "Output")]
    pub plot: PathBuf,
}

/// The choice of a trained model.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelArgs {
    /// Trained model: a name of `models`, a run folder, or the folder of a package
    #[arg(long, aliases = ["pretrained", "run"], value_name = "NAME|RUN|DIR", help_heading = "Model")]
    pub model: Option<String>,
}

/// Arguments of the verb `eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// The model to measure.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Which part of the data
    #[arg(long, value_enum, default_value_t, help_heading = "Data")]
    pub split: Part,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The validation part, on which choices are made.
    Valid,
    /// The test part.
    #[default]
    Test,
}

/// Arguments of the verb `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only these models [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// Arguments of the verb `models`.
#[derive(Clone, Debug, Args)]
pub struct Models {
    /// Copy the models to a folder where installed programs find them [default: the user's data folder]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub install: Option<Option<PathBuf>>,
}

/// Arguments of the verb `recipes`.
#[derive(Debug, Args)]
pub struct Recipes {
    /// Print this recipe
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Arguments of the verb `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Run folders, or folders that contain run folders [default: runs]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Draw the validation metric over the epochs (SVG)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub plot: Option<PathBuf>,
}

/// Arguments of the verb `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The model to export.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Folder for the package: a new or empty folder, or a package to replace
    #[arg(long, alias = "to", value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// Precision of the stored weights
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub precision: Bits,
}

/// Precision of stored weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Bits {
    /// 16 bits per weight.
    #[default]
    Half,
    /// 32 bits per weight.
    Single,
}

impl From<Bits> for Precision {
    fn from(given: Bits) -> Self {
        match given {
            Bits::Half => Self::Half,
            Bits::Single => Self::Single,
        }
    }
}

/// Arguments of the verb `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}
