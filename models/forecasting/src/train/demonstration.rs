//! The demonstration of a trained model: sentences that compare it with the baselines, and a plot.

use training::{Comparison, Demonstration, Measured, Skill, TaskError, TaskResult};

use super::direction::MAJORITY;
use super::picture::{self, written};
use crate::forecaster::Forecaster;
use crate::frame::Windows;
use crate::likelihood::Likelihood;

/// The significance level of the comparisons with baselines.
const LEVEL: f64 = 0.05;

/// Makes the demonstration: a sentence per comparison with a baseline, and a plot of the last forecast of the test
/// part.
pub fn of(forecaster: &Forecaster, measured: &Measured, test: &Windows) -> TaskResult<Demonstration> {
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
    let time = |origin: Option<&usize>| origin.map_or(String::new(), |&row| written(&test.frame, row));
    let (first, last) = (time(test.origins.first()), time(test.origins.last()));
    let title = format!("{} forecasts of the test part, from {first} to {last}:", test.len());
    let lines = [String::new(), title].into_iter().chain(lines).collect();
    Ok(Demonstration { lines, picture: plot(forecaster, test)? })
}

fn plot(forecaster: &Forecaster, test: &Windows) -> TaskResult<Option<String>> {
    let likelihood = forecaster.likelihood();
    let Some(&last) = test.origins.last().filter(|_| likelihood != Likelihood::Direction) else { return Ok(None) };
    let forecasts = |windows: &Windows| forecaster.forecasts(windows, || Ok::<_, TaskError>(()));
    if test.horizon == 1 {
        return Ok(Some(picture::of_days(test, &forecasts(test)?, likelihood)?));
    }
    let alone = Windows { origins: vec![last], ..test.clone() };
    Ok(Some(picture::of_window(&alone, &forecasts(&alone)?, likelihood)?))
}

/// Writes one sentence per baseline that was compared by `metric`: the skill (the reduction of the loss), and whether
/// it is significant. `label` is the name of the metric in the sentence.
pub fn verdicts(measured: &Measured, metric: &str, label: &str) -> Vec<String> {
    let of_metric = measured.comparisons.iter().filter(|comparison| comparison.metric == metric);
    of_metric.filter_map(|comparison| Some(verdict(comparison, comparison.skill?, label))).collect()
}

fn verdict(Comparison { baseline, .. }: &Comparison, skill: Skill, label: &str) -> String {
    let percent = |value: f64| format!("{:.1}", 100.0 * value);
    let ([low, high], value) = (skill.interval, percent(skill.value));
    if low.is_nan() {
        return format!("{label}: skill {value} % over {baseline}; too few windows for a test");
    }
    let numbers = format!("{value} % (95 % interval {} to {}; {})", percent(low), percent(high), p_value(skill.p));
    // A difference is significant only if its confidence interval excludes 0 and its p-value is below `LEVEL`.
    match (low > 0.0 && skill.p < LEVEL, high < 0.0 && skill.p < LEVEL) {
        (true, _) => format!("{label} smaller than that of {baseline} by {numbers}"),
        (_, true) => format!("{label} LARGER than that of {baseline}: skill {numbers}"),
        _ => format!("{label} not significantly different from that of {baseline}: skill {numbers}"),
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A sentence about the fraction of values that lie in the 80 % and 95 % intervals; `None` if there are no intervals.
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

    /// A significant improvement, a significant loss, and no significant difference are told apart.
    #[test]
    fn verdicts_need_interval_and_test() {
        let verdict = |interval: [f64; 2], p: f64| {
            let skill = Some(Skill { value: 0.5 * (interval[0] + interval[1]), interval, p });
            let comparison = Comparison { metric: "mae".to_owned(), baseline: "drift".to_owned(), value: 1.0, skill };
            let measured = Measured { metrics: Vec::new(), comparisons: vec![comparison] };
            assert!(verdicts(&measured, "mse", "x").is_empty());
            verdicts(&measured, "mae", "x").concat()
        };
        assert!(verdict([0.1, 0.3], 0.01).contains("smaller"));
        assert!(verdict([-0.3, -0.1], 0.01).contains("LARGER"));
        for (interval, p) in [([0.1, 0.3], 0.2), ([-0.1, 0.3], 0.01)] {
            assert!(verdict(interval, p).contains("not significantly"));
        }
        assert!(verdict([f64::NAN; 2], f64::NAN).contains("too few"));
    }
}
