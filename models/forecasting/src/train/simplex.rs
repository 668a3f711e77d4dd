//! Minimisation of a function of a few variables by the Nelder–Mead method, which needs no gradients
//! ([Nelder & Mead 1965](https://doi.org/10.1093/comjnl/7.4.308)).

/// Searches for a local minimum of `loss` by the Nelder–Mead method, which starts from a simplex with N + 1 corners:
/// `start`, and for each coordinate a copy of `start` in which `size` is added to this coordinate. A loss of NaN counts
/// as infinite.
pub(crate) fn minimum<const N: usize>(start: [f64; N], size: f64, loss: impl Fn([f64; N]) -> f64) -> [f64; N] {
    const MOST_STEPS: usize = 500;
    const CLOSE: f64 = 1e-10;
    let loss = |point: [f64; N]| Some(loss(point)).filter(|loss| !loss.is_nan()).unwrap_or(f64::INFINITY);
    let mut corners: Vec<([f64; N], f64)> = (0..=N)
        .map(|corner| {
            let mut point = start;
            if let Some(value) = point.get_mut(corner) {
                *value += size;
            }
            (point, loss(point))
        })
        .collect();
    for _ in 0..MOST_STEPS {
        corners.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let (best, second_worst, (worst, largest)) = (corners[0].1, corners[N - 1].1, corners[N]);
        if largest - best < CLOSE * (1.0 + best.abs()) {
            break;
        }
        let others = &corners[..N];
        let middle: [f64; N] =
            std::array::from_fn(|axis| others.iter().map(|(point, _)| point[axis]).sum::<f64>() / N as f64);
        // The point at `distance` on the line from the worst corner through the centre of the other corners: 0 is the
        // centre, and 1 the reflection of the worst corner.
        let at = |distance: f64| {
            let point = std::array::from_fn(|axis| middle[axis] + distance * (middle[axis] - worst[axis]));
            (point, loss(point))
        };
        let reflected = at(1.0);
        let better = if reflected.1 < best {
            let further = at(2.0);
            if further.1 < reflected.1 { further } else { reflected }
        } else if reflected.1 < second_worst {
            reflected
        } else {
            let nearer = if reflected.1 < largest { at(0.5) } else { at(-0.5) };
            if nearer.1 < largest.min(reflected.1) { nearer } else { (worst, f64::INFINITY) }
        };
        match better.1.is_finite() {
            true => corners[N] = better,
            // No point on the line is better: all corners move halfway to the best corner.
            false => {
                let (to, _) = corners[0];
                for corner in &mut corners[1..] {
                    let point = std::array::from_fn(|axis| (corner.0[axis] + to[axis]) / 2.0);
                    *corner = (point, loss(point));
                }
            }
        }
    }
    corners.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    corners[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_curved_valley_is_found() {
        let found = minimum([-1.2, 1.0], 0.5, |[x, y]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2));
        approx::assert_abs_diff_eq!(found[..], [1.0, 1.0][..], epsilon = 1e-3);
        let [found] = minimum([3.0], 1.0, |[x]| if x < 1.0 { f64::NAN } else { (x - 1.5).powi(2) });
        approx::assert_abs_diff_eq!(found, 1.5, epsilon = 1e-4);
    }
}
