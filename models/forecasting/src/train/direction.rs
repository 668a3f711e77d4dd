//! Losses and baselines for forecasts of the direction: does the value rise or fall?

use training::{Measured, Metric};

use super::measure::{BaselineMetrics, Losses};
use super::statistics::{Estimate, mean, proportion};
use crate::calibration::Forecasts;
use crate::frame::{Frame, Windows};

/// The name of the baseline that predicts the more frequent direction of the training part.
pub const MAJORITY: &str = "majority";
/// The name of the baseline that repeats the direction of the day before.
const DAY_BEFORE: &str = "day before";

/// Returns the loss of each window for the model and the baselines: 1 for a wrong direction, 0 for a right direction.
pub fn losses(forecasts: &Forecasts, windows: &Windows) -> Losses {
    let frame = &windows.frame;
    let wrong = |forecast: &dyn Fn(usize, usize) -> bool| -> Vec<f64> {
        let origins = windows.origins.iter().enumerate();
        origins.map(|(place, &origin)| f64::from(u8::from(forecast(place, origin) != is_up(frame, origin)))).collect()
    };
    let up = rises(frame) > 0.5;
    let baselines = vec![
        (MAJORITY.to_owned(), wrong(&|_, _| up)),
        (DAY_BEFORE.to_owned(), wrong(&|_, origin| is_up(frame, origin - 1))),
    ];
    // A logit above 0 means that the probability of a rise is above 0.5.
    let model = wrong(&|place, _| forecasts.points.get(place).is_some_and(|logit| *logit > 0.0));
    Losses { metric: "error", model, baselines, overlap: 1 }
}

/// Returns the accuracy of the model with its 95 % confidence interval, and comparisons of its error with the
/// baselines.
pub fn measure(forecasts: &Forecasts, windows: &Windows) -> Measured {
    let losses = losses(forecasts, windows);
    let hits = losses.model.iter().filter(|wrong| **wrong == 0.0).count();
    let Estimate { value, interval } = proportion(hits, losses.model.len());
    let mut measured = Measured::from(vec![Metric::higher("accuracy", value).with_interval(interval)]);
    measured.extend(losses.measured());
    measured
}

/// Returns the accuracy of each baseline, and the cross-entropy (`loss`) of the majority baseline. For the
/// cross-entropy, this baseline always predicts the fraction of rises in the training part as the probability of a
/// rise.
pub fn baselines(windows: &Windows) -> BaselineMetrics {
    let Losses { baselines, .. } = losses(&Forecasts::default(), windows);
    let rises = rises(&windows.frame);
    let surprise = |&origin: &usize| -if is_up(&windows.frame, origin) { rises.ln() } else { (1.0 - rises).ln() };
    let row = |(name, losses): (String, Vec<f64>)| {
        let mut metrics = vec![Metric::higher("accuracy", 1.0 - mean(losses))];
        if name == MAJORITY {
            metrics.push(Metric::lower("loss", mean(windows.origins.iter().map(surprise))));
        }
        (name, metrics)
    };
    baselines.into_iter().map(row).collect()
}

fn is_up(frame: &Frame, row: usize) -> bool {
    frame.scaler.restore(0, frame.value(row, 0)) > 0.0
}

/// Returns the fraction of rows in the training part whose value is above zero (a rise).
fn rises(frame: &Frame) -> f64 {
    mean((0..frame.train).map(|row| f64::from(u8::from(is_up(frame, row)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::days;

    /// Four of the six training days are rises; four days are measured.
    fn windows() -> Windows {
        Windows::new(days(&[1, 1, -1, 1, 1, -1, 1, -1, -1, 1], 6, 1), 6..10, 2, 1, 1)
    }

    #[test]
    fn directions_are_compared_with_the_baselines() {
        let forecasts = Forecasts { points: vec![0.5, 0.5, -0.5, 0.5], bounds: Vec::new() };
        let Losses { model, baselines: others, .. } = losses(&forecasts, &windows());
        assert_eq!(model, [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(others[0], ("majority".to_owned(), vec![0.0, 1.0, 1.0, 0.0]));
        assert_eq!(others[1], ("day before".to_owned(), vec![1.0, 1.0, 0.0, 1.0]));
        assert_eq!(measure(&forecasts, &windows()).get("accuracy"), Some(0.75));
        let rows = baselines(&windows());
        let value = |row: usize, metric: usize| rows[row].1[metric].value;
        assert_eq!((value(0, 0), value(1, 0)), (0.5, 0.25));
        approx::assert_relative_eq!(value(0, 1), -((2.0f64 / 3.0).ln() + (1.0f64 / 3.0).ln()) / 2.0);
    }
}
