//! The predictor on a stored package of format 1, without training and without data sets.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use inference::{Files, Folder, MemoryFiles, PackageError, PredictError, Predictor, Sampling, Streaming};
use language_model::{Generation, LanguageModel, Prompt};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

/// Answers of the program that wrote the package, in `format-1/predictions.json`.
#[derive(Deserialize)]
struct Predictions {
    generated: Vec<Expected>,
    score: serde_json::Value,
}

#[derive(Deserialize)]
struct Expected {
    options: Generation,
    prompt: String,
    text: String,
}

fn folder() -> Folder {
    Folder::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1"))
}

fn model() -> LanguageModel {
    LanguageModel::from_files(&folder()).unwrap()
}

fn predictions() -> Predictions {
    serde_json::from_slice(&folder().read("predictions.json").unwrap()).unwrap()
}

fn options(length: u64, stop_at_line_end: bool) -> Generation {
    Generation { length: Some(length.try_into().unwrap()), stop_at_line_end, ..Generation::default() }
}

/// The package in memory, with one file changed.
fn changed(name: &str, change: impl Fn(String) -> String) -> MemoryFiles<'static> {
    let mut files = MemoryFiles::default();
    for file in ["config.json", "model.safetensors", "vocab.txt"] {
        files.insert(file, folder().read(file).unwrap().into_owned());
    }
    let text = String::from_utf8(files.read(name).unwrap().into_owned()).unwrap();
    files.insert(name, change(text).into_bytes());
    files
}

#[test]
fn a_package_of_format_1_gives_the_stored_predictions() {
    let (model, Predictions { generated, score }) = (model(), predictions());
    for Expected { options, prompt, text } in generated {
        let answer = model.predict(&[Prompt::from(prompt)], &options).unwrap().remove(0);
        assert_eq!(answer.text, text, "{options:?}");
        assert_eq!(answer.seed, options.sampling.seed);
    }
    let answer = serde_json::to_value(model.score("the dog that the cats see sleeps xyzzy .").unwrap()).unwrap();
    let value = |answer: &serde_json::Value, key: &str| answer[key].as_f64().unwrap();
    // Other processors round differently.
    approx::assert_relative_eq!(value(&answer, "perplexity"), value(&score, "perplexity"), max_relative = 1e-4);
    for key in ["tokens", "unknown"] {
        assert_eq!(answer[key], score[key]);
    }
    for (answer, score) in answer["surprise"].as_array().unwrap().iter().zip(score["surprise"].as_array().unwrap()) {
        assert_eq!((&answer["token"], &answer["unknown"]), (&score["token"], &score["unknown"]));
        approx::assert_abs_diff_eq!(value(answer, "bits"), value(score, "bits"), epsilon = 1e-3);
    }
}

#[test]
fn pieces_make_the_whole_text() {
    let model = model();
    let (prompt, options) = (Prompt::from("the old dog"), options(30, false));
    let mut session = model.begin(&prompt, &options).unwrap();
    let mut text = String::new();
    // A session moves to another thread.
    let mut session = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                for _ in 0..10 {
                    text += &model.next(&mut session).unwrap().unwrap().text;
                }
                session
            })
            .join()
            .unwrap()
    });
    while let Some(piece) = model.next(&mut session).unwrap() {
        text += &piece.text;
    }
    assert_eq!(model.next(&mut session).unwrap(), None);
    assert_eq!(model.predict(&[prompt], &options).unwrap()[0].text, text);
}

#[test]
fn two_threads_get_the_same_answers_from_one_model() {
    let model = model();
    let ask = || (model.predict(&["the dog".into(), "a cat".into()], &options(40, false)), model.score("the dog ."));
    let expected = ask();
    std::thread::scope(|scope| {
        for asked in [scope.spawn(ask), scope.spawn(ask)] {
            let (generated, score) = asked.join().unwrap();
            assert_eq!(generated.unwrap(), *expected.0.as_ref().unwrap());
            assert_eq!(score.unwrap(), *expected.1.as_ref().unwrap());
        }
    });
}

#[test]
fn answers_do_not_depend_on_other_inputs() {
    let (model, options) = (model(), options(20, false));
    let prompts: Vec<Prompt> = ["the dog", "", "a cat"].map(Prompt::from).into();
    let together = model.predict(&prompts, &options).unwrap();
    for (prompt, together) in prompts.into_iter().zip(together) {
        assert_eq!(model.predict(&[prompt], &options).unwrap(), [together]);
    }
}

#[test]
fn generation_stops_at_the_line_end_if_asked() {
    let model = model();
    let whole = model.generate(&"the dog".into(), &options(60, false)).unwrap();
    let line = model.generate(&"the dog".into(), &options(60, true)).unwrap();
    assert_eq!(line.text, whole.text.split('\n').next().unwrap());
}

/// The pieces of a streamed text, for options with stop strings.
fn streamed(model: &LanguageModel, options: &Generation) -> Vec<String> {
    let mut session = model.begin(&"the dog".into(), options).unwrap();
    std::iter::from_fn(|| model.next(&mut session).unwrap().map(|piece| piece.text)).collect()
}

/// A stop string that is a random part of the generated text ends this text, even if the string spans several tokens.
#[test]
fn generation_ends_before_the_first_stop_string() {
    let (model, whole) = (model(), options(60, false));
    let text = model.generate(&"the dog".into(), &whole).unwrap().text;
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    for _ in 0..20 {
        let start = rng.random_range(0..text.len() - 12);
        let stop = text[start..start + rng.random_range(1..12)].to_owned();
        let stopped = Generation { stop: vec![stop.clone(), "xyzzy".to_owned()], ..whole.clone() };
        let expected = text.split(&stop).next().unwrap();
        assert_eq!(model.generate(&"the dog".into(), &stopped).unwrap().text, expected, "{stop:?}");
        let pieces = streamed(&model, &stopped);
        assert_eq!(pieces.concat(), expected, "{stop:?}");
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "{stop:?}");
    }
    // Text that was held back as the possible beginning of a stop string is returned in the end.
    let never = Generation { stop: vec![format!("{text}xyzzy")], ..whole.clone() };
    assert_eq!(streamed(&model, &never).join("|"), text);
    let empty = Generation { stop: vec![String::new()], ..whole };
    let error = model.generate(&"the".into(), &empty).unwrap_err();
    assert!(matches!(error, PredictError::BadInput { field: "stop", .. }), "{error}");
}

#[test]
fn generation_ends_with_a_sentence_if_asked() {
    let ask = |model: &LanguageModel, stop_at_sentence_end| {
        let options = Generation { stop_at_sentence_end, ..options(60, false) };
        model.generate(&"the".into(), &options).unwrap().text
    };
    let (whole, sentence) = (ask(&model(), false), ask(&model(), true));
    assert!(sentence.ends_with(" .") && sentence.matches('.').count() == 1, "{sentence}");
    assert!(whole.starts_with(&sentence));
    // The Penn Treebank has no full stops: a line is a sentence.
    let treebank = LanguageModel::from_pretrained("ptb-lstm-small").unwrap();
    assert_eq!(ask(&treebank, true), ask(&treebank, false).split('\n').next().unwrap());
}

#[test]
fn a_repetition_penalty_makes_fewer_repetitions() {
    let model = LanguageModel::from_pretrained("ptb-lstm-small").unwrap();
    let different = |repetition_penalty| {
        let sampling = Sampling { temperature: 0.0, repetition_penalty, ..Sampling::default() };
        let text = model.generate(&"the company".into(), &Generation { sampling, ..options(60, false) }).unwrap().text;
        text.split_whitespace().collect::<std::collections::HashSet<_>>().len()
    };
    let (without, with) = (different(1.0), different(1.3));
    assert!(with > without + 5, "{without} {with}");
}

/// Normal forms and line ends of a text do not change its score.
#[test]
fn scores_do_not_depend_on_the_encoding_of_accents_and_line_ends() {
    let model = model();
    let text = "the dog café\nnaïve Ångström cats sleep .\n\nfin क्यों\n";
    let expected = model.score(text).unwrap();
    for end in ["\n", "\r\n", "\r"] {
        for form in [text.nfc().collect::<String>(), text.nfd().collect(), text.to_owned()] {
            assert_eq!(model.score(&form.replace('\n', end)).unwrap(), expected, "{form:?} {end:?}");
        }
    }
}

#[test]
fn prompts_of_every_kind_are_answered_and_unknown_words_are_reported() {
    let model = model();
    let long = "the old dog sees the cat . ".repeat(5_000);
    for (prompt, unknown) in [
        ("", &[][..]),
        ("the xyzzy dog", &["xyzzy"]),
        ("the dog\nthe cat", &[]),
        ("The DOG", &[]),
        ("\0 😀", &["\0", "😀"]),
        (&long, &[]),
    ] {
        let answer = model.generate(&prompt.into(), &options(5, false)).unwrap();
        assert_eq!(
            (answer.prompt.as_str(), &answer.unknown[..]),
            (prompt, &unknown.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..])
        );
    }
    let answer = model.generate(&"\u{feff}the dog\r\nthe".into(), &options(5, false)).unwrap();
    assert_eq!((answer.prompt.as_str(), answer.unknown.len()), ("the dog\nthe", 0));
    assert!(model.predict_one("the").unwrap().text.split_whitespace().count() > 40);
}

#[test]
fn options_out_of_range_and_empty_texts_are_bad_inputs() {
    let model = model();
    for (sampling, name) in [
        (Sampling { temperature: -1.0, ..Sampling::default() }, "temperature"),
        (Sampling { temperature: f32::NAN, ..Sampling::default() }, "temperature"),
        (Sampling { top_p: Some(0.0), ..Sampling::default() }, "top_p"),
        (Sampling { repetition_penalty: 0.9, ..Sampling::default() }, "repetition_penalty"),
    ] {
        let error = model.predict(&["the".into()], &Generation { sampling, ..Generation::default() }).unwrap_err();
        assert!(matches!(error, PredictError::BadInput { field, .. } if field == name), "{error}");
    }
    assert!(matches!(model.score(""), Err(PredictError::BadInput { field: "text", .. })));
    let greedy = |seed| {
        let sampling = Sampling { temperature: 0.0, seed, ..Sampling::default() };
        model.generate(&"the".into(), &Generation { sampling, ..Generation::default() }).unwrap().text
    };
    assert_eq!(greedy(1), greedy(9));
}

#[test]
fn a_score_counts_lines_and_unknown_tokens() {
    let model = model();
    let score = model.score("\u{feff}the xyzzy\r\nthe dog").unwrap();
    assert_eq!((score.tokens, score.unknown), (6, 1));
    let tokens: Vec<_> = score.surprise.iter().map(|score| (score.token.as_str(), score.unknown)).collect();
    let expected =
        [("the", false), ("xyzzy", true), ("<eos>", false), ("the", false), ("dog", false), ("<eos>", false)];
    assert_eq!(tokens, expected);
    let bits = score.surprise.iter().map(|score| score.bits).sum::<f64>() / 6.0;
    approx::assert_relative_eq!(bits.exp2(), score.perplexity, max_relative = 1e-9);
}

#[test]
fn wrong_agreement_has_a_higher_perplexity() {
    let model = model();
    let perplexity = |text: &str| model.score(text).unwrap().perplexity;
    let (right, wrong) = ("the dogs that the cat sees sleep .", "the dogs that the cat sees sleeps .");
    assert!(perplexity(right) * 1.5 < perplexity(wrong));
}

#[test]
fn settings_that_do_not_fit_are_package_errors() {
    let open = |files: MemoryFiles| LanguageModel::from_files(&files).unwrap_err();
    for (from, to) in [
        ("\"hidden_size\": 96", "\"hidden_size\": 97"),
        ("\"hidden_size\": 96", "\"hidden_size\": 1000000"),
        ("\"tied\": true", "\"tied\": false"),
        ("\"layers\": 1", "\"layers\": 1000000"),
        ("\"set\": \"grammar\"", "\"set\": \"none\""),
    ] {
        let error = open(changed("config.json", |text| text.replace(from, to)));
        assert!(matches!(error, PackageError::Invalid { .. }), "{to}: {error}");
    }
    let fewer = open(changed("vocab.txt", |text| text.lines().take(50).map(|line| format!("{line}\n")).collect()));
    assert!(matches!(fewer, PackageError::Invalid { .. }), "{fewer}");
    let twice = open(changed("vocab.txt", |text| text + "dog\n"));
    assert!(matches!(twice, PackageError::Invalid { line: Some(_), .. }), "{twice}");
    let adaptive = open(changed("config.json", |text| {
        text.replace("\"tied\": true", "\"tied\": true, \"adaptive\": [\"cache\"]")
    }));
    assert!(matches!(adaptive, PackageError::Missing { .. }), "{adaptive}");
}

/// Users do not type words in the spelling of the Treebank.
#[test]
fn ordinary_writing_is_respelled_for_treebank_models() {
    let model = LanguageModel::from_pretrained("ptb-awd").unwrap();
    let encoded =
        model.codec().encode_text("The chairman's $5 didn't last, in the (U.S.), or 5% of Mr. <unk> in 1987.");
    let expected = "The chairman 's $ N did n't last in the u.s. or N N of Mr. <unk> in N <eos>";
    assert_eq!(encoded.tokens.join(" "), expected);
    assert_eq!(encoded.ids.iter().filter(|&&id| id == inference::text::Vocabulary::UNKNOWN).count(), 1);
}
