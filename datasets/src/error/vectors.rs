//! Errors of word vectors.

use std::path::PathBuf;

/// Why a file of word vectors cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// A line of a file of word vectors has more or fewer values than the first line.
    #[error(
        "{}, line {line}: the line has {found} values, but the first line has {wanted}; replace the file with a \
         complete copy",
        path.display()
    )]
    Length {
        /// The path of the file of word vectors.
        path: PathBuf,
        /// The line number, counted from 1.
        line: usize,
        /// The number of values in the line.
        found: usize,
        /// The number of values in the first line.
        wanted: usize,
    },
    /// A value of a word vector is not a finite number.
    #[error("{}, line {line}: `{value}` is not a finite number; correct the value or remove the line", path.display())]
    Value {
        /// The path of the file of word vectors.
        path: PathBuf,
        /// The line number of the value, counted from 1.
        line: usize,
        /// The text of the value.
        value: String,
    },
}
