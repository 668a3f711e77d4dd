//! The trainer in a whole program, as it is started, stopped, killed and started again.
//!
//! The program is this one: where the variable `SENTENCES` is set, it is the application of `sentences.rs`.

#![allow(clippy::unwrap_used)]

mod faults;
mod resume;
mod sentences;
mod verbs;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if std::env::var_os("SENTENCES").is_some() {
        return training::main::<sentences::Sentences>();
    }
    let tests = resume::TESTS.into_iter().chain(faults::TESTS).chain(verbs::TESTS).map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), tests.collect()).exit_code()
}

/// A test and its name.
type Test = (&'static str, fn());

/// The application, about to be started.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("SENTENCES", "").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
