//! The program `recognition`: the command line of this application. `recognition --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<recognition::app::App>()
}
