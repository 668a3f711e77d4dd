//! On the real texts, where `RNN_ZOO_DATA` says they are.

#![allow(clippy::unwrap_used)]

use datasets::{Level, Locator, Vocabulary, Zero, ptb, wikitext2};
use language_model::kneser_ney::KneserNey;

fn has_data() -> bool {
    let has = std::env::var_os("RNN_ZOO_DATA").is_some_and(|dir| !dir.is_empty());
    if !has {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there is no Penn Treebank and no WikiText-2 to test on");
    }
    has
}

/// The yardstick must be as good as it is published to be: 141 ([Mikolov 2012], by SRILM).
#[test]
fn kneser_ney_reaches_what_the_literature_reports() {
    if !has_data() {
        return;
    }
    let corpus = ptb::load(&Locator::new(None)).unwrap();
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&corpus.train), 10_000);
    assert_eq!(vocabulary.len(), 10_000);
    let [train, test] = [&corpus.train, &corpus.test]
        .map(|text| Level::Word.tokens(text).map(|word| vocabulary.number(word)).collect::<Vec<_>>());
    assert_eq!((train.len(), test.len()), (929_589, 82_430));
    let perplexity = KneserNey::fit(&train, 5, vocabulary.len()).perplexity(&test);
    assert!((138.0..146.0).contains(&perplexity), "{perplexity}");
}

#[test]
fn wikitext_has_its_published_vocabulary() {
    if !has_data() {
        return;
    }
    let corpus = wikitext2::load(&Locator::new(None)).unwrap();
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&corpus.train), 100_000);
    assert_eq!(vocabulary.len(), 33_278);
    assert_eq!(Level::Word.tokens(&corpus.valid).count(), 217_646);
}
