//! Verbs that read runs, or try what a run would do.

use super::resume::whole;
use super::{Test, path, program, run, text};

pub const TESTS: [Test; 4] = [
    ("runs_are_listed_and_compared", runs_are_listed_and_compared),
    ("a_learning_rate_is_found", a_learning_rate_is_found),
    ("pictures_that_nobody_asked_for_are_no_failure", unasked_pictures),
    ("training_ends_when_nothing_improves", training_ends_when_nothing_improves),
];

fn runs_are_listed_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, plot] = [whole(dir.path()), dir.path().join("runs.svg")];
    std::fs::create_dir(dir.path().join("damaged")).unwrap();
    std::fs::copy(whole.join("recipe.toml"), dir.path().join("damaged/recipe.toml")).unwrap();
    std::fs::write(dir.path().join("damaged/metrics.jsonl"), "{}\n").unwrap();

    let output = run(&["runs", path(dir.path()), "--plot", path(&plot)]);
    let (table, message) = (text(&output.stdout), text(&output.stderr));
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("valid perplexity") && lines[1].contains("whole"), "{table}");
    assert!(message.contains("damaged/metrics.jsonl") && message.contains("skipped"), "{message}");
    assert!(std::fs::read_to_string(&plot).unwrap().contains("validation perplexity"));

    let output = run(&["runs", "--json", path(&whole)]);
    let summary: serde_json::Value = text(&output.stdout).parse().unwrap();
    assert_eq!((&summary["epochs"], &summary["finished"]), (&4.into(), &true.into()), "{summary}");
    assert!(summary["valid"].as_f64().unwrap() < 2.0 && summary["test"].as_f64().unwrap() < 2.0, "{summary}");

    let output = run(&["runs", path(&dir.path().join("nowhere"))]);
    assert_eq!(output.status.code(), Some(2));
}

fn a_learning_rate_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("rates.svg");
    let output = run(&["find-rate", "--json", "--plot", path(&plot)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: serde_json::Value = text(&output.stdout).parse().unwrap();
    let [steepest, least] = ["steepest", "least"].map(|name| found[name].as_f64().unwrap());
    // The recipe's own rate is 0.02.
    assert!((1e-3..0.2).contains(&steepest) && (5e-3..1.0).contains(&least), "{found}");
    assert!(std::fs::read_to_string(&plot).unwrap().contains("learning rate"));
    assert_eq!(run(&["find-rate", "--from", "1", "--to", "0.1"]).status.code(), Some(2));
}

fn unasked_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let find = |options: &[&str]| {
        let options = [&["find-rate", "--steps", "20"], options].concat();
        program(&options).current_dir(dir.path()).output().unwrap()
    };
    let picture = dir.path().join("find-rate.svg");
    let output = find(&["--json"]);
    assert!(output.status.success() && !picture.exists(), "{}", text(&output.stderr));
    // The picture cannot be written, because its path is a folder.
    std::fs::create_dir(&picture).unwrap();
    let output = find(&[]);
    let message = text(&output.stderr);
    assert!(output.status.success() && message.contains("find-rate.svg cannot be written"), "{message}");
    assert_eq!(find(&["--json", "--plot", "find-rate.svg"]).status.code(), Some(1));
    std::fs::remove_dir(&picture).unwrap();
    assert!(find(&[]).status.success() && picture.is_file());
}

fn training_ends_when_nothing_improves() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    // The learning rate is too small to change a weight, so no epoch is better than the first one.
    let settings = ["--set", "optimizer.lr=1e-30", "--set", "training.patience=2", "--epochs", "9"];
    let output = run(&[&["train", "--out", path(&run_dir)][..], &settings].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let history = std::fs::read_to_string(run_dir.join("metrics.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 3, "{history}");

    let again = run(&["train", "--resume", path(&run_dir)]);
    assert!(again.status.success() && text(&again.stderr).contains("ended early"), "{}", text(&again.stderr));
}
