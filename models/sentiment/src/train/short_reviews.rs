//! Short texts about films, on which the model `short-reviews` is trained: whole reviews and their sentences, sentences
//! with labels of their own, and generated sentences with negation and contrast.
//!
//! | part | texts | weight in the loss |
//! |---|---|---|
//! | training | the IMDB training reviews | 1 |
//! | training | up to five sentences of each of these reviews, with the (often wrong) label of the review | 0.2 |
//! | training | nine tenths of the sentence polarity set | 3 |
//! | training | the reviews of the generator [`sample`], in which word order determines the label | 1 |
//! | training | 10,000 short [opinions], generated from templates of negation, contrast and comparison | 1 |
//! | validation | a tenth of the sentence polarity set | |
//! | validation | 1,000 IMDB training reviews of at most 80 words, which are not in the training part | |
//! | test | the labelled IMDb sentences | |
//!
//! The labelled IMDb sentences were taken from the IMDB *test* reviews. Therefore, no IMDB test review is in any part,
//! and training texts that contain one of these sentences are left out.
//!
//! The set `short-reviews-transfer` measures how well a model classifies sentences of a source that is not in its
//! training texts: the whole sentence polarity set is the test part, and is not used for training and validation.

use std::collections::{HashMap, HashSet};

use datasets::texts::{Texts, imdb_sentences, rt_polarity};
use datasets::{Locator, Review, imdb, sample};
use inference::text::tokenize;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::{IteratorRandom, SliceRandom};
use training::{Splits, TaskResult};

use crate::train::data::{ClassText, RawData, indexed};
use crate::train::opinions;

/// The weight in the loss of a sentence with the label of its review.
const NOISY: f32 = 0.2;
/// The weight in the loss of a sentence with a label of its own.
const CLEAN: f32 = 3.0;
/// The number of generated opinions.
const OPINIONS: usize = 10_000;
/// The largest number of sentences of a review that become training texts.
const SENTENCES: usize = 5;
/// The number of words that a sentence of a review must have to become a training text.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=60;
/// The number of reviews in the validation part.
const VALID_REVIEWS: usize = 1000;
/// The largest number of words of a review in the validation part.
const VALID_WORDS: usize = 80;

/// Loads the texts of all parts. If `transfer` is true, the sentence polarity set is the test part, and is not in the
/// other parts.
pub fn load(locator: &Locator, seed: u64, transfer: bool) -> TaskResult<RawData> {
    let (reviews, polarity, sentences) = (imdb::load(locator)?, rt_polarity(locator)?, imdb_sentences(locator)?);
    let source = [reviews.source.as_str(), &polarity.source, &sentences.source].join(", ");
    let (own, own_valid, test) = match transfer {
        true => (Texts::default(), Texts::default(), polarity),
        false => {
            let (own, valid) = polarity.hold_out(0.1, seed)?;
            (own, valid, sentences)
        }
    };
    let searched = Searched::new(&test);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let reviews = reviews.train.into_iter().filter(|review| !searched.is_in(&review.text)).collect();
    let (reviews, valid_reviews) = hold_out_short(reviews, &mut rng);
    let mut train = Vec::new();
    for review in reviews {
        train.extend(drawn(&review, &mut rng).into_iter().filter(|text| !searched.contains(&text.text)));
        train.push(whole(review));
    }
    train.extend(sample::load().train.into_iter().map(whole));
    train.extend(opinions::generate(OPINIONS, &mut rng));
    let own = indexed(own, &[]).into_iter().filter(|text| !searched.is_in(&text.text));
    train.extend(own.map(|text| ClassText { weight: CLEAN, ..text }));
    let mut valid = indexed(own_valid, &[]);
    valid.extend(valid_reviews.into_iter().map(whole));
    Ok(RawData::new(Splits { train, valid, test: indexed(test, &[]) }, Vec::new(), source))
}

/// Chooses the validation reviews at random from the short reviews. Returns the other reviews and the validation
/// reviews.
fn hold_out_short(reviews: Vec<Review>, rng: &mut ChaCha8Rng) -> (Vec<Review>, Vec<Review>) {
    let is_short = |review: &Review| review.text.split_whitespace().count() <= VALID_WORDS;
    let (mut short, mut others): (Vec<Review>, Vec<Review>) = reviews.into_iter().partition(is_short);
    short.shuffle(rng);
    others.extend(short.split_off(VALID_REVIEWS.min(short.len())));
    (others, short)
}

/// Converts a whole review with its label to a text with the weight 1.
fn whole(review: Review) -> ClassText {
    ClassText::new(review.text, usize::from(review.positive))
}

/// Draws at most [`SENTENCES`] random sentences of a review. Each sentence gets the label of the review.
fn drawn(review: &Review, rng: &mut ChaCha8Rng) -> Vec<ClassText> {
    let class = usize::from(review.positive);
    let fitting = sentences(&review.text).into_iter().filter(|text| LENGTHS.contains(&text.split_whitespace().count()));
    let chosen = fitting.sample(rng, SENTENCES);
    chosen.into_iter().map(|text| ClassText { text: text.to_owned(), class, weight: NOISY }).collect()
}

/// Splits a text into sentences: at blanks after a mark that ends a sentence, and at HTML line breaks.
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

/// The number of words in the keys of [`Searched::by_start`]. Shorter sentences are not searched for inside longer
/// texts.
const SEARCHED: usize = 5;

/// Sentences to search for in other texts, without regard to case and punctuation.
struct Searched {
    /// The words of each sentence.
    sentences: HashSet<Vec<String>>,
    /// The sentences of at least [`SEARCHED`] words. The keys are the first [`SEARCHED`] words of the sentences.
    by_start: HashMap<Vec<String>, Vec<Vec<String>>>,
}

impl Searched {
    fn new(texts: &Texts) -> Self {
        let sentences: HashSet<Vec<String>> = texts.texts.iter().map(|text| words(&text.text)).collect();
        let mut by_start: HashMap<Vec<String>, Vec<Vec<String>>> = HashMap::new();
        for sentence in sentences.iter().filter(|sentence| sentence.len() >= SEARCHED) {
            by_start.entry(sentence[..SEARCHED].to_vec()).or_default().push(sentence.clone());
        }
        Self { sentences, by_start }
    }

    /// Whether a text is one of the sentences.
    fn contains(&self, text: &str) -> bool {
        self.sentences.contains(&words(text))
    }

    /// Whether a text is one of the sentences, or contains one of the sentences of at least [`SEARCHED`] words. Shorter
    /// sentences, such as "10/10", are not searched for inside a text, because they occur in many texts.
    fn is_in(&self, text: &str) -> bool {
        let words = words(text);
        let starts_here = |place: usize| {
            let found = words.get(place..place + SEARCHED).and_then(|start| self.by_start.get(start));
            found.is_some_and(|sentences| sentences.iter().any(|sentence| words[place..].starts_with(sentence)))
        };
        self.sentences.contains(&words) || (0..words.len()).any(starts_here)
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
