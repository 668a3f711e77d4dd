//! The program `tagging`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<tagging::app::App>()
}
