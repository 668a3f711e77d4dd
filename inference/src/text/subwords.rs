//! Subwords: tokens for parts of words, which encode the words that a vocabulary lacks.
//!
//! A vocabulary with subwords has tokens such as `##ness`, which continue a word. A word that is not in the vocabulary
//! is then split into a token at its start and tokens that continue it, each as long as possible, as
//! [Wu et al. 2016](https://arxiv.org/abs/1609.08144) do: `unfunniest` → `un ##fun ##niest`.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Vocabulary;

/// The prefix of a token that continues a word.
const CONTINUES: &str = "##";
/// The largest number of letters of a subword.
const LONGEST: usize = 8;
/// The largest number of letters of a word that is split into subwords. Longer words become unknown tokens.
const LONGEST_WORD: usize = 50;

impl Vocabulary {
    /// Converts words to ids. A word that the vocabulary lacks becomes the ids of its subwords, or
    /// [`UNKNOWN`](Self::UNKNOWN) if the vocabulary has no subwords for it.
    pub fn encode_subwords(&self, words: &[String]) -> Vec<u32> {
        words.iter().flat_map(|word| self.subwords(word)).collect()
    }

    /// Converts one word to ids, as [`encode_subwords`](Self::encode_subwords) does.
    pub fn subwords(&self, word: &str) -> Vec<u32> {
        let id = self.id(word);
        if id != Self::UNKNOWN || word.is_empty() || word.chars().count() > LONGEST_WORD {
            return vec![id];
        }
        self.split(word).unwrap_or_else(|| vec![Self::UNKNOWN])
    }

    fn split(&self, word: &str) -> Option<Vec<u32>> {
        let ends: Vec<usize> = word.char_indices().map(|(start, letter)| start + letter.len_utf8()).collect();
        let (mut ids, mut start) = (Vec::new(), 0);
        while start < word.len() {
            let prefix = if start == 0 { "" } else { CONTINUES };
            let known = |end: &usize| match self.id(&[prefix, &word[start..*end]].concat()) {
                Self::UNKNOWN => None,
                id => Some((*end, id)),
            };
            let (end, id) = ends.iter().rev().take_while(|end| **end > start).find_map(known)?;
            ids.push(id);
            start = end;
        }
        Some(ids)
    }
}

/// Chooses at most `count` subwords (tokens that continue words, such as `##ness`) for a vocabulary. `words` are the
/// words of the training data that the vocabulary lacks; a word may occur more than once. Single letters come first,
/// then longer subwords. Both groups are in descending order of the number of letters times the number of occurrences;
/// occurrences at the start of a word do not count.
pub fn most_useful_subwords<'a>(words: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<String> {
    let mut covered: HashMap<&str, usize> = HashMap::new();
    for word in words {
        let mut starts: Vec<usize> = word.char_indices().map(|(start, _)| start).collect();
        starts.push(word.len());
        for first in 1..starts.len().saturating_sub(1) {
            for length in 1..=LONGEST.min(starts.len() - 1 - first) {
                *covered.entry(&word[starts[first]..starts[first + length]]).or_default() += length;
            }
        }
    }
    let is_letter = |part: &str| part.chars().nth(1).is_none();
    let mut parts: Vec<_> = covered.into_iter().collect();
    parts.sort_unstable_by_key(|(part, letters)| (Reverse(is_letter(part)), Reverse(*letters), *part));
    parts.into_iter().take(count).map(|(part, _)| [CONTINUES, part].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Reserved;

    fn vocabulary(tokens: &str) -> Vocabulary {
        Vocabulary::new(Reserved::Padding, tokens.split(' '), 100)
    }

    fn spelled(vocabulary: &Vocabulary, word: &str) -> String {
        let tokens = vocabulary.subwords(word);
        tokens.into_iter().filter_map(|id| vocabulary.token(id)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn unknown_words_become_the_longest_subwords() {
        let vocabulary = vocabulary("un fun unseen ##f ##fun ##nie ##niest ##é");
        assert_eq!(spelled(&vocabulary, "unseen"), "unseen");
        assert_eq!(spelled(&vocabulary, "unfunniest"), "un ##fun ##niest");
        assert_eq!(spelled(&vocabulary, "funfé"), "fun ##f ##é");
        for word in ["xfun", "unx", "##fun", "", &"fun".repeat(20)] {
            assert_eq!(spelled(&vocabulary, word), if word == "##fun" { "##fun" } else { "<unk>" }, "{word}");
        }
        let words = ["fun", "unfun", "xyz"].map(str::to_owned);
        assert_eq!(vocabulary.encode_subwords(&words), [3, 2, 6, 1]);
    }

    #[test]
    fn a_vocabulary_without_subwords_knows_whole_words_only() {
        assert_eq!(spelled(&vocabulary("un fun"), "unfun"), "<unk>");
    }

    #[test]
    fn subwords_cover_many_letters_and_single_letters_come_first() {
        let words = ["kindness", "sadness", "madness"];
        let found = most_useful_subwords(words, 100);
        let letters = found.iter().take_while(|part| part.len() == 3).count();
        assert_eq!(letters, 6, "{found:?}"); // a, d, e, i, n, s
        assert_eq!(found[letters], "##dness");
        assert!(!found.contains(&"##kind".to_owned()), "words start with whole words");
        assert_eq!(most_useful_subwords(words, 7), found[..7]);
        assert!(most_useful_subwords(["a", ""], 5).is_empty());
    }
}
