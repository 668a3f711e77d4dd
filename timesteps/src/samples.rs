//! Samples at equal distances in time: interpolation and resampling.

/// Resamples samples of several channels, `[samples, channels]`, from `from` to `to` samples per second, by linear
/// interpolation. The first sample does not change, and no new sample is after the last old sample.
///
/// ```
/// let line = [0.0, 10.0, 20.0];
/// assert_eq!(timesteps::resample(&line, 1, 50.0, 100.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
/// ```
pub fn resample(samples: &[f32], channels: usize, from: f64, to: f64) -> Vec<f32> {
    let count = samples.len().checked_div(channels).unwrap_or(0);
    if from == to || count == 0 {
        return samples.to_vec();
    }
    let last = (count - 1) as f64;
    // The tolerance keeps a new sample at the time of the last old sample, which rounding errors could move beyond it.
    let new = (last * to / from + 1e-6) as usize + 1;
    let at = |sample: usize| (sample as f64 * from / to).min(last);
    (0..new).flat_map(|sample| between(samples, channels, at(sample))).collect()
}

/// Interpolates linearly between the rows of `samples`, `[samples, channels]`, at the row index `place`, which may have
/// a fraction. For `place` = 1.5, returns the mean of the rows with the indices 1 and 2.
///
/// # Panics
///
/// If `place` is not less than the number of rows.
pub fn between(samples: &[f32], channels: usize, place: f64) -> impl Iterator<Item = f32> {
    let (below, share) = (place.floor() as usize, place.fract());
    let one = &samples[below * channels..][..channels];
    let other = samples.get((below + 1) * channels..(below + 2) * channels).unwrap_or(one);
    one.iter().zip(other).map(move |(one, other)| mix(*one, *other, share))
}

/// Interpolates linearly between two values: returns `one` if `share` is 0, and `other` if `share` is 1.
pub fn mix(one: f32, other: f32, share: f64) -> f32 {
    // The sum of two products does not overflow, unlike the difference of two large values.
    if share == 0.0 { one } else { (f64::from(one) * (1.0 - share) + f64::from(other) * share) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_a_line() {
        let line: Vec<f32> = (0..11).flat_map(|step| [step as f32, -2.0 * step as f32]).collect();
        for to in [25.0, 50.0, 100.0, 130.0] {
            let resampled = resample(&line, 2, 50.0, to);
            assert_eq!(resampled.len() / 2, (10.0 * to / 50.0) as usize + 1);
            for (index, sample) in resampled.chunks(2).enumerate() {
                let expected = (index as f64 * 50.0 / to) as f32;
                assert!((sample[0] - expected).abs() < 1e-5 && (sample[1] + 2.0 * expected).abs() < 1e-5, "{sample:?}");
            }
        }
        assert_eq!(resample(&[], 2, 50.0, 25.0), [0.0; 0]);
        assert_eq!(resample(&[1.0, 2.0], 2, 50.0, 500.0), [1.0, 2.0]);
    }

    #[test]
    fn large_values_do_not_overflow() {
        assert_eq!(mix(f32::MAX, f32::MIN, 0.5), 0.0);
    }
}
