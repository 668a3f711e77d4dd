//! Temperature scaling ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)): the number by which logits are divided, so that
//! probabilities are calibrated.

/// The temperatures that are tried: `FIRST · RATIOⁿ` for n below `COUNT`, from 0.4 to 4.
const FIRST: f64 = 0.4;
const RATIO: f64 = 1.05;
const COUNT: i32 = 48;

/// Returns the temperature with the smallest loss. `loss` computes the cross-entropy of the validation part with a
/// temperature.
pub fn best_temperature(loss: impl Fn(f64) -> f64) -> f64 {
    let tried = (0..COUNT).map(|step| FIRST * RATIO.powi(step)).map(|temperature| (loss(temperature), temperature));
    tried.min_by(|(one, _), (other, _)| one.total_cmp(other)).map_or(1.0, |(_, temperature)| temperature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_with_the_smallest_loss_is_found() {
        for best in [0.4, 1.0, 3.0] {
            let found = best_temperature(|temperature| (temperature - best).abs());
            approx::assert_relative_eq!(found, best, max_relative = 0.03);
        }
    }
}
