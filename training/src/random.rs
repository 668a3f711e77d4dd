//! Randomness derived from the recipe's seed, never carried along.
//!
//! Every use has its own stream of ChaCha8, found from the seed, the purpose and a counter. So nothing about random
//! generators needs saving, and a resumed run draws what the uninterrupted one would have drawn.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Initial weights.
    Weights = 1,
    /// Order of the batches in an epoch.
    Order = 2,
    /// One batch: dropout on the host and on the device.
    Batch = 3,
}

/// The stream for the `index`-th use (epoch or batch) of a purpose.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | index as u64);
    rng
}

/// One number from that stream, to seed a device with.
pub(crate) fn device_seed(rng: &mut ChaCha8Rng) -> u64 {
    rng.next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index_and_repeat() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let first = draw(1, Purpose::Order, 0);
        assert_eq!(first, draw(1, Purpose::Order, 0));
        assert_ne!(first, draw(2, Purpose::Order, 0));
        assert_ne!(first, draw(1, Purpose::Batch, 0));
        assert_ne!(first, draw(1, Purpose::Order, 1));
    }
}
