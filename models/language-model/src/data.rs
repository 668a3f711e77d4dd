//! A corpus as numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use datasets::{Corpus, Level, Locator, Vocabulary, Zero, grammar, own_text, ptb, wikitext2};
use serde::{Deserialize, Serialize};
use training::settings::Count;
use training::streams::Streams;
use training::{Changes, TaskResult};

/// `[data]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Which text.
    pub set: Set,
    /// The file of the set `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What a token is.
    #[serde(default)]
    pub level: Level,
    /// The network knows at most this many tokens, the most frequent ones of the training part.
    pub vocabulary: Count,
    /// Steps of truncated back-propagation through time.
    pub window: Count,
}

/// The texts on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Sentences of a seeded grammar, part of the program.
    Grammar,
    /// Penn Treebank.
    Ptb,
    /// WikiText-2.
    #[serde(rename = "wikitext-2")]
    WikiText2,
    /// A text file.
    Text,
}

/// Options of `train` for a text of one's own.
#[derive(Clone, Debug, Default, Args)]
pub struct TextOptions {
    /// Learn from this text file, in UTF-8; by the recipe char-lstm if none is named
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// What a token of it is
    #[arg(long, value_parser = [WORD, "character"], requires = "text", value_name = "LEVEL")]
    level: Option<String>,
}

const WORD: &str = "word";
/// The most words that a network knows of a text of one's own: there are many more of them than characters.
const MOST_WORDS: usize = 20_000;

impl TextOptions {
    /// The settings that they stand for.
    pub fn changes(&self) -> TaskResult<Changes> {
        let Some(file) = &self.text else { return Ok(Changes::default()) };
        let path = std::path::absolute(file).map_err(|error| format!("cannot find {}: {error}", file.display()))?;
        let path = path.to_str().ok_or_else(|| format!("{} is not UTF-8; rename it", file.display()))?;
        let mut settings = vec!["data.set=text".to_owned(), format!("data.file={}", toml::Value::from(path))];
        if let Some(level) = &self.level {
            settings.push(format!("data.level={level}"));
            settings.extend((level == WORD).then(|| format!("data.vocabulary={MOST_WORDS}")));
        }
        Ok(Changes { recipe: Some("char-lstm"), settings })
    }
}

/// One part of a corpus.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its tokens, in order.
    pub tokens: Arc<[u32]>,
    /// The same in as many rows as a batch has.
    pub streams: Streams,
    /// The perplexity that no model can be expected to beat, where that is known.
    pub floor: Option<f64>,
    /// The tokens of the training part.
    pub training: Arc<[u32]>,
}

impl DataConfig {
    /// Finds the text.
    pub fn load(&self, data_dir: Option<&Path>) -> TaskResult<Corpus> {
        match (self.set, &self.file) {
            (Set::Text, Some(file)) => Ok(own_text(file, self.level)?),
            (Set::Text, None) => Err("data.set = \"text\" needs a file; give one with --text FILE".into()),
            (_, Some(_)) => Err("data.file means nothing to this data.set; set data.set = \"text\"".into()),
            (Set::Grammar, None) => Ok(grammar::load()),
            (Set::Ptb, None) => Ok(ptb::load(&Locator::new(data_dir))?),
            (Set::WikiText2, None) => Ok(wikitext2::load(&Locator::new(data_dir))?),
        }
    }

    /// Refuses to go on with a model of `other` data, whose tokens are others.
    pub fn check_like(&self, other: &Self) -> TaskResult<()> {
        match self.level == other.level {
            true => Ok(()),
            false => Err("data.level is not that of the model that start_from names; set both alike".into()),
        }
    }

    /// The vocabulary of the training part.
    pub fn vocabulary(&self, train: &str) -> Vocabulary {
        Vocabulary::build(Zero::EndOfLine, self.level.tokens(train), self.vocabulary.get())
    }

    /// The numbers of a text's tokens.
    pub fn encode(&self, text: &str, vocabulary: &Vocabulary) -> Vec<u32> {
        self.level.encode(text, vocabulary)
    }
}

impl Part {
    /// A part whose batches have `rows` rows.
    pub fn new(tokens: Arc<[u32]>, rows: usize, floor: Option<f64>, training: Arc<[u32]>) -> Self {
        Self { streams: Streams::new(&tokens, rows), tokens, floor, training }
    }
}
