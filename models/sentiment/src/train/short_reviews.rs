//! Short texts about films, for the general model: whole reviews and their sentences, sentences with labels of their own,
//! and generated sentences of negation and contrast.
//!
//! | part | texts | weight in the loss |
//! |---|---|---|
//! | training | the IMDB training reviews | 1 |
//! | training | up to five sentences of each of these reviews, with the label of the review, which is often wrong for them | 0.2 |
//! | training | nine tenths of the sentence polarity set | 3 |
//! | training | the reviews of the generator [`sample`], in which word order determines the label | 1 |
//! | training | 10,000 short [opinions], generated from templates of negation, contrast and comparison | 1 |
//! | validation | a tenth of the sentence polarity set | |
//! | test | the labelled IMDb sentences | |
//!
//! The labelled IMDb sentences are from IMDB *test* reviews, which are not read. Training texts that contain one of them
//! are left out.

use std::collections::HashSet;

use datasets::texts::{Texts, imdb_sentences, rt_polarity};
use datasets::{Locator, Review, imdb, sample};
use inference::text::tokenize;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::IteratorRandom;
use training::{Splits, TaskResult};

use crate::train::data::{ClassText, RawData, indexed};
use crate::train::opinions;

/// The weights of sentences with the label of their review, and of sentences with a label of their own.
const NOISY: f32 = 0.2;
const CLEAN: f32 = 3.0;
/// The number of generated opinions.
const OPINIONS: usize = 10_000;
/// The largest number of sentences of a review, and their lengths in words.
const SENTENCES: usize = 5;
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=60;
/// Shorter test sentences, such as "10/10", are not searched in the training texts.
const SEARCHED: usize = 5;

/// Loads the texts of all parts.
pub fn load(locator: &Locator, seed: u64) -> TaskResult<RawData> {
    let (reviews, polarity, test) = (imdb::load(locator)?, rt_polarity(locator)?, imdb_sentences(locator)?);
    let source = [reviews.source.as_str(), &polarity.source, &test.source].join(", ");
    let (own, valid) = polarity.hold_out(0.1, seed)?;
    let searched = Searched::new(&test);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut train = Vec::new();
    for review in reviews.train.into_iter().filter(|review| !searched.is_in(&review.text)) {
        train.extend(drawn(&review, &mut rng));
        train.push(ClassText { class: usize::from(review.positive), text: review.text, weight: 1.0 });
    }
    let generated = sample::load().train.into_iter();
    train.extend(generated.map(|review| ClassText::new(review.text, usize::from(review.positive))));
    train.extend(opinions::generate(OPINIONS, &mut rng));
    let own = indexed(own, &[]).into_iter().filter(|text| !searched.is_in(&text.text));
    train.extend(own.map(|text| ClassText { weight: CLEAN, ..text }));
    let parts = Splits { train, valid: indexed(valid, &[]), test: indexed(test, &[]) };
    Ok(RawData { parts, classes: Vec::new(), source, vectors: None })
}

/// Draws sentences of a review.
fn drawn(review: &Review, rng: &mut ChaCha8Rng) -> Vec<ClassText> {
    let class = usize::from(review.positive);
    let fitting = sentences(&review.text).into_iter().filter(|text| LENGTHS.contains(&text.split_whitespace().count()));
    let chosen = fitting.sample(rng, SENTENCES);
    chosen.into_iter().map(|text| ClassText { text: text.to_owned(), class, weight: NOISY }).collect()
}

/// Splits a text after marks that end a sentence and before blanks, and at HTML line breaks.
fn sentences(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for line in text.split("<br />") {
        let (mut start, mut ended) = (0, false);
        for (place, letter) in line.char_indices() {
            if ended && letter.is_whitespace() {
                parts.push(&line[start..place]);
                start = place;
            }
            ended = matches!(letter, '.' | '!' | '?' | '…') || (ended && matches!(letter, '"' | ')' | '\''));
        }
        parts.push(&line[start..]);
    }
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Sentences that are searched in other texts, without regard to case and punctuation.
struct Searched {
    /// The words of each sentence.
    sentences: HashSet<Vec<String>>,
    /// The numbers of words of the sentences.
    lengths: HashSet<usize>,
}

impl Searched {
    fn new(texts: &Texts) -> Self {
        let sentences: HashSet<Vec<String>> =
            texts.texts.iter().map(|text| words(&text.text)).filter(|words| words.len() >= SEARCHED).collect();
        let lengths = sentences.iter().map(Vec::len).collect();
        Self { sentences, lengths }
    }

    /// Whether a text contains one of the sentences.
    fn is_in(&self, text: &str) -> bool {
        let words = words(text);
        self.lengths.iter().any(|length| words.windows(*length).any(|part| self.sentences.contains(part)))
    }
}

/// The words of a text, without punctuation.
fn words(text: &str) -> Vec<String> {
    tokenize(text).into_iter().filter(|token| token.starts_with(char::is_alphanumeric)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasets::texts::Text;

    #[test]
    fn sentences_end_at_marks_and_line_breaks() {
        let text = "Dr. Who? \"No way!\" he said...  It's 2.5 hours<br /><br />The end";
        assert_eq!(sentences(text), ["Dr.", "Who?", "\"No way!\"", "he said...", "It's 2.5 hours", "The end"]);
        assert!(sentences(" <br />").is_empty());
    }

    #[test]
    fn drawn_sentences_have_the_label_of_the_review_and_a_small_weight() {
        let text = "One is short. ".to_owned() + &"This sentence has six words now. ".repeat(9);
        let review = Review { id: String::new(), rating: None, text, positive: true };
        let found = drawn(&review, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(found.len(), SENTENCES);
        let text = "This sentence has six words now.".to_owned();
        assert!(found.iter().all(|found| *found == ClassText { text: text.clone(), class: 1, weight: NOISY }));
    }

    #[test]
    fn test_sentences_are_found_inside_texts() {
        let text = Text { text: "A very, very, slow film.".to_owned(), label: String::new() };
        let searched = Searched::new(&Texts { texts: vec![text], ..Texts::default() });
        assert!(searched.is_in("I saw it: a VERY very slow film, indeed"));
        assert!(!searched.is_in("A very slow film") && !searched.is_in(""));
    }
}
