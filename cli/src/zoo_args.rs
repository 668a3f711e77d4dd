//! Options of the verbs of the program `zoo` that work for all applications together, such as `zoo bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use training::backend::Backend;
use training::settings::Count;

use crate::args::{ServeOptions, backend};

/// The option `--json` for verbs of `zoo` that print results.
#[derive(Clone, Copy, Debug, Args)]
pub struct Json {
    /// Print results as JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `zoo serve`.
#[derive(Debug, Args)]
pub struct ServeZoo {
    /// Models of any application: names that `models` lists, or folders of exported models (packages)
    #[arg(required = true, value_name = "NAME|DIR")]
    pub models: Vec<String>,
    /// The address, the access token and the limits of the server.
    #[command(flatten)]
    pub options: ServeOptions,
}

/// Arguments of `zoo bench`.
#[derive(Debug, Args)]
pub struct BenchZoo {
    /// The benchmark to run.
    #[command(subcommand)]
    pub benchmark: Benchmark,
}

/// The verbs of `zoo bench`.
#[derive(Debug, Subcommand)]
pub enum Benchmark {
    /// Measure the time of LSTM and GRU layers: the forward pass alone, and the forward and backward pass together
    #[command(after_help = "Names are CELL-BATCHxSTEPSxINPUT-HIDDEN, such as lstm-20x35x650-650. Examples:
  bench layers --out here.json          all layers on all backends of this program
  bench layers gru 650 --backend flex   the GRU layers, and the layers with 650 units")]
    Layers(BenchmarkArgs),
    /// Measure the time of whole training steps of recipes: loss, gradients, clipping and update
    #[command(after_help = "Names are APPLICATION/RECIPE. Examples:
  bench steps sentiment/quick --rounds 50
  bench steps language-model/ptb-lstm-small   downloads its data once")]
    Steps(StepsArgs),
    /// Print a table in Markdown from the files of measurements
    Table {
        /// Files with measurements, which `bench layers --out FILE` or `bench steps --out FILE` has written
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Options of a benchmark.
#[derive(Debug, Args)]
pub struct BenchmarkArgs {
    /// Measure only layers (`bench layers`) or recipes (`bench steps`) whose names contain one of these texts [default:
    /// all layers, or the first recipe of each application]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Measure only this backend [default: all backends of this program]
    #[arg(long, value_name = "NAME", value_parser = backend())]
    pub backend: Option<Backend>,
    /// Index of the backend's device, counted from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub device: usize,
    /// Number of measured rounds (repetitions); a result is the median time of the rounds
    #[arg(long, value_name = "N", default_value = "15")]
    pub rounds: Count,
    /// Number of warm-up rounds, which are not measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub warm_up: usize,
    /// JSON file for the results, with the names of the processor and the devices, and the versions of zoo and burn
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the results as JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Options of `zoo bench steps`.
#[derive(Debug, Args)]
pub struct StepsArgs {
    /// The options that all benchmarks have in common.
    #[command(flatten)]
    pub benchmark: BenchmarkArgs,
    /// Folder or archive with the data set [default: search $RNN_ZOO_DATA and the cache, or download it]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Replace a setting of the recipes, such as training.batch_size=10
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
