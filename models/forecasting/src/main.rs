//! Starts the command line of the crate `forecasting`. `forecasting --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<forecasting::app::App>()
}
