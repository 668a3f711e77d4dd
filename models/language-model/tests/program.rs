//! The real program, as a user runs it. The tests of the library check what the library does.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/format-1");

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_language-model"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn run_with_input(args: &[&str], input: &str) -> Output {
    let mut child = program(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn generate(more: &[&str]) -> Output {
    run(&[&["generate", "--model", MODEL], more].concat())
}

/// The JSON objects of a successful run, one per line.
fn json(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn text_and_json_are_the_same_answer() {
    let args = ["--seed", "3", "--length", "40", "the old dog "];
    let answer = json(&generate(&[&args[..], &["--json"]].concat())).remove(0);
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["prompt", "text", "unknown", "seed"]);
    assert_eq!(text(&generate(&args).stdout), format!("the old dog{}\n", answer["text"].as_str().unwrap()));
    let other = generate(&["--seed", "4", "--length", "40", "the old dog "]);
    assert_ne!(other.stdout, generate(&args).stdout);
}

#[test]
fn prompts_come_from_arguments_files_and_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prompt.txt");
    std::fs::write(&file, "\u{feff}the dog\r\nthe old\r\n").unwrap();
    let prompt = |output: &Output| json(output)[0]["prompt"].clone();
    assert_eq!(prompt(&generate(&["--json", "--length", "5", "--file", file.to_str().unwrap()])), "the dog\nthe old");
    assert_eq!(prompt(&generate(&["--json", "--length", "5", "the dog\n"])), "the dog\n");
    let from_input = run_with_input(&["generate", "--model", MODEL, "--json", "--length", "5", "-"], "the dog\n");
    assert_eq!(prompt(&from_input), "the dog");
    let none = generate(&["--length", "5"]);
    assert!(none.status.success() && !text(&none.stdout).starts_with(' '));
}

#[test]
fn prompts_and_texts_may_begin_with_a_dash() {
    let prompt = |output: &Output| json(output)[0]["prompt"].clone();
    assert_eq!(prompt(&generate(&["--length", "2", "- Hello", "--json"])), "- Hello");
    assert_eq!(prompt(&generate(&["--length", "2", "--json", "--", "--json"])), "--json");
    let from_input = run_with_input(&["generate", "--model", MODEL, "--json", "--file", "-"], "-- the dog\n");
    assert_eq!(prompt(&from_input), "-- the dog");
    assert_eq!(json(&run(&["score", "--model", MODEL, "--json", "-5 dogs"]))[0]["tokens"], 3);
    for wrong in [&["generate", "--jsom", "the dog"][..], &["generate", "the", "dog"], &["score", "--breif", "the dog"]]
    {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn texts_end_at_stop_strings_and_sentences() {
    let text = |more: &[&str]| json(&generate(&[&["--json", "the old dog"], more].concat()))[0]["text"].clone();
    let whole = text(&[]);
    let whole = whole.as_str().unwrap();
    let word = whole.split(' ').nth(3).unwrap();
    assert_eq!(text(&["--stop", "-never", "--stop", word]), whole.split(word).next().unwrap());
    let sentence = text(&["--until", "sentence"]);
    assert!(sentence.as_str().unwrap().ends_with(" ."), "{sentence}");
    assert_eq!(text(&["--until", "line"]), whole.split('\n').next().unwrap());
    assert_ne!(text(&["--repetition-penalty", "1.5"]), whole);
    assert_eq!(generate(&["--repetition-penalty", "0.5", "the"]).status.code(), Some(2));
}

#[test]
fn typed_lines_are_completed_one_by_one() {
    let args = ["generate", "--model", MODEL, "--json", "--interactive"];
    let output = run_with_input(&args, "the dog\nthe xyzzy\n\n");
    let answers = json(&output);
    assert_eq!(
        answers.iter().map(|answer| answer["prompt"].as_str().unwrap()).collect::<Vec<_>>(),
        ["the dog", "the xyzzy", ""]
    );
    assert!(answers.iter().all(|answer| !answer["text"].as_str().unwrap().contains('\n')));
    assert_eq!(answers[1]["unknown"], serde_json::json!(["xyzzy"]));
    assert!(text(&output.stderr).contains("xyzzy"));
}

#[test]
fn options_out_of_range_are_wrong_usage() {
    for wrong in [
        ["--temperature", "-1"],
        ["--temperature", "nan"],
        ["--top-p", "0"],
        ["--top-k", "0"],
        ["--length", "0"],
        ["--threads", "257"],
        ["--model", "none"],
    ] {
        let output = run(&[&["generate"], &wrong[..], &["the"]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
    assert_eq!(run(&["score", "--model", MODEL, ""]).status.code(), Some(2));
}

#[test]
fn a_closed_pipe_ends_the_program_without_an_error() {
    let args = ["generate", "--model", MODEL, "--length", "1000000"];
    let mut child = program(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_score_is_a_table_or_json() {
    let table = text(&run_with_input(&["score", "--model", MODEL, "-"], "the dog xyzzy\n").stdout);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(lines[3].ends_with("xyzzy  <unk>") && lines[4].ends_with("<eos>") && lines[5].starts_with("perplexity"));
    let brief = json(&run(&["score", "--model", MODEL, "--json", "--brief", "the dog xyzzy"])).remove(0);
    assert_eq!(brief.as_object().unwrap().keys().collect::<Vec<_>>(), ["perplexity", "tokens", "unknown"]);
    let whole = json(&run(&["score", "--model", MODEL, "--json", "the dog xyzzy"])).remove(0);
    assert_eq!(whole["perplexity"], brief["perplexity"]);
    assert_eq!(whole["surprise"].as_array().unwrap().len(), 4);
}

#[test]
fn an_own_text_is_trained_on_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (file, run_dir) = (path("it's [mine] = 1.txt"), path("run"));
    std::fs::write(&file, (0..400).map(|line| format!("Line {line}, so it goes.\n")).collect::<String>()).unwrap();
    let settings = ["--set", "model.hidden_size=32", "--set", "training.batch_size=4", "--epochs", "1"];
    let trained = run(&[&["train", "--json", "--text", &file, "--out", &run_dir][..], &settings].concat());
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    assert!(json(&trained).last().unwrap()["metrics"]["bits_per_character"].is_number());
    assert!(Path::new(&run_dir).join("best/manifest.json").exists());
    let answer = json(&run(&["generate", "--model", &run_dir, "--json", "--length", "20", "Line"])).remove(0);
    assert_eq!(answer["text"].as_str().unwrap().chars().count(), 20);
    // A run can be resumed if its text file was moved, but not with another text.
    let moved = path("moved.txt");
    std::fs::rename(&file, &moved).unwrap();
    let resume = || run(&["train", "--resume", &run_dir, "--text", &moved]).status.code();
    assert_eq!(resume(), Some(0));
    std::fs::write(&moved, "another line\n".repeat(400)).unwrap();
    assert!(resume().is_some_and(|code| code != 0));

    assert_eq!(run(&["train", "--text", &path("none.txt"), "--out", &path("none")]).status.code(), Some(1));
    assert_eq!(run(&["train", "--recipe", "char-lstm", "--out", &path("none")]).status.code(), Some(2));
}

/// Without certificates, no data set can be downloaded, and the message says where the program looked for certificates.
#[test]
fn certificates_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let arguments = ["train", "--recipe", "ptb-lstm-small", "--out", out.to_str().unwrap()];
    let certificates = dir.path().join("none.pem");
    let environment = [("XDG_CACHE_HOME", dir.path()), ("SSL_CERT_FILE", &certificates)];
    let output = program(&arguments).env_remove("SSL_CERT_DIR").envs(environment).output().unwrap();
    let message = text(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains("SSL_CERT_FILE"), "{message}");
    assert!(!out.exists());
}
