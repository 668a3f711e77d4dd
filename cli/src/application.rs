//! What an application adds to the command line.

use clap::{Args, Subcommand};
use training::Task;

use crate::context::Context;
use crate::error::Result;

/// The recipe and the overrides that an application's own options, such as `--text FILE`, stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The name of the recipe to use if the command line names none.
    pub recipe: Option<&'static str>,
    /// Overrides of recipe settings in the form of `--set`, such as `optimizer.lr=0.001`.
    pub settings: Vec<String>,
}

/// An application on the command line. Its name is the predictor's
/// [`APPLICATION`](inference::Predictor::APPLICATION).
pub trait Application: 'static {
    /// The task that trains and measures the models of the application.
    type Task: Task;
    /// Options of `train` and `find-rate` that stand for settings of a recipe; [`NoOptions`](crate::args::NoOptions)
    /// for none.
    type Options: Args + Clone + Default + std::fmt::Debug;
    /// Verbs beside the shared ones, such as `predict`; [`NoVerbs`](crate::args::NoVerbs) for none.
    type Verb: Subcommand;

    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// The shipped model that a verb takes if `--model` is absent.
    const DEFAULT_MODEL: Option<&'static str> = None;
    /// Commands to try after training, each with its purpose. `RUN` stands for the run folder.
    const NEXT: &'static [(&'static str, &'static str)] = &[];

    /// Converts the application's own options to the recipe and the overrides that they stand for.
    fn changes(_options: &Self::Options) -> Result<Changes> {
        Ok(Changes::default())
    }

    /// The command-line option that changes a [setting of the data](datasets::DataError::setting); `None` if there is
    /// none.
    fn data_option(_setting: &str) -> Option<&'static str> {
        None
    }

    /// Runs a verb of the application.
    fn run(verb: Self::Verb, cx: &mut Context) -> Result<()>;
}
