//! Notes on a corpus that the user gets before training: on unknown tokens, and on scripts without spaces.

use std::collections::HashSet;

use datasets::Corpus;
use inference::text::{Level, Vocabulary, is_unspaced};

use crate::text::CorpusKind;
use crate::train::data::DataConfig;

/// The percentage of unknown tokens in the training part at which the user gets a note. The Penn Treebank and
/// WikiText-2 have 3 to 5 %.
const MANY_UNKNOWN: f64 = 10.0;
/// The smallest percentage at which the user gets a note on training tokens in a script without spaces, or on unknown
/// test tokens.
const SOME: f64 = 1.0;

/// Returns notes for the user on the tokens of a corpus. `train` and `test` are the token ids of the training
/// part and the test part.
pub fn notes(data: &DataConfig, vocabulary: &Vocabulary, corpus: &Corpus, [train, test]: [&[u32]; 2]) -> Vec<String> {
    let own = data.set == CorpusKind::Text;
    let [unknown, in_test] = [train, test].map(|ids| 100.0 * unknown_share(ids));
    let min_count = data.least_count();
    let mut notes = Vec::new();
    let unspaced = percent(data.level.tokens(&corpus.train).map(|token| token.contains(is_unspaced)));
    if own && data.level == Level::Word && unspaced >= SOME {
        notes.push(format!(
            "{unspaced:.0} % of the training tokens are in a script without spaces between words, such as Chinese; in \
             such a script, each character is a token"
        ));
    }
    let full = vocabulary.len() >= data.vocabulary.get();
    if own && min_count > 1 && !full {
        notes.push(format!(
            "words that occur fewer than {min_count} times in the training part are read as <unk>, so that the model \
             learns to predict unknown words; <unk> replaces {unknown:.1} % of the training tokens and {in_test:.1} % \
             of the test tokens"
        ));
    } else if unknown >= MANY_UNKNOWN {
        let whole = data.level.tokens(&corpus.train).collect::<HashSet<_>>().len() + 2;
        let advice = match full {
            true => format!(
                "; for a vocabulary of all training tokens, set data.vocabulary={}",
                whole.next_multiple_of(1000)
            ),
            false => String::new(),
        };
        notes.push(format!(
            "{unknown:.0} % of the training tokens are not in the vocabulary and are read as <unk>{advice}"
        ));
    } else if own && unknown == 0.0 && in_test >= SOME {
        notes.push(format!(
            "{in_test:.1} % of the test tokens are not in the vocabulary and are read as <unk>, but no training token \
             is <unk>, so the model cannot learn to predict <unk>; to read rare training tokens as <unk>, set \
             data.min_count=2"
        ));
    }
    notes
}

/// Returns the share of the token ids that are `<unk>`, from 0 to 1.
pub fn unknown_share(ids: &[u32]) -> f64 {
    let unknown = ids.iter().filter(|id| **id == Vocabulary::UNKNOWN).count();
    unknown as f64 / ids.len() as f64
}

/// Returns the percentage of values that are true.
fn percent(values: impl Iterator<Item = bool>) -> f64 {
    let (mut count, mut all) = (0, 0);
    for value in values {
        count += usize::from(value);
        all += 1;
    }
    100.0 * count as f64 / all.max(1) as f64
}
