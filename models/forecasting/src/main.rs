//! The program `forecasting`: the command line of this application. `forecasting --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<forecasting::app::App>()
}
