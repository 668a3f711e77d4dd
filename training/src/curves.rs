//! Plots as SVG: the curves of a run, runs side by side, and the loss over growing learning rates.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::error::{Result, TrainingError};
use crate::run::Epoch;

/// A panel's size.
const SIZE: (u32, u32) = (450, 330);
const COLORS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 20),
    RGBColor(44, 140, 60),
    RGBColor(148, 103, 189),
    RGBColor(200, 40, 50),
    RGBColor(140, 86, 75),
    RGBColor(23, 160, 175),
    RGBColor(90, 90, 90),
];

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

struct Series {
    /// In the legend; empty where the panel's title says it.
    name: String,
    points: Vec<(f64, f64)>,
    /// Whether it is there to be looked through.
    faint: bool,
}

struct Panel<'a> {
    title: &'a str,
    x: &'a str,
    series: Vec<Series>,
}

/// The epochs of a run so far: loss, other validation metrics, gradient norm and learning rate.
pub fn draw(history: &[Epoch]) -> Result<String> {
    let train = of_epochs("training", history, |epoch| Some(epoch.train_loss));
    let valid = of_epochs("validation", history, |epoch| epoch.valid.get("loss").copied());
    let names = history.first().into_iter().flat_map(|epoch| epoch.valid.keys()).filter(|name| *name != "loss");
    let metrics = names.map(|name| of_epochs(name, history, |epoch| epoch.valid.get(name).copied())).collect();
    let norm = of_epochs("mean", history, |epoch| Some(epoch.gradient_norm));
    let largest = of_epochs("largest", history, |epoch| Some(epoch.largest_norm));
    let rate = of_epochs("", history, |epoch| Some(epoch.lr));
    let panels = [
        Panel { title: "loss", x: "epoch", series: vec![train, valid] },
        Panel { title: "validation metrics", x: "epoch", series: metrics },
        Panel { title: "gradient norm before clipping", x: "epoch", series: vec![norm, largest] },
        Panel { title: "learning rate at the end of an epoch", x: "epoch", series: vec![rate] },
    ];
    svg((2 * SIZE.0, 2 * SIZE.1), |root| {
        for (area, panel) in root.split_evenly((2, 2)).iter().zip(&panels) {
            linear(area, panel)?;
        }
        Ok(())
    })
}

/// A validation metric of several runs, each with its name, over their epochs.
pub fn compare(metric: &str, runs: &[(String, Vec<Epoch>)]) -> Result<String> {
    let series = runs.iter().map(|(name, history)| of_epochs(name, history, |epoch| epoch.valid.get(metric).copied()));
    let title = format!("validation {metric}");
    let panel = Panel { title: &title, x: "epoch", series: series.collect() };
    svg((2 * SIZE.0, 2 * SIZE.1), |root| linear(root, &panel))
}

/// The loss at each learning rate.
pub fn rates(losses: &[(f64, f64)], smoothed: &[(f64, f64)]) -> Result<String> {
    let series =
        |name: &str, points: &[(f64, f64)], faint| Series { name: name.to_owned(), points: points.to_vec(), faint };
    let series = vec![series("smoothed", smoothed, false), series("of a step", losses, true)];
    let panel = Panel { title: "training loss", x: "learning rate", series };
    let (low, high) = bounds(losses.iter().map(|(rate, _)| *rate)).unwrap_or((1e-4, 1.0));
    // Single losses beyond the smoothed ones may be as high as they like.
    let most = smoothed.iter().map(|(_, loss)| *loss).fold(f64::NEG_INFINITY, f64::max);
    let shown: Vec<_> = smoothed.iter().chain(losses).copied().filter(|(_, loss)| *loss <= most).collect();
    svg((2 * SIZE.0, 2 * SIZE.1), |root| {
        chart(root, &panel, (low..high).log_scale(), &shown, &|rate| format!("{rate:.0e}"), 8)
    })
}

fn svg(size: (u32, u32), paint: impl FnOnce(&Area) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let painted = root.fill(&WHITE).map_err(Into::into).and_then(|()| paint(&root)).and_then(|()| Ok(root.present()?));
    painted.map_err(|error| TrainingError::Task(error.to_string().into()))?;
    drop(root);
    Ok(svg)
}

fn of_epochs(name: &str, history: &[Epoch], value: impl Fn(&Epoch) -> Option<f64>) -> Series {
    let point = |epoch: &Epoch| value(epoch).filter(|value| value.is_finite()).map(|value| (epoch.epoch as f64, value));
    Series { name: name.to_owned(), points: history.iter().filter_map(point).collect(), faint: false }
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |bounds, value| {
        let (low, high) = bounds.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// A panel over epochs.
fn linear(area: &Area, panel: &Panel) -> Drawn {
    let points: Vec<_> = panel.series.iter().flat_map(|series| series.points.iter().copied()).collect();
    let last = points.iter().map(|(epoch, _)| *epoch).fold(1.0, f64::max);
    chart(area, panel, 0.9..last + 0.1, &points, &|epoch| format!("{epoch:.0}"), (last as usize).min(10))
}

/// A panel as high as some of its points.
fn chart<X>(
    area: &Area,
    panel: &Panel,
    x: X,
    shown: &[(f64, f64)],
    label: &dyn Fn(&f64) -> String,
    labels: usize,
) -> Drawn
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let (low, high) = bounds(shown.iter().map(|(_, value)| *value)).unwrap_or((0.0, 1.0));
    let margin = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-12);
    let digits = (2.0 - (high - low).max(1e-9).log10().floor()).clamp(0.0, 8.0) as usize;
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(x, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(panel.x)
        .x_labels(labels)
        .x_label_formatter(&label)
        .y_label_formatter(&|value| format!("{value:.digits$}"))
        .draw()?;
    for (Series { name, points, faint }, color) in panel.series.iter().zip(COLORS.iter().cycle()) {
        let style = if *faint { BLACK.mix(0.25).stroke_width(1) } else { color.stroke_width(2) };
        let line = LineSeries::new(points.iter().copied(), style);
        let line = line.point_size(if points.len() > 40 { 0 } else { 3 });
        let drawn = chart.draw_series(line)?;
        if !name.is_empty() {
            let sample = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
            drawn.label(name).legend(sample);
        }
    }
    if panel.series.iter().any(|series| !series.name.is_empty()) {
        chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
    }
    Ok(())
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
    fn draws_one_epoch_many_epochs_and_values_that_are_no_numbers() {
        for history in [vec![], vec![epoch(1, 0.6)], vec![epoch(1, 0.6), epoch(2, f64::NAN), epoch(3, 0.4)]] {
            assert_is_svg(&draw(&history).unwrap(), &["epoch", "gradient norm", "learning rate"]);
        }
    }

    #[test]
    fn draws_runs_and_rates() {
        let runs = [("first".to_owned(), vec![epoch(1, 0.6), epoch(2, 0.5)]), ("second".to_owned(), vec![])];
        assert_is_svg(&compare("accuracy", &runs).unwrap(), &["first", "second", "validation accuracy"]);
        let losses = [(1e-4, 2.0), (1e-3, 1.0), (1e-2, 9.0)];
        assert_is_svg(&rates(&losses, &losses).unwrap(), &["learning rate", "smoothed"]);
    }
}
