//! Reviews with a positive or negative label.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// A review with a positive or negative label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The identifier of the review in its data set, such as `train/pos/123_9`.
    pub id: String,
    /// The number of stars from 1 to 10, if the reviewer gave them.
    pub rating: Option<u8>,
    /// The text of the review as published.
    pub text: String,
    /// The label: true for a positive review.
    pub positive: bool,
}

/// The reviews of a data set, split into the published training and test parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviews {
    /// The reviews of the training part, from which a validation part can be [held out](hold_out).
    pub train: Vec<Review>,
    /// The reviews of the test part.
    pub test: Vec<Review>,
    /// The name and the checksum of the data set.
    pub source: String,
    /// Whether the reviews are files of the user. False for a published data set and for the generated reviews of
    /// [`sample`](crate::sample).
    pub own: bool,
}

/// Splits off `count` random reviews for validation. The split is stratified: the reviews for validation have the same
/// label proportions as `reviews`.
///
/// Returns the remaining and the held-out reviews, each in their original order. The split depends only on `seed` and
/// the order of the labels. If `count` exceeds the number of reviews, all reviews are held out.
///
/// ```
/// let (train, valid) = datasets::hold_out(datasets::sample::load().train, 400, 0);
/// assert_eq!((train.len(), valid.len()), (3600, 400));
/// ```
pub fn hold_out(reviews: Vec<Review>, count: usize, seed: u64) -> (Vec<Review>, Vec<Review>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let total = reviews.len();
    let count = count.min(total);
    let mut held = vec![false; total];
    let mut left = count;
    for label in [true, false] {
        let mut indices: Vec<usize> = (0..total).filter(|index| reviews[*index].positive == label).collect();
        // The number of reviews per label is rounded, so the second label gets at most the number of reviews that is
        // left.
        let share = ((indices.len() * count + total / 2) / total.max(1)).min(left);
        left -= share;
        indices.shuffle(&mut rng);
        indices.iter().take(share).for_each(|index| held[*index] = true);
    }
    let (valid, train): (Vec<_>, Vec<_>) = reviews.into_iter().zip(held).partition(|(_, held)| *held);
    let reviews = |pairs: Vec<(Review, bool)>| pairs.into_iter().map(|(review, _)| review).collect();
    (reviews(train), reviews(valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviews(count: usize) -> Vec<Review> {
        let review = |index: usize| Review {
            id: index.to_string(),
            rating: None,
            text: String::new(),
            positive: index.is_multiple_of(2),
        };
        (0..count).map(review).collect()
    }

    #[test]
    fn holding_out_is_stratified_seeded_and_loses_nothing() {
        let (train, valid) = hold_out(reviews(100), 20, 7);
        assert_eq!((train.len(), valid.len()), (80, 20));
        assert_eq!(valid.iter().filter(|review| review.positive).count(), 10);
        let mut all: Vec<usize> = train.iter().chain(&valid).map(|review| review.id.parse().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(hold_out(reviews(100), 20, 7), (train.clone(), valid));
        assert_ne!(hold_out(reviews(100), 20, 8).0, train);
    }

    #[test]
    fn the_requested_number_is_held_out() {
        for (total, count, held) in [(10, 5, 5), (3, 1, 1), (7, 3, 3), (4, 9, 4), (4, 0, 0), (0, 2, 0)] {
            let (train, valid) = hold_out(reviews(total), count, 1);
            assert_eq!((train.len(), valid.len()), (total - held, held), "{count} of {total}");
        }
    }
}
