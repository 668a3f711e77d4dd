//! Texts with class labels: published data sets, and the user's own tables and folders.
//!
//! | item | data |
//! |---|---|
//! | [`trec`] | 5,952 questions in six classes (what kind of answer they ask for) |
//! | [`rt_polarity`] | 10,662 sentences of film reviews, positive or negative |
//! | [`imdb_sentences`] | 1,000 other sentences of film reviews, positive or negative |
//! | [`Texts::from_table`] | any CSV or TSV file with a column of texts and a column of labels |
//! | [`Texts::from_file`] | a file in any other format, with a function that reads its rows |
//! | [`Texts::from_folder`] | a folder for each class, with one file per text |
//!
//! ```
//! use datasets::texts::{Text, Texts};
//!
//! let text = |text: &str, label: &str| Text { text: text.to_owned(), label: label.to_owned() };
//! let texts = vec![text("a", "x"), text("b", "x"), text("c", "y"), text("d", "y")];
//! let (train, held_out) = Texts { texts, source: "mine".to_owned() }.hold_out(0.5, 7)?;
//! assert_eq!((train.classes(), held_out.classes()), (vec!["x".to_owned(), "y".to_owned()], train.classes()));
//! # Ok::<(), datasets::DataError>(())
//! ```

mod duplicates;
mod folder;
mod published;
mod split;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

pub use duplicates::Duplicates;
pub use published::{imdb_sentences, rt_polarity, trec};
pub use table::Row;

use crate::error::{DataError, Result, TextError};

/// The largest number of classes that a data set may have.
const MOST_CLASSES: usize = 500;

/// A text with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The class label.
    pub label: String,
}

/// Texts with classes, and a description of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The texts, in the order of the data.
    pub texts: Vec<Text>,
    /// The path or the name of the data, and its checksum.
    pub source: String,
}

/// Texts in a training part and, if the data have such parts, in a validation part and a test part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextParts {
    /// The training part.
    pub train: Texts,
    /// The validation part; `None` if the data have none, so that it has to be held out of the training part.
    pub valid: Option<Texts>,
    /// The test part; `None` if the data have none, so that it has to be held out of the training part.
    pub test: Option<Texts>,
}

impl Texts {
    /// Returns the distinct classes in alphabetical order.
    pub fn classes(&self) -> Vec<String> {
        self.class_sizes().into_keys().map(str::to_owned).collect()
    }

    /// Returns the number of texts of each class.
    pub fn class_sizes(&self) -> BTreeMap<&str, usize> {
        let mut sizes = BTreeMap::new();
        self.texts.iter().for_each(|text| *sizes.entry(text.label.as_str()).or_insert(0) += 1);
        sizes
    }

    /// Checks that there are at least two and at most 500 classes, and at least twice as many texts as classes. `path`
    /// is for the error message.
    ///
    /// # Errors
    ///
    /// [`TextError::OneClass`] and [`TextError::TooManyClasses`].
    pub fn check_classes(&self, path: &Path) -> Result<()> {
        let (path, sizes, texts) = (path.to_path_buf(), self.class_sizes(), self.texts.len());
        let classes = sizes.len();
        match sizes.first_key_value() {
            None => Err(DataError::Empty { path, what: "texts left: all of them also occur in another part" }),
            Some((label, _)) if classes == 1 => {
                Err(TextError::OneClass { path, texts, label: (*label).to_owned() }.into())
            }
            _ if classes > MOST_CLASSES || classes * 2 > texts => {
                Err(TextError::TooManyClasses { path, texts, classes }.into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the texts with these indices, in this order.
    ///
    /// # Panics
    ///
    /// If an index is not less than the number of texts.
    #[must_use]
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self { texts: indices.iter().map(|&index| self.texts[index].clone()).collect(), source: self.source.clone() }
    }
}

impl TextParts {
    /// Checks that the labels of the validation and test parts are spelled as in the training part.
    ///
    /// # Errors
    ///
    /// [`TextError::TwoSpellingsOfParts`].
    pub fn check_spellings(&self) -> Result<()> {
        let known: HashMap<String, String> =
            self.train.classes().into_iter().map(|label| (spelling_key(&label), label)).collect();
        for part in [&self.valid, &self.test].into_iter().flatten() {
            for label in part.classes() {
                if let Some(spelling) = known.get(&spelling_key(&label)).filter(|spelling| **spelling != label) {
                    let spellings = Box::new([spelling.clone(), label]);
                    let (train, part) = (self.train.source.clone(), part.source.clone());
                    return Err(TextError::TwoSpellingsOfParts { train, part, spellings }.into());
                }
            }
        }
        Ok(())
    }
}

/// Returns a label in lower case without blanks. Labels that differ only in case or blanks have the same key.
fn spelling_key(label: &str) -> String {
    label.split_whitespace().collect::<String>().to_lowercase()
}

/// Checks the labels of a file while its rows are read: no label may have two spellings.
struct Spellings<'a> {
    /// The path of the file, for error messages.
    path: &'a Path,
    /// The first spelling of each label, and the number of the line that has this spelling. The key is
    /// the label in lower case without blanks.
    first: HashMap<String, (String, usize)>,
}

impl<'a> Spellings<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, first: HashMap::new() }
    }

    /// Checks that `label`, which is in line number `line`, is spelled as in the lines before.
    fn check(&mut self, label: &str, line: usize) -> Result<()> {
        let (spelling, other_line) = self.first.entry(spelling_key(label)).or_insert_with(|| (label.to_owned(), line));
        if spelling == label {
            return Ok(());
        }
        let spellings = Box::new([spelling.clone(), label.to_owned()]);
        let path: PathBuf = self.path.to_path_buf();
        Err(TextError::TwoSpellings { path, line, other_line: *other_line, spellings }.into())
    }
}
