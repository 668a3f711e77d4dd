//! The program `recognition`, which trains and runs classifiers of series: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<recognition::app::App>()
}
