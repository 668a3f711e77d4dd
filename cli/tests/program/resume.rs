//! Tests of resuming: a resumed run has the same results as an uninterrupted run.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{Test, path, program, run, text};

pub const TESTS: [Test; 8] = [
    ("a_run_killed_at_any_moment_equals_one_that_was_not", killed_at_any_moment),
    ("a_damaged_checkpoint_is_skipped", damaged_checkpoints),
    ("checkpoints_of_every_version_are_read", old_checkpoints),
    ("an_average_that_began_before_the_kill_continues", average_begun_meanwhile),
    ("several_seeds_resume_where_they_were", several_seeds),
    ("a_run_with_more_epochs_equals_one_that_had_them_from_the_start", more_epochs),
    ("other_changes_of_the_recipe_are_refused", other_recipe),
    ("a_run_that_was_moved_resumes", moved_run),
];

/// Checkpoints so frequent that the process is often killed while it writes a checkpoint.
pub const OFTEN: [&str; 2] = ["--checkpoint-every", "2"];

/// The files of a run that do not depend on the clock: weights, metrics and curves.
pub fn results(run: &Path) -> [Vec<u8>; 3] {
    ["best/model.safetensors", "metrics.jsonl", "curves.svg"].map(|name| std::fs::read(run.join(name)).unwrap())
}

/// An uninterrupted run.
pub fn whole(dir: &Path) -> PathBuf {
    let dir = dir.join("whole");
    let output = run(&[&["train", "--out", path(&dir)], &OFTEN[..]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    dir
}

/// Resumes a run and compares its results to those of an uninterrupted one.
pub fn finish(dir: &Path, whole: &Path) -> String {
    let output = run(&["train", "--resume", path(dir)]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(results(dir) == results(whole), "{message}");
    message
}

/// A run in progress, with two checkpoints.
pub fn started(dir: &Path, more: &[&str]) -> Child {
    let child = program(&[&["train", "--out", path(dir)], &OFTEN[..], more].concat()).spawn().unwrap();
    wait_for_checkpoint(dir, 2);
    child
}

/// Waits until a run has written a checkpoint.
pub fn wait_for_checkpoint(run: &Path, number: u32) {
    let wanted = run.join(format!("checkpoints/{number:06}"));
    wait_for(run, &format!("checkpoint {number}"), |checkpoints| {
        checkpoints.last().is_some_and(|last| *last >= wanted)
    });
}

fn wait_for(run: &Path, what: &str, reached: impl Fn(&[PathBuf]) -> bool) {
    let started = Instant::now();
    while !reached(&checkpoints(run)) {
        assert!(started.elapsed() < Duration::from_secs(60), "{} did not reach {what}", run.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The checkpoints of a run, in order.
pub fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let entries = run.join("checkpoints").read_dir().into_iter().flatten().flatten();
    let mut all: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| !path.to_string_lossy().contains(".new-")).collect();
    all.sort();
    all
}

fn killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    for seed in 0..25 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dir = dir.path().join(seed.to_string());
        let mut kill = |start: &str, first: u32, last: u32| {
            let mut child = program(&[&["train", start, path(&dir)], &OFTEN[..]].concat()).spawn().unwrap();
            wait_for_checkpoint(&dir, rng.random_range(first..last));
            std::thread::sleep(Duration::from_micros(rng.random_range(0..5000)));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!dir.join("report.md").exists());
        };
        // A whole run has 86 checkpoints.
        kill("--out", 1, 40);
        kill("--resume", 42, 60);
        finish(&dir, &whole);
    }
}

fn damaged_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("truncated", |dir| change(&dir.join("model.bpk"), |bytes| bytes.truncate(bytes.len() / 2))),
        ("with a flipped bit", |dir| change(&dir.join("optimizer.bpk"), |bytes| bytes[1000] ^= 4)),
        ("emptied", |dir| change(&dir.join("state.json"), Vec::clear)),
        ("without checksums", |dir| std::fs::remove_file(dir.join("SHA256SUMS")).unwrap()),
        ("with empty checksums", |dir| change(&dir.join("SHA256SUMS"), Vec::clear)),
    ];
    for (index, (what, damage)) in damages.iter().enumerate() {
        let dir = dir.path().join(index.to_string());
        let mut child = started(&dir, &[]);
        child.kill().unwrap();
        child.wait().unwrap();
        damage(checkpoints(&dir).last().unwrap());
        let message = finish(&dir, &whole);
        assert!(message.contains("falling back"), "{what}: {message}");
    }

    let dir = dir.path().join("both");
    let mut child = started(&dir, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    for checkpoint in checkpoints(&dir) {
        std::fs::write(checkpoint.join("state.json"), "").unwrap();
    }
    let output = run(&["train", "--resume", path(&dir)]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.lines().last().unwrap().starts_with("error: "), "{message}");
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// NT-ASGD: averaging starts when the validation metric gets worse. A learning rate that only increases makes the
/// metric worse.
fn average_begun_meanwhile() {
    let average = ["training.average={ after = 1 }", "training.patience=", "training.epochs=12"];
    let rises = ["optimizer.lr=4", "schedule.warmup=0.9"];
    let settings: Vec<_> = average.iter().chain(&rises).flat_map(|setting| ["--set", setting]).collect();
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    let output = run(&[&["train", "--out", path(&whole)], &OFTEN[..], &settings].concat());
    assert!(output.status.success() && text(&output.stderr).contains("averaged"), "{}", text(&output.stderr));

    let mut child = started(&stopped, &settings);
    // The epoch in which the average begins depends on the processor's rounding, so the test waits for the average.
    wait_for(&stopped, "its average", |checkpoints| {
        checkpoints.first().is_some_and(|older| older.join("average.bpk").exists())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    finish(&stopped, &whole);
}

fn several_seeds() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    let seeds = |dir: &Path| program(&[&["train", "--seeds", "3", "--json", "--out", path(dir)], &OFTEN[..]].concat());
    let output = seeds(&whole).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().unwrap().parse::<serde_json::Value>().unwrap();
    assert!(last["mean"]["perplexity"].as_f64().unwrap() < 1.8 && last["sd"]["perplexity"].as_f64().unwrap() > 0.0);

    let mut child = seeds(&stopped).spawn().unwrap();
    wait_for_checkpoint(&stopped.join("seed-2"), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let output = run(&["train", "--resume", path(&stopped)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for seed in ["seed-1", "seed-2", "seed-3"] {
        assert!(results(&stopped.join(seed)) == results(&whole.join(seed)), "{seed}");
    }
    assert_eq!(std::fs::read(stopped.join("report.md")).unwrap(), std::fs::read(whole.join("report.md")).unwrap());
}

/// A learning rate that does not depend on the number of epochs.
const CONSTANT: [&str; 6] =
    ["--set", "schedule.kind=constant", "--set", "schedule.warmup=", "--set", "training.patience="];

fn more_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let train = |name: &str, more: &[&str]| {
        let output = run(&[&["train", "--out", path(&place(name))], &CONSTANT[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    train("whole", &["--epochs", "3"]);
    train("short", &["--epochs", "1"]);
    for epochs in ["--epochs=2", "--set=training.epochs=3"] {
        let output = run(&["train", "--resume", path(&place("short")), epochs]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert!(results(&place("short")) == results(&place("whole")));
    let recipes = ["short", "whole"].map(|name| std::fs::read(place(name).join("recipe.toml")).unwrap());
    assert_eq!(recipes[0], recipes[1]);

    train("seeds", &["--epochs", "1", "--seeds", "2"]);
    let output = run(&["train", "--resume", path(&place("seeds")), "--epochs", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(results(&place("seeds/seed-1")) == results(&place("whole")));
}

fn other_recipe() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    let output = run(&["train", "--out", path(&place), "--epochs", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let recipe = || std::fs::read_to_string(place.join("recipe.toml")).unwrap();
    let before = recipe();
    for (options, named) in [
        (&["--epochs", "0"][..], "training.epochs"),
        (&["--seed", "9"], "seed"),
        (&["--set", "optimizer.lr=1"], "optimizer.lr"),
        (&["--set", "training.batch_size=2", "--epochs", "3"], "training.batch_size"),
        (&["--set", "optimizer.weight_decay="], "optimizer.weight_decay"),
        (&["--recipe", "sentences"], "--recipe"),
        (&["--seeds", "2"], "--seeds"),
        (&["--out", "other"], "--out"),
        (&["--epochs", "3", "--set", "training.epochs=4"], "twice"),
    ] {
        let output = run(&[&["train", "--resume", path(&place)], options].concat());
        let message = text(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(named), "{options:?}: {message}");
        assert_eq!(recipe(), before);
    }
    // Overrides with the values that the run already has are no change.
    let output = run(&["train", "--resume", path(&place), "--seed", "1", "--epochs", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn moved_run() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let [first, second] = ["first", "it's été 2"].map(|name| dir.path().join(name));
    let mut child = started(&first, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::rename(&first, &second).unwrap();
    finish(&second, &whole);
}

/// Format 1: a run of `sentences.toml` with four units, stopped in its second epoch.
fn old_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/checkpoint-1"), &dir);
    let output = run(&["train", "--resume", path(&dir), "--json"]);
    let message = text(&output.stderr);
    assert!(output.status.success() && message.contains("epoch 2/4") && !message.contains("epoch 1/4"), "{message}");
    let result: serde_json::Value = text(&output.stdout).parse().unwrap();
    assert!(result["metrics"]["perplexity"].as_f64().unwrap() < 4.0, "{result}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}
