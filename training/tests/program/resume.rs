//! Resuming equals never having stopped.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{Test, path, program, run, text};

pub const TESTS: [Test; 2] = [
    ("a_run_killed_at_any_moment_ends_as_if_it_had_not_been", killed_at_any_moment),
    ("a_damaged_checkpoint_is_passed_over", damaged_checkpoints),
];

/// So often that many a kill comes while a checkpoint is being written.
pub const OFTEN: [&str; 2] = ["--checkpoint-every", "2"];

/// What a run leaves that does not depend on the clock: weights, metrics and curves.
pub fn results(run: &Path) -> [Vec<u8>; 3] {
    ["best/model.safetensors", "metrics.jsonl", "curves.svg"].map(|name| std::fs::read(run.join(name)).unwrap())
}

/// A run that nothing stopped, and how long it took.
pub fn whole(dir: &Path) -> (PathBuf, Duration) {
    let (dir, started) = (dir.join("whole"), Instant::now());
    let output = run(&[&["train", "--run", path(&dir)], &OFTEN[..]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    (dir, started.elapsed())
}

/// Resumes a run and holds what it leaves against the whole one.
pub fn finish(dir: &Path, whole: &Path) -> String {
    let output = run(&["train", "--resume", path(dir)]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(results(dir) == results(whole), "{message}");
    message
}

/// A run that has just begun and goes on.
pub fn started(dir: &Path, more: &[&str]) -> Child {
    let child = program(&[&["train", "--run", path(dir)], &OFTEN[..], more].concat()).spawn().unwrap();
    while !dir.join("checkpoints/000002").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, time) = whole(dir.path());
    let mut within = 0;
    for seed in 0..25 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dir = dir.path().join(seed.to_string());
        let mut start = vec!["train", "--run"];
        // Twice, as misfortunes do not come alone.
        for _ in 0..2 {
            let mut child = program(&[&start[..], &[path(&dir)], &OFTEN].concat()).spawn().unwrap();
            std::thread::sleep(time.mul_f64(rng.random_range(0.1..0.8)));
            child.kill().unwrap();
            child.wait().unwrap();
            if dir.join("recipe.toml").exists() {
                start = vec!["train", "--resume"];
            }
        }
        within += usize::from(dir.join("checkpoints").exists() && !dir.join("report.md").exists());
        match dir.join("recipe.toml").exists() {
            true => drop(finish(&dir, &whole)),
            false => assert!(!dir.exists() || dir.read_dir().unwrap().count() <= 1, "seed {seed}"),
        }
    }
    assert!(within >= 12, "only {within} runs were killed while they trained");
}

fn damaged_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, _) = whole(dir.path());
    let newest = |run: &Path| {
        let folders = run.join("checkpoints").read_dir().unwrap();
        folders.map(|entry| entry.unwrap().path()).max().unwrap()
    };
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
        damage(&newest(&dir));
        let message = finish(&dir, &whole);
        assert!(message.contains("going back to the checkpoint before"), "{what}: {message}");
    }

    let dir = dir.path().join("both");
    let mut child = started(&dir, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    for checkpoint in dir.join("checkpoints").read_dir().unwrap() {
        change(&checkpoint.unwrap().path().join("state.json"), Vec::clear);
    }
    let output = run(&["train", "--resume", path(&dir)]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("error: ") && message.contains("start a new run"), "{message}");
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}
