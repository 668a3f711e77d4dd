//! The baselines: Gaussian distributions of the offset of a point, and frequencies of the states of the pen.

use std::f64::consts::TAU;

use training::{Interrupt, Splits, TaskResult};

use crate::drawing::{Pen, Point};
use crate::train::data::Part;
use crate::train::evaluation::Likelihood;

/// The weight of the prior, in points. Each context (a group of points, see [`Baseline`]) has a Gaussian of its own.
/// This number of points with the mean statistics of all points is added to the points of each context. A context with
/// few points then has nearly the distribution of all points.
const PRIOR: f64 = 10.0;
/// The variance that is added to the variance of each coordinate, so that the covariance matrix is not singular.
const VARIANCE: f64 = 1e-6;
/// The number of states of the pen.
const STATES: usize = Pen::ALL.len();

/// Fits a baseline to the training part, and returns its likelihood on the test part. The baseline has one Gaussian for
/// all offsets, and the frequencies of the states of the pen.
///
/// # Errors
///
/// [`TaskError::Interrupted`](training::TaskError::Interrupted) if a stop was requested.
pub fn one_gaussian(splits: &Splits<Part>, interrupt: &Interrupt) -> TaskResult<Likelihood> {
    let context = |_: usize, _: &Point| 0;
    Baseline::fit(&splits.train, 1, context, |_, point| coordinates(point)).likelihood(&splits.test, interrupt)
}

/// Fits a linear autoregression to the training part, and returns its likelihood on the test part. For each pair of a
/// class and a pen state after the previous point, this baseline has a Gaussian and the frequencies of the pen states.
/// The mean of the Gaussian is a linear function of the previous offset.
///
/// # Errors
///
/// [`TaskError::Interrupted`](training::TaskError::Interrupted) if a stop was requested.
pub fn autoregression(splits: &Splits<Part>, classes: usize, interrupt: &Interrupt) -> TaskResult<Likelihood> {
    let context = |class: usize, before: &Point| class * STATES + before.pen as usize;
    let values = |before: &Point, point: &Point| {
        let ([a, b], [c, d]) = (coordinates(before), coordinates(point));
        [a, b, c, d]
    };
    Baseline::fit(&splits.train, classes * STATES, context, values).likelihood(&splits.test, interrupt)
}

fn coordinates(point: &Point) -> [f64; 2] {
    point.offset.map(f64::from)
}

/// A baseline that divides the points into groups, called contexts, by the class and the previous point. Each context
/// has a Gaussian of D values, and frequencies of the pen states. The last two of the D values are the offset to
/// predict; the prediction is conditioned on the values before them.
struct Baseline<const D: usize, C, V> {
    /// A function that returns the index of the context of a point, given the class and the previous point.
    context: C,
    /// A function that returns the D values for the Gaussian, given the previous point and the point to predict.
    values: V,
    /// The Gaussian of each context.
    gaussians: Vec<Gaussian<D>>,
    /// The frequency of each pen state, from 0 to 1, in each context.
    pens: Vec<[f64; STATES]>,
}

impl<const D: usize, C, V> Baseline<D, C, V>
where
    C: Fn(usize, &Point) -> usize,
    V: Fn(&Point, &Point) -> [f64; D],
{
    fn fit(train: &Part, contexts: usize, context: C, values: V) -> Self {
        let (mut all, mut moments) = (Moments::default(), vec![Moments::default(); contexts]);
        let mut pens = vec![[1.0; STATES]; contexts];
        each_point(train, |class, before, point, is_first| {
            let context = context(class, before);
            pens[context][point.pen as usize] += 1.0;
            if !is_first {
                let values = values(before, point);
                [&mut all, &mut moments[context]].into_iter().for_each(|moments| moments.add(&values));
            }
        });
        let gaussians = moments.iter().map(|moments| Gaussian::fit(&moments.with_prior(&all))).collect();
        for counts in &mut pens {
            let sum: f64 = counts.iter().sum();
            *counts = counts.map(|count| count / sum);
        }
        Self { context, values, gaussians, pens }
    }

    fn likelihood(&self, part: &Part, interrupt: &Interrupt) -> TaskResult<Likelihood> {
        interrupt.check()?;
        let mut sum = Likelihood::default();
        each_point(part, |class, before, point, is_first| {
            let context = (self.context)(class, before);
            let (pens, state) = (&self.pens[context], point.pen as usize);
            sum.points += 1.0;
            sum.pen -= pens[state].ln();
            sum.right += f64::from(pens.iter().all(|probability| pens[state] >= *probability));
            if !is_first {
                sum.offset += self.gaussians[context].nll(&(self.values)(before, point));
            }
        });
        Ok(sum)
    }
}

/// Calls a function for each point of a part, with the class of the drawing, the previous point, the point, and whether
/// the point is the first of its drawing.
fn each_point(part: &Part, mut call: impl FnMut(usize, &Point, &Point, bool)) {
    for example in &part.examples {
        let before = std::iter::once(&Point::START).chain(&example.points);
        for (index, (before, point)) in before.zip(&example.points).enumerate() {
            call(example.class, before, point, index == 0);
        }
    }
}

/// Sums over points, from which the mean and the covariance of D values per point are computed.
#[derive(Clone, Copy, Debug)]
struct Moments<const D: usize> {
    /// The number of points.
    count: f64,
    /// The sum of each of the D values.
    sums: [f64; D],
    /// The sum of the product of each pair of the D values.
    products: [[f64; D]; D],
}

impl<const D: usize> Default for Moments<D> {
    fn default() -> Self {
        Self { count: 0.0, sums: [0.0; D], products: [[0.0; D]; D] }
    }
}

impl<const D: usize> Moments<D> {
    fn add(&mut self, values: &[f64; D]) {
        self.count += 1.0;
        for (row, value) in values.iter().enumerate() {
            self.sums[row] += value;
            values.iter().zip(&mut self.products[row]).for_each(|(other, product)| *product += value * other);
        }
    }

    /// Adds the sums of `all`, scaled as if `all` had [`PRIOR`] points, to these sums, and returns the result. A
    /// context with few points then has nearly the statistics of all points.
    fn with_prior(&self, all: &Self) -> Self {
        let share = PRIOR / all.count.max(1.0);
        let mut sums = *self;
        sums.count += share * all.count;
        sums.sums.iter_mut().zip(&all.sums).for_each(|(sum, other)| *sum += share * other);
        let pairs = sums.products.iter_mut().flatten().zip(all.products.iter().flatten());
        pairs.for_each(|(product, other)| *product += share * other);
        sums
    }
}

/// A D-dimensional Gaussian.
#[derive(Clone, Copy, Debug)]
struct Gaussian<const D: usize> {
    /// The mean of each value.
    mean: [f64; D],
    /// The lower triangular factor L of the covariance matrix L·Lᵀ (Cholesky).
    factor: [[f64; D]; D],
}

impl<const D: usize> Gaussian<D> {
    fn fit(moments: &Moments<D>) -> Self {
        let count = moments.count.max(1.0);
        let mean = moments.sums.map(|sum| sum / count);
        let mut factor = [[0.0; D]; D];
        for row in 0..D {
            for column in 0..=row {
                let covariance = moments.products[row][column] / count - mean[row] * mean[column];
                let rest = covariance - (0..column).map(|k| factor[row][k] * factor[column][k]).sum::<f64>();
                factor[row][column] =
                    if row == column { (rest.max(0.0) + VARIANCE).sqrt() } else { rest / factor[column][column] };
            }
        }
        Self { mean, factor }
    }

    /// The negative log-likelihood of the last two values given the values before them, in nats.
    fn nll(&self, values: &[f64; D]) -> f64 {
        let mut standardised = [0.0; D];
        let mut nll = 0.0;
        for row in 0..D {
            let known: f64 = (0..row).map(|k| self.factor[row][k] * standardised[k]).sum();
            standardised[row] = (values[row] - self.mean[row] - known) / self.factor[row][row];
            if row + 2 >= D {
                nll += 0.5 * (standardised[row].powi(2) + TAU.ln()) + self.factor[row][row].ln();
            }
        }
        nll
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::train::data::Example;

    #[test]
    fn a_gaussian_has_the_likelihood_of_its_covariance_matrix() {
        let mut moments = Moments::default();
        for values in [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [-2.0, 4.0]] {
            moments.add(&values);
        }
        let gaussian = Gaussian::fit(&moments);
        // The means are 0.625 and 1.375; the inverse of the covariance matrix [[a, b], [b, c]] gives the density.
        let (a, b, c) = (14.25 / 4.0 - 0.625 * 0.625, -8.75 / 4.0 - 0.625 * 1.375, 21.25 / 4.0 - 1.375 * 1.375);
        let determinant: f64 = a * c - b * b;
        let (x, y) = (0.3 - 0.625, 2.0 - 1.375);
        let square = (c * x * x - 2.0 * b * x * y + a * y * y) / determinant;
        let expected = 0.5 * square + TAU.ln() + 0.5 * determinant.ln();
        approx::assert_relative_eq!(gaussian.nll(&[0.3, 2.0]), expected, max_relative = 1e-4);
    }

    /// Drawings of two classes whose offsets follow linear functions of the offset before, with noise of deviation 0.1.
    fn part(seed: u64) -> Part {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let examples = (0..400).map(|number| {
            let (class, mut offset) = (number % 2, [0.0f32; 2]);
            let sign = if class == 0 { 1.0 } else { -1.0 };
            let mut points = vec![Point { offset, pen: Pen::Down }];
            for index in 0..20 {
                let [one, other]: [f32; 2] = [(); 2].map(|()| StandardNormal.sample(&mut rng));
                offset = [0.5 + 0.5 * sign * offset[1] + 0.1 * one, 0.3 - 0.5 * sign * offset[0] + 0.1 * other];
                points.push(Point { offset, pen: if index == 19 { Pen::End } else { Pen::Down } });
            }
            Example { class, original: Vec::new(), strokes: Vec::new(), points }
        });
        Part { examples: examples.collect() }
    }

    #[test]
    fn an_autoregression_finds_the_noise_that_is_left() {
        let splits = Splits { train: part(1), valid: part(2), test: part(3) };
        let interrupt = Interrupt::default();
        let [nll, pen] = ["offset_nll", "pen_nll"]
            .map(|name| move |likelihood: &Likelihood| likelihood.measured().get(name).unwrap());
        let regression = autoregression(&splits, 2, &interrupt).unwrap();
        let one = one_gaussian(&splits, &interrupt).unwrap();
        // Per offset: ln 2π + 2 ln 0.1 + 1; the first of 21 points has none.
        let expected = (TAU.ln() + 2.0 * 0.1f64.ln() + 1.0) * 20.0 / 21.0;
        approx::assert_abs_diff_eq!(nll(&regression), expected, epsilon = 0.05);
        assert!(nll(&one) > nll(&regression) + 0.5);
        let share: f64 = 1.0 / 21.0;
        let entropy = -share * share.ln() - (1.0 - share) * (1.0 - share).ln();
        approx::assert_abs_diff_eq!(pen(&one), entropy, epsilon = 0.01);
        approx::assert_abs_diff_eq!(one.right / one.points, 20.0 / 21.0, epsilon = 1e-9);
    }
}
