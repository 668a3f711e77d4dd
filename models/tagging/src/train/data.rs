//! Loads and encodes tagged sentences and word vectors, according to the table `[data]` of a recipe.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::conll::{self, ConllFormat, EntitySpan, TaggedParts, TaggedSentence, conll2003, wnut17};
use datasets::{news, vectors};
use inference::text::{Reserved, Vocabulary};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};
use training::{LoadContext, TaskError, TaskResult};

use crate::features::{Encoder, Sentence, normalize};
use crate::labels::{Labels, Span};
use crate::vectors::WordVectors;

/// The table `[data]` of a recipe, which selects the data and their preprocessing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// For the set `conll`: the path of the file with the training part. If `valid_file` and `test_file` are absent, the
    /// last tenth of the sentences becomes the test part, and the tenth before it becomes the validation part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// For the set `conll`: the path of the file with the validation part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_file: Option<PathBuf>,
    /// For the set `conll`: the path of the file with the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<PathBuf>,
    /// For the set `conll`: the columns and the tagging scheme of the files.
    #[serde(default)]
    pub format: ConllFormat,
    /// The pretrained word vectors: `glove`, or the path of a file in GloVe's text format. If absent, the network
    /// learns word embeddings from random initial values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
    /// The largest number of words in the vocabulary, including `<pad>` and `<unk>`. Without pretrained vectors, the
    /// vocabulary contains the most frequent words of the training part. With pretrained vectors, it contains the words
    /// of the training part that have a vector, and then the first other words of the vector file.
    pub vocabulary: Count,
    /// The number of sentences that are moved from the start of the published validation part to the training part. All
    /// choices, such as that of the best epoch, use the remaining validation sentences.
    #[serde(default)]
    pub valid_to_train: usize,
    /// The probability that a word of a training sentence is replaced by the unknown word, `<unk>`.
    #[serde(default)]
    pub word_dropout: Fraction,
    /// The probability that a training sentence is converted to lower case.
    #[serde(default)]
    pub lowercase: Fraction,
    /// The probability that an entity of a training sentence is replaced by a random entity of the same kind.
    #[serde(default)]
    pub replacement: Fraction,
}

/// The data set of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Short news items and messages that the program generates with a fixed seed.
    News,
    /// The data set WNUT-17: messages with emerging and rare entities.
    Wnut17,
    /// The data set CoNLL-2003: newswire articles.
    Conll2003,
    /// The user's own files in CoNLL-style columns.
    Conll,
}

/// The loaded data, before they are encoded.
pub struct RawData {
    /// The tagged sentences of the training, validation and test part.
    pub parts: TaggedParts,
    /// The pretrained word vectors; `None` if word embeddings are learned.
    pub vectors: Option<vectors::WordVectors>,
}

/// The training, validation or test part, encoded for the network.
#[derive(Debug)]
pub struct Part {
    /// The sentences of the part.
    pub examples: Vec<Example>,
    /// The texts of all entities in the training part, in the form that [`name`] returns. They tell whether an entity
    /// was seen in training.
    pub known_names: Arc<HashSet<String>>,
}

/// Returns the text of an entity in a form for comparisons: its tokens in lower case, separated by spaces.
pub fn name(tokens: &[String]) -> String {
    tokens.join(" ").to_lowercase()
}

/// A tagged sentence, with the ids that the network reads.
#[derive(Clone, Debug)]
pub struct Example {
    /// The tokens of the sentence.
    pub tokens: Vec<String>,
    /// The ids and shapes of the tokens.
    pub sentence: Sentence,
    /// The true entities of the sentence.
    pub entities: Vec<Span>,
}

impl DataConfig {
    /// Loads the tagged sentences and, if the recipe has `vectors`, the pretrained word vectors.
    pub fn load(&self, cx: &mut LoadContext) -> TaskResult<RawData> {
        let mut parts = match self.set {
            Set::News => news::load(),
            Set::Wnut17 => wnut17::load(&cx.locator)?,
            Set::Conll2003 => conll2003::load(&cx.locator)?,
            Set::Conll => self.own_parts()?,
        };
        if self.valid_to_train > 0 && self.valid_to_train >= parts.valid.len() {
            let message = format!(
                "{} must be below the number of validation sentences, {}",
                self.valid_to_train,
                parts.valid.len()
            );
            return Err(TaskError::setting("data.valid_to_train", message));
        }
        parts.train.extend(parts.valid.drain(..self.valid_to_train));
        let vectors = match self.vectors.as_deref() {
            None => None,
            Some("glove") => Some(vectors::load(&cx.locator)?),
            Some(file) => Some(vectors::own_file(Path::new(file))?),
        };
        Ok(RawData { parts, vectors })
    }

    /// Reads the tagged sentences from the user's files.
    fn own_parts(&self) -> TaskResult<TaggedParts> {
        let missing = || TaskError::setting("data.file", "it is absent; set it to a file in CoNLL-style columns");
        let train = self.file.as_deref().ok_or_else(missing)?;
        let held_out = match (&self.valid_file, &self.test_file) {
            (Some(valid), Some(test)) => Some([valid.as_path(), test.as_path()]),
            (None, None) => None,
            _ => return Err(TaskError::setting("data.valid_file", "set this and data.test_file, or neither of them")),
        };
        Ok(conll::own_parts(train, held_out, &self.format)?)
    }

    /// Returns the labels for the kinds of entities in all parts, in alphabetical order of the kinds. Kinds that occur
    /// only in the test part are included, so that their entities count as missed in the evaluation.
    pub fn labels(parts: &TaggedParts) -> Labels {
        let sentences = [&parts.train, &parts.valid, &parts.test].into_iter().flatten();
        let kinds = sentences.flat_map(|sentence| &sentence.entities).map(|entity| entity.kind.clone());
        Labels::new(kinds.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Creates the [`Encoder`], which converts tokens to ids. Its known characters are those of the training part. Its
    /// vocabulary has words of the training part or, with pretrained vectors, words of the vector file.
    pub fn encoder(&self, data: &RawData) -> Encoder {
        let train = || data.parts.train.iter().flat_map(|sentence| &sentence.tokens);
        let words: Vec<String> = train().map(|token| normalize(token)).collect();
        let size = self.vocabulary.get();
        let vocabulary = match &data.vectors {
            None => Vocabulary::build(Reserved::Padding, words.iter().map(String::as_str), size),
            Some(vectors) => vocabulary_of_vectors(vectors, &words, size),
        };
        let rows = data
            .vectors
            .as_ref()
            .map(|vectors| WordVectors::quantize(&embedding_rows(vectors, &vocabulary), vectors.dimension));
        let characters: BTreeSet<char> = train().flat_map(|token| token.chars()).collect();
        Encoder::new(vocabulary, rows, characters.into_iter().collect())
    }
}

/// Creates a vocabulary of at most `size` words, including `<pad>` and `<unk>`: the words of `train` that have a
/// vector, and then the first other words of the vector file.
fn vocabulary_of_vectors(vectors: &vectors::WordVectors, train: &[String], size: usize) -> Vocabulary {
    let train: HashSet<&str> = train.iter().map(String::as_str).collect();
    let (seen, others): (Vec<&str>, Vec<&str>) =
        vectors.words.iter().map(String::as_str).partition(|word| train.contains(word));
    Vocabulary::new(Reserved::Padding, seen.into_iter().chain(others), size)
}

impl Example {
    /// Encodes the tokens of a tagged sentence, and converts its entities to spans.
    pub fn new(sentence: TaggedSentence, encoder: &Encoder, labels: &Labels) -> Self {
        let TaggedSentence { tokens, entities } = sentence;
        Self { sentence: encoder.encode(&tokens), entities: spans(&entities, labels), tokens }
    }
}

/// Converts entities to spans, which contain the index of a kind instead of its name. Entities whose kind is not in
/// `labels` are left out.
pub fn spans(entities: &[EntitySpan], labels: &Labels) -> Vec<Span> {
    let kind = |name: &str| labels.kinds().iter().position(|kind| kind == name);
    let span = |entity: &EntitySpan| Some(Span { start: entity.start, end: entity.end, kind: kind(&entity.kind)? });
    entities.iter().filter_map(span).collect()
}

/// Returns the vector of each word in the vocabulary, `[words, dimension]`. A word without a vector in the file, such
/// as `<unk>`, gets the mean of all vectors in the file; padding gets zeros.
fn embedding_rows(vectors: &vectors::WordVectors, vocabulary: &Vocabulary) -> Vec<f32> {
    let size = vectors.dimension;
    let mut mean = vec![0.0; size];
    for row in vectors.values.chunks(size) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / vectors.words.len() as f32);
    }
    let mut rows = mean.repeat(vocabulary.len());
    rows[..size].fill(0.0);
    // The loop runs backwards, so that of several vectors of a word the first one is stored last and remains.
    for (word, vector) in vectors.words.iter().zip(vectors.values.chunks(size)).rev() {
        let id = vocabulary.id(word);
        if id != Vocabulary::UNKNOWN {
            rows[id as usize * size..][..size].copy_from_slice(vector);
        }
    }
    rows
}
