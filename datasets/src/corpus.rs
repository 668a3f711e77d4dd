//! Texts for language models: lines of tokens, in three parts.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::source::{Archive, Locator, PublishedFile, hex};
use crate::text::{Vocabulary, Zero, tokenize};

/// A text in three parts, each read from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// To learn from.
    pub train: String,
    /// To choose by.
    pub valid: String,
    /// To measure on.
    pub test: String,
    /// Where it came from, with a checksum.
    pub source: String,
    /// The perplexity of the words of the test part to what drew them, where that is known.
    pub floor: Option<f64>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What stands between blanks; `<eos>` ends a line.
    #[default]
    Word,
    /// A character; `<eos>` ends a line.
    Character,
}

impl Level {
    /// The tokens of a text: those of each line, and `<eos>` at its end.
    ///
    /// ```
    /// use datasets::Level;
    ///
    /// assert_eq!(Level::Word.tokens("a fine day\nno").collect::<Vec<_>>(), ["a", "fine", "day", "<eos>", "no", "<eos>"]);
    /// assert_eq!(Level::Character.tokens("no").collect::<Vec<_>>(), ["n", "o", "<eos>"]);
    /// ```
    pub fn tokens(self, text: &str) -> impl Iterator<Item = &str> {
        text.lines().flat_map(move |line| self.of_line(line).chain([Zero::EndOfLine.word()]))
    }

    /// The numbers of a text's tokens.
    pub fn encode(self, text: &str, vocabulary: &Vocabulary) -> Vec<u32> {
        self.tokens(text).map(|token| vocabulary.number(token)).collect()
    }

    /// A line of anybody's text, prepared: its words in lower case and split off their punctuation by [`tokenize`], or
    /// characters that cannot be seen as blanks.
    pub fn clean(self, line: &str) -> String {
        match self {
            Self::Word => tokenize(line).join(" "),
            Self::Character => line.replace(char::is_control, " "),
        }
    }

    /// The tokens of a line.
    pub fn of_line(self, line: &str) -> impl Iterator<Item = &str> {
        let words = (self == Self::Word).then(|| line.split_whitespace());
        let characters = (self == Self::Character).then(|| line.split("").filter(|character| !character.is_empty()));
        words.into_iter().flatten().chain(characters.into_iter().flatten())
    }
}

/// The share of a text of one's own that is kept to choose by, and the share to measure on.
const KEPT: usize = 20;

/// A plain-text file of one's own: the first nine tenths of its lines to learn from, then a twentieth to choose by and one
/// to measure on. As words it is split up by [`tokenize`]. Characters that cannot be seen become blanks.
pub fn own_text(path: &Path, level: Level) -> Result<Corpus> {
    let bytes = std::fs::read(path).map_err(DataError::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        DataError::parse(path, Some(line + 1), "is not UTF-8; convert the file first, with iconv for example")
    })?;
    let lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(|line| level.clean(line)).collect();
    if lines.is_empty() {
        return Err(DataError::parse(path, None, "is empty; give a text to learn from"));
    }
    let kept = lines.len() / KEPT;
    if kept == 0 {
        let message = format!(
            "has {} lines, which is too few for three parts: at least {KEPT} are needed; break it into lines, with fold -s for example",
            lines.len()
        );
        return Err(DataError::parse(path, None, message));
    }
    let (train, rest) = lines.split_at(lines.len() - 2 * kept);
    let (valid, test) = rest.split_at(kept);
    let part = |lines: &[String]| lines.join("\n") + "\n";
    let source = format!("{} (SHA-256 {})", path.display(), hex(&Sha256::digest(&text)));
    Ok(Corpus { train: part(train), valid: part(valid), test: part(test), source, floor: None })
}

/// A published corpus.
pub(crate) struct Published {
    /// Its name.
    pub name: &'static str,
    /// Its subfolder of a data folder.
    pub folder: &'static str,
    /// What the addresses of its parts begin with.
    pub address: &'static str,
    /// The archive in which some people have it.
    pub archive: &'static str,
    /// Training, validation and test part.
    pub parts: [Part; 3],
}

/// A part of a published corpus.
pub(crate) struct Part {
    /// The name of its file.
    pub name: &'static str,
    /// Of its text.
    pub sha256: &'static str,
    /// What its address ends with.
    pub remote: &'static str,
    /// Its path in the archive.
    pub member: &'static str,
    /// How many words it has, with one `<eos>` a line.
    pub tokens: usize,
}

impl Published {
    /// Finds, reads and counts it.
    pub fn load(&self, locator: &Locator) -> Result<Corpus> {
        let [train, valid, test] = &self.parts;
        let source = format!("{} (SHA-256 of the training part {})", self.name, train.sha256);
        let read = |part| self.read(part, locator);
        Ok(Corpus { train: read(train)?, valid: read(valid)?, test: read(test)?, source, floor: None })
    }

    fn read(&self, part: &Part, locator: &Locator) -> Result<String> {
        let bytes = locator.read(&PublishedFile {
            set: self.name,
            folder: self.folder,
            name: part.name,
            sha256: Some(part.sha256),
            archive: Some(Archive { name: self.archive, member: part.member }),
            url: Some(&format!("{}{}", self.address, part.remote)),
        })?;
        let path = Path::new(self.folder).join(part.name);
        let text = String::from_utf8(bytes)
            .map_err(|error| DataError::parse(&path, None, format!("is not UTF-8 ({error})")))?;
        match Level::Word.tokens(&text).count() {
            found if found == part.tokens => Ok(text),
            found => Err(DataError::Count { path, what: "tokens".to_owned(), found, wanted: part.tokens }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_ones_own_is_cut_by_lines_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let lines: Vec<String> = (0..100).map(|line| format!("Line {line}, it's\tso.\r")).collect();
        std::fs::write(&path, format!("\u{feff}{}", lines.join("\n"))).unwrap();

        let words = own_text(&path, Level::Word).unwrap();
        assert_eq!(words.train.lines().count(), 90);
        assert_eq!(words.valid.lines().next(), Some("line 90 , it's so ."));
        assert_eq!(words.test.lines().last(), Some("line 99 , it's so ."));

        let characters = own_text(&path, Level::Character).unwrap();
        assert_eq!(characters.train.lines().next(), Some("Line 0, it's so."));
        let tokens: Vec<_> = Level::Character.tokens("é 😀\n\na").collect();
        assert_eq!(tokens, ["é", " ", "😀", "<eos>", "<eos>", "a", "<eos>"]);
    }

    #[test]
    fn texts_that_cannot_be_used_name_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let not_utf8 = (&b"one\ntwo\xff\n"[..], "own.txt, line 2: is not UTF-8");
        for (bytes, part) in [not_utf8, (b"one\ntwo\n", "has 2 lines"), (b"\xef\xbb\xbf", "own.txt: is empty")] {
            std::fs::write(&path, bytes).unwrap();
            let error = own_text(&path, Level::Word).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(own_text(&dir.path().join("none.txt"), Level::Word).unwrap_err().to_string().contains("none.txt"));
    }

    #[test]
    fn damaged_texts_are_texts_or_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        crate::damage::try_damaged("a b\u{e9}\n".repeat(40).as_bytes(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = own_text(&path, Level::Character).map(|corpus| Level::Character.tokens(&corpus.train).count());
            let _ = own_text(&path, Level::Word);
        });
    }
}
