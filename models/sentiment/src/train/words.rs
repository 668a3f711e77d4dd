//! The vocabulary of a network, and pretrained word vectors.

use std::collections::HashSet;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use datasets::vectors::WordVectors;
use inference::text::{Reserved, Vocabulary, most_useful_subwords, tokenize};
use training::{TaskError, TaskResult};

use crate::model::Network;
use crate::train::data::{ClassText, DataConfig};

/// If there are pretrained vectors, a word without a vector is in the vocabulary only if it occurs at least this many
/// times in the training part.
const MIN_COUNT: usize = 2;

/// Pretrained vectors of words of a vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct WordRows {
    /// The ids of the words that have a vector.
    ids: Vec<u32>,
    /// The vectors, `[ids, dimension]`.
    values: Vec<f32>,
    /// The length of a vector.
    dimension: usize,
}

impl DataConfig {
    /// Builds the vocabulary from the training part and the pretrained vectors, if there are any. It contains whole
    /// words, and then subwords of the training words that are too rare to be in the vocabulary as whole words.
    pub fn vocabulary(&self, train: &[ClassText], vectors: Option<&WordVectors>) -> Vocabulary {
        let texts: Vec<Vec<String>> = train.iter().map(|text| tokenize(&text.text)).collect();
        let size = self.vocabulary.get();
        let whole = self.whole_words(&texts, vectors, size.saturating_sub(self.subwords));
        if self.subwords == 0 {
            return whole;
        }
        let rare = texts.iter().flatten().filter(|word| whole.id(word) == Vocabulary::UNKNOWN);
        let parts = most_useful_subwords(rare.map(String::as_str), self.subwords);
        let known = (0..whole.len() as u32).filter_map(|id| whole.token(id));
        Vocabulary::new(Reserved::Padding, known.chain(parts.iter().map(String::as_str)), size)
    }

    /// Builds a vocabulary of at most `size` words from the words in `texts`, the most frequent words first.
    ///
    /// If there are pretrained vectors, words that have no vector and occur only once are left out. After the words in
    /// `texts` come the other words of the vector file, in the order of the file.
    fn whole_words(&self, texts: &[Vec<String>], vectors: Option<&WordVectors>, size: usize) -> Vocabulary {
        let words = || texts.iter().flatten().map(String::as_str);
        let Some(vectors) = vectors else { return Vocabulary::build(Reserved::Padding, words(), size) };
        let all = Vocabulary::build(Reserved::Padding, words(), usize::MAX);
        let frequent = Vocabulary::build_frequent(Reserved::Padding, words(), usize::MAX, MIN_COUNT);
        let known: HashSet<&str> = vectors.words.iter().map(String::as_str).collect();
        let tokens = (0..all.len() as u32).filter_map(|id| all.token(id));
        let seen = tokens.filter(|word| known.contains(word) || frequent.id(word) != Vocabulary::UNKNOWN);
        // Words that the tokenizer never returns, such as those with upper-case letters, would never be used.
        let others = vectors.words.iter().map(String::as_str).filter(|word| tokenize(word) == [*word]);
        Vocabulary::new(Reserved::Padding, seen.chain(others), size)
    }
}

impl WordRows {
    /// The vectors of the words in the vocabulary.
    pub fn of(vectors: &WordVectors, vocabulary: &Vocabulary) -> Self {
        let dimension = vectors.dimension;
        let (mut ids, mut values, mut taken) = (Vec::new(), Vec::new(), HashSet::new());
        for (word, vector) in vectors.words.iter().zip(vectors.values.chunks(dimension.max(1))) {
            let id = vocabulary.id(word);
            // If a word has several vectors, the first vector is used. The reserved tokens (padding, unknown word) get
            // no vector.
            if id > Vocabulary::UNKNOWN && taken.insert(id) {
                ids.push(id);
                values.extend_from_slice(vector);
            }
        }
        Self { ids, values, dimension }
    }

    /// Checks that the pretrained vectors are not longer than the embeddings of the network.
    pub fn check(&self, embedding_size: usize) -> TaskResult<()> {
        if self.dimension <= embedding_size {
            return Ok(());
        }
        let message = format!(
            "{embedding_size} is too small, because the word vectors have {0} dimensions; set at least {0}",
            self.dimension
        );
        Err(TaskError::setting("model.network.embedding_size", message))
    }

    /// Returns a note for the user: the percentage of the words in the training texts that have a pretrained vector,
    /// and the number of words in the vocabulary that have a vector but do not occur in the training texts.
    pub fn coverage(&self, train: &[ClassText], vocabulary: &Vocabulary) -> String {
        let has_vector: HashSet<u32> = self.ids.iter().copied().collect();
        let (mut words, mut covered, mut seen) = (0usize, 0usize, HashSet::new());
        for token in train.iter().flat_map(|text| tokenize(&text.text)) {
            let id = vocabulary.id(&token);
            words += 1;
            covered += usize::from(has_vector.contains(&id));
            seen.insert(id);
        }
        let share = 100.0 * covered as f64 / words.max(1) as f64;
        let unseen = self.ids.iter().filter(|id| !seen.contains(id)).count();
        format!(
            "{share:.1} % of the words in the training texts have a pretrained vector; the vocabulary also has \
             {unseen} other words with a vector, which do not occur in the training texts"
        )
    }

    /// Copies each pretrained vector into the embedding of its word. If the embedding is longer than the vector, the
    /// last elements of the embedding keep their random values. So do the embeddings of words without a vector.
    pub fn initialise(&self, network: &mut Network) {
        let weight = network.embedding.weight.val();
        let ([words, size], device) = (weight.dims(), weight.device());
        let mut values: Vec<f32> = weight.into_data().convert::<f32>().iter().collect();
        for (id, vector) in self.ids.iter().zip(self.values.chunks(self.dimension.max(1))) {
            values[*id as usize * size..][..self.dimension].copy_from_slice(vector);
        }
        let weight = Tensor::from_data(TensorData::new(values, [words, size]), &device);
        network.embedding.weight = Param::from_tensor(weight);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::{Dropouts, NetworkConfig};
    use crate::train::data::Set;
    use crate::train::data::tests::config;

    /// Vectors of two numbers: 1 and −1 for the first word, 2 and −2 for the second, and so on.
    fn vectors(words: &[&str]) -> WordVectors {
        let values = (1..=words.len()).flat_map(|value| [value as f32, -(value as f32)]).collect();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        WordVectors { words, dimension: 2, values, source: String::new() }
    }

    fn train() -> Vec<ClassText> {
        ["A fine fine film", "xyzzy film plugh plugh"].map(|text| ClassText::new(text.to_owned(), 0)).to_vec()
    }

    #[test]
    fn training_words_come_first_and_words_of_the_file_fill_the_rest() {
        let file = vectors(&["the", "Rome", "fine", "<unk>", "of", "film", "the", "a", "e-mail"]);
        let vocabulary = config(Set::Trec).vocabulary(&train(), Some(&file));
        // `xyzzy` occurs once and has no vector; `plugh` occurs twice.
        assert_eq!(vocabulary.to_text(), "<pad>\n<unk>\nfilm\nfine\nplugh\na\nthe\nof\n");
        let rows = WordRows::of(&file, &vocabulary);
        assert_eq!(rows.ids, [6, 3, 7, 2, 5]);
        assert!(
            rows.coverage(&train(), &vocabulary).starts_with("62.5 % "),
            "{}",
            rows.coverage(&train(), &vocabulary)
        );
        assert!(rows.coverage(&train(), &vocabulary).contains(" 2 other words"));
        let plain = config(Set::Trec).vocabulary(&train(), None);
        assert_eq!(plain.to_text(), "<pad>\n<unk>\nfilm\nfine\nplugh\na\nxyzzy\n");
    }

    #[test]
    fn vectors_are_the_initial_embeddings() {
        let file = vectors(&["film", "fine"]);
        let vocabulary = config(Set::Trec).vocabulary(&train(), Some(&file));
        let rows = WordRows::of(&file, &vocabulary);
        let of = |size: u64| -> NetworkConfig {
            let network =
                serde_json::json!({ "cell": "gru", "embedding_size": size, "hidden_size": 3, "pooling": "last" });
            serde_json::from_value(network).unwrap()
        };
        let mut network = of(2).init(vocabulary.len(), 2, Dropouts::default(), &Device::flex());
        let before: Vec<f32> = network.embedding.weight.val().into_data().iter().collect();
        rows.initialise(&mut network);
        let after: Vec<f32> = network.embedding.weight.val().into_data().iter().collect();
        assert_eq!(after[4..8], [1.0, -1.0, 2.0, -2.0]);
        assert_eq!((&after[..4], &after[8..]), (&before[..4], &before[8..]));
        rows.check(2).unwrap();
        rows.check(3).unwrap();
        let error = rows.check(of(1).embedding_size.get()).unwrap_err();
        assert!(matches!(error, TaskError::Setting { setting: "model.network.embedding_size", .. }), "{error}");
    }
}
