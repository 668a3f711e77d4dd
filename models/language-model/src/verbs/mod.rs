//! The verbs of this application.

mod generate;
mod score;
mod text;

use clap::Subcommand;
use training::cli::default_model;
use training::{Context, TaskResult};

pub use generate::Generate;
pub use score::Score;

/// The model that is taken if none is named.
const DEFAULT: &str = "ptb-awd";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Let a model write on
    #[command(after_help = default_model(DEFAULT))]
    Generate(Generate),
    /// Tell a text's perplexity, and how surprising each word is
    #[command(after_help = default_model(DEFAULT))]
    Score(Score),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        match self {
            Self::Generate(generate) => generate.run(context),
            Self::Score(score) => score.run(context),
        }
    }
}
