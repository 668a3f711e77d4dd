//! The program `language-model`: the command line of this application. `language-model --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<language_model::app::App>()
}
