//! A baseline: a linear classifier of the outputs of random convolution kernels. This is a small form of ROCKET
//! ([Dempster et al. 2020](https://arxiv.org/abs/1910.13051)).
//!
//! Each kernel has random weights, a random dilation and one random channel. Its features are the largest output and
//! the share of positive outputs. The classifier is a ridge regression from the features of all kernels to the classes.

use inference::largest;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use training::{Interrupt, TaskResult};

/// The number of kernels.
const KERNELS: usize = 250;
/// The number of weights of a kernel.
const LENGTH: usize = 9;
/// The strength of the L2 penalty of the ridge regression is this constant times the number of training sequences.
const PENALTY: f64 = 1e-3;

/// A convolution kernel. The samples beyond the ends of a sequence are zeros.
#[derive(Debug)]
struct Kernel {
    weights: [f32; LENGTH],
    bias: f32,
    dilation: usize,
    channel: usize,
}

impl Kernel {
    /// Returns the largest output, and the share of positive outputs, over a sequence `[samples, channels]`.
    fn features(&self, samples: &[f32], channels: usize) -> [f64; 2] {
        let count = samples.len() / channels;
        let (mut most, mut positive) = (f32::NEG_INFINITY, 0);
        for center in 0..count {
            let mut output = self.bias;
            for (tap, weight) in self.weights.iter().enumerate() {
                let place = (center + tap * self.dilation).checked_sub(LENGTH / 2 * self.dilation);
                if let Some(place) = place.filter(|place| *place < count) {
                    output += weight * samples[place * channels + self.channel];
                }
            }
            most = most.max(output);
            positive += usize::from(output > 0.0);
        }
        [f64::from(most), positive as f64 / count as f64]
    }
}

/// Random kernels, and a linear classifier of their features.
#[derive(Debug)]
pub struct RandomKernels {
    /// The number of channels of each sequence, which is the same for all sequences.
    channels: usize,
    /// The convolution kernels, each of which computes two features.
    kernels: Vec<Kernel>,
    /// The mean of each feature over the training sequences.
    mean: Vec<f64>,
    /// The standard deviation of each feature over the training sequences.
    deviation: Vec<f64>,
    /// One row per class: the weights of the features, followed by the bias.
    classifier: Vec<Vec<f64>>,
}

impl RandomKernels {
    /// Fits the classifier to standardised training sequences, each `[samples, channels]`, with their classes.
    ///
    /// # Errors
    ///
    /// [`training::TaskError::Interrupted`] if a stop was requested.
    pub fn fit(
        sequences: &[(&[f32], usize)],
        channels: usize,
        classes: usize,
        interrupt: &Interrupt,
    ) -> TaskResult<Self> {
        let steps = sequences.iter().map(|(samples, _)| samples.len() / channels).max().unwrap_or(1);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut kernel = || {
            let mut weights = [(); LENGTH].map(|()| rng.random::<f32>() * 2.0 - 1.0);
            let mean = weights.iter().sum::<f32>() / LENGTH as f32;
            weights.iter_mut().for_each(|weight| *weight -= mean);
            let widest = ((steps.saturating_sub(1)) as f32 / (LENGTH - 1) as f32).max(1.0).log2();
            let dilation = 2f32.powf(rng.random::<f32>() * widest) as usize;
            Kernel { weights, bias: rng.random::<f32>() * 2.0 - 1.0, dilation, channel: rng.random_range(0..channels) }
        };
        let kernels: Vec<Kernel> = (0..KERNELS).map(|_| kernel()).collect();
        let mut new = Self { channels, kernels, mean: Vec::new(), deviation: Vec::new(), classifier: Vec::new() };
        let mut rows = Vec::with_capacity(sequences.len());
        for (samples, _) in sequences {
            interrupt.check()?;
            rows.push(new.raw(samples));
        }
        let count = rows.len() as f64;
        let of_column = |column: usize| rows.iter().map(move |row| row[column]);
        new.mean = (0..2 * KERNELS).map(|column| of_column(column).sum::<f64>() / count).collect();
        let variance =
            |column: usize| of_column(column).map(|value| (value - new.mean[column]).powi(2)).sum::<f64>() / count;
        new.deviation = (0..2 * KERNELS).map(|column| variance(column).sqrt().max(1e-9)).collect();
        rows.iter_mut().for_each(|row| new.standardise(row));
        let labels: Vec<usize> = sequences.iter().map(|(_, class)| *class).collect();
        new.classifier = ridge(&rows, &labels, classes, interrupt)?;
        Ok(new)
    }

    /// Returns the predicted class of a sequence: the class with the largest output of the ridge regression.
    pub fn predict(&self, samples: &[f32]) -> usize {
        let mut row = self.raw(samples);
        self.standardise(&mut row);
        let score =
            |weights: &Vec<f64>| weights.iter().zip(&row).map(|(weight, value)| weight * value).sum::<f64>() as f32;
        largest(&self.classifier.iter().map(score).collect::<Vec<_>>())
    }

    fn raw(&self, samples: &[f32]) -> Vec<f64> {
        self.kernels.iter().flat_map(|kernel| kernel.features(samples, self.channels)).collect()
    }

    /// Standardises features, and appends the constant 1.
    fn standardise(&self, row: &mut Vec<f64>) {
        let scales = self.mean.iter().zip(&self.deviation);
        row.iter_mut().zip(scales).for_each(|(value, (mean, deviation))| *value = (*value - mean) / deviation);
        row.push(1.0);
    }
}

/// Fits a ridge regression per class. `rows` has the features of one sequence per row. The target is 1 for sequences of
/// the class, and -1 for other sequences. Returns the weights of each class.
fn ridge(rows: &[Vec<f64>], labels: &[usize], classes: usize, interrupt: &Interrupt) -> TaskResult<Vec<Vec<f64>>> {
    let size = rows.first().map_or(0, Vec::len);
    let mut gram = vec![0.0; size * size]; // the lower triangle of XᵀX
    let mut right = vec![vec![0.0; size]; classes]; // XᵀY
    for (row, label) in rows.iter().zip(labels) {
        interrupt.check()?;
        for (i, value) in row.iter().enumerate() {
            gram[i * size..=i * size + i].iter_mut().zip(row).for_each(|(sum, other)| *sum += value * other);
        }
        for (class, right) in right.iter_mut().enumerate() {
            let sign = if class == *label { 1.0 } else { -1.0 };
            right.iter_mut().zip(row).for_each(|(sum, value)| *sum += sign * value);
        }
    }
    (0..size).for_each(|i| gram[i * size + i] += PENALTY * rows.len() as f64 + 1e-9);
    // The matrix is replaced by its Cholesky factor L.
    for i in 0..size {
        for j in 0..=i {
            let (before, from) = gram.split_at(i * size);
            let row = &from[..size];
            let other = if i == j { row } else { &before[j * size..][..size] };
            let rest = row[j] - row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum::<f64>();
            let diagonal = other[j];
            gram[i * size + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / diagonal };
        }
    }
    for right in &mut right {
        for i in 0..size {
            let known: f64 = gram[i * size..][..i].iter().zip(right.iter()).map(|(a, b)| a * b).sum();
            right[i] = (right[i] - known) / gram[i * size + i];
        }
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|j| gram[j * size + i] * right[j]).sum();
            right[i] = (right[i] - known) / gram[i * size + i];
        }
    }
    Ok(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ridge_regression_solves_its_equations() {
        let rows: Vec<Vec<f64>> =
            (0..40).map(|row| (0..5).map(|column| ((row * 7 + column * 13) as f64).sin()).collect()).collect();
        let labels: Vec<usize> = (0..40).map(|row| row % 3).collect();
        for (class, weights) in ridge(&rows, &labels, 3, &Interrupt::default()).unwrap().iter().enumerate() {
            // The gradient of the penalised squared error is zero.
            for column in 0..5 {
                let error = |(row, label): (&Vec<f64>, &usize)| {
                    let score: f64 = row.iter().zip(weights).map(|(a, b)| a * b).sum();
                    (score - if *label == class { 1.0 } else { -1.0 }) * row[column]
                };
                let gradient = rows.iter().zip(&labels).map(error).sum::<f64>() + PENALTY * 40.0 * weights[column];
                approx::assert_abs_diff_eq!(gradient, 0.0, epsilon = 1e-6);
            }
        }
    }

    #[test]
    fn frequencies_are_told_apart() {
        let wave = |turns: f32, phase: f32| -> Vec<f32> {
            (0..60).map(|step| (turns * step as f32 / 10.0 + phase).sin()).collect()
        };
        let sequences: Vec<(Vec<f32>, usize)> =
            (0..60).map(|index| (wave([1.0, 2.0, 4.0][index % 3], index as f32), index % 3)).collect();
        let train: Vec<(&[f32], usize)> =
            sequences.iter().map(|(samples, class)| (samples.as_slice(), *class)).collect();
        let kernels = RandomKernels::fit(&train, 1, 3, &Interrupt::default()).unwrap();
        for (class, turns) in [1.0, 2.0, 4.0].into_iter().enumerate() {
            assert_eq!(kernels.predict(&wave(turns, 0.35)), class);
        }
    }
}
