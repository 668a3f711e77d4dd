//! An application without texts, options and verbs of its own: any task as a program.

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

/// Any task as a program: `cli::main::<cli::Plain<MyTask>>()`.
pub struct Plain<T>(PhantomData<T>);

/// The verb `predict`, with JSON in and out.
#[derive(Debug, Subcommand)]
pub enum JsonVerbs {
    /// Ask a trained model: one JSON input per line, one JSON answer per line
    Predict(Predict),
}

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Inputs as JSON; `-`, or none, reads one per line from standard input
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
    const ABOUT: &'static str = "Train a model, measure it, and ask it.";

    fn run(JsonVerbs::Predict(args): JsonVerbs, cx: &mut Context) -> Result<()> {
        let predictor: T::Predictor = cx.open(&args.model, None)?;
        for line in texts(args.file.as_deref(), &args.inputs)? {
            let (number, text) = line?;
            let input: <T::Predictor as Predictor>::Input =
                serde_json::from_str(&text).map_err(|error| CliError::Usage(format!("input {number}: {error}")))?;
            for answer in predictor.predict(&[input], &Default::default())? {
                print_json(&answer)?;
            }
        }
        Ok(())
    }
}
