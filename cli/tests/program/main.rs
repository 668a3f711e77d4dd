//! Training in a whole program, which is started, stopped, killed and started again.
//!
//! The program is this test itself: if the variable `SENTENCES` is set, it runs the application of `sentences.rs`.

#![allow(clippy::unwrap_used)]

mod faults;
mod grid;
mod interrupts;
mod resume;
#[path = "../../../training/tests/support/sentences.rs"]
mod sentences;
mod verbs;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use cli::args::{NoOptions, NoVerbs};
use cli::{Application, Context};
use libtest_mimic::{Arguments, Trial};
use sentences::Sentences;

/// The application of the tests.
struct App;

impl Application for App {
    type Task = Sentences;
    type Options = NoOptions;
    type Verb = NoVerbs;
    const ABOUT: &'static str = "A language model of artificial sentences.";

    fn run(verb: NoVerbs, _: &mut Context) -> cli::Result<()> {
        match verb {}
    }
}

fn main() -> ExitCode {
    if std::env::var_os("SENTENCES").is_some() {
        return cli::main::<App>();
    }
    let all = resume::TESTS.into_iter().chain(interrupts::TESTS).chain(faults::TESTS).chain(grid::TESTS);
    let tests = all.chain(verbs::TESTS).map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), tests.collect()).exit_code()
}

/// A test and its name.
type Test = (&'static str, fn());

/// The application as a command.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env("SENTENCES", "")
        .env("CARGO", "cargo")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
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
