//! The real program, as a user runs it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recognition"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A table of 24 recordings of waves: slow ones and fast ones, at two sampling rates, with gaps, and one class with a
/// single recording. The rows of two recordings are interleaved.
fn waves() -> String {
    let mut rows: Vec<(f64, String)> = Vec::new();
    for recording in 0..24 {
        let rate = if recording % 5 == 0 { 25.0 } else { 50.0 };
        let (class, turns) = match recording {
            23 => ("still", 0.0),
            _ if recording % 2 == 0 => ("slow", 1.0),
            _ => ("fast", 4.0),
        };
        for step in 0..(1.6 * rate) as usize {
            if step % 13 == 7 && recording % 3 == 0 {
                continue;
            }
            let time = step as f64 / rate;
            let angle = turns * 5.0 * time + recording as f64;
            let y = if step % 11 == 5 { String::new() } else { format!("{:.4}", angle.cos()) };
            // Recordings 2n and 2n + 1 are written at the same time.
            let line = format!("{recording},{class},person {},{time:.3},{:.4},{y}\n", recording % 8, angle.sin());
            rows.push(((recording / 2) as f64 * 100.0 + time, line));
        }
    }
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut table = "recording,class,who,t,x,y\n".to_owned();
    rows.iter().for_each(|(_, line)| table += line);
    table
}

const COLUMNS: [&str; 10] =
    ["--id", "recording", "--label", "class", "--group", "who", "--time", "t", "--channels", "x,y"];

/// Trains on a table, in few small epochs.
fn train(dir: &Path, table: &str, more: &[&str]) -> (PathBuf, Output) {
    let (file, out) = (dir.join("own.csv"), dir.join("run"));
    std::fs::write(&file, table).unwrap();
    let small = ["--set", "model.hidden_size=12", "--set", "training.batch_size=4", "--epochs", "15"];
    let args = ["train", "--csv", path(&file), "--out", path(&out)];
    let output = run(&[&args, &COLUMNS[..], &small[..], more].concat());
    (out, output)
}

#[test]
fn an_own_table_trains_and_its_channels_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (out, output) = train(dir.path(), &waves(), &["--resample", "50", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    // The channels in another order, and more columns.
    let mut other = "y,note,x,t\n".to_owned();
    for step in 0..80 {
        let time = step as f64 / 50.0;
        let _ = writeln!(other, "{:.4},n,{:.4},{time}", (20.0 * time).cos(), (20.0 * time).sin());
    }
    let file = dir.path().join("other.csv");
    std::fs::write(&file, other).unwrap();
    let model = path(&out);
    let output = run(&["predict", "--model", model, "--csv", path(&file), "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["label"], "fast", "{answer}");

    let output = run(&["predict", "--model", model, "--csv", path(&file), "--stream", "--json"]);
    let last: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(last["samples"], 80);
    let difference = last["probability"].as_f64().unwrap() - answer["probability"].as_f64().unwrap();
    assert!(last["label"] == answer["label"] && difference.abs() < 1e-5, "{last} {answer}");

    // A missing channel is one line that names it.
    std::fs::write(&file, "x,z\n1,2\n2,3\n").unwrap();
    let output = run(&["predict", "--model", model, "--csv", path(&file)]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains('y'), "{}", text(&output.stderr));
}

#[test]
fn two_rates_need_resampling() {
    let dir = tempfile::tempdir().unwrap();
    let (_, output) = train(dir.path(), &waves(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--resample"), "{}", text(&output.stderr));
}

#[test]
fn a_recording_with_two_classes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = waves().replacen("\n0,slow,", "\n0,fast,", 1);
    let (_, output) = train(dir.path(), &wrong, &["--resample", "50"]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("own.csv") && message.contains("fast") && message.contains("slow"), "{message}");
}

/// Writes a video of a bright square that moves to the right or down.
fn film(dir: &Path, is_down: bool, start: u32) {
    std::fs::create_dir_all(dir).unwrap();
    for frame in 0..12 {
        let place = [start, 2 + frame * 3].map(|place| place.min(40));
        let [x, y] = if is_down { place } else { [place[1], place[0]] };
        let grey =
            |column: u32, row: u32| image::Luma([if column.abs_diff(x) < 6 && row.abs_diff(y) < 6 { 230 } else { 15 }]);
        image::GrayImage::from_fn(48, 48, grey).save(dir.join(format!("frame{}.png", frame + 1))).unwrap();
    }
}

#[test]
fn own_videos_train_and_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let (videos, out) = (dir.path().join("videos"), dir.path().join("run"));
    for video in 0..24 {
        let class = if video % 2 == 0 { "down" } else { "right" };
        film(&videos.join(class).join(format!("{video}")), video % 2 == 0, 6 + (video * 7) % 35);
    }
    let small = ["--set", "training.batch_size=4", "--set", "model.hidden_size=16", "--epochs", "6"];
    let output = run(&[&["train", "--videos", path(&videos), "--out", path(&out)], &small[..]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));

    let new = dir.path().join("new");
    film(&new, true, 17);
    let model = ["--model", path(&out), "--json"];
    let output = run(&[&["predict", "--video", path(&new)], &model[..]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["label"], "down", "{answer}");
    let output = run(&[&["predict", "--video", path(&new), "--stream"], &model[..]].concat());
    let last: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
    assert!(last["samples"] == 12 && last["label"] == "down", "{last}");

    let csv = dir.path().join("a.csv");
    std::fs::write(&csv, "x,y\n1,2\n").unwrap();
    for wrong in [["--csv", path(&csv)], ["--video", path(dir.path())]] {
        let output = run(&[&["predict"], &wrong[..], &model].concat());
        assert!(!output.status.success() && !text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    }
}
