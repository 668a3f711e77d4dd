//! The predictor as a library: shipped packages, packages of format 1, bad input, damaged packages.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use approx::assert_abs_diff_eq;
use inference::{Files, Folder, MemoryFiles, PackageError, PredictError, Predictor};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use sentiment::{Options, Prediction, Sentiment};
use unicode_normalization::UnicodeNormalization;

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn open(path: &str) -> Sentiment {
    Sentiment::from_files(&Folder::new(checkout(path))).unwrap()
}

fn explained(model: &Sentiment, text: &str) -> Prediction {
    model.predict(&[text.to_owned()], &Options { explain: true }).unwrap().remove(0)
}

fn contributions(answer: &Prediction) -> Vec<f32> {
    answer.words.as_ref().unwrap().iter().map(|word| word.contribution).collect()
}

/// Probabilities and contributions that the program of format 1 printed, from commit 91cd5f8.
#[test]
fn a_package_of_format_1_answers_as_before() {
    let model = open("tests/format-1");
    let cases: [(&str, f32, usize, &[f32]); 3] = [
        (
            "The plot is not clever.",
            0.006_012_215_7,
            0,
            &[-0.226_434_23, -0.082_046_99, -0.549_959_2, -6.681_973_5, -6.746_055_6, -0.735_810_76],
        ),
        (
            "Although the opening is dull, I would call the ending superb!",
            0.847_333_97,
            1,
            &[
                0.744_360_1,
                0.307_647_47,
                0.110_530_38,
                -0.425_432_92,
                -1.505_350_8,
                0.995_922_3,
                0.639_334_2,
                0.969_415_4,
                1.363_978_6,
                1.312_099,
                0.817_026_26,
                1.881_463_3,
                0.0,
            ],
        ),
        ("xyzzy plugh", 0.380_583_6, 2, &[0.0, 0.0]),
    ];
    for (text, probability, unknown_words, expected) in cases {
        let answer = explained(&model, text);
        assert_abs_diff_eq!(answer.probability, probability, epsilon = 1e-6);
        assert_eq!(answer.unknown_words, unknown_words, "{text}");
        assert_eq!(answer.label, if probability > 0.5 { "positive" } else { "negative" });
        assert!(answer.probabilities.is_empty(), "models of reviews answer as before");
        for (contribution, expected) in contributions(&answer).into_iter().zip(expected) {
            assert_abs_diff_eq!(contribution, *expected, epsilon = 1e-5);
        }
    }
}

#[test]
fn the_shipped_models_answer_as_before() {
    let texts = [
        "Funny, warm and wonderfully acted.",
        "Not a dull moment.",
        "An awful, awful film<br />with an ending I don't understand.",
    ];
    for (name, probabilities) in [
        ("short-reviews", [0.997_131_8, 0.982_264_76, 0.017_113_669]),
        ("imdb-hybrid", [0.987_125_2, 0.076_953_23, 0.005_084_536]),
        ("imdb-bigru", [0.998_565, 0.005_264_255, 0.000_176_691_39]),
        ("imdb-lstm", [0.959_342_06, 0.069_902_584, 0.008_058_236]),
    ] {
        let model = Sentiment::from_pretrained(name).unwrap();
        for (text, probability) in texts.into_iter().zip(probabilities) {
            assert_abs_diff_eq!(model.predict_one(text).unwrap().probability, probability, epsilon = 1e-6);
        }
    }
    let blend = Sentiment::from_pretrained("imdb-hybrid").unwrap();
    let expected = [-0.142_015_34, -0.199_996_44, -1.990_808_5, 0.446_137_9, 0.051_211_018];
    for (contribution, expected) in contributions(&explained(&blend, texts[1])).into_iter().zip(expected) {
        assert_abs_diff_eq!(contribution, expected, epsilon = 1e-5);
    }
}

#[test]
fn an_answer_does_not_depend_on_the_other_inputs() {
    let model = open("tests/format-1");
    let texts: Vec<String> = (1..200).map(|length| "the plot is not clever ".repeat(length % 17 + 1)).collect();
    let together = model.predict(&texts, &Options::default()).unwrap();
    assert_eq!(together.len(), texts.len());
    for (text, answer) in texts.into_iter().zip(together) {
        assert_eq!(answer.text, text);
        assert_abs_diff_eq!(model.predict_one(text).unwrap().probability, answer.probability, epsilon = 1e-6);
    }
    assert!(model.predict(&[], &Options::default()).unwrap().is_empty());
}

#[test]
fn two_threads_ask_one_predictor() {
    let model = open("tests/format-1");
    let ask = || explained(&model, "Although the opening is dull, I would call the ending superb!");
    let alone = ask();
    std::thread::scope(|scope| {
        let threads = [scope.spawn(ask), scope.spawn(ask)];
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), alone));
    });
}

#[test]
fn any_text_with_a_visible_character_has_an_answer() {
    let model = open("tests/format-1");
    for text in ["The plot is clever.", "😀😀", "<br /><br />", "xyzzy plugh", "!", "<b>bold</b> &amp; brave", "日本語"]
    {
        let answer = explained(&model, text);
        assert!((0.0..=1.0).contains(&answer.probability) && !answer.truncated, "{answer:?}");
    }
    let long = "not a dull moment ".repeat(50_000);
    let answer = model.predict_one(long).unwrap();
    assert!(answer.truncated && answer.words.is_none());
}

/// Escapes characters of a text for HTML. The form of each escape is chosen at random from the usual forms.
fn escaped(text: &str, rng: &mut ChaCha8Rng) -> String {
    let escape = |character: char| match (character, rng.random_range(0..3)) {
        ('&', _) => "&amp;".to_owned(),
        ('\'', 0) => "&#39;".to_owned(),
        ('\'', 1) => "&#x27;".to_owned(),
        ('"', 0 | 1) => "&quot;".to_owned(),
        ('—', 0 | 1) => "&mdash;".to_owned(),
        (' ', 0) => "&nbsp;".to_owned(),
        (other, 0) => format!("&#{};", u32::from(other)),
        (other, _) => other.to_string(),
    };
    text.chars().map(escape).collect()
}

#[test]
fn entities_and_normal_forms_do_not_change_the_answer() {
    let (model, mut rng) = (open("tests/format-1"), ChaCha8Rng::seed_from_u64(27));
    for text in [
        "It isn't good, and I wouldn't see it again.",
        "\"Brilliant\" & warm — 10/10",
        "The café is naïve & the plot isn't clever",
        "Été, क्यों नहीं? 한국 ångström",
    ] {
        let expected = explained(&model, text);
        let decomposed: String = text.nfd().collect();
        for variant in [&escaped(text, &mut rng), &escaped(&decomposed, &mut rng), &decomposed] {
            let answer = explained(&model, variant);
            assert_eq!(Prediction { text: text.to_owned(), ..answer.clone() }, expected, "{variant}");
            assert_eq!(&answer.text, variant);
        }
    }
    let error = model.predict_one("&nbsp; &#32;").unwrap_err();
    assert!(matches!(error, PredictError::BadInput { field: "text", .. }), "{error}");
}

#[test]
fn known_words_are_counted_without_punctuation() {
    let model = open("tests/format-1");
    for (text, known, unknown) in [
        ("The plot is clever.", 4, 0),
        ("电影, 糟糕.", 0, 4),
        ("Потрясающий, фильм", 0, 2),
        ("👍👍🏽", 0, 2),
        ("... !", 0, 1),
        ("qwzx plot", 1, 1),
    ] {
        let answer = explained(&model, text);
        assert_eq!((answer.known_words, answer.unknown_words), (known, unknown), "{text}");
    }
    let long = model.predict_one("superb ".repeat(4800) + &"xyzzy ".repeat(200)).unwrap();
    assert_eq!((long.known_words, long.unknown_words, long.truncated), (0, 64, true));
}

#[test]
fn empty_texts_are_bad_input() {
    let model = open("tests/format-1");
    for text in ["", " \n\t"] {
        let error = model.predict(&["fine".to_owned(), text.to_owned()], &Options::default()).unwrap_err();
        assert!(matches!(error, PredictError::BadInput { field: "text", .. }), "{error}");
    }
    // For measurements, a text without words is one unknown word.
    let [empty, unknown] = &model.logits(&["", "xyzzy"])[..] else { panic!() };
    assert_abs_diff_eq!(empty.combined[0], unknown.combined[0], epsilon = 1e-6);
}

#[test]
fn explanations_name_every_word_and_ignore_words_that_are_not_read() {
    let model = open("tests/format-1");
    let text = format!("clever {}", "the plot is dull . ".repeat(13));
    let answer = explained(&model, &text);
    let words = answer.words.as_ref().unwrap();
    assert!(answer.truncated && words.len() == 66, "{}", words.len());
    assert_eq!((words[0].word.as_str(), words[0].contribution), ("clever", 0.0));
    assert!(words[2..].iter().any(|word| word.contribution != 0.0));
}

type Change<'a> = &'a dyn Fn(Vec<u8>) -> Vec<u8>;

/// The files of the package of format 1, some of them changed.
fn changed(changes: &[(&str, Change)]) -> MemoryFiles<'static> {
    let folder = Folder::new(checkout("tests/format-1"));
    let mut files = MemoryFiles::default();
    for name in ["config.json", "model.safetensors", "vocab.txt"] {
        let content = folder.read(name).unwrap().into_owned();
        let change = changes.iter().find(|(changed, _)| *changed == name);
        files.insert(name, change.map_or(content.clone(), |(_, change)| change(content)));
    }
    files
}

fn replace(from: &str, to: &str) -> impl Fn(Vec<u8>) -> Vec<u8> {
    move |content| {
        let content = String::from_utf8(content).unwrap();
        assert!(content.contains(from), "{from}");
        content.replacen(from, to, 1).into_bytes()
    }
}

#[test]
fn a_package_opens_from_memory() {
    let model = Sentiment::from_files(&changed(&[])).unwrap();
    assert_eq!(model.predict_one("fine").unwrap(), open("tests/format-1").predict_one("fine").unwrap());
}

#[test]
fn packages_with_files_that_do_not_match_are_refused() {
    let error =
        |name, change: &dyn Fn(Vec<u8>) -> Vec<u8>| Sentiment::from_files(&changed(&[(name, change)])).unwrap_err();
    let invalid = |error: PackageError, name: &str| {
        assert!(matches!(&error, PackageError::Invalid { file, .. } if file == name), "{error}");
    };
    invalid(error("config.json", &replace("\"hidden_size\": 48", "\"hidden_size\": 7")), "model.safetensors");
    invalid(error("config.json", &replace("\"max_words\": 64", "\"max_words\": 0")), "config.json");
    invalid(error("config.json", &replace("\"network\"", "\"net\"")), "config.json");
    invalid(error("vocab.txt", &|content| [content, b"oneword\n".to_vec()].concat()), "model.safetensors");
    let wrong = error("config.json", &replace("\"network\": {", "\"ngrams\": {}, \"network\": {"));
    assert!(matches!(&wrong, PackageError::Missing { file } if file == "ngrams.safetensors"), "{wrong}");
    let wrong = error("vocab.txt", &replace("<unk>\n", ""));
    assert!(matches!(wrong, PackageError::Invalid { line: Some(2), .. }), "{wrong}");
    let wrong = error("config.json", &replace("\"format\": 1", "\"format\": 99"));
    assert!(matches!(wrong, PackageError::Format { found: 99, .. }), "{wrong}");
    let wrong = error("config.json", &replace("\"sentiment\"", "\"language-model\""));
    assert!(matches!(wrong, PackageError::Application { .. }), "{wrong}");
    let wrong = error("model.safetensors", &|mut content| {
        *content.last_mut().unwrap() ^= 1;
        content
    });
    assert!(matches!(wrong, PackageError::Checksum { .. }), "{wrong}");
    let missing = Sentiment::from_pretrained("huge").unwrap_err();
    assert!(matches!(missing, PackageError::NotFound { .. }), "{missing}");
}

#[test]
fn damaged_packages_are_errors() {
    let config = Folder::new(checkout("tests/format-1")).read("config.json").unwrap().into_owned();
    test_support::try_damaged(&config, |bytes| {
        let _ = Sentiment::from_files(&changed(&[("config.json", &|_| bytes.to_vec())]));
    });
}
