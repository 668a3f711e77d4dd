//! The program `zoo` as a user runs it, with models in folders of its own.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

/// Runs `zoo` with an empty home folder.
fn zoo(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoo"));
    command.args(arguments).env("HOME", home).env("XDG_DATA_HOME", home.join("data")).env_remove("CARGO");
    command.env_remove("RNN_ZOO_MODELS").current_dir(home).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn models_of_all_applications_are_listed_with_size_metric_and_folder() {
    let home = tempfile::tempdir().unwrap();
    let listed = stdout(&zoo(home.path(), &["models"]));
    for model in ["imdb-hybrid", "ptb-lstm-small", "energy-day-ahead"] {
        let line = listed.lines().find(|line| line.contains(model)).unwrap();
        assert!(line.contains(" MB ") && line.contains("pretrained"), "{line}");
    }
    let lines = stdout(&zoo(home.path(), &["sentiment", "models", "--json"]));
    let first: serde_json::Value = lines.lines().next().unwrap().parse().unwrap();
    assert_eq!((&first["application"], &first["metric"]), (&"sentiment".into(), &"accuracy".into()));
    assert!(first["bytes"].as_u64().unwrap() > 1_000_000 && first["value"].as_f64().unwrap() > 0.8, "{first}");
}

#[test]
fn installed_models_are_found_before_those_of_the_checkout() {
    let home = tempfile::tempdir().unwrap();
    stdout(&zoo(home.path(), &["models", "--install"]));
    let listed = stdout(&zoo(home.path(), &["models"]));
    let data = home.path().join("data/rnn-zoo/models");
    assert!(listed.contains(std::fs::canonicalize(data).unwrap().to_str().unwrap()), "{listed}");
    let answer = stdout(&zoo(home.path(), &["sentiment", "predict", "--model", "imdb-lstm", "A wonderful film."]));
    assert!(answer.starts_with("positive"), "{answer}");
}

#[test]
fn old_option_names_still_work() {
    let home = tempfile::tempdir().unwrap();
    let new = stdout(&zoo(home.path(), &["sentiment", "predict", "--json", "--model", "imdb-lstm", "A dull film."]));
    let old =
        stdout(&zoo(home.path(), &["sentiment", "predict", "--json", "--pretrained", "imdb-lstm", "A dull film."]));
    assert_eq!(new, old);
    let out = home.path().join("package");
    stdout(&zoo(home.path(), &["sentiment", "export", "--pretrained", "imdb-lstm", "--to", out.to_str().unwrap()]));
    assert!(out.join("manifest.json").is_file());
}

#[test]
fn a_missing_model_names_every_folder_that_was_searched() {
    let home = tempfile::tempdir().unwrap();
    let output = zoo(home.path(), &["sentiment", "predict", "--model", "none", "text"]);
    let message = text(&output.stderr);
    assert_eq!((output.status.code(), message.lines().count()), (Some(2), 1), "{message}");
    for place in ["share/rnn-zoo/models/sentiment", "data/rnn-zoo/models/sentiment", "pretrained", "RNN_ZOO_MODELS"] {
        assert!(message.contains(place), "{place}: {message}");
    }
}

#[test]
fn completion_scripts_name_the_applications() {
    let home = tempfile::tempdir().unwrap();
    let script = stdout(&zoo(home.path(), &["completions", "bash"]));
    assert!(
        ["sentiment", "language-model", "forecasting", "tagging", "recognition", "handwriting"]
            .iter()
            .all(|name| script.contains(name))
    );
}

#[test]
fn a_deployment_card_has_sizes_speed_and_memory() {
    let home = tempfile::tempdir().unwrap();
    let json = stdout(&zoo(home.path(), &["forecasting", "bench", "--card", "--json", "--model", "stock-volatility"]));
    let card: serde_json::Value = json.parse().unwrap();
    assert_eq!((&card["model"], &card["parameters"]), (&"stock-volatility".into(), &5697.into()));
    let value = |key: &str| card[key].as_f64().unwrap();
    assert!(value("p50_ms") > 0.0 && value("p95_ms") >= value("p50_ms") && value("throughput_32") > 0.0, "{card}");
    assert_eq!(value("size_f32_bytes") - value("size_f16_bytes"), 2.0 * value("parameters"));
    assert_eq!(value("size_f16_bytes"), value("size_bytes"), "the package has weights of 16 bits");
}

#[test]
fn a_package_with_8_bits_per_weight_has_a_quarter_of_the_size_and_predicts_alike() {
    let home = tempfile::tempdir().unwrap();
    let probability = |model: &str| {
        let text = "Two hours of wonderful acting, and an ending that nobody will forget.";
        let json = stdout(&zoo(home.path(), &["sentiment", "predict", "--model", model, "--json", text]));
        let prediction: serde_json::Value = json.parse().unwrap();
        prediction["probability"].as_f64().unwrap()
    };
    let export = |precision: &str| {
        let to = home.path().join(precision).to_str().unwrap().to_owned();
        stdout(&zoo(
            home.path(),
            &["sentiment", "export", "--model", "imdb-lstm", "--precision", precision, "--out", &to],
        ));
        let size = std::fs::metadata(format!("{to}/model.safetensors")).unwrap().len();
        (probability(&to), size as f64)
    };
    let ((single, of_single), (int8, of_int8)) = (export("single"), export("int8"));
    assert!(of_int8 < 0.3 * of_single, "{of_int8} of {of_single}");
    assert!(single != int8 && (single - int8).abs() < 0.01, "{single} {int8}");
}
