//! The real program, as a user runs it.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_language-model"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn run_with_input(args: &[&str], input: &str) -> Output {
    let mut child = program(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A short run of the embedded grammar that several tests look at, with every regulariser and way to adapt.
fn trained() -> &'static str {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let settings = [
            "model.embedding_dropout=0.02",
            "model.input_dropout=0.02",
            "model.hidden_dropout=0.02",
            "model.output_dropout=0.02",
            "model.weight_dropout=0.02",
            "model.activation=0.01",
            "model.temporal_activation=0.01",
            "model.adaptive=['cache', 'dynamic']",
            "model.layers=2",
            "model.embedding_size=48",
            "model.hidden_size=48",
        ];
        let mut args = vec!["train", "--json", "--epochs", "2", "--run", path.to_str().unwrap()];
        args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let result = json(&run(&args));
        let floor = result["baselines"]["the grammar itself (the floor)"]["perplexity"].as_f64().unwrap();
        for metric in ["perplexity", "perplexity_cache", "perplexity_dynamic"] {
            let perplexity = result["metrics"][metric].as_f64().unwrap();
            assert!(floor < perplexity && perplexity < 1.8 * floor, "{result}");
        }
        (dir, path)
    });
    path.to_str().unwrap()
}

/// The first command, which comes as near to the floor as the README promises.
fn quick() -> &'static str {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let result = json(&run(&["train", "--json", "--run", path.to_str().unwrap()]));
        let of = |row: &Value| row["perplexity"].as_f64().unwrap();
        let floor = of(&result["baselines"]["the grammar itself (the floor)"]);
        assert!(of(&result["metrics"]) < 1.1 * floor, "{result}");
        assert!(of(&result["baselines"]["Kneser-Ney 5-grams"]) > 1.3 * floor, "{result}");
        assert!(path.join("curves.svg").exists());
        (dir, path)
    });
    path.to_str().unwrap()
}

#[test]
fn a_seed_decides_what_is_written() {
    let written = |seed: &str| {
        let args = ["generate", "--run", trained(), "--seed", seed, "--length", "40", "the old dog"];
        text(&run(&args).stdout)
    };
    assert_eq!(written("3"), written("3"));
    assert_ne!(written("3"), written("4"));
    assert!(written("3").starts_with("the old dog "));
    let answer =
        json(&run(&["generate", "--run", trained(), "--json", "--seed", "3", "--length", "40", "the old dog"]));
    assert_eq!(format!("the old dog{}\n", answer["text"].as_str().unwrap()), written("3"));
}

#[test]
fn prompts_of_every_kind_are_written_on_from() {
    let long = "the old dog sees the cat . ".repeat(14_286);
    for prompt in ["", "the xyzzy dog", "the dog\nthe cat", "The DOG", &long] {
        let output =
            run_with_input(&["generate", "--run", trained(), "--json", "--length", "5", "--interactive"], prompt);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), prompt.lines().count());
        assert_eq!(text(&output.stderr).contains("xyzzy"), prompt.contains("xyzzy"));
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prompt.txt");
    std::fs::write(&file, &long).unwrap();
    let output = run(&["generate", "--run", trained(), "--length", "5", "--file", file.to_str().unwrap()]);
    assert!(text(&output.stdout).starts_with(long.trim_end()), "{}", text(&output.stderr));
    let typed = run(&["generate", "--run", trained(), "--length", "5", "--json", "the dog\n"]);
    assert_eq!(json(&typed)["prompt"], "the dog\n");
    let output = run_with_input(&["generate", "--run", trained(), "--length", "5", "-"], "the old dog \n");
    assert!(text(&output.stdout).starts_with("the old dog ") && !text(&output.stdout).starts_with("the old dog  "));
    let output = run(&["generate", "--run", trained(), "--length", "5"]);
    assert!(output.status.success() && !text(&output.stdout).starts_with(' '), "{}", text(&output.stderr));
}

#[test]
fn temperatures_and_probabilities_out_of_range_are_refused() {
    let generate = |more: &[&str]| run(&[&["generate", "--run", trained(), "--length", "30", "the"], more].concat());
    let greedy = generate(&["--temperature", "0"]);
    assert_eq!(greedy.stdout, generate(&["--temperature", "0", "--seed", "9"]).stdout);
    for wrong in
        [["--temperature", "-1"], ["--temperature", "nan"], ["--top-p", "0"], ["--top-k", "0"], ["--length", "0"]]
    {
        let output = generate(&wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output.stderr).contains(wrong[0]), "{}", text(&output.stderr));
    }
}

#[test]
fn every_recipe_can_be_trained_by() {
    let list = text(&run(&["recipes", "--json"]).stdout);
    let names = list.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["recipe"].clone());
    let known = ["quick", "ptb-rnn", "ptb-gru", "ptb-lstm-small", "ptb-awd", "wikitext2-lstm", "char-lstm"];
    assert_eq!(names.collect::<Vec<_>>(), known);
}

/// A package of one's own text is gone on with, with its own words.
#[test]
fn a_model_is_fine_tuned_with_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let [file, run_dir, other] =
        ["text.txt", "run", "other"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
    std::fs::write(&file, "the old cat sees the dog .\nxyzzy\n".repeat(200)).unwrap();
    let best = Path::new(trained()).join("best").to_str().unwrap().to_owned();
    let start = format!("start_from={}", toml::Value::from(best));
    let recipe = Path::new(trained()).join("recipe.toml").to_str().unwrap().to_owned();
    let tune = |level: &str, to: &str| {
        let settings = ["--set", &start, "--set", "model.adaptive=", "--epochs", "1"];
        run(&[&["train", "--recipe", &recipe, "--text", &file, "--level", level, "--run", to], &settings[..]].concat())
    };
    let tuned = tune("word", &run_dir);
    assert!(tuned.status.success(), "{}", text(&tuned.stderr));
    let words = |package: &str| std::fs::read(Path::new(package).join("best/vocab.txt")).unwrap();
    assert!(words(&run_dir) == words(trained()));
    let perplexity = |package: &str| {
        let answer = json(&run(&["score", "--json", "--run", package, "the old cat sees the dog ."]));
        answer["perplexity"].as_f64().unwrap()
    };
    assert!(perplexity(&run_dir) < 0.7 * perplexity(trained()));
    assert!(text(&tuned.stderr).contains("10 % of the tokens"), "{}", text(&tuned.stderr));
    let answer = json(&run(&["score", "--json", "--brief", "--run", &run_dir, "the old xyzzy"]));
    assert_eq!(answer["unknown"], 1);
    // As some editors write it.
    let brief = run_with_input(&["score", "--brief", "--run", &run_dir, "-"], "\u{feff}the xyzzy\r\nthe dog");
    let said = text(&brief.stdout);
    assert!(said.contains("over 6 tokens, 1 of them not known"), "{said}");
    let refused = tune("character", &other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("data.level is not that of"), "{}", text(&refused.stderr));
}

#[test]
fn what_cannot_be_is_told_at_once() {
    let unknown = run(&["verify", "ptb-lstm-small", "ptb-lstm-smal"]);
    let said = text(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains("ptb-lstm-smal") && !said.contains("measuring"), "{said}");
    let threads = run(&["generate", "--threads", "257", "the"]);
    assert_eq!(threads.status.code(), Some(2));
    assert!(text(&threads.stderr).contains("1..=256"), "{}", text(&threads.stderr));
}

#[test]
fn settings_of_adapting_that_mean_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("package").to_str().unwrap().to_owned();
    assert!(run(&["export", "--run", trained(), "--to", &package]).status.success());
    let adaptation = Path::new(&package).join("adaptation.json");
    std::fs::write(&adaptation, r#"{"cache": {"places": 500, "sharpness": -1, "share": 0.1}}"#).unwrap();
    let refused = text(&run(&["eval", "--pretrained", &package]).stderr);
    assert!(refused.contains("adaptation.json: cache.sharpness = -1 is out of range"), "{refused}");
}

#[test]
fn a_closed_pipe_ends_the_writing() {
    let args = ["generate", "--run", trained(), "--length", "1000000"];
    let mut child = program(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn the_first_command_finds_wrong_agreement_surprising() {
    let surprise = |sentence: &str| {
        let answer = json(&run(&["score", "--run", quick(), "--json", sentence]));
        assert_eq!(answer["tokens"].as_u64().unwrap() as usize, sentence.split(' ').count() + 1);
        answer["perplexity"].as_f64().unwrap()
    };
    assert!(surprise("the dogs that the cat sees sleep .") * 1.5 < surprise("the dogs that the cat sees sleeps ."));
    let table = text(&run_with_input(&["score", "--run", trained(), "-"], "the dog xyzzy\n").stdout);
    assert!(
        table.contains("xyzzy  <unk>")
            && table.contains("<eos>")
            && table.contains("perplexity")
            && table.lines().count() == 6,
        "{table}"
    );
    let empty = run(&["score", "--run", trained(), ""]);
    assert!(!empty.status.success() && text(&empty.stderr).contains("empty"));
}

fn own_text(dir: &Path) -> PathBuf {
    let path = dir.join("it's [mine] = 1.txt");
    let lines: String = (0..400).map(|line| format!("Line {line}, and a bit more text, so it goes.\n")).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

#[test]
fn a_text_of_ones_own_is_learned_by_character_and_by_word() {
    let dir = tempfile::tempdir().unwrap();
    let file = own_text(dir.path());
    for (level, metric) in [("character", "bits_per_character"), ("word", "perplexity")] {
        let run_dir = dir.path().join(level);
        let settings = ["--set", "model.hidden_size=32", "--set", "training.batch_size=4", "--epochs", "2"];
        let paths = ["train", "--json", "--text", file.to_str().unwrap(), "--run", run_dir.to_str().unwrap()];
        let result = json(&run(&[&paths[..], &["--level", level], &settings].concat()));
        assert!(result["metrics"][metric].as_f64().is_some(), "{result}");
        let written = run(&["generate", "--run", run_dir.to_str().unwrap(), "--length", "20", "Line"]);
        assert!(text(&written.stdout).starts_with("Line"), "{}", text(&written.stderr));
        let resumed = run(&["train", "--resume", run_dir.to_str().unwrap(), "--text", file.to_str().unwrap()]);
        assert_eq!(resumed.status.code(), Some(2), "{}", text(&resumed.stderr));
    }
    let missing = run(&["train", "--text", "nowhere.txt"]);
    assert!(!missing.status.success() && text(&missing.stderr).contains("nowhere.txt"));
    let without = run(&["train", "--recipe", "char-lstm"]);
    assert!(!without.status.success() && text(&without.stderr).contains("--text FILE"), "{}", text(&without.stderr));
}
