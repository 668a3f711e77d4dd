//! Verbs that look at runs, or at what a run would do.

use super::resume::whole;
use super::{Test, path, run, text};

pub const TESTS: [Test; 2] = [
    ("runs_are_listed_and_compared", runs_are_listed_and_compared),
    ("a_learning_rate_is_found", a_learning_rate_is_found),
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
    assert!(message.contains("damaged/metrics.jsonl line 1") && message.contains("left out"), "{message}");
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
