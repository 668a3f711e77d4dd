//! Tests on the published texts. They run only if the environment variable `RNN_ZOO_DATA` names the folder of the data.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use datasets::{Locator, ptb, wikitext2};
use inference::Predictor;
use inference::text::{Level, Reserved, Vocabulary};
use language_model::LanguageModel;
use language_model::evaluation::{EvalLayout, losses, mean};
use language_model::train::kneser_ney::KneserNey;
use training::Interrupt;

fn has_data() -> bool {
    let has = std::env::var_os("RNN_ZOO_DATA").is_some_and(|dir| !dir.is_empty());
    if !has {
        eprintln!("skipped: RNN_ZOO_DATA is not set");
    }
    has
}

/// The published perplexity of this baseline is 141 (Mikolov 2012, by SRILM).
#[test]
fn kneser_ney_reaches_the_published_perplexity() {
    if !has_data() {
        return;
    }
    let corpus = ptb::load(&Locator::new(None)).unwrap();
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Word.tokens(&corpus.train), 100_000);
    assert_eq!(vocabulary.len(), 10_000);
    let [train, test] = [&corpus.train, &corpus.test].map(|text| Level::Word.encode(text, &vocabulary));
    assert_eq!((train.len(), test.len()), (929_589, 82_430));
    let interrupt = Interrupt::default();
    let model = KneserNey::fit(&train, 5, vocabulary.len(), &interrupt).unwrap();
    let perplexity = model.perplexity(&test, &interrupt).unwrap();
    assert!((138.0..146.0).contains(&perplexity), "{perplexity}");
}

/// A trained network remembers earlier tokens for longer than a random network does, so each row needs enough context
/// tokens.
#[test]
fn the_perplexity_of_ptb_awd_does_not_depend_on_rows_and_windows() {
    if !has_data() {
        return;
    }
    let model = LanguageModel::from_pretrained("ptb-awd").unwrap();
    let encoded = model.codec().encode_text(&ptb::load(&Locator::new(None)).unwrap().test);
    let ids = &encoded.ids[..20_000];
    let perplexity = |layout| mean(&losses(model.network(), ids, layout, &Device::flex())).exp();
    let in_rows = perplexity(EvalLayout::default());
    let in_one_row = perplexity(EvalLayout { rows: 1, context: 0, window: 500 });
    assert!((in_rows - in_one_row).abs() < 1e-4, "{in_rows} {in_one_row}");
}

#[test]
fn wikitext_has_its_published_vocabulary() {
    if !has_data() {
        return;
    }
    let corpus = wikitext2::load(&Locator::new(None)).unwrap();
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Word.tokens(&corpus.train), 100_000);
    assert_eq!(vocabulary.len(), 33_278);
    assert_eq!(Level::Word.tokens(&corpus.valid).count(), 217_646);
}
