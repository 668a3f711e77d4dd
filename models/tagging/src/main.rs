//! The program `tagging`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<tagging::app::App>()
}
