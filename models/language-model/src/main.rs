//! The command-line program `language-model`: trains and evaluates language models, and generates and scores text.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<language_model::app::App>()
}
