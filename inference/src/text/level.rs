//! Splitting a text into tokens, which are words or characters.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::{Reserved, Vocabulary, nfc, tokenize};

/// What one token of a text is: a word or a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Each token is a word: a run of characters between spaces.
    #[default]
    Word,
    /// Each token is a character with its combining marks: an extended grapheme cluster
    /// ([UAX #29](https://www.unicode.org/reports/tr29/)).
    Character,
}

impl Level {
    /// Returns the tokens of a text, with `<eos>` after each line.
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

    /// Converts a text to token ids, with the id of `<eos>` after each line. Unknown characters are first split as
    /// [`spell`](Self::spell) describes. Tokens that are then unknown, and unknown words, become
    /// [`Vocabulary::UNKNOWN`].
    pub fn encode(self, text: &str, vocabulary: &Vocabulary) -> Vec<u32> {
        let mut ids = Vec::new();
        for token in self.tokens(text) {
            match vocabulary.id(token) {
                Vocabulary::UNKNOWN => {
                    ids.extend(self.spell(token, vocabulary).iter().map(|token| vocabulary.id(token)))
                }
                id => ids.push(id),
            }
        }
        ids
    }

    /// Splits a character that the vocabulary does not contain into its code points in the normal form NFD (base letter
    /// and combining marks); a tab becomes a space. The token is returned unchanged if the vocabulary contains it, if
    /// the vocabulary lacks one of the code points, or at the word level.
    pub fn spell(self, token: &str, vocabulary: &Vocabulary) -> Vec<String> {
        let unknown = |token: &str| vocabulary.id(token) == Vocabulary::UNKNOWN;
        if self == Self::Character && unknown(token) {
            let code_points = token.nfd().map(|point| if point == '\t' { ' ' } else { point });
            let parts: Vec<String> = code_points.map(String::from).collect();
            if !parts.iter().any(|part| unknown(part)) {
                return parts;
            }
        }
        vec![token.to_owned()]
    }

    /// Normalizes a line of text. At the word level, [`tokenize`] converts it to lower case and separates punctuation.
    /// At the character level, the line is converted to the normal form NFC, and control characters except tabs become
    /// spaces.
    pub fn normalize(self, line: &str) -> String {
        match self {
            Self::Word => tokenize(line).join(" "),
            Self::Character => nfc(line).replace(|letter: char| letter.is_control() && letter != '\t', " "),
        }
    }

    /// Returns the tokens of a line, without `<eos>`.
    pub fn tokens_of_line(self, line: &str) -> impl Iterator<Item = &str> {
        let words = (self == Self::Word).then(|| line.split_whitespace());
        let characters = (self == Self::Character).then(|| line.graphemes(true));
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
        let tokens: Vec<_> = Level::Character.tokens("e\u{301}\u{323}न्दी👩‍👧").collect();
        assert_eq!(tokens, ["e\u{301}\u{323}", "न्दी", "👩‍👧", "<eos>"]);
    }

    #[test]
    fn normalized_lines_have_plain_tokens() {
        assert_eq!(Level::Word.normalize("Line 90, it's\tso."), "line 90 , it's so .");
        assert_eq!(Level::Character.normalize("Line 90,\u{7}it's\tso."), "Line 90, it's\tso.");
        assert_eq!(Level::Character.normalize("cafe\u{301}"), "café");
    }

    /// Earlier versions made vocabularies of code points. Such a vocabulary still encodes texts in the same way.
    #[test]
    fn unknown_characters_are_spelled_by_known_code_points() {
        let vocabulary = Vocabulary::new(Reserved::EndOfLine, ["e", "\u{301}", " ", "👩"], 100);
        let spell = |token| Level::Character.spell(token, &vocabulary);
        assert_eq!(spell("é"), ["e", "\u{301}"]);
        assert_eq!(spell("\t"), [" "]);
        assert_eq!(spell("ö"), ["ö"]);
        assert_eq!(spell("👩‍👧"), ["👩‍👧"]);
        assert_eq!(Level::Word.spell("é", &vocabulary), ["é"]);
        assert_eq!(Level::Character.encode("e\té ö", &vocabulary), [2, 4, 2, 3, 4, 1, 0]);
        let composed = Vocabulary::new(Reserved::EndOfLine, ["é", "e", "\t"], 100);
        assert_eq!(Level::Character.encode("\té", &composed), [4, 2, 0]);
    }
}
