//! The program `forecasting`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<forecasting::app::App>()
}
