//! Data sets: acquired, verified, parsed and split, in this order, one file a set.
//!
//! | module | set |
//! |---|---|
//! | [`imdb`] | IMDB large movie reviews, from the published archive or its folder |
//! | [`sample`] | short reviews by a generator of our own, part of the program |
//!
//! [`Locator`] finds the files: `--data-dir`, the folder that `RNN_ZOO_DATA` names, the user's cache, the published
//! address. [`tokenize`] and [`Vocabulary`] turn text into numbers. Every set implements burn's
//! [`Dataset`](burn_dataset::Dataset).
//!
//! ```
//! use datasets::{Vocabulary, sample, tokenize};
//!
//! let reviews = sample::load();
//! let (train, valid) = reviews.train.hold_out(500, 1);
//! let texts: Vec<Vec<String>> = train.0.iter().map(|review| tokenize(&review.text)).collect();
//! let vocabulary = Vocabulary::build(texts.iter().map(Vec::as_slice), 1000);
//! assert_eq!(vocabulary.encode(&tokenize("the plot is xyzzy"))[3], Vocabulary::UNKNOWN);
//! assert_eq!(valid.0.len(), 500);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(test)]
#[path = "../../training/src/damage.rs"]
mod damage;
mod error;
pub mod imdb;
mod review;
pub mod sample;
mod source;
mod text;

pub use error::{DataError, Result};
pub use review::{Review, ReviewSet, Reviews};
pub use source::{DATA_VARIABLE, DataFile, DataSet, Found, Locator};
pub use text::{Vocabulary, tokenize};
