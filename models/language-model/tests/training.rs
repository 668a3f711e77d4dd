//! Training through the library: the embedded grammar, fine-tuning, own texts.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::Device;
use inference::text::Vocabulary;
use inference::weights::Precision;
use inference::{Folder, PackageError, Predictor};
use language_model::LanguageModel;
use language_model::train::LanguageModelTask;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use training::package::Opened;
use training::recipe::RecipeText;
use training::{Event, Fitted, RecipeOf, Session, Task, TaskError, Trained, Training, TrainingError};
use unicode_normalization::UnicodeNormalization;

type Recipe = RecipeOf<LanguageModelTask>;

fn recipe(name: &str, settings: &[&str]) -> Recipe {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    RecipeText::find(name, LanguageModelTask::RECIPES).unwrap().with_overrides(&settings).unwrap().parse().unwrap()
}

/// Trains in a folder, and collects the notes.
fn train(recipe: Recipe, dir: &Path) -> Result<(Trained<LanguageModelTask>, Vec<String>), TrainingError> {
    let notes = std::sync::Mutex::new(Vec::new());
    let observer = |event: &Event| {
        if let Event::Note(note) = event {
            notes.lock().unwrap().push((*note).to_owned());
        }
    };
    let mut session = Session { observer: Box::new(observer), ..Session::default() };
    let fitted = Training::<LanguageModelTask>::new(recipe).in_folder(dir).fit(&mut session)?;
    drop(session);
    let Fitted::Trained(trained) = fitted else { panic!("nobody interrupted") };
    Ok((*trained, notes.into_inner().unwrap()))
}

/// A short run on the grammar with every regularizer and adaptive method, which several tests use.
fn short_run() -> &'static Path {
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
            "training.epochs=2",
        ];
        let (trained, _) = train(recipe("quick", &settings), &path).unwrap();
        let outcome = trained.outcome;
        let floor = outcome.baselines["the grammar itself (the floor)"].get("perplexity").unwrap();
        let measured = outcome.test.flat();
        assert_eq!(
            measured.keys().collect::<Vec<_>>(),
            ["loss", "perplexity", "perplexity_cache", "perplexity_dynamic", "unknown_share"]
        );
        for metric in ["perplexity", "perplexity_cache", "perplexity_dynamic"] {
            assert!(floor < measured[metric] && measured[metric] < 1.8 * floor, "{measured:?}");
        }
        (dir, path)
    });
    path
}

fn open(dir: &Path) -> LanguageModel {
    LanguageModel::from_files(&Folder::new(dir)).unwrap()
}

/// The first command of the README comes close to the lower bound, and beats the baseline.
#[test]
fn the_quick_recipe_comes_close_to_the_floor() {
    let dir = tempfile::tempdir().unwrap();
    let (trained, _) = train(recipe("quick", &[]), &dir.path().join("run")).unwrap();
    let outcome = trained.outcome;
    let baseline = |name: &str| outcome.baselines[name].get("perplexity").unwrap();
    let (floor, perplexity) = (baseline("the grammar itself (the floor)"), outcome.test.get("perplexity").unwrap());
    assert!(perplexity < 1.1 * floor && baseline("Kneser-Ney 5-grams") > 1.3 * floor, "{outcome:?}");
    assert!(trained.run.curves().exists());
    assert_eq!(trained.demonstration[1], "Generated text:");
    for (name, expected) in &trained.recipe.expected {
        assert!(expected.holds(outcome.test.get(name).unwrap()), "{outcome:?}");
    }
}

#[test]
fn every_recipe_parses_and_has_its_name() {
    let names =
        LanguageModelTask::RECIPES.iter().map(|text| RecipeText::embedded(text).parse::<Recipe>().unwrap().name);
    let known = ["quick", "ptb-rnn", "ptb-gru", "ptb-lstm-small", "ptb-awd", "wikitext2-lstm", "char-lstm"];
    assert_eq!(names.collect::<Vec<_>>(), known);
}

#[test]
fn an_exported_package_keeps_the_adaptation() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("package");
    let opened = Opened::<LanguageModelTask>::open(&short_run().join("best"), &Device::flex()).unwrap();
    opened.export(&to, Precision::Half).unwrap();
    let (exported, original) = (open(&to), open(&short_run().join("best")));
    assert!(original.adaptation().cache.is_some() && original.adaptation().dynamic.is_some());
    assert_eq!(exported.adaptation(), original.adaptation());
    assert_eq!(exported.codec().vocabulary(), original.codec().vocabulary());

    // Training again starts from the package; the settings are those of the predictor.
    let task = LanguageModelTask::of_trained(&opened.record.recipe, &exported).unwrap();
    assert_eq!(task.num_params(), opened.record.recipe.model.num_params(exported.codec().vocabulary().len()));

    let file = to.join("adaptation.json");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replacen("0", "1", 1)).unwrap();
    let error = LanguageModel::from_files(&Folder::new(&to)).unwrap_err();
    assert!(matches!(error, PackageError::Checksum { .. }), "{error}");
}

/// A package of format 1 has no checksum of `adaptation.json`, so this file may have any content.
#[test]
fn adaptation_settings_out_of_range_are_refused() {
    let mut files = inference::MemoryFiles::default();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1");
    for name in ["config.json", "model.safetensors", "vocab.txt"] {
        files.insert(name, std::fs::read(fixture.join(name)).unwrap());
    }
    let config = std::fs::read_to_string(fixture.join("config.json")).unwrap();
    files.insert(
        "config.json",
        config.replace("\"tied\": true", "\"tied\": true, \"adaptive\": [\"cache\"]").into_bytes(),
    );
    for (sharpness, valid) in [("0.5", true), ("-1", false)] {
        let cache = format!(r#"{{"cache": {{"places": 500, "sharpness": {sharpness}, "share": 0.1}}}}"#);
        files.insert("adaptation.json", cache.into_bytes());
        match LanguageModel::from_files(&files) {
            Ok(model) => assert!(valid && model.adaptation().cache.unwrap().places == 500),
            Err(error) => assert!(!valid && matches!(error, PackageError::Invalid { .. }), "{error}"),
        }
    }
}

/// Fine-tuning keeps the vocabulary of the package.
#[test]
fn a_model_is_fine_tuned_with_its_own_vocabulary() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text.txt");
    std::fs::write(&file, "the old cat sees the dog .\nxyzzy\n".repeat(200)).unwrap();
    let tune = |level: &str, run: &str| {
        let mut recipe: Recipe = RecipeText::read(&short_run().join("recipe.toml")).unwrap().parse().unwrap();
        recipe.start_from = Some(short_run().join("best").to_str().unwrap().to_owned());
        recipe.model.adaptive.clear();
        recipe.training.epochs = 1;
        let data = serde_json::json!({
            "set": "text", "file": file, "level": level, "vocabulary": recipe.data.vocabulary, "window": recipe.data.window,
        });
        recipe.data = serde_json::from_value(data).unwrap();
        train(recipe, &dir.path().join(run))
    };
    let (tuned, notes) = tune("word", "word").unwrap();
    let (tuned, original) = (tuned.predictor, open(&short_run().join("best")));
    assert_eq!(tuned.codec().vocabulary(), original.codec().vocabulary());
    let perplexity = |model: &LanguageModel| model.score("the old cat sees the dog .").unwrap().perplexity;
    assert!(perplexity(&tuned) < 0.7 * perplexity(&original));
    assert!(notes.iter().any(|note| note.starts_with("10 %")), "{notes:?}");
    assert_eq!(tuned.score("the old xyzzy").unwrap().unknown, 1);

    let Err(refused) = tune("character", "character") else { panic!("the level differs") };
    assert!(matches!(refused, TrainingError::Task(TaskError::Setting { setting: "data.level", .. })), "{refused}");
}

#[test]
fn own_texts_are_learned_by_character_and_by_word() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("it's [mine] = 1.txt");
    let lines: String = (0..400).map(|line| format!("Line {line}, and a bit more text, so it goes.\r\n")).collect();
    std::fs::write(&file, lines).unwrap();
    for (level, metric) in [("character", "bits_per_character"), ("word", "perplexity")] {
        let mut recipe = recipe("char-lstm", &["model.hidden_size=32", "training.batch_size=4", "training.epochs=2"]);
        recipe.data.file = Some(file.clone());
        recipe.data.level = serde_json::from_value(level.into()).unwrap();
        let run = dir.path().join(level);
        let (trained, _) = train(recipe, &run).unwrap();
        assert!(trained.outcome.test.get(metric).is_some());
        let answer = open(&run.join("best")).predict_one("Line").unwrap();
        assert!(answer.unknown.is_empty() && !answer.text.is_empty());
    }
}

/// Trains without epochs on a text. Returns the model, the share of unknown test tokens, and the notes.
fn fitted(text: &str, settings: &[&str]) -> (LanguageModel, f64, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text.txt");
    std::fs::write(&file, text).unwrap();
    let small = ["model.hidden_size=8", "model.embedding_size=8", "training.batch_size=4", "training.epochs=0"];
    let mut recipe = recipe("char-lstm", &[&small[..], settings].concat());
    recipe.data.file = Some(file);
    let run = dir.path().join("run");
    let (trained, notes) = train(recipe, &run).unwrap();
    let share = trained.outcome.test.get("unknown_share").unwrap();
    assert_eq!(trained.outcome.baselines["Kneser-Ney 5-grams"].get("unknown_share"), Some(share));
    (trained.predictor, share, notes)
}

/// Lines of common words. `rare` of 100 words are replaced by names that occur once.
fn lines_with_names(rare: u32, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut name = 0;
    let mut word = || {
        name += 1;
        if rng.random_ratio(rare, 100) {
            format!("name{name}")
        } else {
            ["the", "dog", "sees", "a", "cat"][rng.random_range(0..5)].to_owned()
        }
    };
    (0..400).map(|_| (0..9).map(|_| word()).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn words_that_occur_once_are_learned_as_unknown() {
    for (rare, seed) in [(5, 1), (15, 2), (40, 3)] {
        let text = lines_with_names(rare, seed);
        let words = ["data.level='word'", "data.vocabulary=20000"];
        let (model, share, notes) = fitted(&text, &[&words[..], &["data.min_count=2"]].concat());
        assert_eq!(model.codec().vocabulary().len(), 7);
        // Nine of ten tokens of a line are words.
        approx::assert_abs_diff_eq!(share, f64::from(rare) * 0.009, epsilon = 0.06);
        assert!(notes.len() == 1 && notes[0].starts_with("words that occur fewer than 2 times"), "{notes:?}");

        let (model, same, notes) = fitted(&text, &words);
        assert!(model.codec().vocabulary().len() > 100 && same == share);
        assert!(notes.len() == 1 && notes[0].ends_with("set data.min_count=2"), "{notes:?}");
    }
}

#[test]
fn scripts_without_spaces_and_large_vocabularies_are_noted() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let mut clause =
        || (0..12).map(|_| char::from_u32(0x4e00 + rng.random_range(0..1500)).unwrap()).collect::<String>();
    let text: String = (0..400).map(|_| format!("{}，{}。\n", clause(), clause())).collect();
    let (model, share, notes) = fitted(&text, &["data.level='word'", "data.vocabulary=20000"]);
    assert!(notes.len() == 1 && notes[0].contains("without spaces"), "{notes:?}");
    assert!(share < 0.01 && model.codec().vocabulary().token(5).unwrap().chars().count() == 1);
    let (_, share, notes) = fitted(&text, &[]);
    assert!(share > 0.1 && notes.len() == 1 && notes[0].ends_with("set data.vocabulary=2000"), "{notes:?}");
    let (_, share, notes) = fitted(&text, &["data.vocabulary=2000"]);
    assert!(share < 0.01 && notes.is_empty(), "{notes:?}");
}

/// The tokens of a text depend on its characters only. They do not depend on the Unicode normal form or on the line
/// ends.
#[test]
fn own_texts_are_learned_alike_in_every_encoding() {
    let text = "all: prog\n\tcc -o prog naïve.c\nफिर क्यों? 👩‍👧 Ångström\n".repeat(60);
    for level in ["data.level='word'", "data.level='character'"] {
        let vocabulary = |text: &str| fitted(text, &[level]).0.codec().vocabulary().clone();
        let expected = vocabulary(&text);
        let characters = level.contains("character");
        for (token, known) in
            [("\t", characters), ("फिर", !characters), ("क्यों", true), ("क", false), ("👩‍👧", true), ("ï", characters)]
        {
            assert_eq!(expected.id(token) != Vocabulary::UNKNOWN, known, "{token} {level}");
        }
        for end in ["\n", "\r\n", "\r"] {
            for form in [text.nfc().collect::<String>(), text.nfd().collect()] {
                assert_eq!(vocabulary(&form.replace('\n', end)), expected, "{level} {end:?}");
            }
        }
    }
}

#[test]
fn settings_that_do_not_fit_are_errors_that_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (settings, key) in [
        (&["data.set=text"][..], "data.file"),
        (&["model.hidden_size=97"], "model.tied"),
        (&["training.batch_size=1000000"], "training.batch_size"),
    ] {
        let Err(error) = train(recipe("quick", settings), &run) else { panic!("{key}") };
        let TrainingError::Task(TaskError::Setting { setting, .. }) = &error else { panic!("{error}") };
        assert_eq!(*setting, key);
    }
}
