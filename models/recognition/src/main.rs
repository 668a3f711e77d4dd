//! The program `recognition`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<recognition::app::App>()
}
