//! The program `handwriting`: the command line of this application. `handwriting --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<handwriting::app::App>()
}
