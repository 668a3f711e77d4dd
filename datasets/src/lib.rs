//! Public data sets for recurrent networks: reviews, texts, time series and recordings.
//!
//! Each loader finds or downloads the published files, verifies their checksums, parses them, and returns plain Rust
//! values. A published split into training, validation and test parts is preserved. Tokenisation, scaling and batching
//! are left to the caller.
//!
//! | module | data |
//! |---|---|
//! | [`imdb`] | IMDB large movie reviews: 25,000 training and 25,000 test reviews with labels |
//! | [`sample`] | embedded: 5,000 generated short reviews in which word order determines the label |
//! | [`ptb`], [`wikitext2`] | Penn Treebank and WikiText-2, corpora for language models |
//! | [`grammar`] | embedded: generated sentences of a grammar with known entropy |
//! | [`weather`] | the weather in Jena every ten minutes; embedded: the weather in Seattle every day |
//! | [`energy`] | every hour: ETTh1 (an electricity transformer), and the electricity load of PJM East |
//! | [`stocks`] | every trading day: the index S&P 500, its volatility index VIX, and the prices of 40 companies |
//! | [`conll`] | sentences with named entities: WNUT-17, CoNLL-2003, and any file in the CoNLL format |
//! | [`news`] | embedded: generated news and messages with named entities, whose entity types depend on the context |
//! | [`texts`] | texts with class labels: questions (TREC), sentences of film reviews; any CSV files and folders |
//! | [`vectors`] | word vectors: GloVe, and any file in the format of GloVe or word2vec |
//! | [`recordings`] | time series with class labels: pen gestures (embedded), movements, handwriting; any CSV files |
//! | [`own_text`] | any text file, split into training, validation and test parts |
//! | [`Series`] | any CSV file with a time column |
//!
//! Embedded sets are part of the crate and need no files. For all other sets, a [`Locator`] finds the files. If the
//! caller gives a data folder, the locator searches only this folder. If not, it searches the folder that the
//! environment variable `RNN_ZOO_DATA` names and the user's cache, and downloads a missing file into the cache. The
//! crate prints nothing; [`Locator::with_progress`] reports downloads. A [`DataError`] names the file, the line and the
//! setting to change.
//!
//! The cargo feature `download` (default) adds an HTTPS client. Without this feature, a missing file is an error.
//!
//! ```
//! let reviews = datasets::sample::load();
//! let (train, valid) = datasets::hold_out(reviews.train, 400, 0);
//! assert_eq!((train.len(), valid.len(), reviews.test.len()), (3600, 400, 1000));
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conll;
mod corpus;
pub mod energy;
mod error;
pub mod grammar;
pub mod imdb;
pub mod news;
mod own_reviews;
pub mod ptb;
pub mod recordings;
mod review;
pub mod sample;
mod series;
mod source;
pub mod stocks;
pub mod text_file;
pub mod texts;
pub mod vectors;
pub mod weather;
pub mod wikitext2;

pub use corpus::{Corpus, own_text};
pub use error::{DataError, RecordingError, Result, TagError, TextError, VectorError};
pub use own_reviews::own_reviews;
pub use review::{Review, Reviews, hold_out};
pub use series::{
    Counted, CsvFormat, Decimal, Duplicates, Gaps, Missing, Note, Roles, RollUp, Sentinel, Separator, Series, Span,
    TableSeries,
};
pub use source::{Activity, DATA_VARIABLE, Form, Found, Locator, Packing, Progress, PublishedFile, Source};
