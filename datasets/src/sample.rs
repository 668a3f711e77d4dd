//! Embedded film reviews: short texts from a generator with a fixed seed, in which word order determines the label
//! (positive or negative).
//!
//! Every adjective occurs about equally often in positive and negative reviews, so a bag of words cannot distinguish
//! the two labels. Some labels follow from neighbouring words ("not clever", "anything but dull", "less moving than
//! silly"). Other labels depend on the whole review: on whether a clause stands before or after "but" or "although", on
//! whether the writer agrees with a friend, and on whether the last scene changes the verdict. The test part also
//! mentions topics and people that do not occur in the training part.

use std::collections::HashSet;

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::review::{Review, Reviews};

const SEED: u64 = 2013;
const TRAIN: usize = 4000;
const TEST: usize = 1000;

const GOOD: [&str; 16] = [
    "clever",
    "moving",
    "brilliant",
    "charming",
    "gripping",
    "funny",
    "superb",
    "fresh",
    "tender",
    "thrilling",
    "warm",
    "witty",
    "honest",
    "elegant",
    "wonderful",
    "touching",
];
const BAD: [&str; 16] = [
    "dull", "clumsy", "lifeless", "shallow", "tedious", "silly", "awful", "stale", "forced", "dreary", "weak", "lazy",
    "noisy", "bland", "hollow", "messy",
];
const TOPICS: [&str; 20] = [
    "plot",
    "cast",
    "script",
    "music",
    "ending",
    "story",
    "photography",
    "dialogue",
    "direction",
    "opening",
    "humour",
    "acting",
    "villain",
    "hero",
    "pace",
    "editing",
    "finale",
    "romance",
    "camera",
    "score",
];
/// Topics that are mentioned only in reviews of the test part.
const NEW_TOPICS: [&str; 10] = [
    "soundtrack",
    "heroine",
    "prologue",
    "scenery",
    "narrator",
    "choreography",
    "lighting",
    "epilogue",
    "sidekick",
    "costume",
];
const PEOPLE: [&str; 8] =
    ["my friend", "my sister", "a critic", "my brother", "my neighbour", "a colleague", "my teacher", "a stranger"];
/// People who are mentioned only in reviews of the test part.
const NEW_PEOPLE: [&str; 3] = ["my grandfather", "the usher", "my dentist"];
const ASIDES: [&str; 6] =
    ["to be fair", "in the end", "for me at least", "as far as i can tell", "on the whole", "if you ask me"];

/// Generates 4,000 training and 1,000 test reviews. In each part, half of the reviews are positive. Every call returns
/// the same reviews.
pub fn load() -> Reviews {
    generate(SEED)
}

fn generate(seed: u64) -> Reviews {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut seen = HashSet::new();
    let train = part(&mut rng, &mut seen, "train", TRAIN, 0.0);
    let test = part(&mut rng, &mut seen, "test", TEST, 0.5);
    Reviews { train, test, source: format!("the embedded sample (generator seed {seed})"), own: false }
}

/// Generates `count` reviews whose texts are not in `seen`, and adds their texts to `seen`. For `novelty`, see
/// [`Writer::novelty`].
fn part(rng: &mut ChaCha8Rng, seen: &mut HashSet<String>, name: &str, count: usize, novelty: f64) -> Vec<Review> {
    let mut writer = Writer { rng, novelty };
    let review = |index: usize| {
        let positive = index.is_multiple_of(2);
        let text = loop {
            let text = capitalised(&writer.review(positive));
            if seen.insert(text.clone()) {
                break text;
            }
        };
        Review { id: format!("{name}/{index}"), rating: None, text, positive }
    };
    (0..count).map(review).collect()
}

/// Capitalises the first letter of each sentence and the word "I".
fn capitalised(text: &str) -> String {
    let mut begins = true;
    let raise = |word: &str| {
        let (first, rest) = word.split_at(1);
        let raised = if begins || word == "i" { first.to_uppercase() } else { first.to_owned() };
        begins = word.ends_with('.');
        raised + rest
    };
    text.split(' ').map(raise).collect::<Vec<_>>().join(" ")
}

struct Writer<'a> {
    rng: &'a mut ChaCha8Rng,
    /// The probability that a topic or person is drawn from the lists of topics and people that occur only in the test
    /// part.
    novelty: f64,
}

impl Writer<'_> {
    /// Generates a review. Its label is positive if `good` is true.
    fn review(&mut self, good: bool) -> String {
        let text = match self.rng.random_range(0..20) {
            0..6 => self.statements(good),
            6..8 => self.comparison(good),
            8..10 => self.not_only(good),
            10..15 => self.contrast(good),
            15 | 16 => self.report(good),
            17 | 18 => self.expectation(good),
            _ => self.reversal(good),
        };
        match self.rng.random_range(0..4) {
            0 => format!("i saw it with {}. {text}.", self.person()),
            _ => format!("{text}."),
        }
    }

    fn statements(&mut self, good: bool) -> String {
        format!("{}, and {}", self.clause(good), self.clause(good))
    }

    fn comparison(&mut self, good: bool) -> String {
        let (topic, more, less) = (self.topic(), self.quality(good), self.quality(!good));
        match self.rng.random() {
            true => format!("the {topic} is less {less} than {more}"),
            false => format!("the {topic} is more {more} than {less}"),
        }
    }

    /// Generates a sentence with "not only", in which "not" does not negate the adjective.
    fn not_only(&mut self, good: bool) -> String {
        let (topic, quality, person) = (self.topic(), self.quality(good), self.person());
        match self.rng.random() {
            true => format!("not only is the {topic} {quality}, but {} as well", self.plain(good)),
            false => format!("the {topic} is not only {quality}, it is {quality} enough to talk about with {person}"),
        }
    }

    /// Generates a sentence with two clauses of opposite sentiment. The main clause has the sentiment of the label.
    fn contrast(&mut self, good: bool) -> String {
        let (main, side) = (self.clause(good), self.clause(!good));
        match self.rng.random_range(0..4) {
            0 => format!("{side}, but {main}"),
            1 => format!("although {side}, {main}"),
            _ => format!("{main}, although {side}"),
        }
    }

    /// Generates a sentence about another person's opinion, with which the writer agrees or disagrees.
    fn report(&mut self, good: bool) -> String {
        let agree = self.rng.random();
        let (person, claim) = (self.person(), self.plain(good == agree));
        let answer = if agree {
            self.pick(&["i agree", "that is true", "i saw it the same way"])
        } else {
            self.pick(&["i disagree", "that is nonsense", "i saw it the other way round"])
        };
        format!("{person} told me that {claim}. {answer}")
    }

    /// Generates a sentence about an expectation that the film meets or does not meet.
    fn expectation(&mut self, good: bool) -> String {
        let came = self.rng.random();
        let (quality, person) = (self.quality(good == came), self.person());
        let result = if came {
            self.pick(&["i was right", "i got just that", "so it turned out"])
        } else {
            self.pick(&["i was wrong", "i got the opposite", "it turned out otherwise"])
        };
        let verb = self.pick(&["expected", "was prepared for", "had promised"]);
        match verb {
            "had promised" => format!("i {verb} {person} something {quality}. {result}"),
            _ => format!("i {verb} something {quality}. {result}"),
        }
    }

    /// Generates two sentences: a first impression, and whether the last scene reverses or confirms it.
    fn reversal(&mut self, good: bool) -> String {
        let overturned = self.rng.random();
        let first = self.plain(good != overturned);
        let last = if overturned {
            self.pick(&["the last scene changed everything", "then i changed my mind", "then it turned around"])
        } else {
            self.pick(&["the last scene changed nothing", "i never changed my mind", "it never turned around"])
        };
        format!("an hour in, {first}. {last}")
    }

    /// Generates a statement about one topic: with an adjective of the given sentiment, or with a negated adjective of
    /// the opposite sentiment.
    fn clause(&mut self, good: bool) -> String {
        if self.rng.random() { self.plain(good) } else { self.negated(!good) }
    }

    fn plain(&mut self, good: bool) -> String {
        let (topic, quality) = (self.topic(), self.quality(good));
        match self.rng.random_range(0..5) {
            0 | 1 => format!("the {topic} is {quality}"),
            2 => format!("the {topic} is always {quality}"),
            3 => format!("i would call the {topic} {quality}"),
            _ => format!("the {topic} is, {}, {quality}", self.pick(&ASIDES)),
        }
    }

    /// Generates a statement about one topic that negates an adjective of the given sentiment.
    fn negated(&mut self, good: bool) -> String {
        let (topic, quality) = (self.topic(), self.quality(good));
        match self.rng.random_range(0..8) {
            0 | 1 => format!("the {topic} is not {quality}"),
            2 => format!("the {topic} is never {quality}"),
            3 => format!("the {topic} is far from {quality}"),
            4 => format!("the {topic} is anything but {quality}"),
            5 => format!("there is nothing {quality} about the {topic}"),
            6 => format!("i would not call the {topic} {quality}"),
            _ => format!("the {topic} is not, {}, {quality}", self.pick(&ASIDES)),
        }
    }

    fn quality(&mut self, good: bool) -> &'static str {
        self.pick(if good { &GOOD } else { &BAD })
    }

    fn topic(&mut self) -> &'static str {
        if self.novel() { self.pick(&NEW_TOPICS) } else { self.pick(&TOPICS) }
    }

    fn person(&mut self) -> &'static str {
        if self.novel() { self.pick(&NEW_PEOPLE) } else { self.pick(&PEOPLE) }
    }

    fn novel(&mut self) -> bool {
        self.rng.random_bool(self.novelty)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.choose(self.rng).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words in lower case, and punctuation marks.
    fn tokens(text: &str) -> Vec<String> {
        text.replace('.', " .").replace(',', " ,").split_whitespace().map(str::to_lowercase).collect()
    }

    #[test]
    fn the_sample_is_reproducible_balanced_and_without_duplicates() {
        let Reviews { train, test, .. } = load();
        assert_eq!(load().train, train);
        assert_ne!(generate(SEED + 1).train, train);
        for (set, count) in [(&train, TRAIN), (&test, TEST)] {
            assert_eq!(set.len(), count);
            assert_eq!(set.iter().filter(|review| review.positive).count(), count / 2);
        }
        let texts: HashSet<_> = train.iter().chain(&test).map(|review| &review.text).collect();
        assert_eq!(texts.len(), TRAIN + TEST);
    }

    #[test]
    fn the_test_part_has_words_that_the_training_part_lacks() {
        let words = |set: &[Review]| set.iter().flat_map(|review| tokens(&review.text)).collect::<HashSet<_>>();
        let Reviews { train, test, .. } = load();
        let new: HashSet<_> = words(&test).difference(&words(&train)).cloned().collect();
        assert!(NEW_TOPICS.iter().all(|topic| new.contains(*topic)), "{new:?}");
        assert!(words(&train).difference(&words(&test)).next().is_none());
    }

    #[test]
    fn reviews_are_well_formed_sentences() {
        for review in load().train.iter().chain(&load().test) {
            let (text, tokens) = (&review.text, tokens(&review.text).len());
            assert!((8..=34).contains(&tokens), "{tokens} tokens: {text}");
            assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{text}");
            assert!(!["  ", " ,", " .", " i "].iter().any(|blot| text.contains(blot)), "{text}");
        }
    }

    /// The best prediction from one adjective is hardly better than chance.
    #[test]
    fn no_adjective_determines_the_label() {
        let train = load().train;
        for word in GOOD.iter().chain(&BAD) {
            let with: Vec<_> = train.iter().filter(|review| tokens(&review.text).iter().any(|w| w == word)).collect();
            let share = with.iter().filter(|review| review.positive).count() as f64 / with.len() as f64;
            assert!((0.3..0.7).contains(&share), "{word}: {share} of {}", with.len());
        }
    }
}
