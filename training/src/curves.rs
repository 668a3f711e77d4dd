//! The curves of a run as SVG: training loss and validation loss on the left, the other validation metrics on the right.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::{Result, TrainingError};
use crate::run::Epoch;

const SIZE: (u32, u32) = (900, 360);
const TRAIN: RGBColor = RGBColor(31, 119, 180);
const VALID: RGBColor = RGBColor(214, 90, 20);
const OTHERS: [RGBColor; 4] =
    [RGBColor(44, 140, 60), RGBColor(148, 103, 189), RGBColor(140, 86, 75), RGBColor(90, 90, 90)];

struct Series {
    name: String,
    color: RGBColor,
    /// Epoch and value.
    points: Vec<(f64, f64)>,
}

/// Draws the epochs so far.
pub fn draw(history: &[Epoch]) -> Result<String> {
    let mut svg = String::new();
    paint(&mut svg, history).map_err(|error| TrainingError::Task(error.to_string().into()))?;
    Ok(svg)
}

fn paint(svg: &mut String, history: &[Epoch]) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    let train = series("training", TRAIN, history, |epoch| Some(epoch.train_loss));
    let valid = series("validation", VALID, history, |epoch| epoch.valid.get("loss").copied());
    panel(&left, "loss", &[train, valid])?;

    let names = history.first().into_iter().flat_map(|epoch| epoch.valid.keys()).filter(|name| *name != "loss");
    let others: Vec<Series> = names
        .zip(OTHERS)
        .map(|(name, color)| series(name, color, history, |epoch| epoch.valid.get(name).copied()))
        .collect();
    panel(&right, "validation metrics", &others)?;
    root.present()?;
    Ok(())
}

fn series(name: &str, color: RGBColor, history: &[Epoch], value: impl Fn(&Epoch) -> Option<f64>) -> Series {
    let point = |epoch: &Epoch| value(epoch).filter(|value| value.is_finite()).map(|value| (epoch.epoch as f64, value));
    Series { name: name.to_owned(), color, points: history.iter().filter_map(point).collect() }
}

fn panel(
    area: &DrawingArea<SVGBackend, Shift>,
    title: &str,
    all: &[Series],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let points = || all.iter().flat_map(|series| series.points.iter().copied());
    let last = points().map(|(epoch, _)| epoch).fold(1.0, f64::max);
    let low = points().map(|(_, value)| value).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, value)| value).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let margin = ((high - low) * 0.08).max(1e-3);

    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.9..last + 0.1, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("epoch")
        .x_labels((last as usize).min(10))
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_label_formatter(&|value| format!("{value:.3}"))
        .draw()?;
    for Series { name, color, points } in all {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_one_epoch_many_epochs_and_values_that_are_no_numbers() {
        let epoch = |epoch, train_loss| Epoch {
            epoch,
            step: epoch * 10,
            lr: 0.1,
            train_loss,
            gradient_norm: 1.0,
            largest_norm: 2.0,
            skipped: 0,
            valid: [("accuracy".to_owned(), 0.5), ("loss".to_owned(), 0.7)].into(),
        };
        for history in [vec![], vec![epoch(1, 0.6)], vec![epoch(1, 0.6), epoch(2, f64::NAN), epoch(3, 0.4)]] {
            let svg = draw(&history).unwrap();
            assert!(svg.contains("epoch") && svg.trim_end().ends_with("</svg>"));
        }
    }
}
