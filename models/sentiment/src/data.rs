//! Reviews as the models read them.

use std::ops::Range;
use std::path::Path;

use datasets::{Locator, Review, ReviewSet, Reviews, Vocabulary, Zero, imdb, sample, tokenize};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use training::settings::Count;
use training::{Splits, TaskResult};

/// How many batches' worth of reviews are sorted by length together.
const BUCKET: usize = 50;

/// `[data]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Which reviews.
    pub set: Set,
    /// How many of the published training part are held out for validation.
    pub valid: Count,
    /// Seed of which they are; apart from the recipe's seed, so that runs with several seeds share one split.
    #[serde(default)]
    pub valid_seed: u64,
    /// The network knows this many words, the most frequent ones of the training part.
    pub vocabulary: Count,
    /// The network reads this many words of a review.
    pub max_words: Count,
    /// Which of them.
    pub keep: Keep,
    /// How many words are read in the first epochs, one number an epoch; `max_words` after them, and always outside
    /// training. A network that answers from its last state alone may learn nothing for an epoch if it has to read
    /// hundreds of words from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<Count>,
}

/// The sets on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Short reviews of a seeded generator, part of the program.
    Sample,
    /// The IMDB large movie review set.
    Imdb,
}

/// Which words of a review that is too long are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those at its beginning.
    First,
    /// Those at its end, where many reviews sum up.
    Last,
}

/// A review as the network reads it, and its text for the n-grams.
#[derive(Clone, Debug)]
pub struct Example {
    /// The text as published.
    pub text: String,
    /// Numbers of the words that the network reads.
    pub words: Vec<u32>,
    /// Whether it is favourable.
    pub positive: bool,
}

impl DataConfig {
    /// Finds the reviews and holds out the validation part. Returns also what identifies the data.
    pub fn load(&self, data_dir: Option<&Path>) -> TaskResult<(Splits<ReviewSet>, String)> {
        let Reviews { train, test, source } = match self.set {
            Set::Sample => sample::load(),
            Set::Imdb => imdb::load(&Locator::new(data_dir))?,
        };
        let total = train.0.len();
        if self.valid.get() >= total {
            return Err(format!("data.valid = {}: there are only {total} reviews to learn from", self.valid).into());
        }
        let (train, valid) = train.hold_out(self.valid.get(), self.valid_seed);
        Ok((Splits { train, valid, test }, source))
    }

    /// The vocabulary of the training part.
    pub fn vocabulary(&self, train: &ReviewSet) -> Vocabulary {
        let texts: Vec<Vec<String>> = train.0.iter().map(|review| tokenize(&review.text)).collect();
        Vocabulary::build(Zero::Padding, texts.iter().flatten().map(String::as_str), self.vocabulary.get())
    }

    /// The numbers of the words that the network reads of a text.
    pub fn encode(&self, text: &str, vocabulary: &Vocabulary) -> Vec<u32> {
        vocabulary.encode(self.kept(&tokenize(text)))
    }

    /// Refuses to go on with a model of `other` data: it must have read texts in the same way, and have learned from
    /// none that are held out here.
    pub fn check_like(&self, other: &Self) -> TaskResult<()> {
        let differs = [
            ("set", self.set != other.set),
            ("valid", self.valid != other.valid),
            ("valid_seed", self.valid_seed != other.valid_seed),
            ("vocabulary", self.vocabulary != other.vocabulary),
            ("max_words", self.max_words != other.max_words),
            ("keep", self.keep != other.keep),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((key, _)) => {
                Err(format!("data.{key} is not that of the model that start_from names; set both alike").into())
            }
            None => Ok(()),
        }
    }

    /// The words that the network reads of all words of a text.
    pub fn kept<'a, W>(&self, words: &'a [W]) -> &'a [W] {
        self.cut(words, self.max_words)
    }

    /// How many words are read in an epoch of training, counted from 0.
    pub fn words_in_epoch(&self, epoch: usize) -> Count {
        self.curriculum.get(epoch).copied().unwrap_or(self.max_words)
    }

    /// At most so many words of a text.
    pub fn cut<'a, W>(&self, words: &'a [W], most: Count) -> &'a [W] {
        &words[self.range(words.len(), most.get())]
    }

    /// Where the words that are read stand in a text of so many words.
    pub fn range(&self, words: usize, most: usize) -> Range<usize> {
        match self.keep {
            Keep::First => 0..most.min(words),
            Keep::Last => words.saturating_sub(most)..words,
        }
    }

    /// All reviews of a part as the network reads them.
    pub fn examples(&self, reviews: ReviewSet, vocabulary: &Vocabulary) -> Vec<Example> {
        let example =
            |Review { text, positive, .. }: Review| Example { words: self.encode(&text, vocabulary), text, positive };
        reviews.0.into_iter().map(example).collect()
    }
}

/// Reviews that are learned from together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Their places in their set.
    pub reviews: Vec<usize>,
    /// How many words of each are read.
    pub words: Count,
    /// What is learned from them.
    pub lesson: Lesson,
}

/// What a batch teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// Which word comes next.
    NextWord,
    /// Whether the review is favourable.
    Sign,
}

/// Random batches of reviews of nearly equal length, in random order: little is spent on padding.
pub fn bucketed(examples: &[Example], size: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(rng);
    for bucket in order.chunks_mut(BUCKET * size) {
        bucket.sort_by_key(|index| examples[*index].words.len());
    }
    let mut batches: Vec<Vec<usize>> =
        order.chunks(BUCKET * size).flat_map(|bucket| bucket.chunks(size)).map(<[usize]>::to_vec).collect();
    batches.shuffle(rng);
    batches
}

/// Batches in order of length, for measuring.
pub fn by_length(texts: &[&[u32]], size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| texts[*index].len());
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    fn config(keep: Keep) -> DataConfig {
        let number = |number| Count::try_from(number).unwrap();
        DataConfig {
            set: Set::Sample,
            valid: number(400),
            valid_seed: 0,
            vocabulary: number(100),
            max_words: number(2),
            keep,
            curriculum: vec![number(1)],
        }
    }

    #[test]
    fn long_reviews_keep_their_first_or_last_words() {
        let words = tokenize("one two three");
        assert_eq!(config(Keep::First).kept(&words), ["one", "two"]);
        assert_eq!(config(Keep::Last).kept(&words), ["two", "three"]);
        assert!(config(Keep::Last).kept(&words[..0]).is_empty());
    }

    #[test]
    fn the_curriculum_shortens_the_first_epochs() {
        let config = config(Keep::Last);
        let words = tokenize("one two three");
        assert_eq!(config.cut(&words, config.words_in_epoch(0)), ["three"]);
        assert_eq!(config.cut(&words, config.words_in_epoch(1)), ["two", "three"]);
    }

    #[test]
    fn batches_hold_every_review_once_and_neighbours_in_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let example = |words: usize| Example { text: String::new(), words: vec![2; words], positive: true };
        let examples: Vec<Example> = (0..1000).map(|_| example(rng.random_range(1..200))).collect();
        let batches = bucketed(&examples, 8, &mut rng);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        let padded: usize = batches
            .iter()
            .map(|batch| batch.len() * batch.iter().map(|i| examples[*i].words.len()).max().unwrap())
            .sum();
        let words: usize = examples.iter().map(|example| example.words.len()).sum();
        assert!(padded < words * 11 / 10, "{padded} steps for {words} words");
    }

    #[test]
    fn too_many_held_out_reviews_are_refused() {
        let config = DataConfig { valid: Count::try_from(4000).unwrap(), ..config(Keep::Last) };
        assert!(config.load(None).unwrap_err().to_string().contains("data.valid = 4000"));
    }
}
