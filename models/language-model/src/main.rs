<<<<<<< HEAD
//! The program `language-model`: the command line of this application.
=======
//! The command-line program `language-model`: trains and evaluates language models, and generates and scores text.
>>>>>>> bccd969ff9c2fe69430f027213a2f5804ba8a123

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main::<language_model::app::App>()
}
