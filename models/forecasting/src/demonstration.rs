//! What a trained model is worth, in words and as a picture.

use burn::tensor::Device;
use training::{Demonstration, Metrics, Outcome, TaskResult};

use crate::frame::Windows;
use crate::head::Head;
use crate::model::Model;
use crate::picture::{self, written};
use crate::task::Forecasting;

/// Of values, as metrics name them.
const VALUES: [&str; 3] = ["persistence", "seasonal_persistence", "holt_winters"];
/// Of volatility.
const YARDSTICKS: [&str; 4] = ["ewma", "garch", "har", "log_har_with_vix"];

/// Verdicts over the yardsticks, and the last forecast of the test part.
pub fn of(
    task: &Forecasting,
    model: &Model,
    outcome: &Outcome,
    test: &Windows,
    device: &Device,
) -> TaskResult<Demonstration> {
    let head = task.architecture.loss;
    let test_metrics = &outcome.test;
    let (lines, picture) = match head {
        Head::Direction => (directions(test_metrics), None),
        Head::Qlike => {
            let mut lines = verdicts(test_metrics, "qlike", "QLIKE", &YARDSTICKS);
            lines.extend(verdicts(test_metrics, "volatility_mae", "absolute error", &YARDSTICKS));
            (lines, Some(picture::of_days(test, &task.forecasts(model, test, device), head)?))
        }
        _ => {
            let mut lines = verdicts(test_metrics, "mae", "absolute error", &VALUES);
            lines.extend(coverage(test_metrics));
            (lines, of_last(task, model, test, device)?)
        }
    };
    let time = |origin: Option<&usize>| origin.map_or(String::new(), |&row| written(test.frame.times[row]));
    let (first, last) = (time(test.origins.first()), time(test.origins.last()));
    let head = format!("{} forecasts of the test part, from {first} to {last}:", test.len());
    Ok(Demonstration { lines: ["".to_owned(), head].into_iter().chain(lines).collect(), picture })
}

fn of_last(task: &Forecasting, model: &Model, test: &Windows, device: &Device) -> TaskResult<Option<String>> {
    let Some(&origin) = test.origins.last() else { return Ok(None) };
    if test.horizon == 1 {
        return Ok(Some(picture::of_days(test, &task.forecasts(model, test, device), task.architecture.loss)?));
    }
    let alone = Windows { origins: vec![origin], ..test.clone() };
    Ok(Some(picture::of_window(test, origin, &task.forecasts(model, &alone, device), task.architecture.loss)?))
}

/// One line a yardstick: how much smaller the cost is, and whether that is more than chance.
pub fn verdicts(metrics: &Metrics, cost: &str, name: &str, yardsticks: &[&str]) -> Vec<String> {
    let verdict = |yardstick: &&str| {
        let of = |what: &str| metrics.get(&format!("{what}_{cost}_{yardstick}")).copied().unwrap_or(f64::NAN);
        let end = |end: &str| metrics.get(&format!("skill_{cost}_{yardstick}_{end}")).copied().unwrap_or(f64::NAN);
        let (skill, low, high, chance) = (of("skill"), end("low"), end("high"), of("p"));
        let plain = yardstick.replace('_', " ");
        let numbers = format!(
            "{:.1} % (95 % interval {:.1} to {:.1}; {})",
            100.0 * skill,
            100.0 * low,
            100.0 * high,
            probability(chance)
        );
        if low.is_nan() {
            return format!(
                "{name}: skill over {plain} {:.1} %, of too few windows to be told from chance",
                100.0 * skill
            );
        }
        // Both ways to tell have to agree.
        match (low > 0.0 && chance < 0.05, high < 0.0 && chance < 0.05) {
            (true, _) => format!("{name} smaller than by {plain}, by {numbers}"),
            (_, true) => format!("{name} LARGER than by {plain}: skill {numbers}"),
            _ => format!("{name} as by {plain}, as far as can be told: skill {numbers}"),
        }
    };
    let measured = |yardstick: &&&str| metrics.contains_key(&format!("skill_{cost}_{yardstick}"));
    yardsticks.iter().filter(measured).map(verdict).collect()
}

fn probability(value: f64) -> String {
    if value < 0.001 { "p < 0.001".to_owned() } else { format!("p = {value:.3}") }
}

/// How often intervals held; nothing if they are not known.
fn coverage(metrics: &Metrics) -> Option<String> {
    let of = |claim: u32| metrics.get(&format!("coverage_{claim}")).filter(|share| share.is_finite());
    let (held_80, held_95) = (100.0 * of(80)?, 100.0 * of(95)?);
    Some(format!("80 % intervals held {held_80:.1} % of the values, 95 % intervals {held_95:.1} %"))
}

fn directions(metrics: &Metrics) -> Vec<String> {
    let of = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
    let (low, high, majority) = (of("accuracy_low"), of("accuracy_high"), 1.0 - of("error_majority"));
    let chance = of("p_error_majority");
    let verdict = match (chance < 0.05, of("accuracy") > majority) {
        (true, true) => "better than that, beyond chance",
        (true, false) => "WORSE than that, beyond chance",
        (false, _) => "no different from that, as far as can be told",
    };
    vec![
        format!(
            "right on {:.1} % of the days (95 % interval {:.1} to {:.1}); always saying the more frequent direction is right on {:.1} %",
            100.0 * of("accuracy"),
            100.0 * low,
            100.0 * high,
            100.0 * majority
        ),
        format!("{verdict} ({})", probability(chance)),
    ]
}
