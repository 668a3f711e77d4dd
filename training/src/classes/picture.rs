//! Plots of classifiers: confusion matrix and reliability diagram.

use std::fmt::Write;

use super::{Answer, bins, confusion};
use crate::plot::{HeatMap, Legend, Line, Panel};

/// Returns the confusion matrix as a heat map: for the examples of each true class (row), the share of each predicted
/// class (column).
pub fn confusion_map(answers: &[Answer], classes: &[String]) -> HeatMap {
    let counts = confusion(answers, classes.len());
    let share = |row: &Vec<usize>| -> Vec<f64> {
        let sum = row.iter().sum::<usize>().max(1) as f64;
        row.iter().map(|count| *count as f64 / sum).collect()
    };
    HeatMap {
        title: "Predicted class (column) of each true class (row)".to_owned(),
        columns: classes.to_vec(),
        rows: classes.to_vec(),
        values: counts.iter().map(share).collect(),
        caption: format!(
            "{} test examples. The darker a cell, the larger its share of the examples in the row.",
            answers.len()
        ),
    }
}

/// Returns the reliability diagram: the share of right answers plotted against the mean confidence, with one point per
/// bin of the confidence. The points of a calibrated model are on the diagonal.
pub fn reliability(answers: &[Answer]) -> Panel {
    let bins = bins(answers).into_iter().filter(|bin| bin.count > 0.0);
    let points = bins.map(|bin| (bin.confidence / bin.count, bin.right / bin.count)).collect();
    Panel {
        title: "Reliability".to_owned(),
        x: "probability of the predicted class".to_owned(),
        y: "share of right predictions".to_owned(),
        lines: vec![
            Line { name: "calibrated".to_owned(), points: vec![(0.0, 0.0), (1.0, 1.0)], faint: true },
            Line { name: "this model".to_owned(), points, faint: false },
        ],
        highest: Some(1.0),
        caption: format!(
            "{} test examples, grouped into bins by the probability of the predicted class.",
            answers.len()
        ),
        legend: Legend::UpperLeft,
        ..Panel::default()
    }
}

/// Returns one SVG that contains several SVG pictures, one below the other.
pub fn stacked(pictures: &[String]) -> String {
    let (mut width, mut height, mut parts) = (0.0_f64, 0.0, String::new());
    for picture in pictures {
        // Writing to a string does not fail.
        let _ = write!(parts, "<g transform=\"translate(0 {height})\">{picture}</g>");
        width = width.max(length(picture, "width"));
        height += length(picture, "height");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>{parts}</svg>"
    )
}

/// Returns the value of a numeric attribute of an SVG, such as `width`; 0 if the SVG does not have the attribute.
fn length(svg: &str, attribute: &str) -> f64 {
    let start = format!("{attribute}=\"");
    let number = svg.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shares_and_points_are_bins() {
        let answer = |truth, predicted, confidence| Answer { truth, predicted, confidence };
        let answers = [answer(0, 0, 0.9), answer(0, 1, 0.92), answer(1, 1, 0.55), answer(0, 0, 0.98)];
        let map = confusion_map(&answers, &["a".to_owned(), "b".to_owned()]);
        assert_eq!(map.values, [[2.0 / 3.0, 1.0 / 3.0], [0.0, 1.0]]);
        let points = &reliability(&answers).lines[1].points;
        assert_eq!(points.len(), 2);
        approx::assert_abs_diff_eq!(points[1].0, 2.8 / 3.0, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(points[1].1, 2.0 / 3.0, epsilon = 1e-12);
    }

    #[test]
    fn pictures_are_stacked() {
        let stack =
            stacked(&["<svg width=\"30\" height=\"20\"/>".to_owned(), "<svg width=\"40\" height=\"7\"/>".to_owned()]);
        assert!(stack.contains("width=\"40\" height=\"27\"") && stack.contains("translate(0 20)"), "{stack}");
    }
}
