//! Temperature scaling ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)): the logits are divided by a number, the
//! temperature, so that the probabilities are calibrated.

/// The smallest and the largest temperature of the search.
const LIMITS: [f64; 2] = [0.25, 4.0];

/// The number of steps of the search. Each step divides the length of the search interval, on a logarithmic scale, by
/// 1.618, so the last interval is shorter than 10⁻⁴.
const STEPS: usize = 22;

/// Returns the temperature with the smallest loss, by golden-section search over the logarithm of the temperature.
/// `loss` returns the cross-entropy on the validation part for a temperature, and must have a single minimum.
pub fn best_temperature(loss: impl Fn(f64) -> f64) -> f64 {
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let loss = |logarithm: f64| loss(logarithm.exp());
    let [mut low, mut high] = LIMITS.map(f64::ln);
    let inner = |low: f64, high: f64| [high - golden * (high - low), low + golden * (high - low)];
    let [mut left, mut right] = inner(low, high).map(|place| (place, loss(place)));
    for _ in 0..STEPS {
        if left.1 <= right.1 {
            (high, right) = (right.0, left);
            let [place, _] = inner(low, high);
            left = (place, loss(place));
        } else {
            (low, left) = (left.0, right);
            let [_, place] = inner(low, high);
            right = (place, loss(place));
        }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_with_the_smallest_loss_is_found() {
        for best in [0.4, 1.0, 3.0] {
            let found = best_temperature(|temperature| (temperature - best).abs());
            approx::assert_relative_eq!(found, best, max_relative = 1e-3);
        }
    }
}
