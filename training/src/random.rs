//! Random numbers that are derived from the recipe's seed.
//!
//! Each use has its own stream of ChaCha8, identified by seed, purpose and index. A checkpoint therefore stores no
//! generator state, and a resumed run draws the same numbers as an uninterrupted run.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// The purpose of a stream of random numbers. The number of each variant determines its stream and must not change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// The initial weights of the network.
    Weights = 1,
    /// The order of the batches in an epoch.
    Order = 2,
    /// The random numbers for one batch: for [`Task::collate`](crate::Task::collate), [`Task::loss`](crate::Task::loss)
    /// and dropout.
    Batch = 3,
}

/// Returns the random generator for a purpose and an index, which is the number of an epoch or batch.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | index as u64);
    rng
}

/// Draws a seed for the random generator of a device.
pub(crate) fn device_seed(rng: &mut ChaCha8Rng) -> u64 {
    rng.next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_differ_by_seed_purpose_and_index() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let first = draw(1, Purpose::Order, 0);
        assert_eq!(first, draw(1, Purpose::Order, 0));
        assert_ne!(first, draw(2, Purpose::Order, 0));
        assert_ne!(first, draw(1, Purpose::Batch, 0));
        assert_ne!(first, draw(1, Purpose::Order, 1));
    }
}
