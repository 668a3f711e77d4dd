//! No option is accepted without an effect: all pairs of verbs and options of all applications.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use cli::Entry;

const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/language-model/tests/format-1");

/// The options of `train` that act on a run that is resumed. `data_dir` finds data that were moved.
const ON_RESUME: [&str; 9] =
    ["resume", "epochs", "checkpoint_every", "on_nonfinite", "backend", "device", "threads", "data_dir", "json"];

fn applications() -> [Entry; 6] {
    [
        cli::entry::<sentiment::app::App>(),
        cli::entry::<language_model::app::App>(),
        cli::entry::<forecasting::app::App>(),
        cli::entry::<tagging::app::App>(),
        cli::entry::<recognition::app::App>(),
        cli::entry::<handwriting::app::App>(),
    ]
}

fn zoo(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoo"));
    command.args(arguments).current_dir(dir).env_remove("RNN_ZOO_DATA").stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Arguments with which a verb ends soon. The arguments of `train` and `find-rate` name data that do not exist.
fn example(application: &str, verb: &str) -> &'static [&'static str] {
    match (application, verb) {
        ("sentiment", "train" | "find-rate") => &["--recipe", "imdb-lstm"],
        ("language-model", "train" | "find-rate") => &["--recipe", "ptb-lstm-small"],
        ("forecasting", "train" | "find-rate" | "backtest") => &["--recipe", "energy-day-ahead"],
        ("tagging", "train" | "find-rate") => &["--recipe", "wnut17"],
        ("recognition", "train" | "find-rate" | "crossval") => &["--recipe", "pendigits"],
        ("sentiment", "crossval") => &["--recipe", "rt-polarity"],
        ("sentiment", "eval" | "export" | "bench") => &["--model", "imdb-lstm"],
        ("language-model", "eval" | "bench") => &["--model", "ptb-lstm-small"],
        ("language-model", "export" | "generate" | "score") => &["--model", FORMAT_1],
        ("forecasting", "eval" | "export" | "bench" | "forecast") => &["--model", "energy-day-ahead"],
        ("tagging", "eval" | "export" | "bench") => &["--model", "wnut17"],
        ("recognition", "eval" | "export" | "bench") => &["--model", "pendigits"],
        ("recognition", "predict") => &["--csv", "absent.csv", "--model", "gestures"],
        ("handwriting", "train" | "find-rate") => &["--recipe", "omniglot"],
        ("handwriting", "eval" | "export" | "bench") => &["--model", "omniglot"],
        ("handwriting", "generate") => &["--model", "omniglot", "--class", "Greek/character01"],
        ("sentiment" | "tagging", "predict") => &["A text."],
        (_, "verify" | "models" | "recipes" | "runs" | "backends") => &[],
        (_, "serve") => &["--model", "none"],
        (_, "merge") => &["absent.jsonl"],
        (_, "completions") => &["bash"],
        _ => panic!("{application} {verb}: add an example, so that its options are tested"),
    }
}

/// A folder that does not exist must be an error: either it has no effect on the verb, or the data are not found in it.
/// With `--json`, standard output has JSON alone.
#[test]
fn global_options_act_or_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for entry in applications() {
        let command = entry.command();
        let application = command.get_name();
        for verb in command.get_subcommands().map(|verb| verb.get_name()) {
            let mut arguments = [&[application, verb], example(application, verb)].concat();
            if verb == "export" {
                arguments.extend(["--out", "exported"]);
            }
            let given = |option: &[&'static str]| zoo(dir.path(), &[&arguments[..], option].concat());
            let output = given(&["--data-dir", "/nowhere"]);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{application} {verb} ignores --data-dir");
            // The option has the same meaning before the verb.
            let before = [&[application, "--data-dir", "/nowhere"], &arguments[1..]].concat();
            assert_eq!(zoo(dir.path(), &before).status.code(), output.status.code(), "{before:?}");
            let output = given(&["--backend", "cuda", "--device", "99"]);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{application} {verb} ignores --backend");
            if !matches!(verb, "train" | "find-rate" | "verify" | "eval" | "bench" | "backtest" | "forecast") {
                let output = given(&["--json"]);
                let mut lines = text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
                let is_json = lines.all(|line| serde_json::from_str::<serde_json::Value>(&line).is_ok());
                assert!(output.status.code() == Some(2) || is_json, "{application} {verb} ignores --json");
            }
        }
    }
}

/// Every option of `train` that would change the recipe is refused together with `--resume`.
#[test]
fn options_without_an_effect_on_a_resumed_run_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "a b\n").unwrap();
    for entry in applications() {
        let command = entry.command();
        let application = command.get_name();
        let recipe = zoo(dir.path(), &[application, "recipes", "quick"]);
        std::fs::create_dir_all(dir.path().join(application)).unwrap();
        std::fs::write(dir.path().join(application).join("recipe.toml"), &recipe.stdout).unwrap();
        let train = command.find_subcommand("train").unwrap();
        let options = train.get_arguments().filter(|option| !ON_RESUME.contains(&option.get_id().as_str()));
        for option in options {
            let name = option.get_long().unwrap();
            let mut values: Vec<String> =
                option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            values.extend(["13", "0.5", "file", "optimizer.lr=9"].map(str::to_owned));
            for value in values {
                let output =
                    zoo(dir.path(), &[application, "train", "--resume", application, &format!("--{name}={value}")]);
                let message = text(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{application} train --resume --{name}={value}: {message}");
            }
        }
    }
}
