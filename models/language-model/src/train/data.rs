//! A corpus as token ids, and the table `[data]` of a recipe.

use std::path::PathBuf;
use std::sync::Arc;

use datasets::{Corpus, Locator, grammar, own_text, ptb, wikitext2};
use inference::text::{Level, Reserved, Vocabulary};
use serde::{Deserialize, Serialize};
use training::settings::Count;
use training::streams::Streams;
use training::{TaskError, TaskResult};

use crate::predictor::TextSettings;
use crate::text::CorpusKind;

/// The table `[data]` of a recipe (the TOML file of a training run): the corpus, its tokens, and the number of time
/// steps of a training window.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The corpus to load.
    pub set: CorpusKind,
    /// The path of the text file, if `set` is `"text"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The unit of tokens: words or characters.
    #[serde(default)]
    pub level: Level,
    /// The largest size of the vocabulary, in tokens: only the most frequent tokens of the training part are in it.
    pub vocabulary: Count,
    /// The number of times that a token must occur in the training part to be in the vocabulary; 1 if absent. With 2,
    /// words that occur only once become `<unk>` in the training text, so the model learns where unknown words occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<Count>,
    /// The number of steps per window of truncated back-propagation through time.
    pub window: Count,
}

/// The training, validation or test part of a corpus, as token ids.
#[derive(Clone, Debug)]
pub struct Part {
    /// The token ids of the part, in the order of the text.
    pub ids: Arc<[u32]>,
    /// The same token ids, cut into rows of equal length. A training batch contains a window of each row.
    pub streams: Streams,
    /// The perplexity of the test part under the distribution that generated the text: a lower bound for every model.
    /// `None` if the distribution is not known, if tokens are characters, or if the test part has unknown tokens.
    pub floor: Option<f64>,
    /// The token ids of the training part. Dynamic evaluation computes the size of each weight's gradients on them.
    pub training: Arc<[u32]>,
}

impl DataConfig {
    /// Finds and reads the corpus. The lines of a user's text file are [normalized](Level::normalize).
    pub fn load(&self, locator: &Locator) -> TaskResult<Corpus> {
        match (self.set, &self.file) {
            (CorpusKind::Text, Some(file)) => Ok(normalize(own_text(&locator.own_file(file))?, self.level)),
            (CorpusKind::Text, None) => {
                Err(TaskError::setting("data.file", "data.set = \"text\" needs the path of a text file; set data.file"))
            }
            (_, Some(_)) => Err(TaskError::setting(
                "data.file",
                "data.file is only valid with data.set = \"text\"; remove data.file",
            )),
            (CorpusKind::Grammar, None) => Ok(grammar::load()),
            (CorpusKind::Ptb, None) => Ok(ptb::load(locator)?),
            (CorpusKind::WikiText2, None) => Ok(wikitext2::load(locator)?),
        }
    }

    /// Returns the settings that a package stores for the predictor.
    pub fn text_settings(&self) -> TextSettings {
        TextSettings { set: self.set, level: self.level }
    }

    /// Checks that training can start from the weights of a model that was trained with the data settings `other`. Both
    /// settings must have the same unit of tokens: words or characters.
    pub fn check_start(&self, other: &Self) -> TaskResult<()> {
        match self.level == other.level {
            true => Ok(()),
            false => {
                let message = "the model in start_from has tokens of another level (word or character); set data.level \
                               to the level of that model, or choose another model";
                Err(TaskError::setting("data.level", message))
            }
        }
    }

    /// Returns how often a token must occur to be in the vocabulary: [`min_count`](Self::min_count), or 1 if it is
    /// absent.
    pub fn least_count(&self) -> usize {
        self.min_count.map_or(1, Count::get)
    }

    /// Builds the vocabulary from the text of the training part, `train`.
    pub fn vocabulary(&self, train: &str) -> Vocabulary {
        let size = self.vocabulary.get();
        Vocabulary::build_frequent(Reserved::EndOfLine, self.level.tokens(train), size, self.least_count())
    }
}

/// Normalizes every line of a corpus, for tokens of the given level.
fn normalize(corpus: Corpus, level: Level) -> Corpus {
    let part = |text: &str| text.lines().map(|line| level.normalize(line) + "\n").collect();
    Corpus { train: part(&corpus.train), valid: part(&corpus.valid), test: part(&corpus.test), ..corpus }
}

impl Part {
    /// Creates a part of a corpus from its token ids. Its batches have `rows` rows.
    pub fn new(ids: Arc<[u32]>, rows: usize, floor: Option<f64>, training: Arc<[u32]>) -> Self {
        Self { streams: Streams::new(&ids, rows), ids, floor, training }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: serde_json::Value) -> DataConfig {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn own_texts_are_normalized_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.txt");
        let lines = "\u{feff}".to_owned() + &"It’s,\tso\u{7}\r\n\nno\rwa\u{308}y \n".repeat(20);
        std::fs::write(&path, lines).unwrap();
        let load = |level: &str| {
            let json = serde_json::json!({
                "set": "text", "file": path, "level": level, "vocabulary": 100, "window": 5,
            });
            config(json).load(&Locator::new(None)).unwrap()
        };
        assert!(load("word").train.starts_with("it's , so\n\nno\nwäy\nit's"), "{}", load("word").train);
        assert!(load("character").train.starts_with("It’s,\tso \n\nno\nwäy \nIt’s"), "{}", load("character").train);
        assert_eq!(load("character").valid.matches('\n').count(), 4);
    }

    #[test]
    fn only_own_texts_have_a_file() {
        for (set, file) in [("text", None), ("ptb", Some("a.txt"))] {
            let json = serde_json::json!({ "set": set, "file": file, "vocabulary": 100, "window": 5 });
            let error = config(json).load(&Locator::new(None)).unwrap_err();
            assert!(matches!(error, TaskError::Setting { setting: "data.file", .. }), "{error}");
        }
    }

    #[test]
    fn training_starts_from_a_model_of_the_same_level() {
        let [word, character] = ["word", "character"]
            .map(|level| config(serde_json::json!({ "set": "ptb", "level": level, "vocabulary": 100, "window": 5 })));
        assert!(word.check_start(&word).is_ok());
        let error = word.check_start(&character).unwrap_err();
        assert!(matches!(error, TaskError::Setting { setting: "data.level", .. }), "{error}");
    }
}
