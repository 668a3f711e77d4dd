//! The program `handwriting`, which trains, measures and runs models that draw handwriting.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<handwriting::app::App>()
}
