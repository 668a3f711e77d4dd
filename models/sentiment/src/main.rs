//! The program `sentiment`, which trains and measures models that classify texts, and classifies texts with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<sentiment::app::App>()
}
