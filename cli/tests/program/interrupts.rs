//! Tests of signals: after one signal, the program writes a checkpoint and prints the command that resumes the run. The
//! resumed run equals an uninterrupted run.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::resume::{OFTEN, finish, results, started, wait_for_checkpoint, whole};
use super::{Test, path, program, run, text};

pub const TESTS: [Test; 6] = [
    ("ctrl_c_once_and_twice", ctrl_c_once_and_twice),
    ("ctrl_c_in_the_second_of_three_seeds", ctrl_c_in_the_second_of_three_seeds),
    ("ctrl_c_in_a_resumed_run", ctrl_c_in_a_resumed_run),
    ("ctrl_c_while_the_test_part_is_measured", ctrl_c_while_measuring),
    ("a_closed_terminal", a_closed_terminal),
    ("a_closed_terminal_under_nohup", a_closed_terminal_under_nohup),
];

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Sends signals and waits for the end. Returns the exit code and standard error.
pub fn stop(child: Child, signals: &[&str]) -> (Option<i32>, String) {
    signals.iter().for_each(|name| signal(&child, name));
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

/// Asserts that a program was interrupted, and that it printed this command.
#[track_caller]
fn assert_resumes_by(code: Option<i32>, message: &str, arguments: &str) {
    assert_eq!(code, Some(130), "{message}");
    let command = format!("cargo run -p sentences -- {arguments}");
    assert!(message.trim_end().ends_with(&command), "{message}");
}

fn ctrl_c_once_and_twice() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let once = dir.path().join("once");
    let (code, message) = stop(started(&once, &[]), &["-INT"]);
    assert_resumes_by(code, &message, &format!("train --resume {}", once.display()));
    finish(&once, &whole);

    let twice = dir.path().join("twice");
    let (code, message) = stop(started(&twice, &[]), &["-INT", "-INT"]);
    assert_eq!(code, Some(130), "{message}");
    finish(&twice, &whole);
}

fn ctrl_c_in_the_second_of_three_seeds() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    let seeds = |dir: &Path| program(&[&["train", "--seeds", "3", "--out", path(dir)], &OFTEN[..]].concat());
    assert!(seeds(&whole).output().unwrap().status.success());

    let child = seeds(&stopped).spawn().unwrap();
    wait_for_checkpoint(&stopped.join("seed-2"), 3);
    let (code, message) = stop(child, &["-INT"]);
    assert_resumes_by(code, &message, &format!("train --resume {}", stopped.display()));
    assert!(!stopped.join("report.md").exists());

    assert!(run(&["train", "--resume", path(&stopped)]).status.success());
    for seed in ["seed-1", "seed-2", "seed-3"] {
        assert!(results(&stopped.join(seed)) == results(&whole.join(seed)), "{seed}");
    }
    let report = |dir: &Path| std::fs::read(dir.join("report.md")).unwrap();
    assert_eq!(report(&stopped), report(&whole));
}

fn ctrl_c_in_a_resumed_run() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    assert_eq!(stop(started(&dir, &[]), &["-INT"]).0, Some(130));
    let child = program(&[&["train", "--resume", path(&dir)], &OFTEN[..]].concat()).spawn().unwrap();
    wait_for_checkpoint(&dir, 30);
    let (code, message) = stop(child, &["-INT"]);
    assert_resumes_by(code, &message, &format!("train --resume {}", dir.display()));
    finish(&dir, &whole);
}

/// The signal is sent when the program reports that it evaluates the model. The test part is large, so that the
/// evaluation lasts long enough.
fn ctrl_c_while_measuring() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    let settings = ["--set", "data.words=200000", "--epochs", "1"];
    let train = |dir: &Path| program(&[&["train", "--out", path(dir)], &settings[..]].concat());
    assert!(train(&whole).output().unwrap().status.success());

    let mut child = train(&stopped).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut message = String::new();
    while !message.contains("measuring") {
        assert!(lines.read_line(&mut message).unwrap() > 0, "{message}");
    }
    signal(&child, "-INT");
    lines.read_to_string(&mut message).unwrap();
    let code = child.wait().unwrap().code();
    assert_resumes_by(code, &message, &format!("train --resume {}", stopped.display()));
    assert!(!stopped.join("report.md").exists());
    finish(&stopped, &whole);
}

/// The program gets a signal, and can no longer write to the terminal.
fn a_closed_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    // The tests themselves may run under nohup, whose child processes would ignore the signal.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::new(AtomicBool::new(false))).unwrap();
    let mut child = started(&dir, &[]);
    drop((child.stdout.take(), child.stderr.take()));
    // A shell sends the signal, and then the system sends it again.
    let (code, _) = stop(child, &["-HUP", "-HUP"]);
    assert_eq!(code, Some(130));
    finish(&dir, &whole);
}

fn a_closed_terminal_under_nohup() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    let mut command = Command::new("nohup");
    command.arg(std::env::current_exe().unwrap()).env("SENTENCES", "");
    command.args(["train", "--out", path(&dir)]).args(OFTEN).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for_checkpoint(&dir, 2);
    let (code, message) = stop(child, &["-HUP"]);
    assert!(code == Some(0) && results(&dir) == results(&whole), "{message}");
}
