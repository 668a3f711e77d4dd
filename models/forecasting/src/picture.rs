//! Forecasts as pictures: what came before, what was forecast, how sure that was, and what came.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use training::TaskResult;
use training::plot::{self, Axis, Band, Legend, Line, Panel, SIZE};

use crate::forecast::Forecast;
use crate::frame::Windows;
use crate::head::Head;

/// Columns that are drawn at most.
const MOST_COLUMNS: usize = 4;
/// Steps that are drawn before a forecast: so many times its own, and at least so many.
const BEFORE: usize = 3;
const LEAST_BEFORE: usize = 20;
/// Windows that are drawn where each is of one step.
const DAYS: usize = 250;

/// The forecast of one window, a panel a column.
pub fn of_window(windows: &Windows, origin: usize, forecast: &Forecast, head: Head) -> TaskResult<String> {
    let Windows { frame, horizon, .. } = windows;
    let before = origin - (BEFORE * horizon).max(LEAST_BEFORE).min(origin)..origin;
    let panel = |target: usize| {
        let row = |step: usize| step * frame.targets + target;
        let name = head.name(&frame.scaler, target);
        let shown = |value: f32| head.shown(&frame.scaler, target, value);
        let value = |row: usize| shown(frame.value(row, target));
        let steps = || (0..*horizon).map(|step| (seconds(frame.times[origin + step]), row(step)));
        // Lines and bands begin at the last value that is known.
        let last = (seconds(frame.times[origin - 1]), value(origin - 1));
        let band = |name: &str, low: usize, high: usize| Band {
            name: name.to_owned(),
            points: [(last.0, [last.1; 2])]
                .into_iter()
                .chain(steps().map(|(x, row)| (x, [low, high].map(|end| shown(forecast.ends[row][end])))))
                .collect(),
        };
        let history = before.clone().chain(origin..origin + horizon).map(|row| (seconds(frame.times[row]), value(row)));
        Panel {
            title: format!("{name}: forecast from {}", written(frame.times[origin])),
            x: "time".to_owned(),
            y: name.to_owned(),
            axis: Axis::Time,
            bands: bands(forecast, band),
            lines: vec![
                line("observed", history),
                line("forecast", [last].into_iter().chain(steps().map(|(x, row)| (x, shown(forecast.points[row]))))),
            ],
            legend: Legend::UpperLeft,
            ..Panel::default()
        }
    };
    let panels: Vec<Panel> = (0..frame.targets.min(MOST_COLUMNS)).map(panel).collect();
    drawn(&panels)
}

/// The forecasts of the last windows, each of one step, of the first target: of variances, as volatilities.
pub fn of_days(windows: &Windows, forecast: &Forecast, head: Head) -> TaskResult<String> {
    let frame = &windows.frame;
    let first = windows.len().saturating_sub(DAYS);
    let shown = |value: f32| head.shown(&frame.scaler, 0, value);
    let days = || (first..windows.len()).map(|place| (place, seconds(frame.times[windows.origins[place]])));
    let band = |name: &str, low: usize, high: usize| Band {
        name: name.to_owned(),
        points: days()
            .map(|(place, x)| (x, [low, high].map(|end| shown(forecast.ends[place * frame.targets][end]))))
            .collect(),
    };
    let name = head.name(&frame.scaler, 0);
    let panel = Panel {
        title: format!("{name}: forecasts of the day before"),
        x: "time".to_owned(),
        y: name.to_owned(),
        axis: Axis::Time,
        bands: bands(forecast, band),
        lines: vec![
            line("observed", days().map(|(place, x)| (x, shown(frame.value(windows.origins[place], 0))))),
            line("forecast", days().map(|(place, x)| (x, shown(forecast.points[place * frame.targets])))),
        ],
        legend: Legend::UpperLeft,
        ..Panel::default()
    };
    drawn(&[panel])
}

/// The wider interval and the narrower one; none if it is not known how wide they are.
fn bands(forecast: &Forecast, band: impl Fn(&str, usize, usize) -> Band) -> Vec<Band> {
    match forecast.ends.iter().flatten().all(|end| end.is_finite()) {
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

/// A time as tables have it: the date alone at midnight.
pub fn written(time: DateTime) -> String {
    written_alike(&[time]).concat()
}

/// The same of several: dates alone if all are at midnight.
pub fn written_alike(times: &[DateTime]) -> Vec<String> {
    let midnight = |time: &DateTime| time.time() == jiff::civil::Time::midnight();
    let format = if times.iter().all(midnight) { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
    times.iter().map(|time| time.strftime(format).to_string()).collect()
}

fn seconds(time: DateTime) -> f64 {
    time.to_zoned(TimeZone::UTC).map_or(f64::NAN, |zoned| zoned.timestamp().as_second() as f64)
}
