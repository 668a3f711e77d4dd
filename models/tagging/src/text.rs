//! Splits a text into sentences and tokens, which are byte ranges of the text.
//!
//! Tokens end at the word boundaries of Unicode ([UAX #29](https://www.unicode.org/reports/tr29/)). Three rules adapt
//! the tokens to named entities in messages: web addresses, `@names` and `#tags` are one token each; clitics are
//! separate tokens, as in the Penn Treebank (`Ada's` gives `Ada` and `'s`); abbreviations and initials keep their full
//! stop (`Mr.`, `J.`).

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The largest number of tokens of a sentence. A longer sentence is split into several sentences.
pub const MAX_TOKENS: usize = 200;

/// Abbreviations, without their full stop. The full stop of an abbreviation does not end a sentence. The comparison of
/// words with this list ignores case.
const ABBREVIATIONS: [&str; 29] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sen", "rep", "gov", "gen", "col", "lt", "sgt", "capt", "rev", "hon", "jr",
    "sr", "inc", "corp", "ltd", "co", "vs", "etc", "dept", "univ", "approx", "ave", "mt",
];

/// Clitics: the ends of words that are split off as separate tokens, as in the Penn Treebank.
const CLITICS: [&str; 7] = ["n't", "'s", "'m", "'re", "'ve", "'ll", "'d"];

/// Splits a text into sentences, and each sentence into tokens. A token is a byte range of the text that contains no
/// white space.
///
/// A sentence ends at a line break, after [`MAX_TOKENS`] tokens, and after `.`, `!`, `?` or `…` (with closing quotes or
/// brackets) if the next token does not begin with a lower-case letter.
///
/// ```
/// let text = "Dr. Ada Lovelace's engine. It works!";
/// let sentences = tagging::text::sentences(text);
/// let words = |index: usize| sentences[index].iter().map(|token| &text[token.clone()]).collect::<Vec<_>>();
/// assert_eq!(words(0), ["Dr.", "Ada", "Lovelace", "'s", "engine", "."]);
/// assert_eq!(words(1), ["It", "works", "!"]);
/// ```
pub fn sentences(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut sentences = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let tokens = tokens(line).into_iter().map(|token| line_start + token.start..line_start + token.end).collect();
        split_line(text, tokens, &mut sentences);
        line_start += line.len();
    }
    sentences
}

/// Splits the tokens of a line into sentences, and adds them to `sentences`.
fn split_line(text: &str, tokens: Vec<Range<usize>>, sentences: &mut Vec<Vec<Range<usize>>>) {
    let mut sentence = Vec::new();
    // Whether the previous token is an end mark, such as a full stop, or a closing quote or bracket after an end mark.
    let mut ended = false;
    for token in tokens {
        let word = &text[token.clone()];
        let closes = is_end_mark(word) || matches!(word, "\"" | "'" | "”" | "’" | "»" | ")" | "]");
        let continues = word.starts_with(char::is_lowercase);
        if (ended && !closes && !continues) || sentence.len() == MAX_TOKENS {
            sentences.push(std::mem::take(&mut sentence));
        }
        ended = is_end_mark(word) || (ended && closes);
        sentence.push(token);
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
}

fn is_end_mark(word: &str) -> bool {
    word.chars().all(|character| matches!(character, '.' | '!' | '?' | '…'))
}

/// Splits a line into tokens, which are byte ranges of the line.
fn tokens(line: &str) -> Vec<Range<usize>> {
    let mut tokens: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    let word = |start| special(line, start).or_else(|| clitic(line, start));
    while let Some(word) = word(start).or_else(|| line[start..].split_word_bounds().next()) {
        let end = start + word.len();
        match tokens.last_mut() {
            _ if word.chars().all(|character| character.is_whitespace() || character.is_control()) => {}
            Some(last) if last.end == start && joins(&line[last.clone()], word) => last.end = end,
            _ => tokens.extend(split_clitic(line, start..end)),
        }
        start = end;
    }
    tokens
}

/// Returns the web address, `@name` or `#tag` that starts at the byte `start` of the line, or `None` if there is no
/// such token.
fn special(line: &str, start: usize) -> Option<&str> {
    let text = &line[start..];
    if line[..start].ends_with(char::is_alphanumeric) {
        return None;
    }
    let lower = |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if ["http://", "https://", "www."].into_iter().any(lower) {
        let address = text.split(char::is_whitespace).next()?;
        return Some(address.trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '"', '\'']));
    }
    let name = text.strip_prefix(['@', '#'])?;
    let length = name.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(name.len());
    (length > 0).then(|| &text[..1 + length])
}

/// Returns the clitic that starts at the byte `start` of the line, such as the `'s` of `@ada's`; `None` if there is no
/// clitic. Only an `@name` or a `#tag` needs this function, because [`special`] ends the token before the apostrophe.
/// Other words, such as `Ada's`, are one word for Unicode, and [`split_clitic`] splits off the clitic.
fn clitic(line: &str, start: usize) -> Option<&str> {
    let text = &line[start..];
    if !text.starts_with(['\'', '’']) || !line[..start].ends_with(char::is_alphanumeric) {
        return None;
    }
    let length = text.char_indices().skip(1).find(|(_, character)| !character.is_alphanumeric());
    let word = &text[..length.map_or(text.len(), |(index, _)| index)];
    CLITICS.contains(&word.to_lowercase().replace('’', "'").as_str()).then_some(word)
}

/// Returns whether `word`, which follows the token `last` without a space, is a part of that token. This is the case if
/// `word` is the full stop of an abbreviation or of an initial, or if `word` repeats the punctuation mark of `last`, as
/// in `...`.
fn joins(last: &str, word: &str) -> bool {
    match word.chars().next() {
        Some('.') if last.starts_with(char::is_alphabetic) => is_abbreviation(last),
        // A token that begins with a mark consists of that mark alone.
        Some(mark @ ('.' | '!' | '?' | '-')) => last.starts_with(mark),
        _ => false,
    }
}

/// Returns whether `word`, from which the caller has removed the last full stop, is an initial (`J`), consists of
/// initials (`U.S`, `a.m`), or is one of the [`ABBREVIATIONS`].
fn is_abbreviation(word: &str) -> bool {
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let is_short = |part: &str| part.chars().count() <= 2 && part.chars().all(char::is_alphabetic);
    let initials = word.contains('.') && word.split('.').all(|part| !part.is_empty() && is_short(part));
    initial || initials || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// Splits a word that ends in one of the [`CLITICS`] into the word and the clitic. Other words are returned whole.
fn split_clitic(line: &str, token: Range<usize>) -> Vec<Range<usize>> {
    let word = line[token.clone()].to_lowercase().replace('’', "'");
    // A word whose number of characters is different in lower case is not split: no English word is of this kind.
    let same_length = word.chars().count() == line[token.clone()].chars().count();
    let clitic = CLITICS.into_iter().find(|clitic| same_length && word.len() > clitic.len() && word.ends_with(clitic));
    let Some(clitic) = clitic else { return vec![token] };
    let characters = line[token.clone()].char_indices().rev();
    match characters.take(clitic.chars().count()).last() {
        Some((index, _)) => vec![token.start..token.start + index, token.start + index..token.end],
        None => vec![token],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Vec<&str>> {
        sentences(text).into_iter().map(|tokens| tokens.into_iter().map(|token| &text[token]).collect()).collect()
    }

    #[test]
    fn tokens_of_news_and_messages() {
        for (text, expected) in [
            ("", vec![]),
            (" \n\t ", vec![]),
            ("Mr. J. R. Smith didn't go.", vec!["Mr.", "J.", "R.", "Smith", "did", "n't", "go", "."]),
            ("I'm @ada_l at #NewYork :)", vec!["I", "'m", "@ada_l", "at", "#NewYork", ":", ")"]),
            ("see https://a.org/b?c=d, ok", vec!["see", "https://a.org/b?c=d", ",", "ok"]),
            ("the U.S. won 3.5-2", vec!["the", "U.S.", "won", "3.5", "-", "2"]),
            ("wait... what?!", vec!["wait", "...", "what", "?", "!"]),
            ("at 9 a.m. on Amazon.com. No.", vec!["at", "9", "a.m.", "on", "Amazon.com", ".", "No", "."]),
            ("from @ada's #NewYork’s", vec!["from", "@ada", "'s", "#NewYork", "’s"]),
            ("said 'so' @ada'so", vec!["said", "'", "so", "'", "@ada", "'", "so"]),
            ("Ada’s café", vec!["Ada", "’s", "café"]),
            ("@ # 😀😀", vec!["@", "#", "😀", "😀"]),
            ("mail ada@b.org, #rock'n'roll", vec!["mail", "ada", "@", "b.org", ",", "#rock", "'", "n'roll"]),
        ] {
            assert_eq!(words(text).concat(), expected, "{text}");
        }
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        for (text, expected) in [
            ("It rains. We stay.", vec![3, 3]),
            ("It rains.\nwe stay", vec![3, 2]),
            ("\"It rains.\" We stay.", vec![5, 3]),
            ("It cost 3 Fr. and more. ok", vec![9]),
            ("Dr. Ada came. Really?! Yes!", vec![4, 3, 2]),
            ("I bought it on Amazon.com. It came.", vec![6, 3]),
            ("He said no. We left.", vec![4, 3]),
        ] {
            assert_eq!(words(text).iter().map(Vec::len).collect::<Vec<_>>(), expected, "{text}: {:?}", words(text));
        }
    }

    #[test]
    fn long_sentences_are_split() {
        let lengths: Vec<usize> = sentences(&"word ".repeat(2 * MAX_TOKENS + 1)).iter().map(Vec::len).collect();
        assert_eq!(lengths, [MAX_TOKENS, MAX_TOKENS, 1]);
    }

    #[test]
    fn long_runs_of_a_mark_are_one_token() {
        let dashes = "-".repeat(300_000); // takes minutes if each dash is compared with all dashes before it
        assert_eq!(words(&dashes), [[dashes.as_str()]]);
    }

    proptest! {
        #[test]
        fn tokens_are_ascending_and_cover_all_visible_characters(text in "\\PC*|[a-zA-Z'’.!? \n@#é😀İ-]{0,40}") {
            let tokens: Vec<Range<usize>> = sentences(&text).concat();
            let mut end = 0;
            let hidden = |text: &str| text.chars().all(|character| character.is_whitespace() || character.is_control());
            for token in tokens {
                prop_assert!(token.start >= end && token.end > token.start);
                prop_assert!(hidden(&text[end..token.start]));
                end = token.end;
            }
            prop_assert!(hidden(&text[end..]));
        }
    }
}
