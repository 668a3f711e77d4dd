//! Batches of an epoch, for [`Task::plan`](crate::Task::plan).

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// The number of batches in a bucket. [`bucketed`] splits the shuffled sequences into buckets, and sorts each bucket by
/// length.
const BUCKET: usize = 50;

/// Returns the indices `0..count` in random order, split into batches of `size` indices.
pub fn shuffled(count: usize, size: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(rng);
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

/// Returns the indices of sequences, split into batches of `size` sequences. The sequences of a batch have similar
/// lengths, so that they need little padding. The order of the batches is random, and so is the order of sequences of
/// equal length. `lengths` has the length of each sequence.
pub fn bucketed(lengths: &[usize], size: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(rng);
    for bucket in order.chunks_mut(BUCKET * size) {
        bucket.sort_by_key(|index| lengths[*index]);
    }
    let mut batches: Vec<Vec<usize>> =
        order.chunks(BUCKET * size).flat_map(|bucket| bucket.chunks(size)).map(<[usize]>::to_vec).collect();
    batches.shuffle(rng);
    batches
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn sorted(batches: &[Vec<usize>]) -> Vec<usize> {
        let mut all = batches.concat();
        all.sort_unstable();
        all
    }

    #[test]
    fn every_index_is_in_one_batch() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let batches = shuffled(10, 4, &mut rng);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(sorted(&batches), (0..10).collect::<Vec<_>>());
        assert_ne!(batches, shuffled(10, 4, &mut rng));
    }

    #[test]
    fn buckets_hold_every_index_once_and_neighbours_in_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let lengths: Vec<usize> = (0..1000).map(|_| rng.random_range(1..200)).collect();
        let batches = bucketed(&lengths, 8, &mut rng);
        assert_eq!(sorted(&batches), (0..1000).collect::<Vec<_>>());
        let longest = |batch: &Vec<usize>| batch.iter().map(|index| lengths[*index]).max().unwrap();
        let padded: usize = batches.iter().map(|batch| batch.len() * longest(batch)).sum();
        let steps: usize = lengths.iter().sum();
        assert!(padded < steps * 11 / 10, "{padded} padded steps for {steps} steps");
    }
}
