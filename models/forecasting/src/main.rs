<<<<<<< HEAD
//! The program `forecasting`: the command line of this application.
=======
//! Starts the command line of the crate `forecasting`. `forecasting --help` lists its subcommands.
>>>>>>> bccd969ff9c2fe69430f027213a2f5804ba8a123

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<forecasting::app::App>()
}
