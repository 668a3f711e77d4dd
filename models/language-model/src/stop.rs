//! Where a generated text ends: at a stop string, or at the end of a sentence.

/// Characters that may stand between the end mark of a sentence and the next space.
const CLOSING: [char; 7] = ['"', '\'', '”', '’', '»', ')', ']'];

/// Receives a generated text piece by piece, and cuts it before a stop string or after the end of a sentence.
#[derive(Debug, Default)]
pub(crate) struct Stopper {
    /// Stop strings: the text ends before the first occurrence of one of them. No string is empty.
    strings: Vec<String>,
    /// Whether the text ends after its first sentence.
    sentence: bool,
    /// The whole text so far.
    text: String,
    /// The end of the text, which is held back because it may be the beginning of a stop string.
    held: String,
}

impl Stopper {
    pub fn new(strings: Vec<String>, sentence: bool) -> Self {
        Self { strings, sentence, ..Self::default() }
    }

    /// Adds a piece. Returns the text that is ready to be shown, because it cannot belong to a stop string, and whether
    /// the text has ended.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        if self.sentence && is_sentence(&self.text, piece) {
            return (self.rest(), true);
        }
        self.text += piece;
        self.held += piece;
        if let Some(end) = self.strings.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(end);
            return (self.rest(), true);
        }
        let begun = self.strings.iter().map(|stop| begun(stop, &self.held)).max().unwrap_or(0);
        (self.held.drain(..self.held.len() - begun).collect(), false)
    }

    /// Returns the text that is held back. This method is called when the generation ends.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Returns the length of the longest prefix of `stop` that is a suffix of `text`.
fn begun(stop: &str, text: &str) -> usize {
    let lengths = stop.char_indices().map(|(length, _)| length);
    lengths.filter(|length| text.ends_with(&stop[..*length])).max().unwrap_or(0)
}

/// Returns whether `text` ends at the end of a sentence. `next` is the text that follows. A full stop ends a sentence
/// if a space or a line end follows, so the full stop in `3.14` does not end a sentence. The full stops of Chinese and
/// Japanese also end a sentence without a space. Closing quotation marks and brackets belong to the sentence.
fn is_sentence(text: &str, next: &str) -> bool {
    let sentence = text.trim_end_matches(CLOSING);
    let spaced = sentence.ends_with(['.', '!', '?', '…']) && next.starts_with(char::is_whitespace);
    spaced || (sentence.ends_with(['。', '！', '？']) && !next.starts_with(CLOSING))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stopped(stopper: &mut Stopper, pieces: &[&str]) -> String {
        let mut text = String::new();
        for piece in pieces {
            let (more, ended) = stopper.push(piece);
            text += &more;
            if ended {
                return text;
            }
        }
        text + &stopper.rest()
    }

    #[test]
    fn a_sentence_ends_at_a_mark_before_a_space() {
        for (pieces, expected) in [
            (&["pi is 3", ".", "14", ".", " And", " so"][..], "pi is 3.14."),
            (&["Who?", "\"", "\n", "He."], "Who?\""),
            (&["好", "。", "」", "人"], "好。"),
            (&["no", " end"], "no end"),
            (&[" a dog .", "\n", "the"], " a dog ."),
        ] {
            assert_eq!(stopped(&mut Stopper::new(vec![], true), pieces), expected, "{pieces:?}");
        }
        assert_eq!(stopped(&mut Stopper::new(vec![], false), &["a.", " b"]), "a. b");
    }

    proptest! {
        /// The text ends before the first stop string, no matter how the text is divided into pieces.
        #[test]
        fn stop_strings_may_span_pieces(text in "[ab é]{0,20}", stops in proptest::collection::vec("[ab é]{1,4}", 0..3), cuts in any::<u32>()) {
            let mut pieces = vec![String::new()];
            for (place, letter) in text.chars().enumerate() {
                if cuts >> (place % 32) & 1 == 1 {
                    pieces.push(String::new());
                }
                pieces.last_mut().unwrap().push(letter);
            }
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let found = stopped(&mut Stopper::new(stops.clone(), false), &pieces);
            prop_assert!(text.starts_with(&found));
            prop_assert!(!stops.iter().any(|stop| found.contains(stop)));
            let rest = &text[found.len()..];
            prop_assert!(rest.is_empty() || stops.iter().any(|stop| rest.starts_with(stop)));
        }
    }
}
