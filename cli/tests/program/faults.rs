//! Tests of failures: after each kind of failure, the saved state of the run is intact, and one line of output says
//! what happened.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::interrupts::stop;
use super::resume::{OFTEN, checkpoints, finish, started, whole};
use super::{Test, path, program, run, text};

pub const TESTS: [Test; 8] = [
    ("a_full_disk", a_full_disk),
    ("a_folder_made_read_only", a_folder_made_read_only),
    ("a_clock_set_back", a_clock_set_back),
    ("a_second_process_on_the_run", a_second_process_on_the_run),
    ("a_network_larger_than_the_memory", a_network_larger_than_the_memory),
    ("a_loss_that_is_no_number", a_loss_that_is_no_number),
    ("a_file_system_without_locks", a_file_system_without_locks),
    ("several_processes_without_mpi", several_processes_without_mpi),
];

/// Runs a shell script in its own mount namespace, so that the script can mount file systems. `$PROGRAM` is the
/// application.
///
/// Returns standard error; `None` where the system does not allow mounts.
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
        ! $PROGRAM train --out disk/run --checkpoint-every 2
        mount -o remount,size=50m disk
        ls disk/run/checkpoints >&2
        cp -r disk/run run";
    let Some(message) = with_mounts(script, dir.path()) else { return };
    let error = message.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("cannot write") && error.contains("No space left"), "{message}");
    assert!(message.contains("train --resume disk/run") && message.contains("000001"), "{message}");
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

/// The newest checkpoint is the one with the highest number, whatever the clock says.
fn a_clock_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let dir = dir.path().join("run");
    let (code, _) = stop(started(&dir, &[]), &["-INT"]);
    assert_eq!(code, Some(130));
    let checkpoints = checkpoints(&dir);
    assert_eq!(checkpoints.len(), 2);
    for (age, checkpoint) in checkpoints.iter().enumerate() {
        let time = SystemTime::now() - Duration::from_secs(1_000_000 * age as u64);
        std::fs::File::open(checkpoint).unwrap().set_modified(time).unwrap();
    }
    // The checkpoint with the lower number is damaged, so that a program that reads this checkpoint reports an error.
    std::fs::write(checkpoints[0].join("state.json"), "").unwrap();
    let message = finish(&dir, &whole);
    assert!(!message.contains("falling back"), "{message}");
}

fn a_second_process_on_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let first = started(&dir, &["--epochs", "2000"]);
    let second = run(&[&["train", "--resume", path(&dir)], &OFTEN[..]].concat());
    let message = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: another process") && message.lines().count() == 1, "{message}");
    let (code, message) = stop(first, &["-TERM"]);
    assert_eq!(code, Some(130), "{message}");
    // A process that has ended holds no lock.
    let checkpoint = checkpoints(&dir).pop();
    let child = program(&[&["train", "--resume", path(&dir)], &OFTEN[..]].concat()).spawn().unwrap();
    while checkpoints(&dir).pop() == checkpoint {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (code, message) = stop(child, &["-TERM"]);
    assert!(code == Some(130) && message.contains("train --resume"), "{code:?}: {message}");
}

fn a_network_larger_than_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["train", "--out", path(&dir.path().join("run")), "--set", "model.hidden_size=1000000"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("error: a network of 8"), "{message}");
}

/// C code that replaces system functions, to simulate a file system that has no locks and cannot flush folders.
const NO_LOCKS: &str = "
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <sys/stat.h>
    int flock(int file, int what) { errno = ENOSYS; return -1; }
    int fsync(int file) {
        struct stat is;
        if (fstat(file, &is) == 0 && S_ISDIR(is.st_mode)) { errno = EINVAL; return -1; }
        return ((int (*)(int)) dlsym(RTLD_NEXT, \"fsync\"))(file);
    }";

fn a_file_system_without_locks() {
    let dir = tempfile::tempdir().unwrap();
    let [source, library, place] = ["no_locks.c", "no_locks.so", "run"].map(|name| dir.path().join(name));
    std::fs::write(&source, NO_LOCKS).unwrap();
    let compile = ["-shared", "-fPIC", "-o", path(&library), path(&source), "-ldl"];
    if !cfg!(target_os = "linux") || !Command::new("cc").args(compile).status().is_ok_and(|done| done.success()) {
        eprintln!("skipped: there is no C compiler");
        return;
    }
    let train = |options: &[&str]| program(options).env("LD_PRELOAD", &library).output().unwrap();
    let output = train(&["train", "--out", path(&place), "--epochs", "1"]);
    let message = text(&output.stderr);
    assert!(output.status.success() && message.contains("does not support locks"), "{message}");
    let other = dir.path().join("other");
    let output = train(&["train", "--out", path(&other), "--set", "model.hidden_size=1000000"]);
    assert!(output.status.code() == Some(2) && !other.exists(), "{}", text(&output.stderr));
}

fn a_loss_that_is_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let wild = ["train", "--out", path(&dir), "--set", "optimizer.lr=1e30", "--checkpoint-every", "1"];
    let output = run(&wild);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let error = message.lines().last().unwrap();
    assert!(
        error.starts_with("error: the gradient norm is NaN") && error.contains("batches 3 to 4 of epoch 1"),
        "{message}"
    );
    assert!(error.contains("--on-nonfinite skip") && error.contains("checkpoints/000001"), "{message}");

    let output = run(&["train", "--resume", path(&dir), "--on-nonfinite", "skip"]);
    let message = text(&output.stderr);
    assert!(output.status.success() && message.contains("of epoch 1: step skipped"), "{message}");
    assert!(std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap().contains("\"skipped\":40"), "{message}");
}

fn several_processes_without_mpi() {
    if cfg!(feature = "mpi") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let output = program(&["train", "--out", path(&out)]).env("OMPI_COMM_WORLD_SIZE", "2").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(!out.exists());
}
