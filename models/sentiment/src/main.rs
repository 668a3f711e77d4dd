//! The program `sentiment`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<sentiment::app::App>()
}
