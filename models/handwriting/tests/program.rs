//! The real program, as a user runs it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program in a folder, where it writes pictures.
fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwriting"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Trains a small model on gestures. Returns the run folder.
fn train(dir: &Path) -> PathBuf {
    let out = dir.join("run");
    let small = ["--set", "model.hidden_size=16", "--set", "training.batch_size=256", "--epochs", "1"];
    let output = run(dir, &[&["train", "--json", "--out", out.to_str().unwrap()], &small[..]].concat());
    let lines = json(&output);
    assert!(lines.last().unwrap()["metrics"]["nll"].is_number(), "{lines:?}");
    assert!(out.join("best/demonstration.svg").exists());
    out
}

#[test]
fn drawings_are_a_picture_or_json() {
    let dir = tempfile::tempdir().unwrap();
    let model = train(dir.path());
    let model = model.to_str().unwrap();
    let generate = |more: &[&str]| run(dir.path(), &[&["generate", "--model", model], more].concat());

    // Every class, with the default picture.
    let output = generate(&["--max-points", "20"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 12);
    assert!(text(&output.stderr).contains("handwriting.svg"), "{}", text(&output.stderr));
    let picture = std::fs::read_to_string(dir.path().join("handwriting.svg")).unwrap();
    assert!(picture.contains("check mark") && picture.matches("<path").count() == 12);

    // Some drawings of a class as JSON, and a picture that is asked for.
    let args = ["--class", "circle", "--count", "3", "--seed", "5", "--json", "--max-points", "30"];
    let drawings = json(&generate(&args));
    assert_eq!(drawings.len(), 3);
    for (drawing, seed) in drawings.iter().zip(5..) {
        assert_eq!((&drawing["class"], &drawing["seed"]), (&"circle".into(), &seed.into()));
        let points: usize =
            drawing["strokes"].as_array().unwrap().iter().map(|stroke| stroke.as_array().unwrap().len()).sum();
        assert!((1..=30).contains(&points));
        assert_eq!(drawing["strokes"][0][0], serde_json::json!([0.0, 0.0]));
    }
    assert_ne!(drawings[0]["strokes"], drawings[1]["strokes"]);
    assert_eq!(json(&generate(&args)), drawings);
    let second = json(&generate(&["--class", "circle", "--seed", "6", "--json", "--max-points", "30"]));
    assert_eq!(second[0], drawings[1]);
    let picture = dir.path().join("circles.svg");
    let output = generate(&[&args[..], &["--out", picture.to_str().unwrap()]].concat());
    assert_eq!(json(&output).len(), 3);
    assert_eq!(std::fs::read_to_string(&picture).unwrap().matches("<path").count(), 3);

    // Wrong usage.
    for (wrong, named) in [
        (["--class", "triangel"], "triangle"),
        (["--temperature", "-1"], "temperature"),
        (["--temperature", "nan"], "temperature"),
        (["--count", "0"], "count"),
        (["--max-points", "0"], "max-points"),
    ] {
        let output = generate(&wrong);
        let message = text(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(named), "{wrong:?}: {message}");
        assert!(output.stdout.is_empty());
    }
    let output = generate(&["--class", "circle", "--out", dir.path().join("none/a.svg").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}
