//! The program `sentiment`: the command line of this application. `sentiment --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<sentiment::app::App>()
}
