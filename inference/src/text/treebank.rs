//! Conversion of ordinary text to the tokens of the Penn Treebank, as prepared by Mikolov et al. (2010).

/// The word endings that are separate tokens in the Penn Treebank.
const ENDINGS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];

/// Converts a word to tokens of the Penn Treebank: in lower case, without punctuation, and with endings such as `n't`
/// as separate tokens. `N` replaces numbers and percent signs, and `#` replaces the pound sign `£`. `known` says
/// whether the vocabulary contains a word; such a word keeps its punctuation.
///
/// ```
/// let words = |word| inference::text::treebank::tokens(word, |word| ["u.s.", "'s"].contains(&word));
///
/// assert_eq!(words("(Don't!)"), ["do", "n't"]);
/// assert_eq!(words("Chairman’s,"), ["chairman", "'s"]);
/// assert_eq!(words("investors'"), ["investors", "'"]);
/// assert_eq!(words("’s"), ["'s"]);
/// assert_eq!(words("(U.S.),"), ["u.s."]);
/// assert_eq!(words("cannot"), ["can", "not"]);
/// assert_eq!(words("US$1,200.50"), ["us$", "N"]);
/// assert_eq!(words("27%."), ["N", "N"]);
/// assert_eq!(words("30-day—so"), ["30-day", "so"]);
/// assert!(words("--").is_empty());
/// ```
pub fn tokens(word: &str, known: impl Fn(&str) -> bool) -> Vec<String> {
    let word = word.to_lowercase().replace('’', "'").replace('£', "#").replace('—', "--");
    word.split("--").flat_map(|word| split(word, &known)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Splits a word in lower case into four parts: the text up to a currency sign (such as `us$`), the stem (`N` for a
/// number), `N` for a percent sign, and the ending. Absent parts are empty.
fn split<'a>(word: &'a str, known: &impl Fn(&str) -> bool) -> [&'a str; 4] {
    let word = word.trim_matches(|mark: char| !mark.is_alphanumeric() && !"$#%&.'".contains(mark));
    if known(word) {
        return ["", word, "", ""];
    }
    let plural = if word.ends_with("s'") && !word.starts_with('\'') { "'" } else { "" };
    let word = word.trim_matches(['.', '\'']);
    if word == "cannot" {
        return ["", "can", "", "not"];
    }
    let (currency, word) = word.split_at(word.find(['$', '#']).map_or(0, |sign| sign + 1));
    let (word, percent) = word.strip_suffix('%').map_or((word, ""), |number| (number, "N"));
    let ending = ENDINGS.into_iter().find(|ending| word.ends_with(ending)).unwrap_or("");
    let stem = &word[..word.len() - ending.len()];
    let stem = if is_number(stem) { "N" } else { stem };
    [currency, stem, percent, if ending.is_empty() { plural } else { ending }]
}

fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|character| character.is_ascii_digit() || ".,:/".contains(character))
}
