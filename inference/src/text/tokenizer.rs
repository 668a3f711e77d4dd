//! The tokenizer that splits texts into lower-case words.

/// Splits a text into lower-case tokens.
///
/// A word consists of letters, digits, and apostrophes inside (`don't`). Every other visible character is a separate
/// token, so an emoji of several characters gives several tokens. HTML line breaks, which are frequent in the IMDB
/// reviews, count as spaces.
///
/// ```
/// assert_eq!(inference::text::tokenize("Don't miss it!<br />10/10"), ["don't", "miss", "it", "!", "10", "/", "10"]);
/// ```
pub fn tokenize(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = line_break(rest) {
            finish(&mut word, &mut tokens);
            rest = after;
            continue;
        }
        rest = &rest[character.len_utf8()..];
        let inside = !word.is_empty() && rest.chars().next().is_some_and(char::is_alphanumeric);
        match character {
            letter if letter.is_alphanumeric() => word.extend(letter.to_lowercase()),
            '\'' | '’' if inside => word.push('\''),
            other => {
                finish(&mut word, &mut tokens);
                if !other.is_whitespace() && !other.is_control() {
                    tokens.push(other.to_string());
                }
            }
        }
    }
    finish(&mut word, &mut tokens);
    tokens
}

fn finish(word: &mut String, tokens: &mut Vec<String>) {
    if !word.is_empty() {
        tokens.push(std::mem::take(word));
    }
}

/// The text after a leading `<br>`, `<br/>` or `<br />`, if there is one.
fn line_break(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("<br").or_else(|| text.strip_prefix("<BR"))?;
    inner.trim_start_matches(' ').trim_start_matches('/').strip_prefix('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn any_text_gives_visible_tokens(text in ".*") {
            for token in tokenize(&text) {
                prop_assert!(!token.is_empty() && !token.chars().any(char::is_whitespace));
            }
        }
    }
}
