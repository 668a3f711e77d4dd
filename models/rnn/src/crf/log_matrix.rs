//! Matrix products in log space: the inputs and the results are logarithms. Each entry of a product is a log-sum-exp.

/// The smallest sum that is accurate enough. An entry of a product is first computed as a sum of products of
/// exponentials. If the sum is at least `EXACT`, terms that have underflowed to 0 are negligible, because each is below
/// 1e-307. If the sum is smaller, the entry is computed again from the logarithms.
const EXACT: f64 = 1e-280;

/// A square matrix of scores, `[from, to]`. A score may be −∞.
#[derive(Debug)]
pub(super) struct LogMatrix {
    /// The number of rows and of columns.
    size: usize,
    /// The scores, `[from, to]`.
    log: Vec<f64>,
    /// `exp(score − max)` of each score in `log`.
    exp: Vec<f64>,
    /// The largest score, or 0 if the largest score is not finite.
    max: f64,
}

impl LogMatrix {
    pub fn new(size: usize, log: Vec<f64>) -> Self {
        let (exp, max) = exp_below_max(&log);
        Self { size, log, exp, max }
    }

    pub fn transposed(&self) -> Self {
        let log = (0..self.size).flat_map(|to| self.log.iter().skip(to).step_by(self.size).copied()).collect();
        Self::new(self.size, log)
    }

    pub fn get(&self, from: usize, to: usize) -> f64 {
        self.log[from * self.size + to]
    }

    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.log.chunks_exact(self.size)
    }

    /// Computes `output[to] = ln Σ exp(input[from] + log[from, to])`, where the sum runs over `from`.
    ///
    /// The sums are a matrix product of exponentials. Terms of a sum can underflow if the values of `input` are far
    /// apart. If a sum is so small that underflow may have changed it, it is computed again, term by term in log space.
    pub fn multiply(&self, input: &[f64], output: &mut [f64]) {
        let (weights, max) = exp_below_max(input);
        output.fill(0.0);
        for (weight, row) in weights.iter().zip(self.exp.chunks_exact(self.size)) {
            output.iter_mut().zip(row).for_each(|(sum, exp)| *sum += weight * exp);
        }
        for (to, sum) in output.iter_mut().enumerate() {
            *sum = match *sum >= EXACT {
                true => sum.ln() + max + self.max,
                false => log_sum_exp(input.iter().enumerate().map(|(from, score)| score + self.get(from, to))),
            };
        }
    }

    /// Adds the probabilities of all transitions between two neighbouring steps to `total`:
    /// `total[from, to] += exp(left[from] + log[from, to] + right[to] − log_partition)`.
    pub fn add_probabilities(&self, left: &[f64], right: &[f64], log_partition: f64, total: &mut [f64]) {
        let (weights, max) = exp_below_max(right);
        let rows = total.chunks_exact_mut(self.size).zip(self.exp.chunks_exact(self.size)).zip(self.rows());
        for (((total, exp), log), left) in rows.zip(left) {
            let scale = left - log_partition + max + self.max;
            // `exp(scale)` is below 1e280. A product of exponentials that underflows is below 1e-307, so that at most
            // 1e-27 is lost.
            if scale < -EXACT.ln() {
                let scale = scale.exp();
                let products = exp.iter().zip(&weights).map(|(exp, weight)| scale * weight * exp);
                total.iter_mut().zip(products).for_each(|(total, product)| *total += product);
            } else {
                let products = log.iter().zip(right).map(|(log, right)| (left + log + right - log_partition).exp());
                total.iter_mut().zip(products).for_each(|(total, product)| *total += product);
            }
        }
    }
}

/// Returns `exp(score − max)` of each score, and `max`: the largest score, or 0 if the largest score is not finite.
fn exp_below_max(scores: &[f64]) -> (Vec<f64>, f64) {
    let max = finite_max(scores.iter().copied());
    (scores.iter().map(|score| (score - max).exp()).collect(), max)
}

/// Computes `ln Σ exp(score)`. The result is NaN if a score is NaN.
pub(super) fn log_sum_exp(scores: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = finite_max(scores.clone());
    scores.map(|score| (score - max).exp()).sum::<f64>().ln() + max
}

/// Returns the largest score that is not NaN, or 0 if the largest score is infinite. The result is finite, so that it
/// can be subtracted from all scores.
fn finite_max(scores: impl Iterator<Item = f64>) -> f64 {
    let max = scores.fold(f64::NEG_INFINITY, f64::max);
    if max.is_finite() { max } else { 0.0 }
}
