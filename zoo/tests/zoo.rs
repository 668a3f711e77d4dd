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
fn backends_are_listed_and_checked() {
    let home = tempfile::tempdir().unwrap();
    let json = stdout(&zoo(home.path(), &["backends", "--json"]));
    let rows: Vec<serde_json::Value> = json.lines().map(|line| line.parse().unwrap()).collect();
    let of = |name: &str| rows.iter().find(|row| row["backend"] == name).unwrap();
    let flex = of("flex");
    assert_eq!((&flex["device"], &flex["kind"], &flex["problem"]), (&0.into(), &"processor".into(), &().into()));
    assert!(flex["difference"].as_f64().unwrap() < 1e-6 && flex["step_ms"].as_f64().unwrap() > 0.0, "{flex}");
    if cfg!(not(feature = "cuda")) {
        let cuda = of("cuda");
        assert_eq!((&cuda["compiled"], &cuda["device"]), (&false.into(), &().into()));
        assert!(cuda["problem"].as_str().unwrap().contains("--features cuda"), "{cuda}");
    }
    let table = stdout(&zoo(home.path(), &["sentiment", "backends"]));
    assert_eq!(table.lines().count(), rows.len() + 1, "{table}");
}

#[test]
fn benchmarks_of_layers_and_steps_are_written_to_files_that_make_a_table() {
    let home = tempfile::tempdir().unwrap();
    let once = ["--backend", "flex", "--rounds", "1", "--warm-up", "0"];
    let run = |arguments: &[&str]| stdout(&zoo(home.path(), &[&["bench"], arguments].concat()));
    run(&[&["layers", "gru-64x120", "--out", "layers.json"], &once[..]].concat());
    let json = run(&[&["steps", "tagging/quick", "--json"], &once[..]].concat());
    let steps: serde_json::Value = json.parse().unwrap();
    assert!(steps["processor"].is_string() && steps["burn"].is_string(), "{steps}");
    let backend = &steps["backends"][0];
    let result = &backend["results"][0];
    assert_eq!((&backend["backend"], &result["name"]), (&"flex".into(), &"tagging/quick".into()), "{steps}");
    assert!(result["ms"].as_f64().unwrap() > 0.0 && result["items_per_second"].as_f64().unwrap() > 0.0, "{steps}");

    std::fs::write(home.path().join("steps.json"), json).unwrap();
    let table = run(&["table", "layers.json", "steps.json"]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
    let names = rows.iter().filter_map(|row| row.split(" | ").next()).collect::<Vec<_>>();
    assert_eq!(names[1..], ["| gru-64x120x7-32 forward", "| gru-64x120x7-32 training", "| tagging/quick"], "{table}");

    let unknown = zoo(home.path(), &["bench", "layers", "elman"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("lstm-20x35x650-650"), "{}", text(&unknown.stderr));
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
