//! The ranking of settings by their validation metric over several seeds.

use std::collections::BTreeMap;

use serde::Serialize;
use training::{Task, grid};

use super::Summary;
use crate::error::Result;

/// The quantiles of Student's t distribution for a 95 % interval, for 1 to 30 degrees of freedom. The last quantile is
/// also used for more than 30 degrees of freedom, although it is then slightly too large.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A group of runs that have the same settings and different seeds.
#[derive(Debug, Serialize)]
pub struct Ranked {
    /// The settings that differ between the groups, such as `optimizer.lr=0.001`.
    pub settings: Vec<String>,
    /// The number of runs in the group.
    pub runs: usize,
    /// The number of these runs that are finished.
    pub finished: usize,
    /// The mean of the best validation metrics of the runs; `None` if no run has been validated yet.
    pub valid: Option<f64>,
    /// Half the width of the 95 % confidence interval of `valid`; `None` for fewer than two runs.
    pub interval: Option<f64>,
    /// The mean of the test metric of the finished runs. It does not decide the rank.
    pub test: Option<f64>,
}

/// Groups runs that differ in their seed only, and sorts the groups by their mean validation metric, the best group
/// first.
pub fn rank<T: Task>(all: &[Summary]) -> Result<Vec<Ranked>> {
    let texts: Vec<_> = all.iter().map(|run| run.text.clone()).collect();
    let mut groups: BTreeMap<Vec<String>, Vec<&Summary>> = BTreeMap::new();
    for (settings, run) in grid::differences(&texts)?.into_iter().zip(all) {
        groups.entry(settings).or_default().push(run);
    }
    let mut ranked: Vec<Ranked> = groups.into_iter().map(|(settings, runs)| of_group::<T>(settings, &runs)).collect();
    let value = |ranked: &Ranked| match (ranked.valid, T::MONITOR.higher_is_better) {
        (None, _) => f64::INFINITY,
        (Some(value), true) => -value,
        (Some(value), false) => value,
    };
    ranked.sort_by(|one, other| value(one).total_cmp(&value(other)));
    Ok(ranked)
}

fn of_group<T: Task>(settings: Vec<String>, runs: &[&Summary]) -> Ranked {
    let valid: Vec<f64> = runs.iter().filter_map(|run| run.valid::<T>()).collect();
    let test: Vec<f64> = runs.iter().filter_map(|run| run.test::<T>()).collect();
    let finished = runs.iter().filter(|run| run.outcome.is_some()).count();
    Ranked { settings, runs: runs.len(), finished, valid: mean(&valid), interval: interval(&valid), test: mean(&test) }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns half the width of the 95 % confidence interval of the mean, under the assumption that the values are
/// normally distributed; `None` for fewer than two values.
fn interval(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = mean(values)?;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / freedom as f64;
    Some(T[freedom.min(T.len()) - 1] * (variance / values.len() as f64).sqrt())
}

/// Returns the rows of the table that `runs --rank` prints. The first row is the header.
pub fn rows<T: Task>(ranked: &[Ranked]) -> Vec<[String; 5]> {
    let metric = T::MONITOR.metric;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let row = |(place, group): (usize, &Ranked)| {
        let interval = group.interval.map_or(String::new(), |half| format!(" ± {half:.4}"));
        let settings = if group.settings.is_empty() { "-".to_owned() } else { group.settings.join(" ") };
        let finished = format!("{} of {}", group.finished, group.runs);
        [(place + 1).to_string(), number(group.valid) + &interval, number(group.test), finished, settings]
    };
    let header = ["rank".to_owned(), format!("valid {metric}"), format!("test {metric}"), "finished".to_owned()];
    let [rank, valid, test, finished] = header;
    std::iter::once([rank, valid, test, finished, "settings".to_owned()])
        .chain(ranked.iter().enumerate().map(row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_student() {
        assert_eq!(interval(&[1.0]), None);
        // Mean 2, standard deviation 1, three values: 4.303 / √3.
        assert!((interval(&[1.0, 2.0, 3.0]).unwrap() - 2.4843).abs() < 1e-3);
        assert_eq!(interval(&[0.5; 20]), Some(0.0));
    }
}
