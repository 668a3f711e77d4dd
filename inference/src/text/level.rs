//! The unit of tokens: words or characters.

use serde::{Deserialize, Serialize};

use super::{Reserved, Vocabulary, tokenize};

/// The unit of the tokens of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Each token is a word: a run of characters between spaces.
    #[default]
    Word,
    /// Each token is a character (a Unicode scalar value).
    Character,
}

impl Level {
    /// The tokens of a text, with `<eos>` after each line.
    ///
    /// ```
    /// use inference::text::Level;
    ///
    /// let words: Vec<&str> = Level::Word.tokens("a fine day\nno").collect();
    /// assert_eq!(words, ["a", "fine", "day", "<eos>", "no", "<eos>"]);
    /// let characters: Vec<&str> = Level::Character.tokens("no").collect();
    /// assert_eq!(characters, ["n", "o", "<eos>"]);
    /// ```
    pub fn tokens(self, text: &str) -> impl Iterator<Item = &str> {
        text.lines().flat_map(move |line| self.tokens_of_line(line).chain([Reserved::EndOfLine.token()]))
    }

    /// Converts a text to token ids, with `<eos>` after each line.
    pub fn encode(self, text: &str, vocabulary: &Vocabulary) -> Vec<u32> {
        self.tokens(text).map(|token| vocabulary.id(token)).collect()
    }

    /// Normalizes a line of text. At the word level, [`tokenize`] converts it to lower case and separates punctuation.
    /// At the character level, control characters become spaces.
    pub fn normalize(self, line: &str) -> String {
        match self {
            Self::Word => tokenize(line).join(" "),
            Self::Character => line.replace(char::is_control, " "),
        }
    }

    /// The tokens of a line, without `<eos>`.
    pub fn tokens_of_line(self, line: &str) -> impl Iterator<Item = &str> {
        let words = (self == Self::Word).then(|| line.split_whitespace());
        let characters = (self == Self::Character).then(|| line.split("").filter(|character| !character.is_empty()));
        words.into_iter().flatten().chain(characters.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_and_empty_lines_are_tokens() {
        let tokens: Vec<_> = Level::Character.tokens("é 😀\n\na").collect();
        assert_eq!(tokens, ["é", " ", "😀", "<eos>", "<eos>", "a", "<eos>"]);
    }

    #[test]
    fn normalized_lines_have_plain_tokens() {
        assert_eq!(Level::Word.normalize("Line 90, it's\tso."), "line 90 , it's so .");
        assert_eq!(Level::Character.normalize("Line 90, it's\tso."), "Line 90, it's so.");
    }
}
