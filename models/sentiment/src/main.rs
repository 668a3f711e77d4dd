//! The program `sentiment`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<sentiment::app::App>()
}
