//! On the real reviews, where `RNN_ZOO_DATA` says they are.

#![allow(clippy::unwrap_used)]

use std::process::Command;

fn data_dir() -> Option<std::ffi::OsString> {
    let dir = std::env::var_os("RNN_ZOO_DATA").filter(|dir| !dir.is_empty());
    if dir.is_none() {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no IMDB reviews to test on");
    }
    dir
}

/// The yardstick must be as good as it is published to be, pruned to 7 MB too.
#[test]
fn ngrams_reach_what_the_literature_reports() {
    let Some(data) = data_dir() else { return };
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_sentiment"))
        .args(["train", "--recipe", "imdb-ngrams", "--json", "--run"])
        .arg(&run)
        .env("RNN_ZOO_DATA", data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for accuracy in [&result["metrics"]["accuracy"], &result["baselines"]["NB-weighted 1–3-grams"]["accuracy"]] {
        assert!(accuracy.as_f64().unwrap() >= 0.915, "{result}");
    }
    assert!(std::fs::metadata(run.join("best/ngrams.safetensors")).unwrap().len() <= 8_000_000);
}
