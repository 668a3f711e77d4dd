//! Converts text to token ids and back. Before the lookup, words are rewritten to the forms that the training text of
//! the model has, such as `do n't` for `don't`.

use std::borrow::Cow;

use inference::text::{Level, Reserved, Vocabulary, is_unspaced, nfc, treebank};
use serde::{Deserialize, Serialize};

/// The corpus that a model was trained on: `data.set` of a recipe. The corpus determines how the program rewrites the
/// words of other texts before it looks them up in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CorpusKind {
    /// Sentences that the program generates from the rules of a small grammar, with a fixed seed.
    Grammar,
    /// Penn Treebank. Words that the model does not know are spelled as the Treebank spells them: `don't` as `do n't`,
    /// numbers as `N`.
    Ptb,
    /// The corpus WikiText-2.
    #[serde(rename = "wikitext-2")]
    WikiText2,
    /// A text file of the user. Every line is [normalized](Level::normalize).
    Text,
}

/// Converts texts to token ids, and token ids to text.
#[derive(Clone, Debug)]
pub struct TextCodec {
    level: Level,
    corpus: CorpusKind,
    vocabulary: Vocabulary,
}

/// A text as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The token ids, one per token.
    pub ids: Vec<u32>,
    /// The text of each token.
    pub tokens: Vec<String>,
}

impl TextCodec {
    /// The id of the token `<eos>`, which ends a line. The network also reads this token before the first line.
    pub const END_OF_LINE: u32 = 0;

    /// Creates the codec of a model. `level` is the unit of its tokens, and `corpus` the corpus that it was trained on.
    pub fn new(level: Level, corpus: CorpusKind, vocabulary: Vocabulary) -> Self {
        Self { level, corpus, vocabulary }
    }

    /// Returns the unit of tokens: words or characters.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns the vocabulary: the tokens that the model knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Encodes the beginning of a text: the token `<eos>` precedes every line. No `<eos>` follows the last line,
    /// because generated text may continue this line.
    pub fn encode_prompt(&self, prompt: &str) -> Encoded {
        let end = Reserved::EndOfLine.token().to_owned();
        self.encode(prompt.split('\n').flat_map(|line| [end.clone()].into_iter().chain(self.tokens(line))))
    }

    /// Encodes a whole text: every line ends with `<eos>`.
    pub fn encode_text(&self, text: &str) -> Encoded {
        let end = Reserved::EndOfLine.token().to_owned();
        self.encode(text.lines().flat_map(|line| self.tokens(line).into_iter().chain([end.clone()])))
    }

    fn encode(&self, tokens: impl Iterator<Item = String>) -> Encoded {
        let tokens: Vec<String> = tokens.collect();
        Encoded { ids: tokens.iter().map(|token| self.id(token)).collect(), tokens }
    }

    /// Converts a token id to text. `before` is the id of the previous token: words on one line are separated by a
    /// space, except in scripts without spaces, such as Chinese.
    pub fn decode(&self, before: u32, id: u32) -> String {
        let unspaced =
            [before, id].iter().all(|id| self.vocabulary.token(*id).is_some_and(|it| it.contains(is_unspaced)));
        let spaced = self.level == Level::Word && before != Self::END_OF_LINE && !unspaced;
        let space = if spaced { " " } else { "" };
        match self.vocabulary.token(id) {
            Some(token) if id != Self::END_OF_LINE => format!("{space}{token}"),
            _ => "\n".to_owned(),
        }
    }

    /// Returns the prompt as it is displayed before the generated text. For models of words, trailing spaces are
    /// removed, because the generated text starts with a space.
    pub fn trim_prompt<'a>(&self, prompt: &'a str) -> &'a str {
        match self.level {
            Level::Word => prompt.trim_end_matches(' '),
            Level::Character => prompt,
        }
    }

    /// Returns whether the model does not know a token and reads it as `<unk>`. The result is false for the token
    /// `<unk>` itself.
    pub fn is_unknown(&self, token: &str) -> bool {
        self.id(token) == Vocabulary::UNKNOWN && token != Vocabulary::UNKNOWN_TOKEN
    }

    /// Splits a line into tokens, and spells them as the training text does.
    fn tokens(&self, line: &str) -> Vec<String> {
        let line = match self.corpus {
            CorpusKind::Text => Cow::Owned(self.level.normalize(line)),
            _ => nfc(line),
        };
        let treebank = self.corpus == CorpusKind::Ptb && self.level == Level::Word;
        let respell = |token: &str| match treebank && self.is_unknown(token) {
            true => treebank::tokens(token, |token| !self.is_unknown(token)),
            false => self.level.spell(token, &self.vocabulary),
        };
        self.level.tokens_of_line(&line).flat_map(respell).collect()
    }

    /// Returns the id of a token. If the token is not in the vocabulary, returns the id of its lower-case form; if that
    /// form is not in the vocabulary either, returns the id of `<unk>`.
    fn id(&self, token: &str) -> u32 {
        match self.vocabulary.id(token) {
            Vocabulary::UNKNOWN => self.vocabulary.id(&token.to_lowercase()),
            id => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(level: Level, corpus: CorpusKind, tokens: &str) -> TextCodec {
        TextCodec::new(level, corpus, Vocabulary::build(Reserved::EndOfLine, tokens.split('|'), 100))
    }

    #[test]
    fn prompts_begin_lines_and_texts_end_them() {
        let codec = codec(Level::Word, CorpusKind::Grammar, "a|dog");
        assert_eq!(codec.encode_prompt("A dog\na").ids, [0, 2, 3, 0, 2]);
        assert_eq!(codec.encode_prompt("").ids, [0]);
        assert_eq!(codec.encode_text("a dog\n\na").ids, [2, 3, 0, 0, 2, 0]);
        assert!(codec.encode_text("").ids.is_empty());
    }

    #[test]
    fn unknown_treebank_words_are_respelled() {
        let codec = codec(Level::Word, CorpusKind::Ptb, "do|n't|N|u.s.|'s");
        assert_eq!(
            codec.encode_text("don't 5 (U.S.) <unk> cat").tokens,
            ["do", "n't", "N", "u.s.", "<unk>", "cat", "<eos>"]
        );
        assert!(codec.is_unknown("cat") && !codec.is_unknown("<unk>") && !codec.is_unknown("DO"));
    }

    #[test]
    fn own_texts_are_normalized() {
        let words = codec(Level::Word, CorpusKind::Text, "it's|,|so");
        assert_eq!(words.encode_prompt("It’s, so").tokens, ["<eos>", "it's", ",", "so"]);
        let characters = codec(Level::Character, CorpusKind::Text, "a|b");
        assert_eq!(characters.encode_text("a\u{7}b\te\u{301}").tokens, ["a", " ", "b", "\t", "é", "<eos>"]);
    }

    /// In models of earlier versions, tokens are code points instead of grapheme clusters. Such a model still reads an
    /// accent as a separate token, and a tab as a space.
    #[test]
    fn characters_are_spelled_as_the_model_knows_them() {
        let old = codec(Level::Character, CorpusKind::Text, "a|e|\u{301}| ");
        assert_eq!(old.encode_text("\ta é").tokens, [" ", "a", " ", "e", "\u{301}", "<eos>"]);
        assert!(!old.encode_text("\ta e\u{301}").ids.contains(&Vocabulary::UNKNOWN));
    }

    #[test]
    fn chinese_words_are_not_separated() {
        let words = codec(Level::Word, CorpusKind::Text, "dog|dog|电|影");
        let (dog, film) = (2, words.encode_text("电影").ids);
        assert_eq!((words.decode(film[0], film[1]), words.decode(dog, film[0])), ("影".into(), " 电".into()));
    }

    #[test]
    fn words_are_separated_by_spaces() {
        let words = codec(Level::Word, CorpusKind::Grammar, "a");
        assert_eq!(
            (words.decode(0, 2), words.decode(2, 2), words.decode(2, 0)),
            ("a".into(), " a".into(), "\n".into())
        );
        assert_eq!(words.trim_prompt("a  "), "a");
        let characters = codec(Level::Character, CorpusKind::Grammar, "a");
        assert_eq!((characters.decode(2, 2), characters.trim_prompt("a ")), ("a".into(), "a "));
    }
}
