//! Whatever stops a run, nothing that was saved is lost, and one line says what happened.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use super::resume::{OFTEN, checkpoints, finish, results, started, wait_for_checkpoint, whole};
use super::{Test, path, program, run, text};

pub const TESTS: [Test; 9] = [
    ("a_full_disk", a_full_disk),
    ("a_folder_made_read_only", a_folder_made_read_only),
    ("ctrl_c_once_and_twice", ctrl_c_once_and_twice),
    ("a_closed_terminal", a_closed_terminal),
    ("a_closed_terminal_under_nohup", a_closed_terminal_under_nohup),
    ("a_clock_set_back", a_clock_set_back),
    ("a_second_process_on_the_run", a_second_process_on_the_run),
    ("a_network_larger_than_the_memory", a_network_larger_than_the_memory),
    ("a_loss_that_is_no_number", a_loss_that_is_no_number),
];

/// Sends a signal and waits for the end. Returns the exit code and what was said.
fn stop(child: Child, signals: &[&str]) -> (Option<i32>, String) {
    for signal in signals {
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id[..]]).status().unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

/// Runs a shell script that may mount file systems, in a name space of its own. `$PROGRAM` is the application.
///
/// Returns what was written to standard error; `None` where the system does not allow it.
fn with_mounts(script: &str, dir: &Path) -> Option<String> {
    let shell = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-e", "-c", script]).current_dir(dir);
        command.env("PROGRAM", std::env::current_exe().unwrap()).env("SENTENCES", "");
        command.output()
    };
    if !shell("mount -t tmpfs tmpfs .").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this system lets no test mount a file system");
        return None;
    }
    let output = shell(script).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stderr))
}

fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    std::fs::create_dir(dir.path().join("disk")).unwrap();
    let script = "
        mount -t tmpfs -o size=140k tmpfs disk
        ! $PROGRAM train --run disk/run --checkpoint-every 2
        mount -o remount,size=50m disk
        ls disk/run/checkpoints >&2
        cp -r disk/run run";
    let Some(message) = with_mounts(script, dir.path()) else { return };
    let error = message.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("cannot write") && error.contains("No space left"), "{message}");
    assert!(message.contains("go on from the last checkpoint by: ") && message.contains("000001"), "{message}");
    finish(&dir.path().join("run"), &whole);
}

fn a_folder_made_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let stopped = started(&dir.path().join("run"), &[]);
    stop(stopped, &["-KILL"]);
    std::fs::create_dir(dir.path().join("disk")).unwrap();
    let script = "
        mount -t tmpfs tmpfs disk
        cp -r run disk/run
        mount -o remount,ro disk
        ! $PROGRAM train --resume disk/run";
    let Some(message) = with_mounts(script, dir.path()) else { return };
    assert!(message.starts_with("error: cannot write disk/run/lock") && message.lines().count() == 1, "{message}");
    finish(&dir.path().join("run"), &whole);
}

fn ctrl_c_once_and_twice() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    for (name, signals, codes) in [("once", &["-INT"][..], &[1][..]), ("twice", &["-INT", "-INT"], &[1, 130])] {
        let dir = dir.path().join(name);
        let (code, message) = stop(started(&dir, &[]), signals);
        assert!(codes.contains(&code.unwrap()), "{code:?}: {message}");
        assert!(message.contains("stopping at the next step"), "{message}");
        if code == Some(1) {
            let command = format!("go on by: cargo run -p sentences -- train --resume {}", dir.display());
            assert!(message.contains(&command), "{message}");
        }
        finish(&dir, &whole);
    }
}

/// The program is told of it, and cannot write there any more.
fn a_closed_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    // Where the tests themselves run under nohup: what a program handles is not ignored by those that it starts.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::new(AtomicBool::new(false))).unwrap();
    let mut child = started(&dir, &[]);
    drop((child.stdout.take(), child.stderr.take()));
    // A shell sends it, and then the system.
    let (code, _) = stop(child, &["-HUP", "-HUP"]);
    assert_eq!(code, Some(1));
    finish(&dir, &whole);
}

fn a_closed_terminal_under_nohup() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    let mut command = Command::new("nohup");
    command.arg(std::env::current_exe().unwrap()).env("SENTENCES", "");
    command.args(["train", "--run", path(&dir)]).args(OFTEN).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for_checkpoint(&dir, 2);
    let (code, message) = stop(child, &["-HUP"]);
    assert!(code == Some(0) && results(&dir) == results(&whole), "{message}");
}

/// The newest checkpoint is the one with the highest number, whatever the clock says.
fn a_clock_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    let (code, _) = stop(started(&dir, &[]), &["-INT"]);
    assert_eq!(code, Some(1));
    let checkpoints = checkpoints(&dir);
    assert_eq!(checkpoints.len(), 2);
    for (age, checkpoint) in checkpoints.iter().enumerate() {
        let time = SystemTime::now() - Duration::from_secs(1_000_000 * age as u64);
        std::fs::File::open(checkpoint).unwrap().set_modified(time).unwrap();
    }
    // Were the older one read, it would be found to be damaged.
    std::fs::write(checkpoints[0].join("state.json"), "").unwrap();
    let message = finish(&dir, &whole);
    assert!(!message.contains("going back"), "{message}");
}

fn a_second_process_on_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let first = started(&dir, &["--epochs", "2000"]);
    let second = run(&[&["train", "--resume", path(&dir)], &OFTEN[..]].concat());
    let message = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: another process trains in") && message.lines().count() == 1, "{message}");
    let (code, message) = stop(first, &["-TERM"]);
    assert_eq!(code, Some(1), "{message}");
    // The lock of a process that has ended is none.
    let checkpoint = checkpoints(&dir).pop();
    let child = program(&[&["train", "--resume", path(&dir)], &OFTEN[..]].concat()).spawn().unwrap();
    while checkpoints(&dir).pop() == checkpoint {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (code, message) = stop(child, &["-TERM"]);
    assert!(code == Some(1) && message.contains("go on by: "), "{code:?}: {message}");
}

fn a_network_larger_than_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["train", "--run", path(&dir.path().join("run")), "--set", "model.hidden_size=1000000"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("error: a network of 8"), "{message}");
}

fn a_loss_that_is_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let wild = ["train", "--run", path(&dir), "--set", "optimizer.lr=1e30", "--checkpoint-every", "1"];
    let output = run(&wild);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let error = message.lines().last().unwrap();
    assert!(
        error.starts_with("error: the gradient's norm is NaN") && error.contains("in batches 3 to 4 of epoch 1"),
        "{message}"
    );
    assert!(error.contains("--on-nonfinite skip") && error.contains("checkpoints/000001"), "{message}");

    let output = run(&["train", "--resume", path(&dir), "--on-nonfinite", "skip"]);
    let message = text(&output.stderr);
    assert!(output.status.success() && message.contains("of epoch 1: passed over"), "{message}");
    assert!(std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap().contains("\"skipped\":40"), "{message}");
}
