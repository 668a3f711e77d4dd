//! Reviews with a sign.

use std::convert::Infallible;

use burn_dataset::Dataset;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// A text that says whether something is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Where it stands in its set, such as `train/pos/123_9`.
    pub id: String,
    /// Stars, 1 to 10, where they were given.
    pub rating: Option<u8>,
    /// The text as published.
    pub text: String,
    /// Whether it is favourable: what is to be found out.
    pub positive: bool,
}

/// Reviews in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewSet(pub Vec<Review>);

/// A set in its two published parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviews {
    /// To learn from and choose by.
    pub train: ReviewSet,
    /// To measure on, once.
    pub test: ReviewSet,
    /// Name and checksum of the data.
    pub source: String,
}

impl Dataset<Review, Infallible> for ReviewSet {
    fn get(&self, index: usize) -> Result<Review, Infallible> {
        Ok(self.0[index].clone())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl ReviewSet {
    /// Holds out `count` reviews for validation, drawn by `seed`, as many of each sign as the set has in proportion.
    /// Returns the rest and the held out, each in its former order.
    pub fn hold_out(self, count: usize, seed: u64) -> (Self, Self) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let total = self.0.len();
        let count = count.min(total);
        let mut held = vec![false; total];
        let mut left = count;
        for sign in [true, false] {
            let mut indices: Vec<usize> = (0..total).filter(|index| self.0[*index].positive == sign).collect();
            // Both signs round up at an odd count: the second takes what the first left.
            let share = ((indices.len() * count + total / 2) / total.max(1)).min(left);
            left -= share;
            indices.shuffle(&mut rng);
            indices.iter().take(share).for_each(|index| held[*index] = true);
        }
        let (valid, train): (Vec<_>, Vec<_>) = self.0.into_iter().zip(held).partition(|(_, held)| *held);
        let reviews = |pairs: Vec<(Review, bool)>| Self(pairs.into_iter().map(|(review, _)| review).collect());
        (reviews(train), reviews(valid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: usize) -> ReviewSet {
        let review = |index: usize| Review {
            id: index.to_string(),
            rating: None,
            text: String::new(),
            positive: index.is_multiple_of(2),
        };
        ReviewSet((0..count).map(review).collect())
    }

    #[test]
    fn holding_out_is_stratified_seeded_and_loses_nothing() {
        let (train, valid) = set(100).hold_out(20, 7);
        assert_eq!((train.len(), valid.len()), (80, 20));
        assert_eq!(valid.0.iter().filter(|review| review.positive).count(), 10);
        let mut all: Vec<usize> = train.0.iter().chain(&valid.0).map(|review| review.id.parse().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(set(100).hold_out(20, 7), (train.clone(), valid));
        assert_ne!(set(100).hold_out(20, 8).0, train);
    }

    #[test]
    fn as_many_are_held_out_as_asked() {
        for (total, count, held) in [(10, 5, 5), (3, 1, 1), (7, 3, 3), (4, 9, 4), (4, 0, 0), (0, 2, 0)] {
            let (train, valid) = set(total).hold_out(count, 1);
            assert_eq!((train.len(), valid.len()), (total - held, held), "{count} of {total}");
        }
    }

    #[test]
    fn it_is_a_burn_dataset() {
        let set = set(3);
        assert_eq!(Dataset::len(&set), 3);
        assert_eq!(set.get(2).unwrap().id, "2");
        assert_eq!(Dataset::iter(&set).count(), 3);
    }
}
