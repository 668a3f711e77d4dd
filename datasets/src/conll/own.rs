//! Reads tagged sentences from the user's files, and returns them as a training, a validation and a test part.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ConllFormat, TaggedParts, TaggedSentence, parse};
use crate::error::{DataError, Result, TagError};
use crate::source::described;
use crate::text_file;

/// The number of equal shares into which the sentences of a single file are divided. The validation part and the test
/// part each get one share, which is 10 %.
const HELD_OUT: usize = 10;

/// Reads the user's tagged sentences from files in [any usual encoding and compression](crate::text_file), and returns
/// them in three parts.
///
/// `held_out` holds the paths of the files with the validation and the test part. If it is `None`, the sentences of the
/// file `train` are split in their order: the first 80 % for training, the next 10 % for validation, the last 10 % for
/// testing.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Unpack`] or [`DataError::NotText`] if a file cannot be read, unpacked or decoded,
/// [`TagError::TooFewSentences`] if fewer than 10 sentences are to be split, [`TagError::NoEntities`] if a part has no
/// entity, and the errors of [`parse`].
pub fn own_parts(train: &Path, held_out: Option<[&Path; 2]>, format: &ConllFormat) -> Result<TaggedParts> {
    let mut hash = Sha256::new();
    let mut read = |path: &Path| {
        let bytes = text_file::read(path)?;
        hash.update(&bytes);
        parse(path, &text_file::text(&bytes, path)?, format)
    };
    let mut sentences = read(train)?;
    let (valid, test) = match held_out {
        Some([valid, test]) => (read(valid)?, read(test)?),
        None => {
            let count = sentences.len() / HELD_OUT;
            if count == 0 {
                let (path, needed) = (PathBuf::from(train), HELD_OUT);
                return Err(DataError::Tags(TagError::TooFewSentences { path, sentences: sentences.len(), needed }));
            }
            let test = sentences.split_off(sentences.len() - count);
            (sentences.split_off(sentences.len() - count), test)
        }
    };
    let [valid_path, test_path] = held_out.unwrap_or([train, train]);
    check_entities(&sentences, train, "training")?;
    check_entities(&valid, valid_path, "validation")?;
    check_entities(&test, test_path, "test")?;
    let source = described(train, "SHA-256 of all files", &hash.finalize());
    Ok(TaggedParts { train: sentences, valid, test, source })
}

/// Returns an error for a part without entities, because such a part cannot be used for training or evaluation.
fn check_entities(sentences: &[TaggedSentence], path: &Path, part: &'static str) -> Result<()> {
    match sentences.iter().all(|sentence| sentence.entities.is_empty()) {
        true => Err(DataError::Tags(TagError::NoEntities { path: path.to_path_buf(), part })),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, sentences: std::ops::Range<usize>) -> PathBuf {
        let path = dir.join(name);
        let text: String = sentences.map(|index| format!("Ada\tB-person\nword{index}\tO\n\n")).collect();
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_file_is_split_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let parts = own_parts(&write(dir.path(), "all", 0..40), None, &ConllFormat::default()).unwrap();
        assert_eq!([parts.train.len(), parts.valid.len(), parts.test.len()], [32, 4, 4]);
        assert_eq!((parts.valid[0].tokens[1].as_str(), parts.test[3].tokens[1].as_str()), ("word32", "word39"));
        let [train, valid, test] =
            [("a", 0..3), ("b", 3..4), ("c", 4..6)].map(|(name, range)| write(dir.path(), name, range));
        let given = own_parts(&train, Some([&valid, &test]), &ConllFormat::default()).unwrap();
        assert_eq!([given.train.len(), given.valid.len(), given.test.len()], [3, 1, 2]);
        assert_ne!(given.source, parts.source);
    }

    #[test]
    fn the_encoding_does_not_change_the_sentences() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own");
        let text = "Jürgen\tB-person\nißt\tO\n\n".repeat(20);
        let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let western = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
        let [utf8, utf16, western] = [text.into_bytes(), utf16, western].map(|bytes| {
            std::fs::write(&path, bytes).unwrap();
            own_parts(&path, None, &ConllFormat::default()).unwrap().train
        });
        assert_eq!((&utf8[0].tokens[0][..], &utf8), ("Jürgen", &utf16));
        assert_eq!(utf8, western);
    }

    #[test]
    fn files_that_cannot_be_trained_with_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let missing = own_parts(&dir.path().join("none"), None, &ConllFormat::default()).unwrap_err();
        assert!(matches!(missing, DataError::Io { path, .. } if path.ends_with("none")));
        let few = own_parts(&write(dir.path(), "few", 0..9), None, &ConllFormat::default()).unwrap_err();
        assert!(matches!(few, DataError::Tags(TagError::TooFewSentences { sentences: 9, needed: 10, .. })), "{few}");
        let path = dir.path().join("none");
        std::fs::write(&path, "a O\n\n".repeat(20)).unwrap();
        let none = own_parts(&path, None, &ConllFormat::default()).unwrap_err();
        assert!(matches!(none, DataError::Tags(TagError::NoEntities { part: "training", .. })), "{none}");
        let good = write(dir.path(), "good", 0..20);
        for (held_out, wrong) in [([&path, &good], "validation"), ([&good, &path], "test")] {
            let error = own_parts(&good, Some(held_out.map(PathBuf::as_path)), &ConllFormat::default()).unwrap_err();
            assert!(matches!(error, DataError::Tags(TagError::NoEntities { part, .. }) if part == wrong), "{error}");
        }
    }
}
