//! The embedded sample: short film reviews, written by a seeded generator, in which word order decides.
//!
//! Every adjective stands as often in favourable as in unfavourable reviews' wording; what decides is how clauses are put
//! together: a negation some words before ("the plot is not , to be fair , clever"), which side of "but" or "although" a
//! clause stands on, whether a reported opinion is shared, whether the last scene changes everything or nothing. Counting
//! words or short phrases can follow little of that; reading from left to right can follow all of it. The test part also
//! speaks of things that the training part never names.

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::review::{Review, ReviewSet, Reviews};

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
/// Named in the test part only.
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
    ["my friend", "my sister", "a critic", "the poster", "everybody", "my neighbour", "the press", "a colleague"];
/// Said in the test part only.
const NEW_PEOPLE: [&str; 3] = ["my grandfather", "the usher", "a podcast"];
const ASIDES: [&str; 8] = [
    "to be fair",
    "in the end",
    "at any point",
    "from start to finish",
    "for me at least",
    "as far as i can tell",
    "on the whole",
    "if you ask me",
];

/// The sample: 4,000 reviews to learn from and 1,000 to test on, half of each favourable; the same at every call.
pub fn load() -> Reviews {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let train = part(&mut rng, "train", TRAIN, 0.0);
    let test = part(&mut rng, "test", TEST, 0.5);
    Reviews { train, test, source: format!("the embedded sample (generator seed {SEED})") }
}

fn part(rng: &mut ChaCha8Rng, name: &str, count: usize, novelty: f64) -> ReviewSet {
    let review = |index: usize| {
        let positive = index.is_multiple_of(2);
        let text = Writer { rng, novelty }.review(positive);
        Review { id: format!("{name}/{index}"), rating: None, text, positive }
    };
    ReviewSet((0..count).map(review).collect())
}

struct Writer<'a> {
    rng: &'a mut ChaCha8Rng,
    /// Share of things and people that only the test part names.
    novelty: f64,
}

impl Writer<'_> {
    /// A whole review with the given sign.
    fn review(&mut self, good: bool) -> String {
        let text = match self.rng.random_range(0..10) {
            0 => self.plain(good),
            1 | 2 => self.contrast(good),
            3 => self.not_only(good),
            4 | 5 => self.report(good),
            6 | 7 => self.expectation(good),
            _ => self.reversal(good),
        };
        format!("{text} .")
    }

    fn plain(&mut self, good: bool) -> String {
        format!("{} , and {}", self.clause(good), self.clause(good))
    }

    /// Two clauses against each other: the main clause is what the review says.
    fn contrast(&mut self, good: bool) -> String {
        let (main, side) = (self.clause(good), self.clause(!good));
        match self.rng.random_range(0..4) {
            0 => format!("{side} , but {main}"),
            1 => format!("although {side} , {main}"),
            2 => format!("{main} , although {side}"),
            _ => format!("{side} ; what counts in the end is that {main}"),
        }
    }

    fn not_only(&mut self, good: bool) -> String {
        let (topic, quality) = (self.topic(), self.quality(good));
        let more = self.clause(good);
        format!("not only is the {topic} {quality} , but {more} as well")
    }

    /// Somebody's opinion, shared or not.
    fn report(&mut self, good: bool) -> String {
        let agree = self.rng.random();
        let who = if self.novel() { self.pick(&NEW_PEOPLE) } else { self.pick(&PEOPLE) };
        let claim = self.clause(good == agree);
        let answer = if agree {
            self.pick(&["i could not agree more", "and that is true", "i saw it the same way"])
        } else {
            self.pick(&["i could not disagree more", "and that is nonsense", "i saw it the other way round"])
        };
        format!("{who} told me that {claim} . {answer}")
    }

    /// What was expected, and whether it came.
    fn expectation(&mut self, good: bool) -> String {
        let came = self.rng.random();
        let (quality, topic) = (self.quality(good == came), self.topic());
        let result = if came {
            self.pick(&["that is what i got", "i was right", "so it turned out"])
        } else {
            self.pick(&["that is not what i got", "i was wrong", "it turned out the opposite"])
        };
        let verb = self.pick(&["expected", "was prepared for", "went in for"]);
        format!("i {verb} something {quality} , with the {topic} in mind , and {result}")
    }

    /// An impression that the last scene overturns, or does not.
    fn reversal(&mut self, good: bool) -> String {
        let overturned = self.rng.random();
        let before = good != overturned;
        let first = self.clause(before);
        let second = self.clause(before);
        let last = if overturned {
            self.pick(&["the last scene changed everything", "by the credits i had changed my mind", "then it turned"])
        } else {
            self.pick(&[
                "the last scene changed nothing",
                "by the credits i had not changed my mind",
                "it never turned",
            ])
        };
        format!("for an hour {first} , and {second} . {last}")
    }

    /// A statement about one thing, in words of the same sign or negated ones of the other.
    fn clause(&mut self, good: bool) -> String {
        let negated = self.rng.random_bool(0.5);
        let (topic, quality, aside) = (self.topic(), self.quality(good != negated), self.pick(&ASIDES));
        match (self.rng.random_range(0..3), negated) {
            (0, false) => format!("the {topic} is , {aside} , {quality}"),
            (0, true) => format!("the {topic} is not , {aside} , {quality}"),
            (1, false) => format!("much about the {topic} struck me as {quality}"),
            (1, true) => format!("nothing about the {topic} struck me as {quality}"),
            (_, false) => format!("i would call the {topic} {quality}"),
            (_, true) => format!("i would never call the {topic} {quality}"),
        }
    }

    fn quality(&mut self, good: bool) -> &'static str {
        self.pick(if good { &GOOD } else { &BAD })
    }

    fn topic(&mut self) -> &'static str {
        if self.novel() { self.pick(&NEW_TOPICS) } else { self.pick(&TOPICS) }
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
    use crate::tokenize;
    use std::collections::HashSet;

    #[test]
    fn it_is_the_same_every_time_balanced_and_of_the_promised_size() {
        let Reviews { train, test, .. } = load();
        assert_eq!(load().train, train);
        for (set, count) in [(&train, TRAIN), (&test, TEST)] {
            assert_eq!(set.0.len(), count);
            assert_eq!(set.0.iter().filter(|review| review.positive).count(), count / 2);
        }
        let texts: HashSet<_> = train.0.iter().map(|review| &review.text).collect();
        assert!(texts.len() * 10 > train.0.len() * 9, "{} distinct texts", texts.len());
        let seen = test.0.iter().filter(|review| texts.contains(&review.text)).count();
        assert!(seen * 50 < test.0.len(), "{seen} test texts stand in the training part");
    }

    #[test]
    fn the_test_part_has_words_that_the_training_part_never_shows() {
        let words = |set: &ReviewSet| set.0.iter().flat_map(|review| tokenize(&review.text)).collect::<HashSet<_>>();
        let Reviews { train, test, .. } = load();
        let new: HashSet<_> = words(&test).difference(&words(&train)).cloned().collect();
        assert!(NEW_TOPICS.iter().all(|topic| new.contains(*topic)), "{new:?}");
        assert!(words(&train).difference(&words(&test)).next().is_none());
    }

    /// Adjectives alone say little: the best guess by a single word is right for hardly more than half of its reviews.
    #[test]
    fn no_adjective_gives_the_sign_away() {
        let train = load().train;
        for word in GOOD.iter().chain(&BAD) {
            let with: Vec<_> =
                train.0.iter().filter(|review| tokenize(&review.text).iter().any(|w| w == word)).collect();
            let share = with.iter().filter(|review| review.positive).count() as f64 / with.len() as f64;
            assert!((0.35..0.65).contains(&share), "{word}: {share} of {}", with.len());
        }
    }
}
