//! The user's own texts: training on tables, predictions of the trained model, and what the program says about wrong
//! tables.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Settings that make `own-texts` small enough for a test.
const SMALL: [&str; 8] = [
    "--set",
    "model.network.hidden_size=8",
    "--set",
    "model.network.embedding_size=8",
    "--set",
    "optimizer.lr=0.01",
    "--epochs",
    "6",
];

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sentiment")).args(args).env_remove("RNN_ZOO_DATA").output().unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Requests to a shop in three classes, of which the smallest has 5 % of the rows, with quoted line ends and a BOM.
fn requests(rows: usize) -> String {
    let row = |row: usize| {
        let (text, label) = match row % 20 {
            0 => ("the parcel never came", "lost, stolen"),
            number if number < 8 => ("please send the money back", "refund"),
            _ => ("thank you, it\nworks \"well\"", "thanks"),
        };
        format!("{row},\"{} number {row}\",\"{label}\"\r\n", text.replace('"', "\"\""))
    };
    format!("\u{feff}id,message,kind\r\n{}", (0..rows).map(row).collect::<String>())
}

fn write(dir: &Path, name: &str, content: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn train(file: &Path, out: &Path, more: &[&str]) -> Output {
    let columns = ["--text", "message", "--label", "kind", "--json"];
    let paths = ["train", "--csv", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
    run(&[&paths[..], &columns, &SMALL, more].concat())
}

#[test]
fn a_table_is_trained_on_and_its_classes_are_predicted() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (write(dir.path(), "requests.csv", &requests(400)), dir.path().join("run"));
    let result = &json_lines(&train(&file, &out, &["--set", "model.network.balanced=true"]))[0];
    let metrics = &result["metrics"];
    for name in
        ["accuracy", "macro_f1", "calibration_error", "recall[lost, stolen]", "precision[thanks]", "macro_f1_low"]
    {
        assert!(metrics[name].is_number(), "{name} is not in {metrics}");
    }
    assert!(metrics["accuracy"].as_f64().unwrap() > 0.95, "{metrics}");
    assert_eq!(result["baselines"]["majority class"]["accuracy"], 0.6);
    assert!(result["baselines"]["NB-weighted 1–3-grams"]["macro_f1"].as_f64().unwrap() > 0.9, "{result}");
    let picture = std::fs::read_to_string(out.join("demonstration.svg")).unwrap();
    assert!(picture.contains("lost, stolen") && picture.contains("Reliability"));

    let model = out.to_str().unwrap();
    let answers =
        json_lines(&run(&["predict", "--json", "--explain", "--model", model, "the parcel never came", "xyzzy"]));
    assert_eq!(answers[0]["label"], "lost, stolen");
    let probabilities = answers[0]["probabilities"].as_object().unwrap();
    assert_eq!(probabilities.keys().collect::<Vec<_>>(), ["lost, stolen", "refund", "thanks"]);
    assert_eq!(probabilities["lost, stolen"], answers[0]["probability"]);
    let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    assert!(answers[0]["words"].as_array().unwrap().iter().any(|word| word["contribution"].as_f64().unwrap() > 0.0));
    assert_eq!(answers[1]["known_words"], 0);

    let eval = &json_lines(&run(&["eval", "--json", "--model", model]))[0];
    assert_eq!(eval["metrics"], *metrics);
}

#[test]
fn thirty_rows_are_enough_and_folds_use_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "requests.csv", &requests(30));
    let result = &json_lines(&train(&file, &dir.path().join("run"), &[]))[0];
    assert!(result["metrics"]["accuracy"].is_number());
    let folds = dir.path().join("folds");
    let args = ["crossval", "--json", "--folds", "2", "--csv", file.to_str().unwrap(), "--text", "message"];
    let out = ["--label", "kind", "--out", folds.to_str().unwrap()];
    let found = &json_lines(&run(&[&args[..], &out, &SMALL].concat()))[0];
    assert_eq!(found["accuracies"].as_array().unwrap().len(), 2);
    assert!(found["metrics"]["recall[refund]"].is_number(), "{found}");
}

#[test]
fn wrong_tables_are_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let good = requests(30);
    let header = "id,message,kind\n";
    for (name, content, code, part) in [
        ("empty text", format!("{good}31,\" \",refund\n"), 1, "`message`"),
        ("spelling", format!("{good}31,x,Refund\n"), 1, "`Refund`"),
        ("open quote", good.replacen("3,\"thank", "3,\"\"thank", 1), 1, "line 20"),
        ("column", good.replacen("kind", "sort", 1), 1, "`kind`"),
        ("one class", format!("{header}1,a,x\n2,b,x\n"), 1, "two classes"),
        ("many classes", format!("{header}1,a,x\n2,b,y\n3,c,z\n"), 1, "3 different labels"),
        ("no rows", header.to_owned(), 1, "rows"),
    ] {
        let file = write(dir.path(), &format!("{name}.csv"), &content);
        let output = train(&file, &dir.path().join("run"), &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {message}");
        let errors: Vec<&str> = message.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(part) && errors[0].contains(".csv"), "{name}: {message}");
        assert!(!dir.path().join("run").exists());
    }
}

#[test]
fn spellings_that_differ_between_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "requests.csv", &requests(30));
    let test = write(dir.path(), "test.csv", &requests(400).replace("refund", "Refund"));
    let output = train(&file, &dir.path().join("run"), &["--test-csv", test.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("`Refund`") && message.contains("test.csv") && message.contains("requests.csv"),
        "{message}"
    );
}

#[test]
fn a_class_that_is_in_one_fold_alone_is_found_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "requests.csv", &format!("{}30,a rare request,rare\r\n", requests(30)));
    let out = dir.path().join("folds");
    let args = ["crossval", "--folds", "2", "--csv", file.to_str().unwrap(), "--text", "message", "--label", "kind"];
    let output = run(&[&args[..], &["--out", out.to_str().unwrap()], &SMALL].concat());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("`rare`"), "{message}");
    assert!(!out.exists());
}

#[test]
fn training_that_starts_from_a_model_of_other_texts_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (first, other) = (requests(60), requests(60).replace("money", "whole price"));
    let (first, other) = (write(dir.path(), "first.csv", &first), write(dir.path(), "other.csv", &other));
    let run = dir.path().join("run");
    assert!(train(&first, &run, &[]).status.success());
    let start = format!("start_from={}", run.join("best").display());
    let output = train(&other, &dir.path().join("second"), &["--set", &start]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("start_from"));
    assert!(train(&first, &dir.path().join("third"), &["--set", &start]).status.success());
}
