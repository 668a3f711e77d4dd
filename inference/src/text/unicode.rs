//! Unicode: normal forms, line ends, and scripts without spaces between words.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Converts a text to the normal form NFC, in which a letter and its accents are one character where Unicode has such a
/// character ([UAX #15](https://www.unicode.org/reports/tr15/)).
///
/// ```
/// assert_eq!(inference::text::nfc("cafe\u{301}"), "café");
/// ```
pub fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Removes a byte-order mark, and converts the line ends of Windows (CRLF) and of old Macintosh computers (CR) to LF.
///
/// ```
/// assert_eq!(inference::text::plain_lines("\u{feff}one\r\ntwo\rthree\n"), "one\ntwo\nthree\n");
/// ```
pub fn plain_lines(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n")
}

/// Returns whether a character belongs to a script that has no spaces between words: Chinese, Japanese, Thai, Lao,
/// Burmese or Khmer.
pub fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana, iteration marks
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // Han
    )
}
