//! Tests of the reader: forms of lines, schemes, and errors.

use proptest::prelude::*;

use super::*;
use crate::TagError;

fn format(columns: &[&str], scheme: Option<Scheme>) -> ConllFormat {
    ConllFormat { columns: columns.iter().map(|&name| name.to_owned()).collect(), scheme }
}

fn read(text: &str) -> Result<Vec<TaggedSentence>> {
    parse(Path::new("own.conll"), text, &ConllFormat::default())
}

fn read_as(text: &str, scheme: Scheme) -> Result<Vec<TaggedSentence>> {
    parse(Path::new("own.conll"), text, &format(&[], Some(scheme)))
}

/// Lines of made-up tokens with these tags.
fn lines(tags: &str) -> String {
    tags.split(' ').map(|tag| format!("word {tag}\n")).collect()
}

fn span(start: usize, end: usize, kind: &str) -> EntitySpan {
    EntitySpan { start, end, kind: kind.to_owned() }
}

fn tokens(sentences: &[TaggedSentence]) -> Vec<Vec<&str>> {
    sentences.iter().map(|sentence| sentence.tokens.iter().map(String::as_str).collect()).collect()
}

#[test]
fn columns_may_be_separated_by_tabs_and_blanks() {
    let sentences =
        read("\u{feff}Ada\tB-PER\r\nLovelace   I-PER\r\n saw \t O \r\n\t\r\nNew York\tB-LOC\r\n.\t\tO").unwrap();
    assert_eq!(tokens(&sentences), [vec!["Ada", "Lovelace", "saw"], vec!["New York", "."]]);
    assert_eq!(sentences[0].entities, [span(0, 2, "PER")]);
    assert_eq!(sentences[1].entities, [span(0, 1, "LOC")]);
    let mixed = read("Ada NNP B-PER\nsaw VBD\tO\nYork\tNNP\tB-LOC\n").unwrap();
    assert_eq!(mixed[0].tokens, ["Ada", "saw", "York"]);
}

#[test]
fn document_marks_and_comments_are_no_tokens() {
    let text = "# global.columns = FORM NE\n-DOCSTART- -X- -X- O\n\n# text = a # O\na DT B-NP O\n# # B-NP O\n\
                -DOCSTART- -X- -X- O\nb NN O O\n";
    assert_eq!(tokens(&read(text).unwrap()), [vec!["a", "#"], vec!["b"]]);
}

#[test]
fn number_signs_and_strange_tokens_are_tokens() {
    let text = "# O\n#\tO\n#rust\tB-group\n\u{a0}\tO\n-\tO\nO\tO\n";
    assert_eq!(tokens(&read(text).unwrap()), [["#", "#", "#rust", "\u{a0}", "-", "O"]]);
}

#[test]
fn named_columns_are_found_in_any_order() {
    let columns = format(&["id", "tag", "token"], None);
    let sentences = parse(Path::new("own.conll"), "1\tB-LOC\tParis\n2\tO\t.\n", &columns).unwrap();
    assert_eq!(tokens(&sentences), [["Paris", "."]]);
    assert_eq!(sentences[0].entities, [span(0, 1, "LOC")]);
    for names in [&["token", "pos"][..], &["tag"], &["token", "tag", "tag"]] {
        let error = parse(Path::new("own.conll"), "a O\n", &format(names, None)).unwrap_err();
        assert!(
            matches!(error, DataError::Tags(TagError::TokenColumns { .. })) && error.setting() == Some("columns"),
            "{error}"
        );
    }
}

#[test]
fn every_scheme_is_recognised() {
    let two = [span(0, 2, "PER"), span(2, 3, "PER"), span(3, 4, "LOC")];
    for tags in [
        "I-PER I-PER B-PER I-LOC O",
        "B-PER I-PER B-PER B-LOC O",
        "B-PER E-PER S-PER S-LOC O",
        "B-PER L-PER U-PER U-LOC O",
    ] {
        assert_eq!(read(&lines(tags)).unwrap()[0].entities, two, "{tags}");
    }
    assert_eq!(read("a\tI-x\n\nb\tI-x\n").unwrap()[1].entities, [span(0, 1, "x")]);
    assert_eq!(read("a\tB-creative-work\n").unwrap()[0].entities, [span(0, 1, "creative-work")]);
    assert_eq!(read("a\tO\n").unwrap()[0].entities, []);
}

#[test]
fn a_misplaced_tag_names_its_line_and_the_scheme() {
    for (tags, line, previous, tag, scheme) in [
        ("B-PER O I-PER B-LOC", 3, Some("O"), Some("I-PER"), Scheme::Bio2),
        ("B-PER I-LOC B-LOC", 2, Some("B-PER"), Some("I-LOC"), Scheme::Bio2),
        ("I-PER B-LOC", 1, None, Some("I-PER"), Scheme::Bio2),
        ("I-PER O I-PER O B-PER", 5, Some("O"), Some("B-PER"), Scheme::Iob1),
        ("S-PER I-PER E-PER", 2, Some("S-PER"), Some("I-PER"), Scheme::Bioes),
        ("B-PER E-LOC", 2, Some("B-PER"), Some("E-LOC"), Scheme::Bioes),
        ("B-PER O S-PER", 2, Some("B-PER"), Some("O"), Scheme::Bioes),
        ("S-PER O B-PER", 3, Some("B-PER"), None, Scheme::Bioes),
    ] {
        let error = read(&lines(tags)).unwrap_err();
        assert_eq!(error.setting(), Some("scheme"));
        assert!(error.to_string().contains(&format!("own.conll, line {line}: `")), "{error}");
        let DataError::Tags(TagError::MisplacedTag { line: found, previous: before, tag: after, scheme: of, .. }) =
            error
        else {
            panic!("{error}")
        };
        assert_eq!((found, before.as_deref(), after.as_deref(), of), (line, previous, tag, scheme), "{tags}");
    }
}

/// The remedy that the error message names resolves the error.
#[test]
fn a_mixed_file_is_read_with_the_scheme_that_is_set() {
    let mixed = lines("B-PER B-LOC I-PER I-PER B-PER");
    assert!(matches!(read(&mixed), Err(DataError::Tags(TagError::MisplacedTag { line: 3, .. }))));
    let entities = &read_as(&mixed, Scheme::Iob1).unwrap()[0].entities;
    assert_eq!(entities, &[span(0, 1, "PER"), span(1, 2, "LOC"), span(2, 4, "PER"), span(4, 5, "PER")]);
    assert!(matches!(read_as(&mixed, Scheme::Bio2), Err(DataError::Tags(TagError::MisplacedTag { line: 3, .. }))));
    let error = read_as(&lines("B-PER E-PER"), Scheme::Bio2).unwrap_err();
    assert!(
        matches!(&error, DataError::Tags(TagError::UnknownTag { line: 2, tag, scheme: Some(Scheme::Bio2), .. }) if tag == "E-PER")
    );
    assert_eq!(error.setting(), Some("scheme"));
}

#[test]
fn a_missing_tag_names_its_line() {
    for (text, line, found, wanted) in [
        ("a O\nb\nc O\n", 2, 1, 2),
        ("a O\nb\t\nc O\n", 2, 1, 2),
        ("a O\n\tO\n", 2, 1, 2),
        ("a O\n#rust\n", 2, 1, 2),
        ("a O\n#\n", 2, 1, 2),
        ("a O\n# \n", 2, 1, 2),
        ("a\nb\n", 1, 1, 2),
        ("a DT I-NP O\nb NN I-NP\n", 2, 3, 4),
        ("a O\nb NN O\n", 2, 3, 2),
    ] {
        let error = read(text).unwrap_err();
        let counts = |error: &DataError| match error {
            DataError::Tags(TagError::ColumnCount { line, found, wanted, .. }) => Some((*line, *found, *wanted)),
            _ => None,
        };
        assert_eq!(counts(&error), Some((line, found, wanted)), "{text:?}: {error}");
        assert_eq!(error.setting(), Some("columns"));
    }
}

#[test]
fn an_unknown_tag_names_its_line_and_itself() {
    for value in ["X-PER", "B", "B-", "o", "b-PER", "B_PER", "NN"] {
        let error = read(&format!("a O\nb {value}\n")).unwrap_err();
        assert!(
            matches!(&error, DataError::Tags(TagError::UnknownTag { line: 2, tag, scheme: None, .. }) if tag == value),
            "{value}: {error}"
        );
        assert_eq!(error.setting(), Some("columns"));
    }
}

#[test]
fn texts_without_sentences_are_errors() {
    for text in ["", "\u{feff}", "\n \n\t\n", "-DOCSTART- -X- O O\n", "-DOCSTART-\tO\n"] {
        assert!(matches!(read(text), Err(DataError::Empty { what: "sentences", .. })), "{text:?}");
    }
}

#[test]
fn formats_are_settings() {
    let read: ConllFormat = toml::from_str("columns = [\"token\", \"tag\"]\nscheme = \"bioes\"").unwrap();
    assert_eq!(read, format(&["token", "tag"], Some(Scheme::Bioes)));
    assert!(toml::from_str::<ConllFormat>("schema = \"bio2\"").is_err());
}

/// Sentences with entities at random places, many of which touch.
fn sentences() -> impl Strategy<Value = Vec<TaggedSentence>> {
    let kind = prop::sample::select(vec!["person", "creative-work", "B"]);
    let pieces = prop::collection::vec((0..3usize, 1..4usize, kind), 1..6);
    let sentence = pieces.prop_map(|pieces| {
        let mut sentence = TaggedSentence::default();
        for (gap, length, kind) in pieces {
            let start = sentence.tokens.len() + gap;
            let end = start + length;
            sentence.tokens.extend((start - gap..end).map(|place| format!("#{place}")));
            sentence.entities.push(span(start, end, kind));
        }
        sentence
    });
    prop::collection::vec(sentence, 1..5)
}

proptest! {
    #[test]
    fn spans_survive_every_scheme(sentences in sentences(), letters in any::<bool>()) {
        for scheme in [Scheme::Iob1, Scheme::Bio2, Scheme::Bioes] {
            let mut text = String::new();
            for sentence in &sentences {
                let tags = scheme.tags(sentence.tokens.len(), &sentence.entities);
                for (token, tag) in sentence.tokens.iter().zip(tags) {
                    let tag = if letters { tag.replace("E-", "L-").replace("S-", "U-") } else { tag };
                    text += &format!("{token}\t{tag}\n");
                }
                text.push('\n');
            }
            prop_assert_eq!(&read(&text).unwrap(), &sentences, "{}", scheme);
            prop_assert_eq!(&read_as(&text, scheme).unwrap(), &sentences, "{}", scheme);
        }
    }
}

#[test]
fn damaged_files_are_sentences_or_errors() {
    let whole = "Ada\tB-PER\nLovelace I-PER\n\n# a comment\n-DOCSTART- O\n# O\nParis\tB-LOC\n".repeat(3);
    test_support::try_damaged(whole.as_bytes(), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for sentence in read(&text).into_iter().flatten() {
            let ends = sentence.entities.iter().map(|entity| (entity.start, entity.end));
            let mut before = 0;
            for (start, end) in ends {
                assert!(before <= start && start < end && end <= sentence.tokens.len(), "{sentence:?}");
                before = end;
            }
        }
    });
}

/// A file in the form of CoNLL-2003: four columns, IOB1, document marks.
const NEWSWIRE: &str = "\
-DOCSTART- -X- -X- O

Marlow NNP I-NP I-ORG
rejects VBZ I-VP O
Danish JJ I-NP I-MISC
offer NN I-NP O
. . O O

Ines NNP I-NP I-PER
Vold NNP I-NP I-PER
Tarn NNP B-NP B-PER
left VBD I-VP O
Oslo NNP I-NP I-LOC
";

#[test]
fn conll_2003_is_read_from_a_folder_under_both_sets_of_names() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("conll2003");
    std::fs::create_dir(&folder).unwrap();
    let locator = Locator::new(Some(dir.path()));
    let error = conll2003::load(&locator).unwrap_err();
    assert!(matches!(&error, DataError::NotFound { url: Some(url), .. } if url.contains("conll2003")), "{error}");
    assert_eq!(error.setting(), Some("data_dir"));

    let bio2 = NEWSWIRE.replace("I-NP I-", "I-NP B-").replace("Vold NNP I-NP B-", "Vold NNP I-NP I-");
    for (names, text) in
        [(["eng.train", "eng.testa", "eng.testb"], NEWSWIRE), (["train.txt", "valid.txt", "test.txt"], &bio2)]
    {
        for name in names {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let parts = conll2003::load(&locator).unwrap();
        assert_eq!(parts.train[0].tokens, ["Marlow", "rejects", "Danish", "offer", "."]);
        assert_eq!(parts.train[0].entities, [span(0, 1, "ORG"), span(2, 3, "MISC")]);
        assert_eq!(parts.test[1].entities, [span(0, 2, "PER"), span(2, 3, "PER"), span(4, 5, "LOC")]);
        assert!(
            parts.train == parts.valid && parts.train == parts.test && parts.source.starts_with("CoNLL-2003 (SHA-256")
        );
        names.iter().for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
    }
}
