//! The program `language-model`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<language_model::app::App>()
}
