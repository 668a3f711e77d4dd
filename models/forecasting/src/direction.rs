//! Up or down: what a forecast of the direction is worth. Of a market that is hard to beat it is worth nothing, and says so.

use std::collections::BTreeMap;

use training::Metrics;

use crate::forecast::Forecast;
use crate::frame::{Frame, Windows};
use crate::measure::{Costs, estimate};
use crate::metrics::{mean, share};

/// 1 where the direction was wrong: by the model, by always saying what was most frequent in the training part, and by saying what
/// the day before was.
pub fn costs(forecast: &Forecast, windows: &Windows) -> Costs {
    let frame = &windows.frame;
    let wrong = |said: &dyn Fn(usize, usize) -> bool| -> Vec<f64> {
        let origins = windows.origins.iter().enumerate();
        origins.map(|(place, &origin)| f64::from(u8::from(said(place, origin) != is_up(frame, origin)))).collect()
    };
    let up = rises(frame) > 0.5;
    let others = BTreeMap::from([
        ("majority".to_owned(), wrong(&|_, _| up)),
        ("day before".to_owned(), wrong(&|_, origin| is_up(frame, origin - 1))),
    ]);
    // A logit above zero is a chance above a half.
    let own = wrong(&|place, _| forecast.points.get(place).is_some_and(|logit| *logit > 0.0));
    Costs { name: "error", own, others, overlap: 1 }
}

/// How often the direction was right, with its 95 % interval, and how probable so much more, or less, than the yardsticks were by
/// chance.
pub fn measure(forecast: &Forecast, windows: &Windows) -> Metrics {
    let costs = costs(forecast, windows);
    let hits = costs.own.iter().filter(|wrong| **wrong == 0.0).count();
    let accuracy = estimate("accuracy", share(hits, costs.own.len()));
    costs.means().into_iter().chain(costs.skills()).chain(accuracy).collect()
}

/// What the yardsticks are worth; of the majority, the loss of saying its share in the training part too.
pub fn baselines(windows: &Windows) -> BTreeMap<String, Metrics> {
    let Costs { others, .. } = costs(&Forecast::default(), windows);
    let accuracy = |costs: Vec<f64>| Metrics::from([("accuracy".to_owned(), 1.0 - mean(costs))]);
    let mut rows: BTreeMap<String, Metrics> = others.into_iter().map(|(name, costs)| (name, accuracy(costs))).collect();
    let rises = rises(&windows.frame);
    let surprise = |&origin: &usize| -if is_up(&windows.frame, origin) { rises.ln() } else { (1.0 - rises).ln() };
    rows.entry("majority".to_owned())
        .or_default()
        .insert("loss".to_owned(), mean(windows.origins.iter().map(surprise)));
    rows
}

fn is_up(frame: &Frame, row: usize) -> bool {
    frame.scaler.restore(0, frame.value(row, 0)) > 0.0
}

/// The share of rises in the training part.
fn rises(frame: &Frame) -> f64 {
    mean((0..frame.train).map(|row| f64::from(u8::from(is_up(frame, row)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::days;

    /// Of the six days to learn from four are rises; four days are measured.
    fn windows() -> Windows {
        Windows::new(days(&[1, 1, -1, 1, 1, -1, 1, -1, -1, 1], 6, 1), 6..10, 2, 1, 1)
    }

    #[test]
    fn all_say_what_they_know_the_day_before() {
        let forecast = Forecast { points: vec![0.5, 0.5, -0.5, 0.5], ends: Vec::new() };
        let Costs { own, others, .. } = costs(&forecast, &windows());
        assert_eq!(own, [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(others["majority"], [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(others["day before"], [1.0, 1.0, 0.0, 1.0]);
        assert_eq!(measure(&forecast, &windows())["accuracy"], 0.75);
        let rows = baselines(&windows());
        assert_eq!((rows["majority"]["accuracy"], rows["day before"]["accuracy"]), (0.5, 0.25));
        approx::assert_relative_eq!(rows["majority"]["loss"], -((2.0f64 / 3.0).ln() + (1.0f64 / 3.0).ln()) / 2.0);
    }
}
