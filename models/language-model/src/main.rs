//! The program `language-model`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<language_model::app::App>()
}
