//! Loads and encodes tagged sentences and word vectors, according to the table `[data]` of a recipe.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::conll::{self, ConllFormat, EntitySpan, TaggedParts, TaggedSentence, conll2003, wnut17};
use datasets::{Locator, news, vectors};
use inference::text::{Reserved, Vocabulary};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};
use training::{LoadContext, TaskError, TaskResult};

use crate::features::{Encoder, Sentence, normalize};
use crate::labels::{Labels, Span};
use crate::vectors::WordVectors;

/// The table `[data]` of a recipe (the TOML file of a training run), which selects the data and their preprocessing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// For the set `conll`: the path of the file with the training part. If `valid_file` and `test_file` are absent,
    /// the last tenth of the sentences becomes the test part, and the tenth before it becomes the validation part.
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
    /// The number of sentences that are moved from the start of the validation part to the training part. All choices,
    /// such as the choice of the best epoch, use the remaining validation sentences.
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
    /// The data set WNUT-17: messages of social media with new and rare entities.
    Wnut17,
    /// The data set CoNLL-2003: newswire articles.
    Conll2003,
    /// The user's own files in CoNLL-style columns.
    Conll,
}

impl Set {
    /// Returns whether this is a published data set, and neither generated data nor the user's own files.
    pub fn is_published(self) -> bool {
        matches!(self, Self::Wnut17 | Self::Conll2003)
    }
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
    /// The texts of all entities in the training part, in the form that [`name`] returns. The metric `unseen_f1` does
    /// not count entities with these texts.
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
    /// The features of the tokens: word ids, character ids and word shapes.
    pub sentence: Sentence,
    /// The true entities of the sentence.
    pub entities: Vec<Span>,
}

impl DataConfig {
    /// Loads the tagged sentences and, if the recipe has `vectors`, the pretrained word vectors.
    pub fn load(&self, cx: &mut LoadContext) -> TaskResult<RawData> {
        self.check_files()?;
        let mut parts = match self.set {
            Set::News => news::load(),
            Set::Wnut17 => wnut17::load(&cx.locator)?,
            Set::Conll2003 => conll2003::load(&cx.locator)?,
            Set::Conll => self.own_parts(&cx.locator)?,
        };
        if self.valid_to_train > 0 && self.valid_to_train >= parts.valid.len() {
            let message = format!(
                "cannot move {} of the {} validation sentences to the training part, because at least one must remain; choose a smaller number",
                self.valid_to_train,
                parts.valid.len()
            );
            return Err(TaskError::setting("data.valid_to_train", message));
        }
        parts.train.extend(parts.valid.drain(..self.valid_to_train));
        let vectors = match self.vectors.as_deref() {
            None => None,
            Some("glove") => Some(vectors::load(&cx.locator)?),
            Some(file) => Some(vectors::own_file(&cx.locator.own_file(Path::new(file)))?),
        };
        Ok(RawData { parts, vectors })
    }

    /// Returns an error if the recipe has a setting for the user's own files, but selects another data set.
    fn check_files(&self) -> TaskResult<()> {
        let settings = [
            ("data.file", self.file.is_some()),
            ("data.valid_file", self.valid_file.is_some()),
            ("data.test_file", self.test_file.is_some()),
            ("data.format", self.format != ConllFormat::default()),
        ];
        match settings.into_iter().find(|(_, given)| *given && self.set != Set::Conll) {
            Some((setting, _)) => Err(TaskError::setting(
                setting,
                "this setting is only valid with data.set = \"conll\"; remove this setting, or change data.set",
            )),
            None => Ok(()),
        }
    }

    /// Reads the tagged sentences from the user's files.
    fn own_parts(&self, locator: &Locator) -> TaskResult<TaggedParts> {
        let missing = || {
            TaskError::setting(
                "data.file",
                "the path of the training file is missing; set data.file to a file with CoNLL-style columns",
            )
        };
        let train = locator.own_file(self.file.as_deref().ok_or_else(missing)?);
        let held_out = match (&self.valid_file, &self.test_file) {
            (Some(valid), Some(test)) => Some([valid, test].map(|file| locator.own_file(file))),
            (None, None) => None,
            _ => {
                return Err(TaskError::setting(
                    "data.valid_file",
                    "only one of data.valid_file and data.test_file is set; set both, or remove both",
                ));
            }
        };
        let held_out = held_out.as_ref().map(|files| files.each_ref().map(PathBuf::as_path));
        Ok(conll::own_parts(&train, held_out, &self.format)?)
    }

    /// Returns the labels for the kinds of entities in the training part, in alphabetical order of the kinds.
    pub fn labels(parts: &TaggedParts) -> Labels {
        let kinds = parts.train.iter().flat_map(|sentence| &sentence.entities).map(|entity| entity.kind.clone());
        Labels::new(kinds.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Creates the [`Encoder`], which converts tokens to ids. The encoder knows the characters of the training part.
    /// Its vocabulary contains words of the training part or, with pretrained vectors, words of the vector file.
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
/// vector, and then the first other words of the vector file. Words that [`normalize`] never returns, such as those
/// with upper-case letters, are left out.
fn vocabulary_of_vectors(vectors: &vectors::WordVectors, train: &[String], size: usize) -> Vocabulary {
    let train: HashSet<&str> = train.iter().map(String::as_str).collect();
    let words = vectors.words.iter().map(String::as_str).filter(|word| normalize(word) == *word);
    let (seen, others): (Vec<&str>, Vec<&str>) = words.partition(|word| train.contains(word));
    Vocabulary::new(Reserved::Padding, seen.into_iter().chain(others), size)
}

impl Example {
    /// Encodes the tokens of a tagged sentence, and converts its entities to spans.
    pub fn new(sentence: TaggedSentence, encoder: &Encoder, labels: &Labels) -> Self {
        let TaggedSentence { tokens, entities } = sentence;
        Self { sentence: encoder.encode(&tokens), entities: spans(&entities, labels), tokens }
    }
}

/// Converts entities to spans, which contain the index of a kind instead of its name. All kinds that are not in
/// `labels` get the index after the last kind. No prediction has this index, so such entities of the validation and
/// test parts count as missed.
pub fn spans(entities: &[EntitySpan], labels: &Labels) -> Vec<Span> {
    let kinds = labels.kinds();
    let kind = |name: &str| kinds.iter().position(|kind| kind == name).unwrap_or(kinds.len());
    let span = |entity: &EntitySpan| Span { start: entity.start, end: entity.end, kind: kind(&entity.kind) };
    entities.iter().map(span).collect()
}

/// Returns the vector of each word in the vocabulary, `[words, dimension]`. A word without a vector in the file, such
/// as `<unk>`, gets the mean of all vectors in the file; padding gets zeros, even if the file has a vector of `<pad>`.
fn embedding_rows(vectors: &vectors::WordVectors, vocabulary: &Vocabulary) -> Vec<f32> {
    let size = vectors.dimension;
    let mut mean = vec![0.0; size];
    for row in vectors.values.chunks(size) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / vectors.words.len() as f32);
    }
    let mut rows = mean.repeat(vocabulary.len());
    // The loop runs backwards, so that of several vectors of a word the first one is stored last and remains.
    for (word, vector) in vectors.words.iter().zip(vectors.values.chunks(size)).rev() {
        let id = vocabulary.id(word);
        if id != Vocabulary::UNKNOWN {
            rows[id as usize * size..][..size].copy_from_slice(vector);
        }
    }
    rows[..size].fill(0.0);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of one number: 1 for the first word, 2 for the second, and so on.
    fn vectors(words: &[&str]) -> vectors::WordVectors {
        let values = (1..=words.len()).map(|value| value as f32).collect();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        vectors::WordVectors { words, dimension: 1, values, source: String::new() }
    }

    fn tagged(text: &str, kind: &str) -> TaggedSentence {
        let entities = vec![EntitySpan { start: 0, end: 1, kind: kind.to_owned() }];
        TaggedSentence { tokens: text.split(' ').map(str::to_owned).collect(), entities }
    }

    #[test]
    fn training_words_with_a_vector_come_first_in_the_vocabulary() {
        let file = vectors(&["the", "1998", "Rome", "ada", "of", "0000"]);
        let train = ["ada", "unseen", "0000"].map(str::to_owned);
        let words = |size| vocabulary_of_vectors(&file, &train, size).to_text();
        assert_eq!(words(100), "<pad>\n<unk>\nada\n0000\nthe\nof\n");
        assert_eq!(words(5), "<pad>\n<unk>\nada\n0000\nthe\n");
    }

    #[test]
    fn rows_are_the_vectors_of_the_words() {
        let file = vectors(&["the", "<pad>", "ada", "the"]);
        let vocabulary = vocabulary_of_vectors(&file, &[], 100);
        assert_eq!(vocabulary.to_text(), "<pad>\n<unk>\nthe\nada\n");
        // Padding is zero, the unknown word is the mean, and the first of two vectors of a word counts.
        assert_eq!(embedding_rows(&file, &vocabulary), [0.0, 2.5, 1.0, 3.0]);
    }

    #[test]
    fn only_the_training_part_determines_what_the_model_knows() {
        let data = |held_out: Vec<TaggedSentence>| {
            let train = vec![tagged("Ada sleeps", "person"), tagged("Oslo sleeps", "place")];
            let parts = TaggedParts { train, valid: held_out.clone(), test: held_out, source: String::new() };
            RawData { parts, vectors: None }
        };
        let (without, with) = (data(vec![]), data(vec![tagged("Żywiec sings", "beer")]));
        let config: DataConfig = serde_json::from_str(r#"{"set": "conll", "vocabulary": 100}"#).unwrap();
        let [one, other] = [&without, &with].map(|data| config.encoder(data));
        assert_eq!(one.words(), other.words());
        assert_eq!(one.characters(), other.characters());
        assert_eq!(DataConfig::labels(&without.parts), DataConfig::labels(&with.parts));
    }

    #[test]
    fn entities_of_unknown_kinds_count_as_missed() {
        let labels = Labels::new(vec!["person".into(), "place".into()]);
        let [known, unknown] = ["place", "beer"].map(|kind| spans(&tagged("Ada sings", kind).entities, &labels)[0]);
        assert_eq!([known.kind, unknown.kind], [1, 2]);
    }
}
