//! The program `tagging`: the command line of this application. `tagging --help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<tagging::app::App>()
}
