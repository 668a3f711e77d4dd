//! All error messages in one place, to be read as prose. `cargo insta review`, or an editor, accepts changes.

#![allow(clippy::unwrap_used)]

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use cli::CliError;
use datasets::DataError;
use inference::{PackageError, PredictError};
use training::{TaskError, TrainingError};

fn path() -> PathBuf {
    PathBuf::from("runs/a")
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "no such file")
}

fn list(errors: &[&dyn std::fmt::Display]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn messages_of_packages_and_predictions() {
    let file = || "my-model/vocab.txt".to_owned();
    let (name, searched) = ("small".to_owned(), vec![PathBuf::from("small"), PathBuf::from("models/sentiment")]);
    insta::assert_snapshot!(list(&[
        &PackageError::NotFound { application: "sentiment", name, searched },
        &PackageError::NotAFolder { path: PathBuf::from("my-model/model.safetensors") },
        &PackageError::Missing { file: file() },
        &PackageError::Io { file: file(), source: missing() },
        &PackageError::Checksum { file: file(), found: "12ab".to_owned(), expected: "34cd".to_owned() },
        &PackageError::Invalid { file: file(), line: Some(3), message: "the token is empty".to_owned() },
        &PackageError::Application { file: file(), found: "forecasting".to_owned(), expected: "sentiment" },
        &PackageError::Format { file: file(), found: 3, supported: 2 },
        &PredictError::bad_input("temperature", "-1 is not a number of at least 0"),
        &PredictError::Internal("the model gave no answer".into()),
    ]));
}

#[test]
fn messages_of_training() {
    let (given, message) = ("optimizer.lr".to_owned(), "there is no `=`".to_owned());
    let nonfinite = TrainingError::NonFinite {
        what: "gradient norm",
        value: f64::NAN,
        step: 7,
        batch: "batches 13 to 14".to_owned(),
        epoch: 1,
        norms: "0.5, 0.7".to_owned(),
        checkpoint: "The last checkpoint is runs/a/checkpoints/000001".to_owned(),
    };
    insta::assert_snapshot!(list(&[
        &TrainingError::Io { action: "write", path: path(), source: missing() },
        &TrainingError::Recipe {
            origin: "quick".to_owned(),
            line: 18,
            text: "lr = -1".to_owned(),
            message: "-1 is not a number greater than 0".to_owned(),
        },
        &TrainingError::Settings { recipe: "quick".to_owned(), message: "remove one of both".to_owned() },
        &TrainingError::UnknownRecipe { name: "huge".to_owned(), known: "quick, imdb-lstm".to_owned() },
        &TrainingError::Override { given, message },
        &TrainingError::BackendNotCompiled { name: "cuda" },
        &TrainingError::NoSuchDevice { index: 1, backend: "flex", found: 1 },
        &TrainingError::NotARun { path: path(), missing: "recipe.toml" },
        &TrainingError::RunExists { path: path() },
        &TrainingError::TooLarge { parameters: 1e12, needed: 14901.0, available: 20.0 },
        &TrainingError::OtherRecipe { path: path(), settings: "optimizer.lr, seed".to_owned() },
        &TrainingError::RunInUse { path: path() },
        &TrainingError::NotAPackage { path: path(), holds: "notes.txt".to_owned() },
        &TrainingError::NoEpoch { path: path() },
        &TrainingError::DataChanged { path: path(), was: "SHA-256 12ab".to_owned(), now: "SHA-256 34cd".to_owned() },
        &nonfinite,
        &TrainingError::Device {
            backend: "wgpu",
            message: "the device is lost".to_owned(),
            checkpoint: "the last checkpoint is runs/a/checkpoints/000001".to_owned(),
        },
        &TrainingError::NothingToVerify { name: "small".to_owned() },
        &TaskError::Interrupted,
        &TaskError::Memory { what: "Kneser-Ney 5-grams".to_owned(), available: Some(1 << 29) },
        &TaskError::Memory { what: "Kneser-Ney 5-grams".to_owned(), available: None },
        &TaskError::setting("data.valid", "9000 of 4000 reviews"),
    ]));
}

#[test]
fn messages_and_advice_of_the_command_line() {
    let advice = |error: CliError| format!("{error}; {}", error.advice(&[]).unwrap());
    let setting = TrainingError::from(TaskError::setting("data.valid", "9000 of 4000 reviews"));
    insta::assert_snapshot!(list(&[
        &CliError::Usage("which model?".to_owned()),
        &CliError::Io { action: "read", path: path(), source: missing() },
        &CliError::Unverified { failed: 1, total: 4 },
        &advice(TrainingError::RunExists { path: path() }.into()),
        &advice(TrainingError::RunExists { path: PathBuf::from("my runs/a") }.into()),
        &advice(TrainingError::OtherRecipe { path: PathBuf::from("my runs/a"), settings: "seed".to_owned() }.into()),
        &advice(TrainingError::Io { action: "create", path: path(), source: missing() }.into()),
        &advice(DataError::Io { action: "read", path: path(), source: missing() }.into()),
        &advice(TrainingError::NoEpoch { path: path() }.into()),
        &advice(TrainingError::BackendNotCompiled { name: "cuda" }.into()),
        &advice(setting.into()),
        &advice(TrainingError::NoSuchDevice { index: 0, backend: "wgpu", found: 0 }.into()),
    ]));
}

#[test]
fn advice_names_the_option_of_a_setting_of_the_data() {
    let advice = |error: DataError| CliError::from(error).advice(&[("time", "--time"), ("decimal", "--decimal")]);
    let (path, column, value) = (PathBuf::from("a.csv"), "load".to_owned(), "1.234".to_owned());
    let number = DataError::AmbiguousNumber { path: path.clone(), line: 2, column, value };
    assert!(advice(number).unwrap().contains("--decimal"));
    let count = DataError::Count { path: path.clone(), what: "reviews".to_owned(), found: 3, wanted: 4 };
    assert!(advice(count).unwrap().contains("--data-dir"));
    let source = Error::new(ErrorKind::PermissionDenied, "not allowed");
    assert_eq!(advice(DataError::Io { action: "read", path, source }), None);
}
