//! Data sets: acquired, verified, parsed and split, in this order, one file a set.
//!
//! | module | set |
//! |---|---|
//! | [`imdb`] | IMDB large movie reviews, from the published archive or its folder |
//! | [`sample`] | short reviews by a generator of our own, part of the program |
//! | [`ptb`], [`wikitext2`] | Penn Treebank and WikiText-2, for language models |
//! | [`grammar`] | sentences of a grammar of our own, part of the program, with their entropy |
//! | [`own_text`] | any text file |
//! | [`weather`], [`energy`], [`stocks`] | Jena, Seattle; ETTh1, PJM East; S&P 500, VIX |
//! | [`Series`] | numbers over time, from any CSV file |
//!
//! [`Locator`] finds the files: `--data-dir`, the folder that `RNN_ZOO_DATA` names, the user's cache, the published
//! address. [`tokenize`] and [`Vocabulary`] turn text into numbers. Sets of items, such as
//! [`ReviewSet`], are burn's [`Dataset`](burn_dataset::Dataset).
//!
//! ```
//! use datasets::{Vocabulary, Zero, sample, tokenize};
//!
//! let reviews = sample::load();
//! let (train, valid) = reviews.train.hold_out(500, 1);
//! let texts: Vec<Vec<String>> = train.0.iter().map(|review| tokenize(&review.text)).collect();
//! let vocabulary = Vocabulary::build(Zero::Padding, texts.iter().flatten().map(String::as_str), 1000);
//! assert_eq!(vocabulary.encode(&tokenize("the plot is xyzzy"))[3], Vocabulary::UNKNOWN);
//! assert_eq!(valid.0.len(), 500);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod corpus;
#[cfg(test)]
#[path = "../../training/src/damage.rs"]
mod damage;
mod dates;
pub mod energy;
mod error;
pub mod grammar;
pub mod imdb;
pub mod ptb;
mod review;
pub mod sample;
mod series;
mod source;
mod span;
pub mod stocks;
mod text;
pub mod weather;
pub mod wikitext2;

pub use corpus::{Corpus, Level, own_text};
pub use error::{DataError, Result};
pub use review::{Review, ReviewSet, Reviews};
pub use series::{CsvFormat, Doubled, Gaps, Missing, Series};
pub use source::{Archive, DATA_VARIABLE, DataFile, DataSet, Found, Locator, PublishedFile};
pub use span::Span;
pub use text::{Vocabulary, Zero, tokenize};
