//! Metrics over a panel: several series that one model forecasts.

use std::collections::{BTreeMap, BTreeSet};

use datasets::{Note, TableSeries};
use jiff::civil::DateTime;
use timesteps::Rhythm;
use training::{Measured, Metric};

use super::measure::{self, BaselineMetrics, Losses, errors, intervals};
use crate::calibration::Forecasts;
use crate::frame::Windows;

/// The names of the metrics that are listed for each series, such as `mae[A]` for the series `A`.
const PER_SERIES: [&str; 3] = ["mae", "mase", "mae_in_units"];

/// Returns notes for the user about the series: how values were changed when the data were read, and whether the times
/// are irregular. Each note is given once. A note that does not apply to all series tells the number of series to which
/// it applies.
pub fn notes(series: &[TableSeries]) -> Vec<String> {
    let mut notes: Vec<(String, usize)> = Vec::new();
    let is_irregular = |series: &&TableSeries| !Rhythm::of(&series.past.times).is_regular();
    let irregular = series.iter().filter(is_irregular).map(|_| &Note::IrregularTimes);
    let all = series.iter().flat_map(|series| &series.past.notes).chain(irregular);
    for text in all.map(ToString::to_string) {
        match notes.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => notes.push((text, 1)),
        }
    }
    let note = |(text, count)| if count == series.len() { text } else { format!("{text} (in {count} series)") };
    notes.into_iter().map(note).collect()
}

/// Returns the length of the data as text: the number of series if there are several, and the number of rows, such as
/// `40 series of 900 to 1256 rows`.
pub fn lengths(series: &[TableSeries]) -> String {
    let rows: BTreeSet<usize> = series.iter().map(|series| series.past.len()).collect();
    let (least, most) = (rows.first().copied().unwrap_or(0), rows.last().copied().unwrap_or(0));
    let rows = if least == most { format!("{most} rows") } else { format!("{least} to {most} rows") };
    if series.len() == 1 { rows } else { format!("{} series of {rows}", series.len()) }
}

/// Returns the absolute errors of the model and of the baselines over all series, one loss per time. The loss of a time
/// is the sum of the losses of all windows whose forecast begins at this time, multiplied by a constant, so that the
/// mean over all times is the mean loss over all windows. Errors of several series at the same time are correlated, so
/// they are not independent observations.
pub fn absolute_errors(forecasts: &[Forecasts], set: &[Windows]) -> Losses {
    let each: Vec<Losses> =
        forecasts.iter().zip(set).map(|(forecasts, windows)| measure::absolute_errors(forecasts, windows)).collect();
    let all = |losses: &dyn Fn(&Losses) -> Option<Vec<f64>>| {
        each.iter().map(losses).collect::<Option<Vec<_>>>().map(|losses| by_time(set, &losses))
    };
    let names: Vec<&String> =
        each.first().into_iter().flat_map(|losses| &losses.baselines).map(|(name, _)| name).collect();
    let baseline = |name: &String| {
        let of = |losses: &Losses| {
            losses.baselines.iter().find(|(known, _)| known == name).map(|(_, losses)| losses.clone())
        };
        Some((name.clone(), all(&of)?))
    };
    Losses {
        metric: "mae",
        model: all(&|losses| Some(losses.model.clone())).unwrap_or_default(),
        baselines: names.into_iter().filter_map(baseline).collect(),
        overlap: set.iter().map(Windows::overlap).max().unwrap_or(1),
    }
}

/// Returns one loss per time: the sum of the losses of all windows whose forecast begins at this time, multiplied by a
/// constant, so that the mean over all times is the mean loss over all windows. `losses` has one list per series, with
/// one loss per window.
fn by_time(set: &[Windows], losses: &[Vec<f64>]) -> Vec<f64> {
    let mut sums: BTreeMap<DateTime, f64> = BTreeMap::new();
    for (windows, losses) in set.iter().zip(losses) {
        for (&origin, loss) in windows.origins.iter().zip(losses) {
            *sums.entry(windows.frame.times[origin]).or_default() += loss;
        }
    }
    let count: usize = losses.iter().map(Vec::len).sum();
    let scale = sums.len() as f64 / count as f64;
    sums.into_values().map(|sum| sum * scale).collect()
}

/// Computes the metrics of a model over all series and for each series, and compares the losses of the model with the
/// losses of the baselines.
pub fn values(forecasts: &[Forecasts], set: &[Windows]) -> Measured {
    let of = |(forecasts, windows): (&Forecasts, &Windows)| {
        let mut metrics = errors(windows, &forecasts.points);
        metrics.extend(intervals(forecasts, windows));
        metrics
    };
    let each: Vec<Vec<Metric>> = forecasts.iter().zip(set).map(of).collect();
    let comparisons = absolute_errors(forecasts, set).measured().comparisons;
    Measured { metrics: over_all(set, &each), comparisons }
}

/// Returns the errors of all baselines over all series and for each series. If any series is too short for a baseline,
/// this baseline is left out.
pub fn baselines(set: &[Windows]) -> BaselineMetrics {
    let each: Vec<BaselineMetrics> = set.iter().map(measure::baselines).collect();
    let names = each.first().into_iter().flatten().map(|(name, _)| name);
    let of = |name: &String| {
        let metrics =
            |rows: &BaselineMetrics| rows.iter().find(|(known, _)| known == name).map(|(_, metrics)| metrics.clone());
        let each: Vec<Vec<Metric>> = each.iter().map(metrics).collect::<Option<_>>()?;
        Some((name.clone(), over_all(set, &each)))
    };
    names.filter_map(of).collect()
}

/// Returns the mean of each metric over all windows of all series, without undefined values, and then the metrics
/// [`PER_SERIES`] of each series, such as `mae[A]` for the series `A`. `each` has the metrics of each series. Series
/// have different units, so errors in units are given only for single series.
fn over_all(set: &[Windows], each: &[Vec<Metric>]) -> Vec<Metric> {
    let is_shared = |metric: &&Metric| !metric.name.ends_with("_in_units");
    let mean = |(place, metric): (usize, &Metric)| {
        let values = each.iter().zip(set).map(|(metrics, windows)| (metrics[place].value, windows.len() as f64));
        let (sum, weight) = values
            .filter(|(value, _)| value.is_finite())
            .fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
        Metric { value: sum / weight, interval: None, ..metric.clone() }
    };
    let first = each.first().into_iter().flatten().enumerate();
    let mut metrics: Vec<Metric> = first.filter(|(_, metric)| is_shared(metric)).map(mean).collect();
    for (metrics_of, windows) in each.iter().zip(set) {
        let listed = metrics_of.iter().filter(|metric| PER_SERIES.contains(&metric.name.as_str()));
        metrics.extend(
            listed
                .map(|metric| Metric { name: format!("{}[{}]", metric.name, windows.frame.series), ..metric.clone() }),
        );
    }
    metrics
}
