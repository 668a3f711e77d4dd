//! Tests of the program with the irregular files and texts of real users. The tests of the library check what the
//! library does.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run_with_input(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentiment"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.env_remove("RNN_ZOO_DATA").spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn run(args: &[&str]) -> Output {
    run_with_input(args, "")
}

/// The JSON answers of `predict` by the package of format 1.
fn predict(args: &[&str], input: &str) -> Vec<Value> {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/format-1");
    let output = run_with_input(&[&["predict", "--json", "--model", model], args].concat(), input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[test]
fn any_line_end_gives_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reviews.txt");
    let lines = ["The plot is clever.", "", "It isn't dull,\tat all", "naïve"];
    let answers = ["\n", "\r\n", "\r"].map(|end| {
        std::fs::write(&file, lines.join(end)).unwrap();
        let answers = predict(&["--file", file.to_str().unwrap()], "");
        assert_eq!(predict(&["--file", "-"], &lines.join(end)), answers);
        answers
    });
    assert_eq!(answers[0].iter().map(|answer| &answer["line"]).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((&answers[1], &answers[2]), (&answers[0], &answers[0]));
}

#[test]
fn texts_may_begin_with_a_dash() {
    for text in ["-1/10, awful", "-- Hello", "--", "--json", "-5", "- "] {
        assert_eq!(predict(&["--file", "-"], text)[0]["text"], text);
        assert_eq!(predict(&["--", text], "")[0]["text"], text);
        if !["--", "--json"].contains(&text) {
            assert_eq!(predict(&[text], "")[0]["text"], text);
        }
    }
    assert_eq!(run(&["predict", "--jsom", "fine"]).status.code(), Some(2));
}

/// Writes `count` reviews of each label to the folders of both parts.
fn write_reviews(dir: &Path, count: usize) {
    for (label, word) in [("pos", "superb"), ("neg", "dreadful")] {
        for part in ["train", "test"] {
            let folder = dir.join(part).join(label);
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let text = format!("A {word} film &amp; cast, number {number}.");
                std::fs::write(folder.join(format!("{number}.txt")), text).unwrap();
            }
        }
    }
}

#[test]
fn own_reviews_in_folders_are_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    write_reviews(dir.path(), 30);
    let run_dir = dir.path().join("run");
    let settings = ["--set", "model.network.hidden_size=8", "--set", "model.network.embedding_size=8"];
    let (data, out) = (dir.path().to_str().unwrap(), run_dir.to_str().unwrap());
    let train = ["train", "--json", "--recipe", "imdb-lstm", "--epochs", "1", "--data-dir", data, "--out", out];
    let output = run(&[&train[..], &settings].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["baselines"]["NB-weighted 1–3-grams"]["accuracy"], 1.0);
}

#[test]
fn a_table_is_no_list_of_texts_to_classify() {
    let output = run(&["predict", "--file", "reviews.csv"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && message.lines().count() == 1, "{message}");
}
