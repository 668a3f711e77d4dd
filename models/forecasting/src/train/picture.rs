//! Plots of forecasts: past values, forecasts with intervals, and observed values.

use jiff::civil::DateTime;
use training::TaskResult;
use training::plot::{self, Axis, Band, Legend, Line, Panel, SIZE};

use crate::calibration::Forecasts;
use crate::frame::{Frame, Windows};
use crate::likelihood::Likelihood;

/// The largest number of panels in a plot. A plot has one panel for each forecast column of each series.
pub const MOST_PANELS: usize = 4;
/// The number of past steps that a plot shows before the forecast, as a multiple of the horizon.
const PAST: usize = 3;
/// The smallest number of past steps that a plot shows before the forecast.
const LEAST_PAST: usize = 20;
/// The largest number of windows in a plot of one-step forecasts.
const DAYS: usize = 250;

/// Draws the forecast of the first window of each series, with one panel per column. Draws at most four panels. `set`
/// and `forecasts` have one item for each series to draw. `series` is the number of all series, including those that
/// are not drawn: the caption needs this number.
pub fn of_windows(
    set: &[Windows],
    forecasts: &[Forecasts],
    series: usize,
    likelihood: Likelihood,
) -> TaskResult<String> {
    let all = set.iter().zip(forecasts).flat_map(|(windows, forecasts)| panels(windows, forecasts, likelihood));
    let mut panels: Vec<Panel> = all.take(MOST_PANELS).collect();
    let count = series * set.first().map_or(0, |windows| windows.frame.targets);
    if let Some(last) = panels.last_mut().filter(|_| count > MOST_PANELS) {
        let what = if series > 1 { "forecasts" } else { "columns" };
        last.caption = format!("The plot shows {MOST_PANELS} of {count} {what}.");
    }
    drawn(&panels)
}

/// Returns one panel per column, with the forecast of the first window.
fn panels(windows: &Windows, forecasts: &Forecasts, likelihood: Likelihood) -> Vec<Panel> {
    let Windows { frame, horizon, .. } = windows;
    let name_of_series = if frame.series.is_empty() { String::new() } else { format!("{}, ", frame.series) };
    let origin = windows.origins.first().copied().unwrap_or(windows.look_back);
    let past = origin - (PAST * horizon).max(LEAST_PAST).min(origin)..origin;
    let panel = |target: usize| {
        let row = |step: usize| step * frame.targets + target;
        let name = likelihood.quantity().label(&frame.scaler.columns[target]);
        let to_units = |value: f32| likelihood.to_units(&frame.scaler, target, value);
        let value = |row: usize| to_units(frame.value(row, target));
        let steps = || (0..*horizon).map(|step| (seconds(frame.times[origin + step]), row(step)));
        // The forecast and its intervals start at the last known value, so that the plot has no gap.
        let last = (seconds(frame.times[origin - 1]), value(origin - 1));
        let band = |name: &str, low: usize, high: usize| Band {
            name: name.to_owned(),
            points: [(last.0, [last.1; 2])]
                .into_iter()
                .chain(steps().map(|(x, row)| (x, [low, high].map(|bound| to_units(forecasts.bounds[row][bound])))))
                .collect(),
        };
        let history = past.clone().chain(origin..origin + horizon).map(|row| (seconds(frame.times[row]), value(row)));
        Panel {
            title: format!("{name_of_series}{name}: forecast from {}", written(frame, origin)),
            x: axis(frame).0,
            y: name.to_owned(),
            axis: axis(frame).1,
            bands: bands(forecasts, band),
            lines: vec![
                line("observed", history),
                line(
                    "forecast",
                    [last].into_iter().chain(steps().map(|(x, row)| (x, to_units(forecasts.points[row])))),
                ),
            ],
            legend: Legend::UpperLeft,
            ..Panel::default()
        }
    };
    (0..frame.targets.min(MOST_PANELS)).map(panel).collect()
}

/// Draws the one-step forecasts of the last windows, at most 250, for the first target.
pub fn of_days(windows: &Windows, forecasts: &Forecasts, likelihood: Likelihood) -> TaskResult<String> {
    let frame = &windows.frame;
    let first = windows.len().saturating_sub(DAYS);
    let to_units = |value: f32| likelihood.to_units(&frame.scaler, 0, value);
    let days = || (first..windows.len()).map(|place| (place, seconds(frame.times[windows.origins[place]])));
    let band = |name: &str, low: usize, high: usize| Band {
        name: name.to_owned(),
        points: days()
            .map(|(place, x)| (x, [low, high].map(|bound| to_units(forecasts.bounds[place * frame.targets][bound]))))
            .collect(),
    };
    let name = likelihood.quantity().label(&frame.scaler.columns[0]);
    let panel = Panel {
        title: format!("{name}: one-step forecasts"),
        x: axis(frame).0,
        y: name.to_owned(),
        axis: axis(frame).1,
        bands: bands(forecasts, band),
        lines: vec![
            line("observed", days().map(|(place, x)| (x, to_units(frame.value(windows.origins[place], 0))))),
            line("forecast", days().map(|(place, x)| (x, to_units(forecasts.points[place * frame.targets])))),
        ],
        legend: Legend::UpperLeft,
        ..Panel::default()
    };
    drawn(&[panel])
}

/// Returns the bands of the 95 % and the 80 % interval; no bands if the bounds are unknown.
fn bands(forecasts: &Forecasts, band: impl Fn(&str, usize, usize) -> Band) -> Vec<Band> {
    match forecasts.bounds.iter().flatten().all(|bound| bound.is_finite()) {
        true => vec![band("95 % interval", 0, 3), band("80 % interval", 1, 2)],
        false => Vec::new(),
    }
}

fn drawn(panels: &[Panel]) -> TaskResult<String> {
    let size = if panels.len() == 1 { (2 * SIZE.0, SIZE.1 + SIZE.1 / 3) } else { (SIZE.0 + SIZE.0 / 3, SIZE.1) };
    Ok(plot::draw(panels, panels.len().min(2), size)?)
}

fn line(name: &str, points: impl Iterator<Item = (f64, f64)>) -> Line {
    Line { name: name.to_owned(), points: points.collect(), faint: false }
}

/// Returns the time of a row as text: the date, and the time of day unless it is midnight. If the rows have step
/// numbers instead of times, returns the step number.
pub fn written(frame: &Frame, row: usize) -> String {
    match frame.numbered {
        true => seconds(frame.times[row]).to_string(),
        false => written_alike(&frame.times[row..=row]).concat(),
    }
}

/// Formats times as texts, all in the same format: the shortest one that loses no part of any time. For example, the
/// texts are only dates if all times are at midnight, and have no seconds if all times are whole minutes.
pub fn written_alike(times: &[DateTime]) -> Vec<String> {
    let all = |is: fn(&DateTime) -> bool| times.iter().all(is);
    let format = match () {
        () if all(|time| time.time() == jiff::civil::Time::midnight()) => "%Y-%m-%d",
        () if all(|time| time.second() == 0 && time.subsec_nanosecond() == 0) => "%Y-%m-%d %H:%M",
        () if all(|time| time.subsec_nanosecond() == 0) => "%Y-%m-%d %H:%M:%S",
        () if all(|time| time.subsec_nanosecond() % 1_000_000 == 0) => "%Y-%m-%d %H:%M:%S%.3f",
        () => "%Y-%m-%d %H:%M:%S%.9f",
    };
    times.iter().map(|time| time.strftime(format).to_string()).collect()
}

/// Returns the label and the kind of the horizontal axis of a plot: times, or the step numbers of the rows.
fn axis(frame: &Frame) -> (String, Axis) {
    if frame.numbered { ("step".to_owned(), Axis::Number) } else { ("time".to_owned(), Axis::Time) }
}

/// Returns the position of a time on the axis: seconds since 1970. For rows with step numbers instead of times, this is
/// the step number.
fn seconds(time: DateTime) -> f64 {
    timesteps::step_of_time(time)
}
