//! The program `handwriting`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<handwriting::app::App>()
}
