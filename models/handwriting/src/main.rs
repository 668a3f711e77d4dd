//! The program `handwriting`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<handwriting::app::App>()
}
