//! The distribution of the next point: a mixture of bivariate Gaussians for its offset ([Graves
//! 2013](https://arxiv.org/abs/1308.0850)), and three logits for the state of the pen ([Ha & Eck
//! 2017](https://arxiv.org/abs/1704.03477)).
//!
//! The network computes 6·M + 3 parameters per point, for M components:
//!
//! ```text
//! logits [M] │ means of x [M] │ means of y [M] │ deviations of x [M] │ deviations of y [M] │ correlations [M] │ pen [3]
//! ```
//!
//! Standard deviations and correlations are bounded functions of their parameters, so that every density is finite.

use std::f32::consts::TAU;

use burn::tensor::activation::{log_softmax, sigmoid};
use burn::tensor::{Int, Tensor};
use inference::Sampling;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::drawing::Pen;

/// The lower and the upper bound of a standard deviation, in the unit of the scaled offsets. Without the lower bound,
/// the density would be nearly infinite for offsets that are nearly the same in all drawings.
pub const DEVIATION: [f32; 2] = [0.03, 20.0];
/// The largest absolute value of a correlation.
pub const CORRELATION: f32 = 0.98;
/// The number of parameters of a component (a Gaussian) of the mixture.
const PARTS: usize = 6;

/// The number of parameters of the distribution of a point, for a mixture of `components` Gaussians.
pub const fn num_parameters(components: usize) -> usize {
    PARTS * components + Pen::ALL.len()
}

/// Returns `[ln(low), ln(high) − ln(low)]`, where `low` and `high` are the bounds in [`DEVIATION`]. The logarithm of a
/// standard deviation is `ln(low) + (ln(high) − ln(low)) · sigmoid(p)`, where `p` is an output of the network.
fn log_deviation() -> [f32; 2] {
    let [low, high] = DEVIATION.map(f32::ln);
    [low, high - low]
}

/// The distributions of the points of a batch of drawings. B is the batch size, T the number of points, and M the
/// number of components (Gaussians) of each mixture.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// The logits of the components, `[B, T, M]`.
    pub logits: Tensor<3>,
    /// The means of x and y, each `[B, T, M]`.
    pub means: [Tensor<3>; 2],
    /// The standard deviations of x and y, each `[B, T, M]`.
    pub deviations: [Tensor<3>; 2],
    /// The correlation of x and y, `[B, T, M]`.
    pub correlation: Tensor<3>,
    /// The logits of the state of the pen, `[B, T, 3]`.
    pub pen: Tensor<3>,
}

impl Mixture {
    /// Creates the distributions from the outputs of the network, `[B, T, 6·M + 3]` for M Gaussians.
    pub fn new(parameters: Tensor<3>) -> Self {
        let components = (parameters.dims()[2] - Pen::ALL.len()) / PARTS;
        let part = |index: usize| parameters.clone().narrow(2, index * components, components);
        let [low, range] = log_deviation();
        Self {
            logits: part(0),
            means: [1, 2].map(part),
            deviations: [3, 4].map(|index| sigmoid(part(index)).mul_scalar(range).add_scalar(low).exp()),
            correlation: part(5).tanh().mul_scalar(CORRELATION),
            pen: parameters.clone().narrow(2, PARTS * components, Pen::ALL.len()),
        }
    }

    /// Computes the negative log-likelihood of offsets in nats, `[B, T, 2]` → `[B, T]`.
    pub fn offset_nll(&self, offsets: Tensor<3>) -> Tensor<2> {
        let [x, y] = [0, 1].map(|axis| {
            let offset = offsets.clone().narrow(2, axis, 1); // [B, T, 1]
            (offset - self.means[axis].clone()) / self.deviations[axis].clone() // [B, T, M]
        });
        let correlation = &self.correlation;
        let rest = correlation.clone().square().neg().add_scalar(1.0);
        let mixed = (correlation.clone() * x.clone() * y.clone()).mul_scalar(2.0);
        let distance = (x.square() + y.square() - mixed) / rest.clone();
        let [one, other] = &self.deviations;
        let volume = (one.clone() * other.clone()).log().add_scalar(TAU.ln());
        let densities = (distance + rest.log()).mul_scalar(-0.5) - volume; // log-densities, [B, T, M]
        log_sum_exp(log_softmax(self.logits.clone(), 2) + densities).neg()
    }

    /// Computes the negative log-likelihood of states of the pen in nats, `[B, T]` → `[B, T]`. Each state is given by
    /// its index in [`Pen::ALL`].
    pub fn pen_nll(&self, states: Tensor<2, Int>) -> Tensor<2> {
        log_softmax(self.pen.clone(), 2).gather(2, states.unsqueeze_dim(2)).squeeze_dim::<2>(2).neg()
    }
}

/// The logarithm of the sum of exponentials over the last dimension, `[B, T, M]` → `[B, T]`.
fn log_sum_exp(values: Tensor<3>) -> Tensor<2> {
    let largest = values.clone().detach().max_dim(2); // [B, T, 1]
    let sum = (values - largest.clone()).exp().sum_dim(2);
    (sum.log() + largest).squeeze_dim(2)
}

/// Samples a point from its distribution. `parameters` are the outputs of the network for this point, `[6·M + 3]` for a
/// mixture of M Gaussians. Returns the offset of the point, and the state of the pen after the point. The logits are
/// divided by the temperature, and the standard deviations are multiplied by the square root of the temperature.
pub fn sample(parameters: &[f32], temperature: f32, rng: &mut ChaCha8Rng) -> ([f32; 2], Pen) {
    let components = (parameters.len() - Pen::ALL.len()) / PARTS;
    let (mixture, pen) = parameters.split_at(PARTS * components);
    let sampling = Sampling { temperature, ..Sampling::default() };
    let mut choose = |logits: &[f32]| sampling.draw(logits, u32::MAX, rng) as usize;
    let (component, pen) = (choose(&mixture[..components]), choose(pen));
    let parameter = |part: usize| mixture[part * components + component];
    let [low, range] = log_deviation();
    let spread = |part: usize| (low + range / (1.0 + (-parameter(part)).exp())).exp() * temperature.sqrt();
    let correlation = CORRELATION * parameter(5).tanh();
    let [one, other]: [f32; 2] = [(); 2].map(|()| StandardNormal.sample(rng));
    let along = correlation * one + (1.0 - correlation * correlation).sqrt() * other;
    ([parameter(1) + spread(3) * one, parameter(2) + spread(4) * along], Pen::ALL[pen])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand::SeedableRng;

    use super::*;

    /// Parameters of two components, for which [`expected`] has the distribution.
    const PARAMETERS: [f32; 15] = [0.4, -0.3, 0.5, -1.0, 0.2, 0.8, -0.2, 0.3, 0.1, -0.4, 0.7, -0.6, 2.0, 0.5, -1.0];

    /// The weight, means, deviations and correlation of each component of [`PARAMETERS`], in double precision.
    fn expected() -> [[f64; 6]; 2] {
        let weight = |own: f64, other: f64| 1.0 / (1.0 + (other - own).exp());
        let deviation = |raw: f64| 0.03 * (20.0f64 / 0.03).powf(1.0 / (1.0 + (-raw).exp()));
        let rho = |raw: f64| 0.98 * raw.tanh();
        [
            [weight(0.4, -0.3), 0.5, 0.2, deviation(-0.2), deviation(0.1), rho(0.7)],
            [weight(-0.3, 0.4), -1.0, 0.8, deviation(0.3), deviation(-0.4), rho(-0.6)],
        ]
    }

    fn density([weight, mean_x, mean_y, dev_x, dev_y, rho]: [f64; 6], [x, y]: [f64; 2]) -> f64 {
        // The inverse of the covariance matrix [[a, b], [b, c]].
        let [a, b, c] = [dev_x * dev_x, rho * dev_x * dev_y, dev_y * dev_y];
        let determinant = a * c - b * b;
        let [x, y] = [x - mean_x, y - mean_y];
        let square = (c * x * x - 2.0 * b * x * y + a * y * y) / determinant;
        weight * (-0.5 * square).exp() / (std::f64::consts::TAU * determinant.sqrt())
    }

    fn mixture(parameters: Vec<f32>, points: usize) -> Mixture {
        let size = parameters.len() / points;
        Mixture::new(Tensor::from_data(TensorData::new(parameters, [1, points, size]), &Device::flex()))
    }

    fn offset_nll(mixture: &Mixture, offset: [f32; 2]) -> f32 {
        mixture.offset_nll(Tensor::from_data([[offset]], &Device::flex())).into_scalar()
    }

    #[test]
    fn likelihoods_equal_the_densities_in_double_precision() {
        let mixture = mixture(PARAMETERS.to_vec(), 1);
        for offset in [[0.0, 0.0], [0.5, 0.2], [-3.0, 2.5], [8.0, -6.0]] {
            let density: f64 = expected().map(|component| density(component, offset.map(f64::from))).iter().sum();
            approx::assert_relative_eq!(
                f64::from(offset_nll(&mixture, offset)),
                -density.ln(),
                max_relative = 1e-4,
                epsilon = 1e-5
            );
        }
        let sum: f64 = [2.0f64, 0.5, -1.0].map(f64::exp).iter().sum();
        for (state, logit) in [2.0, 0.5, -1.0].into_iter().enumerate() {
            let state = Tensor::from_data([[state as i32]], &Device::flex());
            let found: f32 = mixture.pen_nll(state).into_scalar();
            approx::assert_relative_eq!(f64::from(found), sum.ln() - logit, max_relative = 1e-5);
        }
    }

    #[test]
    fn likelihoods_of_extreme_parameters_are_finite() {
        for extreme in [-1e4, -100.0, 100.0, 1e4] {
            for part in 0..PARTS {
                let mut parameters = PARAMETERS.to_vec();
                parameters[2 * part] = extreme;
                parameters[14] = extreme;
                let mixture = mixture(parameters, 1);
                for offset in [[0.0, 0.0], [1e3, -1e3]] {
                    assert!(offset_nll(&mixture, offset).is_finite(), "{extreme} {part}");
                }
                let pen: f32 = mixture.pen_nll(Tensor::from_data([[2]], &Device::flex())).into_scalar();
                assert!(pen.is_finite() && pen >= 0.0);
            }
        }
        // A density is limited by the least deviation.
        let mut parameters = vec![0.0; num_parameters(1)];
        (parameters[3], parameters[4]) = (-1e4, -1e4);
        let found = offset_nll(&mixture(parameters, 1), [0.0, 0.0]);
        approx::assert_abs_diff_eq!(found, (TAU * 0.03 * 0.03).ln(), epsilon = 1e-4);
    }

    #[cfg(feature = "train")]
    #[test]
    fn gradients_of_extreme_parameters_are_finite() {
        let device = Device::flex().autodiff();
        for extreme in [-1e4, -100.0, 0.0, 100.0, 1e4] {
            for part in 0..PARTS {
                let mut parameters = PARAMETERS.to_vec();
                (parameters[2 * part], parameters[14]) = (extreme, extreme);
                let parameters = Tensor::<3>::from_data(TensorData::new(parameters, [1, 1, 15]), &device);
                let parameters = parameters.require_grad();
                let mixture = Mixture::new(parameters.clone());
                let offsets = mixture.offset_nll(Tensor::from_data([[[1e3, -1e3]]], &device));
                let pens = mixture.pen_nll(Tensor::from_data([[1]], &device));
                let gradients = (offsets + pens).sum().backward();
                let gradients: Vec<f32> = parameters.grad(&gradients).unwrap().into_data().iter().collect();
                assert!(gradients.iter().all(|value| value.is_finite()), "{extreme} {part}: {gradients:?}");
            }
        }
    }

    /// The moments of a distribution of x and y: means, variances and covariance.
    fn moments(weighted: &[(f64, [f64; 2], [f64; 3])]) -> [f64; 5] {
        let mean = [0, 1].map(|axis| weighted.iter().map(|(weight, mean, _)| weight * mean[axis]).sum::<f64>());
        let second = |pick: &dyn Fn(&[f64; 2]) -> f64, index: usize| -> f64 {
            weighted.iter().map(|(weight, mean, covariance)| weight * (covariance[index] + pick(mean))).sum()
        };
        let [x, y] = mean;
        let variances = [second(&|mean| mean[0] * mean[0], 0) - x * x, second(&|mean| mean[1] * mean[1], 1) - y * y];
        [x, y, variances[0], variances[1], second(&|mean| mean[0] * mean[1], 2) - x * y]
    }

    #[test]
    fn samples_have_the_moments_of_the_distribution() {
        const COUNT: usize = 100_000;
        for temperature in [1.0, 0.4] {
            let heat = f64::from(temperature);
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let samples: Vec<_> = (0..COUNT).map(|_| sample(&PARAMETERS, temperature, &mut rng)).collect();
            let share = 1.0 / COUNT as f64;
            let points: Vec<_> = samples.iter().map(|(offset, _)| (share, offset.map(f64::from), [0.0; 3])).collect();
            let powers = expected().map(|component| component[0].powf(1.0 / heat));
            let components = [0, 1].map(|index| {
                let [_, mean_x, mean_y, dev_x, dev_y, rho] = expected()[index];
                let covariance = [dev_x * dev_x, dev_y * dev_y, rho * dev_x * dev_y].map(|value| value * heat);
                (powers[index] / (powers[0] + powers[1]), [mean_x, mean_y], covariance)
            });
            for (found, wanted) in moments(&points).into_iter().zip(moments(&components)) {
                approx::assert_abs_diff_eq!(found, wanted, epsilon = 0.02);
            }
            let weights = [2.0, 0.5, -1.0f64].map(|logit| (logit / heat).exp());
            for (pen, weight) in Pen::ALL.into_iter().zip(weights) {
                let found = samples.iter().filter(|(_, state)| *state == pen).count() as f64 * share;
                approx::assert_abs_diff_eq!(found, weight / weights.iter().sum::<f64>(), epsilon = 0.005);
            }
        }
    }

    #[test]
    fn without_heat_a_sample_is_the_mean_of_the_most_probable_component() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        assert_eq!(sample(&PARAMETERS, 0.0, &mut rng), ([0.5, 0.2], Pen::Down));
    }
}
