//! Plots of training: the curves of a run, a comparison of runs, and the learning-rate range test.

use crate::error::Result;
use crate::plot::{self, Axis, Line, Panel, SIZE};
use crate::run::Epoch;

/// The width and the height, in pixels, of a plot that has one panel.
const LARGE: (u32, u32) = (2 * SIZE.0, 2 * SIZE.1);

/// Draws the curves of a run as SVG: loss, other validation metrics, gradient norm and learning rate over the epochs.
pub(crate) fn draw(history: &[Epoch]) -> Result<String> {
    let train = of_epochs("training", history, |epoch| Some(epoch.train_loss));
    let valid = of_epochs("validation", history, |epoch| epoch.valid.get("loss").copied());
    let names = history.first().into_iter().flat_map(|epoch| epoch.valid.keys()).filter(|name| *name != "loss");
    let metrics = names.map(|name| of_epochs(name, history, |epoch| epoch.valid.get(name).copied())).collect();
    let norm = of_epochs("mean", history, |epoch| Some(epoch.gradient_norm));
    let largest = of_epochs("largest", history, |epoch| Some(epoch.largest_norm));
    let lr = of_epochs("", history, |epoch| Some(epoch.lr));
    let mut panels = vec![
        over_epochs("loss", vec![train, valid]),
        over_epochs("validation metrics", metrics),
        over_epochs("gradient norm before clipping", vec![norm, largest]),
        over_epochs("learning rate at the end of an epoch", vec![lr]),
    ];
    // A panel has no line if the task has no metric besides the loss.
    panels.retain(|panel| !panel.lines.is_empty());
    plot::draw(&panels, 2, SIZE)
}

/// Draws a validation metric of several named runs over the epochs, as SVG.
pub fn compare(metric: &str, runs: &[(String, Vec<Epoch>)]) -> Result<String> {
    let lines = runs.iter().map(|(name, history)| of_epochs(name, history, |epoch| epoch.valid.get(metric).copied()));
    plot::draw(&[over_epochs(&format!("validation {metric}"), lines.collect())], 1, LARGE)
}

/// Plots the loss against the learning rate, as SVG. `losses` and `smoothed` contain the learning rate and the loss of
/// each step, without and with smoothing.
pub(crate) fn range_test(losses: &[(f64, f64)], smoothed: &[(f64, f64)]) -> Result<String> {
    let line =
        |name: &str, points: &[(f64, f64)], faint| Line { name: name.to_owned(), points: points.to_vec(), faint };
    // The loss of single steps may lie outside of the panel.
    let highest = smoothed.iter().map(|(_, loss)| *loss).fold(f64::NEG_INFINITY, f64::max);
    let panel = Panel {
        title: "training loss".to_owned(),
        x: "learning rate".to_owned(),
        axis: Axis::Logarithm,
        lines: vec![line("smoothed", smoothed, false), line("per step", losses, true)],
        highest: Some(highest),
        ..Panel::default()
    };
    plot::draw(&[panel], 1, LARGE)
}

fn over_epochs(title: &str, lines: Vec<Line>) -> Panel {
    Panel { title: title.to_owned(), x: "epoch".to_owned(), axis: Axis::Count, lines, ..Panel::default() }
}

fn of_epochs(name: &str, history: &[Epoch], value: impl Fn(&Epoch) -> Option<f64>) -> Line {
    let point = |epoch: &Epoch| value(epoch).filter(|value| value.is_finite()).map(|value| (epoch.epoch as f64, value));
    Line { name: name.to_owned(), points: history.iter().filter_map(point).collect(), faint: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, train_loss: f64) -> Epoch {
        Epoch {
            epoch,
            step: epoch * 10,
            lr: 0.1,
            train_loss,
            gradient_norm: 1.0,
            largest_norm: 2.0,
            skipped: 0,
            valid: [("accuracy".to_owned(), 0.5), ("loss".to_owned(), 0.7)].into(),
        }
    }

    #[track_caller]
    fn assert_is_svg(svg: &str, parts: &[&str]) {
        assert!(svg.trim_end().ends_with("</svg>") && parts.iter().all(|part| svg.contains(part)), "{svg}");
    }

    #[test]
    fn draws_no_epoch_one_epoch_and_values_that_are_nan() {
        for history in [vec![], vec![epoch(1, 0.6)], vec![epoch(1, 0.6), epoch(2, f64::NAN), epoch(3, 0.4)]] {
            assert_is_svg(&draw(&history).unwrap(), &["epoch", "gradient norm", "learning rate"]);
        }
    }

    #[test]
    fn draws_comparisons_and_range_tests() {
        let runs = [("first".to_owned(), vec![epoch(1, 0.6), epoch(2, 0.5)]), ("second".to_owned(), vec![])];
        assert_is_svg(&compare("accuracy", &runs).unwrap(), &["first", "second", "validation accuracy"]);
        let losses = [(1e-4, 2.0), (1e-3, 1.0), (1e-2, 9.0)];
        assert_is_svg(&range_test(&losses, &losses).unwrap(), &["learning rate", "smoothed"]);
    }
}
