//! The program `recognition`: the command line of this application.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<recognition::app::App>()
}
