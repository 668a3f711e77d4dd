//! The command line, the same in every application.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::backend::Backend;
use crate::rules::{Interval, OnNonFinite};
use crate::settings::Count;
use crate::weights::Precision;

/// What may be typed. `V` holds the application's own verbs, and `O` its own options of a recipe.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
pub struct Cli<V: Subcommand, O: Args> {
    /// What to do; `train` with the first recipe if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command<V, O>>,
    /// Choices that mean the same for every verb.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command<V: Subcommand, O: Args> {
    /// Train by a recipe; measure on the test part at the end
    Train(Train<O>),
    /// Measure a trained model
    Eval(Eval),
    /// Measure every shipped model again and compare with its card
    Verify(Verify),
    /// List the recipes, or print one
    Recipes(Recipes),
    /// Try ever larger learning rates and draw the loss
    FindRate(FindRate<O>),
    /// List runs and compare them
    Runs(Runs),
    /// Copy the best weights of a run into a package
    Export(Export),
    /// The application's own.
    #[command(flatten)]
    Own(V),
}

/// Choices that mean the same for every verb.
#[derive(Debug, Args)]
pub struct Common {
    /// Where to compute
    #[arg(long, global = true, value_enum, default_value_t, value_name = "NAME")]
    pub backend: Backend,
    /// Which device of the backend
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub device: usize,
    /// Threads of the CPU backends [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder, or archive, with the data [default: $RNN_ZOO_DATA, then the cache, then a download]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON object a line on standard output and nothing else
    #[arg(long, global = true)]
    pub json: bool,
}

/// Which recipe, and what is changed of it.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "changed-recipe", multiple = true)]
pub struct ChangedRecipe<O: Args> {
    /// Name of a recipe, or path of a TOML file [default: the first of `recipes`]
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    /// Change one setting of the recipe, such as optimizer.lr=0.001, or take it away, such as training.patience= (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of everything random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Passes over the training part
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// The application's own.
    #[command(flatten)]
    pub options: O,
}

/// Of applications that have no options of their own.
#[derive(Clone, Debug, Default, Args)]
pub struct NoOptions {}

/// Of applications that have no verbs of their own.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum NoVerbs {}

/// `find-rate`.
#[derive(Debug, Args)]
pub struct FindRate<O: Args> {
    /// Which recipe.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// The smallest learning rate
    #[arg(long, value_name = "RATE", default_value = "1e-6")]
    pub from: f64,
    /// The largest
    #[arg(long, value_name = "RATE", default_value = "10")]
    pub to: f64,
    /// Optimiser steps between them
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub steps: usize,
    /// Where to draw
    #[arg(long, value_name = "FILE", default_value = "find-rate.svg")]
    pub plot: PathBuf,
}

/// `train`.
#[derive(Debug, Default, Args)]
pub struct Train<O: Args> {
    /// Which recipe.
    #[command(flatten)]
    pub recipe: ChangedRecipe<O>,
    /// Folder for this run [default: runs/RECIPE/TIME]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub run: Option<PathBuf>,
    /// Train with so many seeds, one after the other, and tell mean and standard deviation
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub seeds: Option<Count>,
    /// Go on with the run, or the runs of all seeds, in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "changed-recipe")]
    pub resume: Option<PathBuf>,
    /// How often to write a checkpoint: a time, such as 30s or 5m, or a number of optimiser steps
    #[arg(long, value_name = "WHEN", default_value_t)]
    pub checkpoint_every: Interval,
    /// What to do when the loss or a gradient is no finite number
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_nonfinite: OnNonFinite,
}

/// Which trained model.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub struct Choice {
    /// A shipped model by name, or the folder of a package
    #[arg(long, value_name = "NAME|DIR")]
    pub pretrained: Option<String>,
    /// The best weights of a run
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
}

/// What the help of a verb says that takes a shipped model where [`Choice`] names none.
pub fn default_model(name: &str) -> String {
    format!("Without --run and --pretrained the shipped {name} is taken.")
}

/// `eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// Which model.
    #[command(flatten)]
    pub choice: Choice,
    /// Which part of the data
    #[arg(long, value_enum, default_value_t)]
    pub split: Split,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Split {
    /// The part that choices are made on.
    Valid,
    /// The part that nothing was chosen on.
    #[default]
    Test,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only these shipped models
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// `recipes`.
#[derive(Debug, Args)]
pub struct Recipes {
    /// Print this one
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Run folders, or folders with run folders in them [default: runs]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Draw their validation metric over the epochs, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which model.
    #[command(flatten)]
    pub choice: Choice,
    /// Where to: a folder that is new or empty, or a package to replace
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Precision of the stored weights
    #[arg(long, value_enum, default_value_t)]
    pub precision: Precision,
}
