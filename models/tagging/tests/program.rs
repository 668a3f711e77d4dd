//! The real program, as a user runs it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagging"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Forty sentences in the irregular form of real files: separated by tabs or by blanks, with CRLF, a byte-order mark,
/// and a comment.
fn sentences() -> String {
    let names = ["Ada", "Bob", "Eve", "Kim", "Lee"];
    let places = ["Oslo", "Rome", "Lima", "New York"];
    let mut text = "\u{feff}# my sentences\r\n".to_owned();
    for index in 0..40 {
        text += &format!("{}\tB-person\r\nlives   O\r\nin O\r\n", names[index % names.len()]);
        let place = places[index % places.len()].split(' ').enumerate();
        text += &place
            .map(|(part, word)| format!("{word}\t{}-place\r\n", if part == 0 { 'B' } else { 'I' }))
            .collect::<String>();
        text += ". O\r\n \r\n";
    }
    text
}

/// Trains on a text in CoNLL columns, in few small epochs.
fn train(dir: &Path, content: &str, more: &[&str]) -> (PathBuf, Output) {
    let (file, out) = (dir.join("own.conll"), dir.join("run"));
    std::fs::write(&file, content).unwrap();
    let small = [
        "--set",
        "model.hidden_size=16",
        "--set",
        "model.embedding_size=16",
        "--set",
        "training.batch_size=2",
        "--epochs",
        "25",
    ];
    let args = ["train", "--conll", path(&file), "--out", path(&out)];
    let output = run(&[&args, &small[..], more].concat());
    (out, output)
}

#[test]
fn own_columns_train_and_predict() {
    let dir = tempfile::tempdir().unwrap();
    let (out, output) = train(dir.path(), &sentences(), &["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let model = path(&out);

    let ask = |args: &[&str]| {
        let output = run(&[&["predict", "--model", model], args].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let answer = ask(&["--json", "Bob lives in New York."]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["line", "text", "entities"]);
    let entities = answer["entities"].as_array().unwrap();
    let found: Vec<_> =
        entities.iter().map(|entity| (entity["text"].as_str().unwrap(), entity["kind"].as_str().unwrap())).collect();
    assert_eq!(found, [("Bob", "person"), ("New York", "place")]);
    assert_eq!((entities[1]["start"].as_u64(), entities[1]["end"].as_u64()), (Some(13), Some(21)));
    assert_eq!(ask(&["Bob lives in New York."]), "[Bob](person) lives in [New York](place).\n");

    let lines = dir.path().join("lines.txt");
    std::fs::write(&lines, "Eve lives in Rome.\n\nKim lives in <Lima>.\n").unwrap();
    let numbers: Vec<u64> = ask(&["--json", "--file", path(&lines)])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3]);
    let page = dir.path().join("page.html");
    ask(&["--file", path(&lines), "--html", path(&page)]);
    check_that_no_page_is_lost(model, &lines, &page);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.matches("<p>").count() == 2, "{page}");
    assert!(page.contains("Eve<small>person</small>") && page.contains("&lt;") && !page.contains("<Lima"), "{page}");
}

/// Runs `predict --html` in ways that fail, and checks that neither the input nor an old page is lost.
fn check_that_no_page_is_lost(model: &str, lines: &Path, page: &Path) {
    let dir = page.parent().unwrap();
    let [empty, unreadable] = [("empty", &b"\n"[..]), ("unreadable", &b"Ada\nA\0\n"[..])].map(|(name, content)| {
        std::fs::write(dir.join(name), content).unwrap();
        dir.join(name)
    });
    let contents = || [lines, page].map(|file| std::fs::read(file).unwrap());
    let before = contents();
    let files = || std::fs::read_dir(dir).unwrap().count();
    let count = files();
    for (input, to, more) in [
        (lines, lines, &[][..]),
        (&empty, page, &[]),
        (&unreadable, page, &[]),
        (&dir.join("missing"), page, &[]),
        (lines, page, &["--min-confidence", "2"]),
    ] {
        let args = ["predict", "--model", model, "--file", path(input), "--html", path(to)];
        let output = run(&[&args, more].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{input:?} {more:?}");
        assert_eq!(contents(), before, "{input:?} {more:?}");
        assert_eq!(files(), count, "{input:?} {more:?}");
    }
}

#[test]
fn texts_come_from_standard_input() {
    let mut child = program(&["predict", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("Barack Obama visited Berlin.\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: Vec<_> = answer["entities"].as_array().unwrap().iter().map(|entity| &entity["kind"]).collect();
    assert_eq!(kinds, ["person", "location"]);
}

#[test]
fn unusable_files_are_refused_with_line_and_option() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |content: &str, more: &[&str]| {
        let (out, output) = train(dir.path(), content, more);
        assert!(!output.status.success() && !out.exists(), "{content}");
        text(&output.stderr).trim_end().to_owned()
    };
    let good = sentences();
    // (what is changed, the line that the message names, the option that it names)
    for (content, line, option) in [
        (good.replacen("lives   O", "lives", 1), "line 3", "--columns"),
        (good.replacen("in O", "in I-place", 1), "line 4", "--scheme"),
        (good.replacen("in O", "in X-place", 1), "line 4", "--columns"),
    ] {
        let message = refused(&content, &[]);
        assert!(message.lines().count() == 1 && message.contains(line) && message.contains(option), "{message}");
    }
    assert!(refused(&good.replace("B-", "B_").replace("I-", "I_"), &[]).contains("line 2"));
    assert!(refused("a O\n\nb O\n", &[]).contains("2 sentences"));
    assert!(refused(&"a O\n\n".repeat(30), &[]).contains("--columns"));
    assert!(refused(&good, &["--columns", "word,tag"]).contains("--columns"));
    assert!(refused(&good, &["--valid-file", "a"]).contains("--test-file"));
}
