//! The program `language-model`; see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    training::main::<language_model::LanguageModel>()
}
