//! On the real texts, where `RNN_ZOO_DATA` says they are.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use datasets::{Level, Locator, Vocabulary, Zero, ptb, wikitext2};
use language_model::LanguageModel;
use language_model::kneser_ney::KneserNey;
use language_model::perplexity::{Reading, costs, mean};
use training::Package;

fn has_data() -> bool {
    let has = std::env::var_os("RNN_ZOO_DATA").is_some_and(|dir| !dir.is_empty());
    if !has {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there is no Penn Treebank and no WikiText-2 to test on");
    }
    has
}

/// What people type is not prepared as the Treebank is.
#[test]
fn ordinary_writing_is_read_as_the_treebanks() {
    let flagship = Package::<LanguageModel>::find("ptb-awd").unwrap();
    let flagship = Package::<LanguageModel>::open(&flagship, &Device::flex()).unwrap();
    let (tokens, words) =
        flagship.task.read_text("The chairman's $5 didn't last, in the (U.S.), or 5% of Mr. <unk> in 1987.");
    let expected = "The chairman 's $ N did n't last in the u.s. or N N of Mr. <unk> in N <eos>";
    assert_eq!(words.join(" "), expected);
    assert_eq!(tokens.iter().filter(|&&token| token == Vocabulary::UNKNOWN).count(), 1);
}

/// The yardstick must be as good as it is published to be: 141 ([Mikolov 2012], by SRILM).
#[test]
fn kneser_ney_reaches_what_the_literature_reports() {
    if !has_data() {
        return;
    }
    let corpus = ptb::load(&Locator::new(None)).unwrap();
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&corpus.train), 100_000);
    assert_eq!(vocabulary.len(), 10_000);
    let [train, test] = [&corpus.train, &corpus.test]
        .map(|text| Level::Word.tokens(text).map(|word| vocabulary.number(word)).collect::<Vec<_>>());
    assert_eq!((train.len(), test.len()), (929_589, 82_430));
    let perplexity = KneserNey::fit(&train, 5, vocabulary.len()).perplexity(&test);
    assert!((138.0..146.0).contains(&perplexity), "{perplexity}");
}

/// A trained network remembers more of a text than one of random weights: what each row reads before must be enough for it.
#[test]
fn the_flagships_perplexity_hangs_neither_on_rows_nor_on_windows() {
    if !has_data() {
        return;
    }
    let device = Device::flex();
    let flagship = Package::<LanguageModel>::find("ptb-awd").unwrap();
    let flagship = Package::<LanguageModel>::open(&flagship, &device).unwrap();
    let (tokens, _) = flagship.task.read_text(&ptb::load(&Locator::new(None)).unwrap().test);
    let perplexity = |reading| mean(&costs(&flagship.model, &tokens[..20_000], reading, &device)).exp();
    let in_rows = perplexity(Reading::default());
    let in_one_row = perplexity(Reading { rows: 1, before: 0, window: 500 });
    assert!((in_rows - in_one_row).abs() < 1e-4, "{in_rows} {in_one_row}");
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
