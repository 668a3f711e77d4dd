//! The program as a user runs it: standard output, files and exit codes.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Settings that make `quick` small enough for a test.
const SMALL: [&str; 18] = [
    "--set",
    "model.network.hidden_size=12",
    "--set",
    "model.network.embedding_size=12",
    "--set",
    "model.network.dropout=0.1",
    "--set",
    "optimizer.lr=0.02",
    "--set",
    "training.average=0.5",
    "--set",
    "training.batch_size=8",
    "--set",
    "training.accumulate=2",
    "--set",
    "training.patience=3",
    "--epochs",
    "4",
];

fn sentiment(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentiment"));
    command.args(args).stdin(Stdio::null()).env_remove("RNN_ZOO_DATA").env_remove("RUST_BACKTRACE");
    command
}

fn run(args: &[&str]) -> Output {
    sentiment(args).output().unwrap()
}

fn run_with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child =
        sentiment(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn train(dir: &Path, more: &[&str]) -> Output {
    run(&[&["train", "--out", dir.to_str().unwrap()], &SMALL[..], more].concat())
}

/// A small finished run that several tests look at.
fn trained() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let output = train(&path, &["--json"]);
        let result = &json_lines(&output)[0];
        assert_eq!((&result["recipe"], &result["split"]), (&"quick".into(), &"test".into()));
        assert!(result["metrics"]["accuracy"].as_f64().unwrap() > 0.8, "{result}");
        assert_eq!(result["baselines"]["majority class"]["accuracy"], 0.5);
        assert!(result["seconds"].as_f64().unwrap() > 0.0);
        (dir, path)
    });
    path
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_run_folder_has_recipe_metrics_report_and_package() {
    let run = trained();
    assert!(read(run.join("recipe.toml")).contains("hidden_size = 12"));
    let metrics = read(run.join("metrics.jsonl"));
    assert_eq!(metrics.lines().count(), 4);
    assert!(metrics.contains("\"gradient_norm\"") && metrics.contains("\"accuracy\""), "{metrics}");
    assert!(read(run.join("curves.svg")).contains("</svg>"));
    let report = read(run.join("report.md"));
    for part in ["| accuracy |", "majority class", "NB-weighted", "backend: flex"] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
    let manifest: Value = serde_json::from_str(&read(run.join("best/manifest.json"))).unwrap();
    assert_eq!((&manifest["application"], &manifest["name"]), (&"sentiment".into(), &"quick".into()));
    assert_eq!(manifest["settings"]["model"]["network"]["hidden_size"], 12);
    let record: Value = serde_json::from_str(&read(run.join("best/training.json"))).unwrap();
    assert_eq!(record["recipe"]["name"], "quick");
    assert!(read(run.join("best/vocab.txt")).starts_with("<pad>\n<unk>\n"));
}

#[test]
fn two_runs_with_one_seed_are_equal_and_another_seed_differs() {
    let dir = tempfile::tempdir().unwrap();
    let [again, other] = ["again", "other"].map(|name| dir.path().join(name));
    assert!(train(&again, &[]).status.success());
    assert!(train(&other, &["--seed", "2"]).status.success());
    let metrics = |run: &Path| read(run.join("metrics.jsonl"));
    assert_eq!(metrics(&again), metrics(trained()));
    assert_ne!(metrics(&other), metrics(trained()));
}

#[test]
fn the_number_of_threads_changes_no_weight() {
    let dir = tempfile::tempdir().unwrap();
    // The layers are as large as in the recipe, because smaller layers run on one thread.
    let weights = |threads: &str| {
        let path = dir.path().join(threads);
        let args = ["train", "--threads", threads, "--epochs", "1", "--out", path.to_str().unwrap()];
        let output = run(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        std::fs::read(path.join("best/model.safetensors")).unwrap()
    };
    let one = weights("1");
    assert!(weights("2") == one && weights("3") == one);
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_ctrl_c_and_resumed_equals_one_that_never_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let args = [&["train", "--out", path.to_str().unwrap()], &SMALL[..]].concat();
    let child = sentiment(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The run is interrupted in the second epoch, when there are best weights, a history and averaged weights.
    while !path.join("metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let stopped = child.wait_with_output().unwrap();
    let message = text(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(130), "{message}");
    assert!(message.contains("train --resume"), "{message}");
    assert!(!path.join("report.md").exists());

    let resumed = run(&["train", "--resume", path.to_str().unwrap()]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    for file in ["metrics.jsonl", "best/model.safetensors"] {
        let bytes = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(bytes(&path) == bytes(trained()), "{file} differs");
    }
}

/// Simulates a power failure: the program is killed after some number of changes in the folder of checkpoints.
#[test]
fn a_run_killed_at_any_moment_ends_with_the_same_predictions() {
    let predictions =
        |dir: &Path| json_lines(&run(&["predict", "--json", "--model", dir.to_str().unwrap(), "fine", "not fine"]));
    let dir = tempfile::tempdir().unwrap();
    for kill in [1, 2, 3, 5, 8, 13, 21, 34] {
        let path = dir.path().join(kill.to_string());
        let often = ["train", "--checkpoint-every", "10", "--out", path.to_str().unwrap()];
        let mut child =
            sentiment(&[&often, &SMALL[..]].concat()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (mut last, mut changes) = (Vec::new(), 0);
        while changes < kill && child.try_wait().unwrap().is_none() {
            let entries = std::fs::read_dir(path.join("checkpoints")).into_iter().flatten().flatten();
            let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
            names.sort();
            changes += usize::from(names != last);
            last = names;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = run(&["train", "--resume", path.to_str().unwrap()]);
        assert!(resumed.status.success(), "{}", text(&resumed.stderr));
        for file in ["metrics.jsonl", "best/model.safetensors"] {
            let bytes = |run: &Path| std::fs::read(run.join(file)).unwrap();
            assert!(bytes(&path) == bytes(trained()), "{file} differs after kill {kill}");
        }
        assert_eq!(predictions(&path), predictions(trained()));
    }
}

fn predict(args: &[&str]) -> Vec<Value> {
    json_lines(&run(&[&["predict", "--json", "--model", trained().to_str().unwrap()], args].concat()))
}

#[test]
fn predict_reads_files_line_by_line() {
    let long = "not a dull moment ".repeat(50_000);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reviews.txt");
    std::fs::write(&file, format!("\u{feff}fine\r\n\n{long}\r\nlast without end")).unwrap();
    let answers = predict(&["--file", file.to_str().unwrap()]);
    assert_eq!(answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(answers[0]["text"], "fine");
    let truncated: Vec<_> = answers.iter().map(|answer| answer["truncated"].as_bool().unwrap()).collect();
    assert_eq!(truncated, [false, true, false]);
    let many: Vec<String> = (0..150).map(|length| "fine ".repeat(length % 7 + 1)).collect();
    let answers = predict(&many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(answers.iter().map(|answer| answer["text"].as_str().unwrap()).collect::<Vec<_>>(), many);
}

#[test]
fn merged_shards_equal_the_answers_of_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("texts.txt");
    let line = |number: usize| match number % 500 {
        7 => "\n".to_owned(), // skipped
        _ => format!("{}film number {number}\n", "a rather slow ".repeat(number % 5)),
    };
    std::fs::write(&file, (0..4200).map(line).collect::<String>()).unwrap();
    let model = trained().to_str().unwrap();
    let args = ["predict", "--json", "--model", model, "--file", file.to_str().unwrap()];
    let whole = run(&args);
    assert_eq!(json_lines(&whole).len(), 4191);
    for shards in [1, 3, 7] {
        let output = |number: usize| {
            let output = run(&[&args[..], &["--shard", &format!("{number}/{shards}")]].concat());
            let path = dir.path().join(format!("{number}.jsonl"));
            std::fs::write(&path, output.stdout).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let outputs: Vec<String> = (1..=shards).rev().map(output).collect();
        let merge = |outputs: &[String]| run(&[vec!["merge"], outputs.iter().map(String::as_str).collect()].concat());
        assert!(merge(&outputs).stdout == whole.stdout, "{shards} shards");
        if shards > 1 {
            assert_error(&merge(&outputs[1..]), 1, &[&format!("shard {shards}/{shards}")]);
        }
        let cut = std::fs::read(&outputs[0]).unwrap();
        std::fs::write(&outputs[0], &cut[..cut.len() / 2]).unwrap();
        assert_error(&merge(&outputs), 1, &["incomplete", &outputs[0]]);
    }
    assert_error(&run(&[&args[..1], &args[2..], &["--shard", "1/2"]].concat()), 2, &["--json"]);
    for wrong in ["0/3", "4/3", "x"] {
        assert_eq!(run(&[&args[..], &["--shard", wrong]].concat()).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn predict_reads_standard_input() {
    let run_dir = trained().to_str().unwrap();
    for args in [vec!["predict", "--json", "--model", run_dir, "-"], vec!["predict", "--json", "--model", run_dir]] {
        assert_eq!(json_lines(&run_with_input(&args, b"fine\ndull\n")).len(), 2);
    }
}

#[test]
fn explanations_name_every_word_and_show_the_strongest() {
    let answer = &predict(&["--explain", "the plot is not clever"])[0];
    let words: Vec<_> = answer["words"].as_array().unwrap().iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(words, ["the", "plot", "is", "not", "clever"]);
    assert!(answer["words"].as_array().unwrap().iter().any(|word| word["contribution"].as_f64().unwrap() != 0.0));
    let plain = run(&["predict", "--model", trained().to_str().unwrap(), "--explain", "the plot is clever"]);
    assert!(text(&plain.stdout).lines().count() == 5, "{}", text(&plain.stdout));
}

#[test]
fn eval_and_export_repeat_what_training_measured() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path().join("package");
    let [run_dir, to] = [trained(), &package].map(|path| path.to_str().unwrap());
    let from_run = &json_lines(&run(&["eval", "--json", "--model", run_dir]))[0];
    assert!(run(&["export", "--model", run_dir, "--out", to, "--precision", "single"]).status.success());
    let exported = &json_lines(&run(&["eval", "--json", "--model", to]))[0];
    assert_eq!(from_run["metrics"], exported["metrics"]);
    let single = std::fs::metadata(package.join("model.safetensors")).unwrap().len();
    assert!(run(&["export", "--model", run_dir, "--out", to]).status.success());
    let half = std::fs::metadata(package.join("model.safetensors")).unwrap().len();
    assert!(half * 10 < single * 6, "{half} of {single} bytes");
    let valid = &json_lines(&run(&["eval", "--json", "--split", "valid", "--model", to]))[0];
    assert_eq!(valid["split"], "valid");
}

#[test]
fn the_default_run_learns_word_order_which_ngrams_cannot() {
    let dir = tempfile::tempdir().unwrap();
    let result = &json_lines(&run(&["train", "--json", "--out", dir.path().join("run").to_str().unwrap()]))[0];
    let accuracy = result["metrics"]["accuracy"].as_f64().unwrap();
    let ngrams = result["baselines"]["NB-weighted 1–3-grams"]["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.95 && accuracy >= ngrams + 0.10, "{result}");
}

#[test]
fn export_replaces_a_package_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let export = |to: &str| {
        let args = ["export", "--model", trained().to_str().unwrap(), "--out", to];
        sentiment(&args).current_dir(path("work")).output().unwrap()
    };
    for folder in ["work", "app", "package.tmp", "package.old"] {
        std::fs::create_dir(path(folder)).unwrap();
        std::fs::write(path(folder).join("mine.txt"), "x").unwrap();
    }
    std::fs::write(path("app/manifest.json"), "{}").unwrap();
    for to in [".", "..", "../app", "../work"] {
        assert_error(&export(to), 2, &[to]);
    }
    for _ in 0..2 {
        let exported = export("../package");
        assert!(exported.status.success(), "{}", text(&exported.stderr));
    }
    assert_error(&export("../app/mine.txt"), 1, &["../app/mine.txt"]);
    std::fs::write(path("package/mine.txt"), "x").unwrap();
    assert_error(&export("../package"), 2, &["mine.txt"]);
    for folder in ["work", "app", "package.tmp", "package.old", "package"] {
        assert_eq!(read(path(folder).join("mine.txt")), "x");
    }
}

/// The program that reads the messages may end first, as `head` does.
#[cfg(unix)]
#[test]
fn training_continues_when_nobody_reads_its_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let args = [&["train", "--out", path.to_str().unwrap()], &SMALL[..]].concat();
    let mut child = sentiment(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert!(path.join("report.md").exists());
}

#[test]
fn every_embedded_recipe_is_listed_and_can_be_read() {
    let recipes = json_lines(&run(&["recipes", "--json"]));
    let names: Vec<_> = recipes.iter().map(|recipe| recipe["recipe"].as_str().unwrap()).collect();
    let expected = "quick imdb-rnn imdb-lstm imdb-bigru imdb-ngrams imdb-hybrid film-language imdb-vectors trec rt-polarity short-reviews short-reviews-transfer own-texts";
    assert_eq!(names.join(" "), expected);
    assert!(text(&run(&["recipes", "quick"]).stdout).contains("[model.network]"));
    assert!(json_lines(&run(&["recipes", "--json", "quick"]))[0]["text"].as_str().unwrap().contains("[model.network]"));
}

/// Asserts that the program ended with `code` and one line that names all `parts`, and did not panic.
fn assert_error(output: &Output, code: i32, parts: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    let errors: Vec<&str> = message.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{message}");
    assert_eq!(message.lines().last(), errors.first().copied(), "{message}");
    for part in parts {
        assert!(errors[0].contains(part), "{part} is not in: {}", errors[0]);
    }
}

fn recipe_with(from: &str, to: &str, dir: &Path) -> String {
    let recipe = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/quick.toml"));
    assert!(recipe.contains(from));
    let path = dir.join("mine.toml");
    std::fs::write(&path, recipe.replace(from, to)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_recipes_and_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("run");
    for (from, to, parts) in [
        ("lr = 0.005", "lr = 0.005\nspeed = 3", ["mine.toml", "speed"]),
        ("hidden_size = 48", "hidden_size = \"big\"", ["mine.toml", "hidden_size = \"big\""]),
        ("lr = 0.005", "lr = -0.005", ["mine.toml", "lr = -0.005"]),
        ("word_dropout = 0.02", "word_dropout = 1.5", ["mine.toml", "word_dropout = 1.5"]),
        ("epochs = 7", "epochs = -1", ["epochs = -1", "mine.toml"]),
        ("[training]", "[training", ["mine.toml", "line"]),
        ("epochs = 7", "epochs = 9223372036854775807", ["epochs = 92", "mine.toml"]),
        ("batch_size = 16", "batch_size = 0", ["mine.toml", "batch_size = 0"]),
        ("valid = 500", "valid = 4000", ["data.valid", "4000"]),
        ("[model.network]", "[model.ngrams]\n[model.spare]", ["mine.toml", "spare"]),
    ] {
        let recipe = recipe_with(from, to, dir.path());
        assert_error(&run(&["train", "--recipe", &recipe, "--out", target.to_str().unwrap()]), 2, &parts);
        assert!(!target.exists());
    }
    for (args, parts) in [
        (vec!["train", "--recipe", "huge"], ["huge", "quick"]),
        (vec!["train", "--recipe", "missing.toml"], ["missing.toml", ""]),
        (vec!["train", "--set", "optimizer.lr"], ["optimizer.lr", "="]),
        (vec!["train", "--set", "optimizer.lr=-1"], ["lr", "-1"]),
        (vec!["train", "--device", "3"], ["3", "flex"]),
        (vec!["train", "--resume", env!("CARGO_MANIFEST_DIR")], ["recipe.toml", ""]),
        (vec!["eval"], ["--model", "short-reviews"]),
        (vec!["eval", "--model", env!("CARGO_MANIFEST_DIR")], [env!("CARGO_MANIFEST_DIR"), ""]),
        (vec!["predict", "--model", "huge", "x"], ["huge", "RNN_ZOO_MODELS"]),
    ] {
        let code = if args.contains(&"missing.toml") { 1 } else { 2 };
        assert_error(&run(&args), code, &parts);
    }
    assert_eq!(run(&["train", "--out"]).status.code(), Some(2));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_not_compiled_in_names_its_feature() {
    assert_error(&run(&["train", "--backend", "cuda"]), 2, &["--features cuda"]);
}

#[test]
fn missing_cut_and_altered_archives() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("run");
    let train = |data: &Path| {
        run(&[
            "train",
            "--recipe",
            "imdb-lstm",
            "--data-dir",
            data.to_str().unwrap(),
            "--out",
            target.to_str().unwrap(),
        ])
    };
    let missing = dir.path().join("nowhere");
    assert_error(&train(&missing), 1, &["nowhere"]);
    let archive = dir.path().join("aclImdb_train_test.tar.gz");
    // The first file is too short. The second one has the published size, but contains only zeros.
    for bytes in [1000, 28_063_867] {
        std::fs::File::create(&archive).unwrap().set_len(bytes).unwrap();
        for data in [dir.path(), &archive] {
            assert_error(&train(data), 1, &["aclImdb_train_test.tar.gz", "--data-dir"]);
        }
    }
    let folder = dir.path().join("unpacked/aclImdb");
    for part in ["train/pos", "train/neg", "test/pos", "test/neg"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        std::fs::write(folder.join(part).join("1_9.txt"), "fine").unwrap();
    }
    // The folder contains the user's own reviews, but too few of them.
    assert_error(&train(&folder), 2, &["data.valid", "only 2 reviews"]);
    std::fs::write(folder.join("test/neg/2_2.txt"), b"\xff").unwrap();
    assert_error(&train(&folder), 1, &["2_2.txt"]);
    assert!(!target.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn run_folders_that_cannot_be_written() {
    // Nobody can write to this file system, not even root.
    assert_error(&train(Path::new("/sys/rnn-zoo"), &[]), 1, &["/sys/rnn-zoo"]);

    let dir = tempfile::tempdir().unwrap();
    let used = dir.path().join("used");
    std::fs::create_dir(&used).unwrap();
    std::fs::write(used.join("mine"), "x").unwrap();
    assert_error(&train(&used, &[]), 2, &["used"]);
    assert_eq!(read(used.join("mine")), "x");

    // A limit on the size of files simulates a full disk: writing fails in the same way.
    let full = dir.path().join("full");
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", limited, env!("CARGO_BIN_EXE_sentiment"), "train", "--run", full.to_str().unwrap()])
        .args(SMALL)
        .output()
        .unwrap();
    assert_error(&output, 1, &["full"]);
    let left: Vec<_> = std::fs::read_dir(&full).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn input_without_text_or_in_another_encoding() {
    let run_dir = trained().to_str().unwrap();
    let args = ["predict", "--model", run_dir];
    for empty in [&b"\n"[..], b""] {
        assert_error(&run_with_input(&args, empty), 2, &["text"]);
    }
    let output = run_with_input(&args, b"fine\n\0d\0\n");
    assert_error(&output, 2, &["line 2"]);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reviews.txt");
    std::fs::write(&file, b"fine\n\xff\xfe dull\nd\0\n").unwrap();
    let output = run(&["predict", "--model", run_dir, "--file", file.to_str().unwrap()]);
    assert_error(&output, 2, &["reviews.txt, line 3"]);
    assert_eq!(text(&output.stdout).lines().count(), 2);
    assert_error(&run(&["predict", "--model", run_dir, "--file", "nowhere.txt"]), 1, &["nowhere.txt"]);
}
