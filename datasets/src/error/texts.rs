//! Errors of texts with class labels.

use std::path::PathBuf;

/// Why texts with class labels cannot be read or split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A row of a table has an empty text or an empty label.
    #[error(
        "{}, line {line}: the field in column `{column}` is empty{}; add the value or remove the row",
        path.display(),
        if *count > 1 { format!(" (empty fields in {count} rows)") } else { String::new() }
    )]
    EmptyField {
        /// The path of the file.
        path: PathBuf,
        /// The line number of the first row with an empty field, counted from 1.
        line: usize,
        /// The name of the column with the empty field.
        column: String,
        /// The number of rows with an empty text or an empty label.
        count: usize,
    },
    /// Two labels differ only in upper and lower case or in blanks.
    #[error(
        "{}, line {line}: the label `{}` differs from `{}` in line {other_line} only in case or spaces; use one \
         spelling for both",
        path.display(),
        spellings[1],
        spellings[0]
    )]
    TwoSpellings {
        /// The path of the file.
        path: PathBuf,
        /// The line number of the second spelling, counted from 1.
        line: usize,
        /// The line number of the first spelling, counted from 1.
        other_line: usize,
        /// The first and the second spelling.
        spellings: Box<[String; 2]>,
    },
    /// A label of the validation or the test part differs from a label of the training part only in upper and lower
    /// case or in blanks.
    #[error(
        "{part}: the label `{}` differs from the label `{}` of {train} only in case or spaces; use one spelling \
         for both",
        spellings[1],
        spellings[0]
    )]
    TwoSpellingsOfParts {
        /// The [`source`](crate::texts::Texts::source) of the training part.
        train: String,
        /// The [`source`](crate::texts::Texts::source) of the validation or the test part.
        part: String,
        /// The spelling in the training part, and the spelling in the other part.
        spellings: Box<[String; 2]>,
    },
    /// A field of a table begins with a quote, but its closing quote is missing, or neither a separator nor the end of
    /// the line follows the closing quote.
    #[error(
        "{}, line {line}: a field begins with a quote here, but its closing quote is missing, or is not followed by a \
         separator or a line end; add the closing quote, and write each quote inside the field twice",
        path.display()
    )]
    Quote {
        /// The path of the file.
        path: PathBuf,
        /// The line number of the opening quote, counted from 1.
        line: usize,
    },
    /// A line of a JSON Lines file is not a JSON object, or its text or label is not a string, a number or a boolean.
    #[error(
        "{}, line {line}: {message}; write one JSON object per line, with strings for the text and the label",
        path.display()
    )]
    Json {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The description of what is wrong in the line.
        message: String,
    },
    /// All texts have the same label.
    #[error(
        "{}: all {texts} texts have the label `{label}`, but at least two classes are needed; add texts of another \
         class",
        path.display()
    )]
    OneClass {
        /// The path of the file or folder.
        path: PathBuf,
        /// The number of texts.
        texts: usize,
        /// The label of all texts.
        label: String,
    },
    /// There are too many classes: more than 500, or more classes than half of the number of texts.
    #[error(
        "{}: {texts} texts have {classes} different labels, but at most 500 labels, and at most one label per two \
         texts, are allowed; set `label` to the column with the class",
        path.display()
    )]
    TooManyClasses {
        /// The path of the file or folder.
        path: PathBuf,
        /// The number of texts.
        texts: usize,
        /// The number of different labels.
        classes: usize,
    },
    /// The texts cannot be divided into a training and a held-out part.
    #[error("{data}: no class has two or more texts, so no text can be held out; add texts to the classes")]
    TooFewTexts {
        /// The [`source`](crate::texts::Texts::source) of the texts.
        data: String,
    },
    /// The number of folds for cross-validation is below two, or is greater than the number of texts.
    #[error("cannot divide {texts} texts into {folds} folds; choose at least 2 folds, and at most one fold per text")]
    Folds {
        /// The requested number of folds.
        folds: usize,
        /// The number of texts.
        texts: usize,
    },
    /// The folder `train` or `test` of the user's own reviews has a subfolder other than `pos`, `neg` and `unsup`.
    #[error(
        "{} is an unexpected folder, because reviews are read only from the folders pos and neg; remove this folder",
        path.display()
    )]
    OtherLabel {
        /// The path of the folder.
        path: PathBuf,
    },
    /// A line in a file of a published data set has no class label.
    #[error(
        "{}, line {line}: `{text}` has no class label; replace the file with an unchanged copy of the published file",
        path.display()
    )]
    NoClass {
        /// The path of the file.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The text of the line.
        text: String,
    },
}

impl TextError {
    /// Returns the name of the setting that can resolve the error: see
    /// [`DataError::setting`](super::DataError::setting).
    pub(super) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::TooManyClasses { .. } => Some("label"),
            Self::Folds { .. } => Some("folds"),
            _ => None,
        }
    }
}
