//! [`Plain`]: a command-line program for any type that implements [`Task`], with the verb (subcommand) `predict`.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use inference::Predictor;
use training::Task;

use crate::application::Application;
use crate::args::{ModelArgs, NoOptions};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::input::texts;
use crate::output::print_json;

/// The command-line program of a type `T` that implements [`Task`]. It has the options and verbs that all applications
/// share, such as `train`, and the verb `predict`. To run the program, call `cli::main::<cli::Plain<MyTask>>()`.
pub struct Plain<T>(PhantomData<T>);

/// The verb `predict`, which reads inputs as JSON and prints outputs as JSON.
#[derive(Debug, Subcommand)]
pub enum JsonVerbs {
    /// Predict with a trained model: one JSON input per line, one JSON output per line
    Predict(Predict),
}

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Inputs as JSON; if absent or `-`, one input per line is read from standard input
    #[arg(value_name = "JSON", conflicts_with = "file")]
    inputs: Vec<String>,
    /// Read one JSON input per line from this file
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    file: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

impl<T: Task + 'static> Application for Plain<T> {
    type Task = T;
    type Options = NoOptions;
    type Verb = JsonVerbs;
    const ABOUT: &'static str = "Train a model, measure it, and predict with it.";

    fn run(JsonVerbs::Predict(args): JsonVerbs, cx: &mut Context) -> Result<()> {
        let predictor: T::Predictor = cx.open(&args.model, None)?;
        for line in texts(args.file.as_deref(), &args.inputs)? {
            let (number, text) = line?;
            let input: <T::Predictor as Predictor>::Input = serde_json::from_str(&text).map_err(|error| {
                CliError::Usage(format!("input {number} is not valid JSON for this model: {error}"))
            })?;
            for answer in predictor.predict(&[input], &Default::default())? {
                print_json(&answer)?;
            }
        }
        Ok(())
    }
}
