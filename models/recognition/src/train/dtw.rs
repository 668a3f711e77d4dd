//! A baseline: the nearest-neighbour classifier with the distance of dynamic time warping (DTW).
//!
//! The distance of two sequences is the smallest sum of squared Euclidean distances of their samples, over all ways to
//! stretch and shorten them in time ([Sakoe & Chiba 1978](https://doi.org/10.1109/TASSP.1978.1163055)).

use training::{Interrupt, TaskResult};

/// The largest number of steps of a sequence. A longer sequence is reduced to this number of steps, each the mean of
/// neighbouring samples.
const MAX_STEPS: usize = 48;

/// A sequence, `[steps, channels]`.
type Steps = Vec<f32>;

/// The nearest-neighbour classifier: it keeps the training sequences with their classes.
#[derive(Debug)]
pub struct NearestNeighbor {
    /// The number of channels of each sequence, which is the same for all sequences.
    channels: usize,
    /// The training sequences, reduced to at most [`MAX_STEPS`] steps, and the indices of their classes.
    known: Vec<(Steps, usize)>,
}

impl NearestNeighbor {
    /// Keeps standardised training sequences, each `[samples, channels]`, with their classes.
    pub fn fit<'a>(sequences: impl Iterator<Item = (&'a [f32], usize)>, channels: usize) -> Self {
        let known = sequences.map(|(samples, class)| (reduced(samples, channels), class)).collect();
        Self { channels, known }
    }

    /// Returns the class of the nearest training sequence.
    ///
    /// # Errors
    ///
    /// [`training::TaskError::Interrupted`] if a stop was requested.
    pub fn predict(&self, samples: &[f32], interrupt: &Interrupt) -> TaskResult<usize> {
        interrupt.check()?;
        let steps = reduced(samples, self.channels);
        let mut best = (f32::INFINITY, 0);
        let mut rows = [Vec::new(), Vec::new()];
        for (known, class) in &self.known {
            let distance = distance(&steps, known, self.channels, best.0, &mut rows);
            if distance < best.0 {
                best = (distance, *class);
            }
        }
        Ok(best.1)
    }
}

/// Reduces a sequence to at most [`MAX_STEPS`] means of neighbouring samples.
fn reduced(samples: &[f32], channels: usize) -> Steps {
    let count = samples.len() / channels;
    let steps = count.min(MAX_STEPS);
    let mean = |step: usize| {
        let part = &samples[count * step / steps * channels..count * (step + 1) / steps * channels];
        let size = (part.len() / channels) as f32;
        (0..channels).map(move |channel| part.iter().skip(channel).step_by(channels).sum::<f32>() / size)
    };
    (0..steps).flat_map(mean).collect()
}

/// Returns the DTW distance of two sequences; infinity if the distance is at least `limit`. `rows` is a scratch buffer,
/// which is reused between calls to avoid allocations.
fn distance(one: &[f32], other: &[f32], channels: usize, limit: f32, rows: &mut [Vec<f32>; 2]) -> f32 {
    let width = other.len() / channels;
    let [before, now] = rows;
    before.clear();
    before.resize(width + 1, f32::INFINITY);
    before[0] = 0.0;
    now.resize(width + 1, f32::INFINITY);
    for sample in one.chunks_exact(channels) {
        now[0] = f32::INFINITY;
        let mut least = f32::INFINITY;
        for (column, known) in other.chunks_exact(channels).enumerate() {
            let square: f32 = sample.iter().zip(known).map(|(a, b)| (a - b) * (a - b)).sum();
            let cost = square + before[column].min(before[column + 1]).min(now[column]);
            now[column + 1] = cost;
            least = least.min(cost);
        }
        if least >= limit {
            return f32::INFINITY;
        }
        std::mem::swap(before, now);
        now.resize(width + 1, f32::INFINITY);
    }
    if before[width] < limit { before[width] } else { f32::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(one: &[f32], other: &[f32], limit: f32) -> f32 {
        distance(one, other, 1, limit, &mut [Vec::new(), Vec::new()])
    }

    #[test]
    fn stretched_sequences_have_distance_0() {
        assert_eq!(of(&[0.0, 1.0, 2.0], &[0.0, 0.0, 1.0, 1.0, 1.0, 2.0], f32::INFINITY), 0.0);
        // 3 meets 2 or 5: (3 − 2)² is less, and 5 then meets 3: (5 − 3)².
        assert_eq!(of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 5.0], f32::INFINITY), 4.0);
        assert_eq!(of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 5.0], 4.0), f32::INFINITY);
    }

    #[test]
    fn the_nearest_sequence_gives_the_class() {
        let sequences = [(vec![0.0, 1.0, 0.0], 0), (vec![0.0, -1.0, 0.0], 1)];
        let neighbor = NearestNeighbor::fit(sequences.iter().map(|(steps, class)| (steps.as_slice(), *class)), 1);
        let predict = |samples: &[f32]| neighbor.predict(samples, &Interrupt::default()).unwrap();
        assert_eq!(predict(&[0.0, 0.0, 0.9, 0.8, 0.0]), 0);
        assert_eq!(predict(&[-0.2, -0.7, -0.1]), 1);
        assert_eq!(reduced(&(0..96).map(|step| step as f32).collect::<Vec<_>>(), 1)[..2], [0.5, 2.5]);
    }
}
