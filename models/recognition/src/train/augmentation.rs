//! Data augmentation: random changes of training sequences. A changed sequence keeps its class.

use std::f32::consts::PI;

use inference::settings::Fraction;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The number of equal parts into which time warping divides a sequence. Each part has its own random speed.
const WARPED_PARTS: usize = 4;

/// The table `[data.augmentation]` of a recipe (the TOML file of a training run). The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// The standard deviation of the Gaussian noise that is added to each channel, as a share of the standard deviation
    /// of the channel.
    pub jitter: Fraction,
    /// The largest change of the amplitude: the difference of each sample from the mean of the sequence is multiplied
    /// by one random factor from `1 − scale` to `1 + scale`.
    pub scale: Fraction,
    /// The largest angle of a rotation in degrees, from 0 to 180. Two channels are rotated as a vector in the plane.
    /// Otherwise, the number of channels must be a multiple of three: each group of three consecutive channels is a
    /// vector in space, and all these vectors are rotated in the same way.
    pub rotation: f32,
    /// The names of channels whose signs are changed together in half of the sequences. This turns what a sensor on the
    /// left arm measures into what it would measure on the right arm.
    pub mirror: Vec<String>,
    /// The largest share by which parts of a sequence are stretched or shortened in time.
    pub warp: Fraction,
    /// The largest share of a sequence that is cut off in total, at its start and its end.
    pub crop: Fraction,
    /// The share of the sequences that are cut off at the end. A random length is kept: at least the first third of the
    /// sequence. From such sequences, a model that reads streams learns to recognise a class before the sequence ends.
    pub prefix: Fraction,
}

impl Augmentation {
    /// Returns whether [`rotation`](Self::rotation) can be applied to sequences with this number of channels: it is 0
    /// (no rotation), or it is an angle from 0 to 180 degrees and there are 2 channels or a multiple of 3 channels.
    pub fn fits(&self, channels: usize) -> bool {
        self.rotation == 0.0 || (0.0..=180.0).contains(&self.rotation) && (channels == 2 || channels.is_multiple_of(3))
    }

    /// Returns a randomly changed copy of a sequence, `[samples, channels]`. `names` has the names of the channels, and
    /// `deviations` their standard deviations. For a video, `names` is empty, and the pixels are the channels.
    pub fn apply(&self, samples: &[f32], names: &[String], deviations: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
        let channels = deviations.len();
        let mut samples = self.cropped(samples, channels, rng).to_vec();
        if self.warp.get() > 0.0 {
            samples = self.warped(&samples, channels, rng);
        }
        if !self.mirror.is_empty() && rng.random() {
            let mirrored: Vec<bool> = names.iter().map(|name| self.mirror.contains(name)).collect();
            let values = samples.iter_mut().zip(mirrored.iter().cycle());
            values.filter(|(_, mirrored)| **mirrored).for_each(|(value, _)| *value = -*value);
        }
        if self.rotation > 0.0 {
            rotate(&mut samples, channels, self.rotation.to_radians(), rng);
        }
        if self.scale.get() > 0.0 {
            let factor = 1.0 + uniform(self.scale.get() as f32, rng);
            about_mean(&mut samples, channels, |row| row.iter_mut().for_each(|value| *value *= factor));
        }
        if self.jitter.get() > 0.0 {
            for row in samples.chunks_exact_mut(channels) {
                for (value, deviation) in row.iter_mut().zip(deviations) {
                    *value += normal(rng) * self.jitter.get() as f32 * deviation;
                }
            }
        }
        if self.prefix.get() > 0.0 && rng.random::<f64>() < self.prefix.get() {
            let count = samples.len() / channels;
            samples.truncate(rng.random_range(count.div_ceil(3)..=count) * channels);
        }
        samples
    }

    fn cropped<'a>(&self, samples: &'a [f32], channels: usize, rng: &mut ChaCha8Rng) -> &'a [f32] {
        let count = samples.len() / channels;
        let most = (count as f64 * self.crop.get()) as usize;
        let cut = if most > 0 { rng.random_range(0..=most) } else { 0 };
        let first = if cut > 0 { rng.random_range(0..=cut) } else { 0 };
        &samples[first * channels..(count - cut + first) * channels]
    }

    /// Stretches and shortens parts of a sequence in time. The number of samples, the first sample and the last sample
    /// do not change.
    fn warped(&self, samples: &[f32], channels: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let last = samples.len() / channels - 1;
        let speeds = [(); WARPED_PARTS].map(|()| 1.0 + uniform(self.warp.get() as f32, rng));
        let mut places = vec![0.0];
        for step in 0..last {
            let speed = speeds[step * WARPED_PARTS / last];
            places.push(places[step] + speed);
        }
        let stretch = last as f32 / places[last].max(f32::MIN_POSITIVE);
        let sample = |place: f32| {
            let before = (place as usize).min(last.saturating_sub(1));
            let (share, after) = (place - before as f32, (before + 1).min(last));
            (0..channels).map(move |channel| {
                let [from, to] = [before, after].map(|row| samples[row * channels + channel]);
                from + (to - from) * share
            })
        };
        places.into_iter().flat_map(|place| sample(place * stretch)).collect()
    }
}

/// Returns a random number from `-most` to `most`.
fn uniform(most: f32, rng: &mut ChaCha8Rng) -> f32 {
    most * (2.0 * rng.random::<f32>() - 1.0)
}

/// Returns a random number of the standard normal distribution (Box & Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (one, two) = (1.0 - rng.random::<f32>(), rng.random::<f32>());
    (-2.0 * one.ln()).sqrt() * (2.0 * PI * two).cos()
}

/// Subtracts the mean of a sequence from each of its samples, applies `change` to each sample, and adds the mean again.
fn about_mean(samples: &mut [f32], channels: usize, change: impl Fn(&mut [f32])) {
    let count = (samples.len() / channels) as f32;
    let mut mean = vec![0.0; channels];
    for row in samples.chunks_exact(channels) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count);
    }
    for row in samples.chunks_exact_mut(channels) {
        row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        change(row);
        row.iter_mut().zip(&mean).for_each(|(value, mean)| *value += mean);
    }
}

/// Rotates a sequence by a random angle of at most `most` radians. Two channels are a drawing in a plane, which is
/// rotated about its mean. For other numbers of channels, each group of three consecutive channels is a vector in
/// space, and all these vectors are rotated about the same random axis through zero.
fn rotate(samples: &mut [f32], channels: usize, most: f32, rng: &mut ChaCha8Rng) {
    let angle = uniform(most, rng);
    let (sin, cos) = angle.sin_cos();
    if channels == 2 {
        let turn = |row: &mut [f32]| {
            let [x, y] = [row[0], row[1]];
            (row[0], row[1]) = (cos * x - sin * y, sin * x + cos * y);
        };
        return about_mean(samples, channels, turn);
    }
    let axis = [(); 3].map(|()| normal(rng));
    let length = axis.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let [x, y, z] = axis.map(|value| value / length);
    // Rodrigues' formula: v cos + (k × v) sin + k (k · v) (1 − cos).
    for vector in samples.as_chunks_mut::<3>().0 {
        let [a, b, c] = *vector;
        let along = (x * a + y * b + z * c) * (1.0 - cos);
        *vector = [
            a * cos + (y * c - z * b) * sin + x * along,
            b * cos + (z * a - x * c) * sin + y * along,
            c * cos + (x * b - y * a) * sin + z * along,
        ];
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn share(share: f64) -> Fraction {
        share.try_into().unwrap()
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(3)
    }

    #[test]
    fn the_default_changes_nothing() {
        let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(Augmentation::default().apply(&samples, &[], &[1.0, 1.0], &mut rng()), samples);
    }

    #[test]
    fn half_of_the_sequences_are_mirrored_in_the_named_channels() {
        let mirror = Augmentation { mirror: vec!["b".to_owned()], ..Augmentation::default() };
        let (names, mut rng) = (["a", "b"].map(str::to_owned), rng());
        let mut of = || mirror.apply(&[1.0, 2.0, 3.0, 4.0], &names, &[1.0; 2], &mut rng);
        let found: Vec<Vec<f32>> = (0..200).map(|_| of()).collect();
        let mirrored = found.iter().filter(|samples| samples[..] == [1.0, -2.0, 3.0, -4.0]).count();
        assert!((70..130).contains(&mirrored), "{mirrored}");
        assert_eq!(found.iter().filter(|samples| samples[..] == [1.0, 2.0, 3.0, 4.0]).count(), 200 - mirrored);
    }

    #[test]
    fn rotations_keep_lengths() {
        for channels in [2, 3, 6] {
            let samples: Vec<f32> = (0..12 * channels).map(|index| (index as f32 * 0.9).sin()).collect();
            let rotation = Augmentation { rotation: 60.0, ..Augmentation::default() };
            assert!(rotation.fits(channels) && !rotation.fits(4));
            let rotated = rotation.apply(&samples, &[], &vec![1.0; channels], &mut rng());
            assert_ne!(rotated, samples);
            let size = channels.min(3);
            let distance = |samples: &[f32], row: usize| -> f32 {
                let [one, other] = [row, row + 1].map(|row| &samples[row * channels..][..size]);
                one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
            };
            for row in 0..11 {
                approx::assert_abs_diff_eq!(distance(&rotated, row), distance(&samples, row), epsilon = 1e-5);
            }
        }
    }

    #[test]
    fn prefixes_are_first_parts_of_half_of_the_sequences() {
        let samples: Vec<f32> = (0..60).map(|step| step as f32).collect();
        let prefix = Augmentation { prefix: share(0.5), ..Augmentation::default() };
        let mut rng = rng();
        let found: Vec<Vec<f32>> = (0..200).map(|_| prefix.apply(&samples, &[], &[1.0; 2], &mut rng)).collect();
        assert!(found.iter().all(|found| samples.starts_with(found) && found.len() >= 20 && found.len() % 2 == 0));
        let cut = found.iter().filter(|found| found.len() < 60).count();
        assert!((65..130).contains(&cut), "{cut}");
    }

    #[test]
    fn warping_keeps_a_path_and_its_ends() {
        let samples: Vec<f32> = (0..20).flat_map(|step| [step as f32, 2.0 * step as f32]).collect();
        let warped =
            Augmentation { warp: share(0.5), ..Augmentation::default() }.apply(&samples, &[], &[1.0; 2], &mut rng());
        assert_eq!(warped.len(), samples.len());
        let rows: Vec<&[f32]> = warped.chunks(2).collect();
        approx::assert_abs_diff_eq!(rows[19][0], 19.0, epsilon = 1e-4);
        assert!(rows.windows(2).all(|pair| pair[1][0] > pair[0][0]) && rows[7][0] != 7.0);
        assert!(rows.iter().all(|row| (row[1] - 2.0 * row[0]).abs() < 1e-4));
    }

    #[test]
    fn a_crop_is_a_part_of_the_sequence_and_noise_has_the_deviation_asked_for() {
        let samples: Vec<f32> = (0..100).map(|step| step as f32).collect();
        let mut rng = rng();
        for _ in 0..50 {
            let cropped =
                Augmentation { crop: share(0.3), ..Augmentation::default() }.apply(&samples, &[], &[1.0], &mut rng);
            assert!(cropped.len() >= 70 && cropped.windows(2).all(|pair| pair[1] == pair[0] + 1.0));
        }
        let noise = Augmentation { jitter: share(0.5), ..Augmentation::default() };
        let noisy = noise.apply(&vec![0.0; 20_000], &[], &[4.0], &mut rng);
        let deviation = (noisy.iter().map(|value| value * value).sum::<f32>() / 20_000.0).sqrt();
        assert!((deviation - 2.0).abs() < 0.05, "{deviation}");
    }
}
