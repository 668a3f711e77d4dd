//! The tokenizer that splits texts into lower-case words.

use unicode_segmentation::UnicodeSegmentation;

use super::unicode::{is_unspaced, nfc};

/// Splits a text into lower-case tokens.
///
/// A word consists of letters, digits, and apostrophes between letters (`don't`); letters keep their accents and other
/// combining marks. Every other visible character is a separate token; an emoji of several code points is one token.
/// HTML line breaks, which are frequent in the IMDB reviews, count as spaces. Chinese, Japanese and other scripts
/// without spaces are split at the word boundaries of [UAX #29](https://www.unicode.org/reports/tr29/), where each
/// Chinese character is a word.
///
/// The text is converted to the normal form NFC first, so the tokens do not depend on how accents are encoded.
///
/// ```
/// use inference::text::tokenize;
///
/// assert_eq!(tokenize("Don't miss it!<br />10/10"), ["don't", "miss", "it", "!", "10", "/", "10"]);
/// assert_eq!(tokenize("Cafe\u{301} 电影"), ["café", "电", "影"]);
/// ```
pub fn tokenize(text: &str) -> Vec<String> {
    let text = nfc(text);
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut rest = &*text;
    while let Some(character) = first_character(rest) {
        if let Some(after) = line_break(rest) {
            finish(&mut word, &mut tokens);
            rest = after;
            continue;
        }
        rest = &rest[character.len()..];
        let inside = !word.is_empty() && rest.starts_with(char::is_alphanumeric);
        if character.starts_with(char::is_alphanumeric) {
            word.extend(character.chars().flat_map(char::to_lowercase));
        } else if inside && character.starts_with(['\'', '’']) {
            word.push('\'');
        } else {
            finish(&mut word, &mut tokens);
            let visible = |letter: &char| !letter.is_whitespace() && !letter.is_control();
            word.extend(character.chars().filter(visible));
            finish(&mut word, &mut tokens);
        }
    }
    finish(&mut word, &mut tokens);
    tokens
}

/// Returns the first character of a text with its combining marks: an extended grapheme cluster.
fn first_character(text: &str) -> Option<&str> {
    match text.as_bytes() {
        // Two ASCII characters never form one cluster, except CRLF.
        [first, second, ..] if first.is_ascii() && second.is_ascii() && *first != b'\r' => text.get(..1),
        _ => text.graphemes(true).next(),
    }
}

/// Adds `word` to `tokens`, if the word is not empty, and then clears `word`. A word of a script without spaces is
/// split at word boundaries first.
fn finish(word: &mut String, tokens: &mut Vec<String>) {
    if word.contains(is_unspaced) {
        tokens.extend(word.split_word_bounds().map(str::to_owned));
        word.clear();
    } else if !word.is_empty() {
        tokens.push(std::mem::take(word));
    }
}

/// Returns the text after a leading `<br>`, `<br/>` or `<br />`, if there is one.
fn line_break(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("<br").or_else(|| text.strip_prefix("<BR"))?;
    inner.trim_start_matches(' ').trim_start_matches('/').strip_prefix('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn tokens() {
        for (text, tokens) in [
            ("", vec![]),
            (" \n\t", vec![]),
            ("A GREAT film.", vec!["a", "great", "film", "."]),
            ("it's O’Toole's 'best' rock'", vec!["it's", "o'toole's", "'", "best", "'", "rock", "'"]),
            ("one<br /><br>two<BR/>three<b>", vec!["one", "two", "three", "<", "b", ">"]),
            ("great😀😀 naïve café", vec!["great", "😀", "😀", "naïve", "café"]),
            ("a\u{0}b\u{7f}c", vec!["a", "b", "c"]),
            ("<br", vec!["<", "br"]),
        ] {
            assert_eq!(tokenize(text), tokens, "{text}");
        }
    }

    #[test]
    fn marks_stay_with_their_letters_in_every_script() {
        for (text, tokens) in [
            ("nai\u{308}ve x\u{323}\u{302}", vec!["naïve", "x\u{323}\u{302}"]),
            ("हिन्दी में", vec!["हिन्दी", "में"]),
            ("מִלָּה", vec!["מִלָּה"]),
            ("👩‍👩‍👧!👍🏽", vec!["👩‍👩‍👧", "!", "👍🏽"]),
            ("한국\u{1112}\u{1161}", vec!["한국하"]),
        ] {
            let tokens: Vec<String> = tokens.into_iter().map(|token| token.nfc().collect()).collect();
            assert_eq!(tokenize(text), tokens, "{text}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_split_at_word_boundaries() {
        for (text, tokens) in [
            ("iPhone手机，好。", vec!["iphone", "手", "机", "，", "好", "。"]),
            ("テレビを見た", vec!["テレビ", "を", "見", "た"]),
            ("กี่คน", vec!["กี่", "ค", "น"]),
        ] {
            assert_eq!(tokenize(text), tokens, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_visible_tokens(text in ".*") {
            for token in tokenize(&text) {
                prop_assert!(!token.is_empty() && !token.chars().any(char::is_whitespace));
            }
        }

        #[test]
        fn all_normal_forms_give_the_same_tokens(text in "[a-zA-Z' .\u{e0}-\u{ff}\u{300}-\u{315}क-ह\u{93c}-\u{94d}가-갛电影]*") {
            let tokens = tokenize(&text);
            prop_assert_eq!(&tokenize(&text.nfc().collect::<String>()), &tokens);
            prop_assert_eq!(&tokenize(&text.nfd().collect::<String>()), &tokens);
        }
    }
}
