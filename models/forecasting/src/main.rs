//! The program `forecasting`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<forecasting::app::App>()
}
