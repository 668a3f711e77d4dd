//! The demonstration of a trained model: sentences that compare it with the baselines, and a plot.

use std::cmp::Ordering;
use std::sync::Arc;

use training::{Comparison, Demonstration, Measured, Skill, TaskError, TaskResult};

use super::direction::MAJORITY;
use super::measure::NO_ERROR;
use super::picture::{self, written};
use crate::forecaster::Forecaster;
use crate::frame::{Frame, Windows};
use crate::likelihood::Likelihood;

/// The significance level of the comparisons with baselines.
const LEVEL: f64 = 0.05;

/// Makes the demonstration of a trained model: a sentence per comparison with a baseline, a sentence about the coverage
/// of the intervals, and a plot of the last forecast of the test part.
pub fn of(forecaster: &Forecaster, measured: &Measured, test: &[Windows]) -> TaskResult<Demonstration> {
    let likelihood = forecaster.likelihood();
    let lines = match likelihood {
        Likelihood::Direction => directions(measured),
        Likelihood::Qlike => {
            let mut lines = verdicts(measured, "qlike", "QLIKE");
            lines.extend(verdicts(measured, "volatility_mae", "absolute error"));
            lines
        }
        _ => {
            let mut lines = verdicts(measured, "mae", "absolute error");
            lines.extend(coverage(measured));
            lines
        }
    };
    let ends = || test.iter().flat_map(|windows| windows.origins.iter().map(|&row| (&windows.frame, row)));
    let time = |(frame, row): (&Arc<Frame>, usize)| (frame.times[row], written(frame, row));
    let (first, last) = (ends().map(time).min().unwrap_or_default().1, ends().map(time).max().unwrap_or_default().1);
    let of_series = if test.len() > 1 { format!(" of {} series", test.len()) } else { String::new() };
    let title = format!("{} forecasts of the test part{of_series}, from {first} to {last}:", ends().count());
    let lines = [String::new(), title].into_iter().chain(lines).collect();
    Ok(Demonstration { lines, picture: plot(forecaster, test)? })
}

fn plot(forecaster: &Forecaster, test: &[Windows]) -> TaskResult<Option<String>> {
    let likelihood = forecaster.likelihood();
    if likelihood == Likelihood::Direction || test.iter().any(Windows::is_empty) {
        return Ok(None);
    }
    let forecasts = |set: &[Windows]| forecaster.forecasts(set, || Ok::<_, TaskError>(()));
    if let [windows] = test
        && windows.horizon == 1
    {
        return Ok(Some(picture::of_days(windows, &forecasts(test)?[0], likelihood)?));
    }
    let last = |windows: &Windows| {
        let origins = windows.origins.last().copied().into_iter().collect();
        Windows { origins, ..windows.clone() }
    };
    let alone: Vec<Windows> = test.iter().take(picture::MOST_PANELS).map(last).collect();
    Ok(Some(picture::of_windows(&alone, &forecasts(&alone)?, test.len(), likelihood)?))
}

/// Writes one sentence for each baseline with which the model was compared by `metric`: the skill (the relative
/// reduction of the loss), and whether it is significantly different from 0. `label` is the name of the metric in the
/// sentence.
pub fn verdicts(measured: &Measured, metric: &str, label: &str) -> Vec<String> {
    let of_metric = measured.comparisons.iter().filter(|comparison| comparison.metric == metric);
    let sentence = |comparison: &Comparison| match comparison.skill {
        Some(skill) => Some(verdict(comparison, skill, label)),
        None if comparison.value <= NO_ERROR => Some(format!(
            "{label} of {} is 0, so no model can be better; use this baseline instead",
            comparison.baseline
        )),
        None => None,
    };
    of_metric.filter_map(sentence).collect()
}

/// Writes a sentence for each baseline that is better than the model: its absolute error or QLIKE on the test part is
/// significantly smaller than that of the model, or is 0.
pub fn better_baselines(measured: &Measured) -> Vec<String> {
    let worse = |comparison: &&Comparison| match comparison.skill {
        Some(skill) => significant(skill) == Some(Ordering::Less),
        None => comparison.value <= NO_ERROR,
    };
    let comparisons = measured.comparisons.iter().filter(worse).cloned().collect();
    let measured = Measured { metrics: Vec::new(), comparisons };
    [("mae", "absolute error"), ("qlike", "QLIKE")]
        .iter()
        .flat_map(|(metric, label)| verdicts(&measured, metric, label))
        .collect()
}

/// Compares the skill with 0: `Greater` if the model is significantly better than the baseline, `Less` if it is
/// significantly worse, `Equal` if the difference is not significant; `None` if there are too few windows.
///
/// A difference is significant only if its confidence interval excludes 0 and its p-value is below [`LEVEL`].
fn significant(Skill { interval: [low, high], p, .. }: Skill) -> Option<Ordering> {
    match (low > 0.0 && p < LEVEL, high < 0.0 && p < LEVEL) {
        _ if low.is_nan() => None,
        (true, _) => Some(Ordering::Greater),
        (_, true) => Some(Ordering::Less),
        _ => Some(Ordering::Equal),
    }
}

fn verdict(Comparison { baseline, .. }: &Comparison, skill: Skill, label: &str) -> String {
    let percent = |value: f64| format!("{:.1}", 100.0 * value);
    let ([low, high], value) = (skill.interval, percent(skill.value));
    let numbers = format!("{value} % (95 % interval {} to {}; {})", percent(low), percent(high), p_value(skill.p));
    match significant(skill) {
        None => format!("{label}: skill {value} % over {baseline}; too few windows for a significance test"),
        Some(Ordering::Greater) => format!("{label} smaller than that of {baseline} by {numbers}"),
        Some(Ordering::Less) => format!("{label} LARGER than that of {baseline}: skill {numbers}"),
        Some(Ordering::Equal) => {
            format!("{label} not significantly different from that of {baseline}: skill {numbers}")
        }
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// Returns a sentence about the fraction of values that lie in the 80 % and 95 % intervals; `None` if there are no
/// intervals.
fn coverage(measured: &Measured) -> Option<String> {
    let of = |name: &str| measured.get(name).filter(|coverage| coverage.is_finite()).map(|coverage| 100.0 * coverage);
    let (narrow, wide) = (of("coverage_80")?, of("coverage_95")?);
    Some(format!("80 % intervals cover {narrow:.1} % of the values, 95 % intervals {wide:.1} %"))
}

fn directions(measured: &Measured) -> Vec<String> {
    let accuracy = measured.metrics.iter().find(|metric| metric.name == "accuracy");
    let accuracy = accuracy.and_then(|metric| Some((metric.value, metric.interval?)));
    let majority =
        measured.comparison("error", MAJORITY).and_then(|majority| Some((1.0 - majority.value, majority.skill?)));
    let (Some((accuracy, [low, high])), Some((majority, Skill { p, .. }))) = (accuracy, majority) else {
        return Vec::new();
    };
    let verdict = match (p < LEVEL, accuracy > majority) {
        (true, true) => "significantly better",
        (true, false) => "significantly WORSE",
        (false, _) => "not significantly different",
    };
    let [accuracy, low, high, majority] = [accuracy, low, high, majority].map(|value| 100.0 * value);
    vec![
        format!("right on {accuracy:.1} % of the days (95 % interval {low:.1} to {high:.1})"),
        format!(
            "always the more frequent direction: right on {majority:.1} %; the model is {verdict} ({})",
            p_value(p)
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences distinguish a significantly better model, a significantly worse model, and a difference that is
    /// not significant.
    #[test]
    fn verdicts_need_interval_and_test() {
        let verdict = |interval: [f64; 2], p: f64| {
            let skill = Some(Skill { value: 0.5 * (interval[0] + interval[1]), interval, p });
            let measured = compared(1.0, skill);
            assert!(verdicts(&measured, "mse", "x").is_empty());
            (verdicts(&measured, "mae", "x").concat(), better_baselines(&measured).len())
        };
        let (better, none) = verdict([0.1, 0.3], 0.01);
        assert!(better.contains("smaller") && none == 0);
        let (worse, one) = verdict([-0.3, -0.1], 0.01);
        assert!(worse.contains("LARGER") && one == 1);
        for (interval, p) in [([0.1, 0.3], 0.2), ([-0.1, 0.3], 0.01)] {
            let (equal, none) = verdict(interval, p);
            assert!(equal.contains("not significantly") && none == 0);
        }
        assert!(verdict([f64::NAN; 2], f64::NAN).0.contains("too few"));
    }

    #[test]
    fn a_baseline_without_errors_is_better() {
        assert_eq!(better_baselines(&compared(0.0, None)).len(), 1);
        assert!(better_baselines(&compared(1.0, None)).is_empty());
    }

    /// Metrics with one comparison, with the baseline `drift`.
    fn compared(value: f64, skill: Option<Skill>) -> Measured {
        let comparison = Comparison { metric: "mae".to_owned(), baseline: "drift".to_owned(), value, skill };
        Measured { metrics: Vec::new(), comparisons: vec![comparison] }
    }
}
