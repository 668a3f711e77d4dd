//! Converts the channels of a sequence to the features that the network reads.

use inference::PredictError;

use crate::prediction::Sequence;
use crate::settings::{Features, Settings};

/// The largest factor by which resampling may increase the number of samples of a sequence.
const MOST_RESAMPLED: f64 = 100.0;

/// Returns the samples of the channels that a model reads, `[samples, channels]`, at the sampling rate of the model.
/// Channels are matched by name. Missing samples are interpolated linearly; those before the first or after the last
/// known sample of a channel are filled with that sample.
///
/// # Errors
///
/// [`PredictError::BadInput`] if a channel is missing or empty, if channels have different lengths, if a sample is not
/// a finite number, or if a rate is given that the model cannot use. For models of videos: if there is no image, or if
/// an image does not have one grey value for each pixel.
pub fn samples(sequence: &Sequence, settings: &Settings) -> Result<Vec<f32>, PredictError> {
    if let Some(side) = settings.video {
        return pixels(sequence, side.get());
    }
    if !sequence.images.is_empty() {
        return Err(PredictError::bad_input("images", "the model reads channels, not videos; remove the images"));
    }
    let bad = |reason| PredictError::bad_input("channels", reason);
    let mut columns = Vec::with_capacity(settings.channels.len());
    for name in &settings.channels {
        let column = sequence.channels.get(name).ok_or_else(|| {
            let known: Vec<&str> = sequence.channels.keys().map(String::as_str).collect();
            bad(format!("there is no channel `{name}`, which the model reads; the sequence has: {}", known.join(", ")))
        })?;
        if let Some(place) = column.iter().position(|sample| sample.is_some_and(|sample| !sample.is_finite())) {
            return Err(bad(format!("sample {} of the channel `{name}` is not a finite number", place + 1)));
        }
        columns.push(interpolated(column).ok_or_else(|| {
            bad(format!("the channel `{name}` has only missing samples (null) or none; give at least one number"))
        })?);
    }
    let length = columns.first().map_or(0, Vec::len);
    if let Some(place) = columns.iter().position(|column| column.len() != length) {
        let [first, name] = [0, place].map(|place| &settings.channels[place]);
        let other = columns[place].len();
        return Err(bad(format!(
            "the channel `{first}` has {length} samples, but `{name}` has {other}; all channels need the same number \
             of samples"
        )));
    }
    let rows: Vec<f32> = (0..length).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    let rows = match (sequence.rate, settings.rate) {
        (Some(rate), _) if !(rate.is_finite() && rate > 0.0) => Err(PredictError::bad_input(
            "rate",
            format!("{rate} is not a valid sampling rate; give a finite number above 0, in samples per second"),
        )),
        (Some(_), None) => {
            Err(PredictError::bad_input("rate", "the model has no sampling rate; leave out the rate of the sequence"))
        }
        (Some(rate), Some(wanted)) if rate * MOST_RESAMPLED < wanted => {
            let least = wanted / MOST_RESAMPLED;
            let reason = format!("{rate} samples per second are too few; the model needs at least {least}");
            Err(PredictError::bad_input("rate", reason))
        }
        (Some(rate), Some(wanted)) => Ok(timesteps::resample(&rows, columns.len(), rate, wanted)),
        (None, _) => Ok(rows),
    };
    let rows = rows?;
    let rows = match settings.drawing {
        Some(points) => drawing(&rows, points.get()),
        None => rows,
    };
    if !rows.iter().all(|value| value.abs() <= LARGEST) {
        return Err(bad(format!(
            "the absolute value of a sample is larger than {LARGEST:e}; scale the channels like the training data"
        )));
    }
    Ok(rows)
}

/// Checks that an image has `side`² grey values.
pub(crate) fn check_image(image: &[f32], side: usize) -> Result<(), String> {
    if image.len() != side * side {
        return Err(format!("there are {} values; the model reads {side} × {side} grey values", image.len()));
    }
    match image.iter().find(|value| !(0.0..=255.0).contains(*value)) {
        Some(value) => Err(format!("the value {value} is not a grey value; give numbers from 0 to 255")),
        None => Ok(()),
    }
}

/// Returns the pixels of a video, `[images, side²]`.
fn pixels(sequence: &Sequence, side: usize) -> Result<Vec<f32>, PredictError> {
    let bad = |reason| Err(PredictError::bad_input("images", reason));
    if !sequence.channels.is_empty() || sequence.rate.is_some() {
        return bad("the model reads videos; give only images, without channels and without a rate".to_owned());
    }
    if sequence.images.is_empty() {
        return bad(format!("there are no images; the model reads images of {side} × {side} grey values"));
    }
    for (number, image) in (1..).zip(&sequence.images) {
        check_image(image, side)
            .map_err(|reason| PredictError::bad_input("images", format!("image {number}: {reason}")))?;
    }
    Ok(sequence.images.concat())
}

/// The largest valid absolute value of a sample. With this limit, differences of samples and standardised values do not
/// overflow.
pub(crate) const LARGEST: f32 = 1e15;

/// Scales a drawing of a pen, `[samples, 2]`, so that its larger side is 1 and its center is at 0, and resamples the
/// drawing to `points` points at equal distances along its path, `[points, 2]`. The prediction then does not depend on
/// the place, the size or the speed of the drawing, or on the sampling rate.
pub fn drawing(samples: &[f32], points: usize) -> Vec<f32> {
    let (samples, _) = samples.as_chunks::<2>();
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for (axis, value) in samples.iter().flat_map(|sample| sample.iter().copied().enumerate()) {
        (low[axis], high[axis]) = (low[axis].min(value), high[axis].max(value));
    }
    let size = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = if size > 0.0 { 1.0 / size } else { 0.0 };
    let scaled = |sample: &[f32; 2]| [0, 1].map(|axis| (sample[axis] - (low[axis] + high[axis]) / 2.0) * scale);
    let path: Vec<[f32; 2]> = samples.iter().map(scaled).collect();
    let length = |pair: &[[f32; 2]]| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
    let whole: f32 = path.windows(2).map(length).sum();
    let mut reduced = Vec::with_capacity(2 * points);
    let (mut part, mut before) = (0, 0.0); // the index of a line segment, and the length of all segments before it
    for point in 0..points {
        let place = whole * point as f32 / (points.max(2) - 1) as f32;
        while part + 2 < path.len() && before + length(&path[part..]) < place {
            before += length(&path[part..]);
            part += 1;
        }
        let [from, to] = [part, (part + 1).min(path.len() - 1)].map(|index| path[index]);
        let size = (to[0] - from[0]).hypot(to[1] - from[1]);
        let share = if size > 0.0 { ((place - before) / size).min(1.0) } else { 0.0 };
        reduced.extend([0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * share));
    }
    reduced
}

/// Fills missing samples by linear interpolation; `None` if no sample is known.
fn interpolated(samples: &[Option<f32>]) -> Option<Vec<f32>> {
    let mut filled: Vec<f32> = Vec::with_capacity(samples.len());
    for (place, sample) in samples.iter().enumerate() {
        let Some(sample) = *sample else { continue };
        let from = filled.last().copied().unwrap_or(sample);
        let steps = place + 1 - filled.len();
        filled.extend((1..steps).map(|step| from + (sample - from) * step as f32 / steps as f32));
        filled.push(sample);
    }
    let last = *filled.last()?;
    filled.resize(samples.len(), last);
    Some(filled)
}

impl Features {
    /// Computes the mean and the standard deviation of each feature over all samples of `sequences`, each
    /// `[samples, channels]`. `relative` and `deltas` choose the features: see the fields of the same names. For
    /// videos, the caller gives 1 as the number of channels, so that all pixels share one mean and one standard
    /// deviation.
    pub fn fit<'a>([relative, deltas]: [bool; 2], sequences: impl Iterator<Item = &'a [f32]>, channels: usize) -> Self {
        let plain = Self { relative, deltas, ..Self::default() };
        let size = plain.size(channels);
        // Mean and sum of squared differences from it are updated with every sample (Welford 1962), because the
        // difference of two large sums would lose all digits of a small deviation.
        let (mut count, mut mean, mut squares) = (0.0, vec![0.0; size], vec![0.0; size]);
        for sequence in sequences {
            let mut before = None;
            for sample in sequence.chunks_exact(channels) {
                count += 1.0;
                let first = &sequence[..channels];
                for (index, value) in plain.raw(sample, before, first).map(f64::from).enumerate() {
                    let difference = value - mean[index];
                    mean[index] += difference / count;
                    squares[index] += difference * (value - mean[index]);
                }
                before = Some(sample);
            }
        }
        let deviation = |(square, mean): (&f64, &f64)| {
            let deviation = (square / f64::max(count, 1.0)).sqrt();
            // A channel that never changes gives features of 0.
            let changes = deviation > 1e-7 * mean.abs() && deviation as f32 > f32::MIN_POSITIVE;
            if changes { deviation as f32 } else { 1.0 }
        };
        let deviation = squares.iter().zip(&mean).map(deviation).collect();
        Self { relative, deltas, mean: mean.into_iter().map(|mean| mean as f32).collect(), deviation }
    }

    /// Returns the number of features per sample.
    pub fn size(&self, channels: usize) -> usize {
        if self.deltas { 2 * channels } else { channels }
    }

    /// Returns the values of a sample before standardisation. If [`relative`](Self::relative) is true, the `first`
    /// sample is subtracted from the values. If [`deltas`](Self::deltas) is true, the differences from the previous
    /// sample follow.
    fn raw<'a>(
        &self,
        sample: &'a [f32],
        before: Option<&'a [f32]>,
        first: &'a [f32],
    ) -> impl Iterator<Item = f32> + use<'a> {
        let relative = self.relative;
        let values = sample.iter().zip(first).map(move |(value, first)| if relative { value - first } else { *value });
        let deltas = sample.iter().zip(before.unwrap_or(sample)).map(|(value, before)| value - before);
        values.chain(deltas.take(if self.deltas { sample.len() } else { 0 }))
    }

    /// Returns the features of a sample. `before` is the previous sample of the sequence, and `first` is its first
    /// sample.
    pub fn of_sample<'a>(
        &'a self,
        sample: &'a [f32],
        before: Option<&'a [f32]>,
        first: &'a [f32],
    ) -> impl Iterator<Item = f32> + 'a {
        let scales = self.mean.iter().zip(&self.deviation).cycle(); // all pixels of an image have one scale
        self.raw(sample, before, first).zip(scales).map(|(value, (mean, deviation))| (value - mean) / deviation)
    }

    /// Returns the features of a sequence, `[samples, channels]` → `[samples, features]`.
    pub fn of_samples(&self, samples: &[f32], channels: usize) -> Vec<f32> {
        let mut features = Vec::with_capacity(self.size(samples.len()));
        let mut before = None;
        for sample in samples.chunks_exact(channels) {
            features.extend(self.of_sample(sample, before, &samples[..channels]));
            before = Some(sample);
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_samples_are_interpolated() {
        let some = |values: &[f32]| -> Vec<Option<f32>> {
            values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect()
        };
        let nan = f32::NAN;
        assert_eq!(interpolated(&some(&[nan, 1.0, nan, nan, 4.0, nan])).unwrap(), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(interpolated(&some(&[2.0, 3.0])).unwrap(), [2.0, 3.0]);
        assert_eq!(interpolated(&some(&[nan, nan])), None);
        assert_eq!(interpolated(&[]), None);
    }

    #[test]
    fn drawings_do_not_depend_on_place_size_and_speed() {
        // An L: 3 down and 4 to the right, at two speeds.
        let slow: Vec<f32> = (0..=30).map(|step| step as f32 / 10.0).flat_map(|y| [0.0, 3.0 - y]).collect();
        let corner = [slow, vec![1.0, 0.0, 4.0, 0.0]].concat();
        let moved: Vec<f32> = corner.iter().map(|value| 7.0 + 20.0 * value).collect();
        let expected = [-0.5, 0.375, -0.5, -0.0625, -0.375, -0.375, 0.0625, -0.375, 0.5, -0.375];
        for samples in [corner, moved] {
            let found = drawing(&samples, 5);
            // The points are 7 / 4 apart on the path of length 7, and a quarter of that in the scaled drawing.
            for (found, expected) in found.iter().zip(expected) {
                approx::assert_abs_diff_eq!(*found, expected, epsilon = 1e-5);
            }
            assert_eq!(found.len(), expected.len());
        }
        assert_eq!(drawing(&[5.0, 6.0], 3), [0.0; 6]);
        assert_eq!(drawing(&[5.0, 6.0, 5.0, 6.0], 2), [0.0; 4]);
    }

    #[test]
    fn fitted_features_have_mean_0_and_deviation_1() {
        let sequences = [vec![1.0, 5.0, 2.0, 5.0, 4.0, 5.0], vec![0.0, 5.0, 7.0, 5.0]];
        let features = Features::fit([false, true], sequences.iter().map(Vec::as_slice), 2);
        let all: Vec<f32> = sequences.iter().flat_map(|sequence| features.of_samples(sequence, 2)).collect();
        for feature in 0..4 {
            let values: Vec<f32> = all.chunks(4).map(|row| row[feature]).collect();
            let mean = values.iter().sum::<f32>() / 5.0;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 5.0;
            approx::assert_abs_diff_eq!(mean, 0.0, epsilon = 1e-6);
            // The second channel is constant, and its differences are too.
            approx::assert_abs_diff_eq!(variance, if feature % 2 == 0 { 1.0 } else { 0.0 }, epsilon = 1e-5);
        }
    }
}
