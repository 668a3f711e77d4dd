//! Progress on standard error: a dashboard on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::machine::peak_memory;
use crate::task::Metrics;

/// How often a line is written off a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How often the dashboard is written anew.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Progress over the batches of a whole run.
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    shown: Instant,
    started: Instant,
    first: u64,
    losses: Sparkline,
    norms: Sparkline,
    items: usize,
}

/// What a step was like.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Batches of it.
    pub batches: usize,
    /// Items of them.
    pub items: usize,
    /// Their mean loss.
    pub loss: f64,
    /// The gradient's norm before clipping.
    pub norm: f64,
    /// The learning rate.
    pub rate: f64,
}

impl Progress {
    /// Progress over `total` batches, of which `done` were done before.
    pub fn new(total: usize, done: usize) -> Self {
        let lines = !stderr().is_terminal();
        let target = if lines { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left\n{msg}");
        let bar = ProgressBar::with_draw_target(Some(total as u64), target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_position(done as u64);
        bar.reset_eta();
        let now = Instant::now();
        let [losses, norms] = [(); 2].map(|()| Sparkline::default());
        Self { bar, lines, shown: now, started: now, first: done as u64, losses, norms, items: 0 }
    }

    /// A step is done. `describe` tells in words where training stands.
    pub fn step(&mut self, step: Step, describe: impl FnOnce() -> String) {
        self.bar.inc(step.batches as u64);
        self.items += step.items;
        self.losses.push(step.loss);
        self.norms.push(step.norm);
        if !self.lines && self.shown.elapsed() >= DRAW_EVERY {
            self.bar.set_message(self.dashboard(step, &describe()));
            self.shown = Instant::now();
        } else if self.lines && self.shown.elapsed() >= LINE_EVERY {
            let left = duration(self.seconds_left());
            say(&format!("{}  loss {:.4}, {left} left", describe(), self.losses.last()));
            self.shown = Instant::now();
        }
    }

    /// Some batches were passed over.
    pub fn skip(&mut self, batches: usize) {
        self.bar.inc(batches as u64);
    }

    /// Writes a line above the dashboard.
    pub fn line(&mut self, text: &str) {
        self.bar.suspend(|| say(text));
        self.shown = Instant::now();
    }

    /// Removes the dashboard.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn dashboard(&self, step: Step, description: &str) -> String {
        let speed = HumanCount((self.items as f64 / self.started.elapsed().as_secs_f64().max(1e-3)) as u64);
        let memory = peak_memory().map_or(String::new(), |bytes| format!("  {} MiB", bytes >> 20));
        let Self { losses, norms, .. } = self;
        let rows = [
            format!("{description}  {speed} items/s{memory}"),
            format!("training loss  {:>9.4}  {}", losses.last(), losses.draw()),
            format!("gradient norm  {:>9.4}  {}", norms.last(), norms.draw()),
            format!("learning rate  {:>9.2e}", step.rate),
        ];
        rows.join("\n")
    }

    fn seconds_left(&self) -> f64 {
        let position = self.bar.position();
        let done = position.saturating_sub(self.first).max(1) as f64;
        let left = self.bar.length().unwrap_or(position).saturating_sub(position) as f64;
        self.started.elapsed().as_secs_f64() / done * left
    }
}

/// The means of a growing number of values over a bounded number of equal spans.
#[derive(Debug)]
struct Sparkline {
    /// Sum and count of each span.
    spans: Vec<(f64, usize)>,
    /// Values of a whole span.
    length: usize,
}

impl Default for Sparkline {
    fn default() -> Self {
        Self { spans: Vec::new(), length: 1 }
    }
}

impl Sparkline {
    const WIDTH: usize = 48;

    fn push(&mut self, value: f64) {
        match self.spans.last_mut() {
            Some((sum, count)) if *count < self.length => {
                *sum += value;
                *count += 1;
            }
            _ => self.spans.push((value, 1)),
        }
        if self.spans.len() > Self::WIDTH {
            let pair = |pair: &[(f64, usize)]| pair.iter().fold((0.0, 0), |sum, span| (sum.0 + span.0, sum.1 + span.1));
            self.spans = self.spans.chunks(2).map(pair).collect();
            self.length *= 2;
        }
    }

    fn means(&self) -> impl Iterator<Item = f64> {
        self.spans.iter().map(|(sum, count)| sum / *count as f64)
    }

    /// The mean of the last span.
    fn last(&self) -> f64 {
        self.means().last().unwrap_or(f64::NAN)
    }

    fn draw(&self) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let [low, high] = [self.means().fold(f64::INFINITY, f64::min), self.means().fold(f64::NEG_INFINITY, f64::max)];
        let level = |mean: f64| ((mean - low) / (high - low).max(1e-300) * 7.0).round() as usize;
        self.means().map(|mean| LEVELS[level(mean).min(7)]).collect()
    }
}

/// A line on standard error. Where nobody can read it, training goes on all the same: `eprintln` would panic.
pub fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// Seconds as people write them: `12.3 s`, `4 min 05 s`, `1 h 02 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Metrics as people read them: `accuracy 0.9012, loss 0.2511`.
pub fn list(metrics: &Metrics) -> String {
    metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join(", ")
}

/// A baseline's name as part of a metric's that compares with it: `skill_mae_seasonal_persistence`.
pub fn key(baseline: &str) -> String {
    baseline.to_lowercase().replace([' ', '-'], "_")
}

/// Metrics without those that compare with a baseline: tables have columns for these.
pub fn own(metrics: &Metrics, baselines: &BTreeMap<String, Metrics>) -> Metrics {
    let keys: Vec<String> = baselines.keys().map(|name| format!("_{}", key(name))).collect();
    let compares = |name: &str| {
        let name = name.trim_end_matches("_low").trim_end_matches("_high");
        keys.iter().any(|key| name.ends_with(key.as_str()))
    };
    metrics.iter().filter(|(name, _)| !compares(name)).map(|(name, value)| (name.clone(), *value)).collect()
}

/// Metrics of a model and of its baselines as a table: a line a metric.
pub fn table(what: &str, model: &Metrics, baselines: &BTreeMap<String, Metrics>) -> String {
    let model = &own(model, baselines);
    let columns: Vec<(&str, &Metrics)> =
        [("this model", model)].into_iter().chain(baselines.iter().map(|(name, row)| (name.as_str(), row))).collect();
    let first = model.keys().map(|name| name.chars().count()).chain([what.chars().count()]).max().unwrap_or(0);
    let cells = |cell: &dyn Fn(&str, &Metrics) -> String| -> String {
        columns
            .iter()
            .map(|(name, row)| format!("  {:>width$}", cell(name, row), width = name.chars().count().max(8)))
            .collect()
    };
    let mut lines = vec![format!("{what:first$}{}", cells(&|name, _| name.to_owned()))];
    for name in model.keys() {
        let value = |_: &str, row: &Metrics| row.get(name).map_or("–".to_owned(), |value| format!("{value:.4}"));
        lines.push(format!("{name:first$}{}", cells(&value)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }

    #[test]
    fn a_table_has_a_line_a_metric() {
        let metrics = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0.5)).collect::<Metrics>();
        let baselines = BTreeMap::from([("Holt-Winters".to_owned(), metrics(&["mae"]))]);
        let expected = "test  this model  Holt-Winters\nmae       0.5000        0.5000\nmse       0.5000             –";
        let found = metrics(&["mae", "mse", "skill_mae_holt_winters", "skill_mae_holt_winters_low"]);
        assert_eq!(table("test", &found, &baselines), expected);
    }

    #[test]
    fn a_sparkline_shows_means_of_all_values_in_a_bounded_width() {
        let mut line = Sparkline::default();
        for value in [1.0, 8.0, 4.5] {
            line.push(value);
        }
        assert_eq!((line.draw().as_str(), line.last()), ("▁█▅", 4.5));
        (0..1000).for_each(|value| line.push(f64::from(value)));
        let drawn: Vec<char> = line.draw().chars().collect();
        assert!(drawn.len() <= Sparkline::WIDTH && drawn.len() > Sparkline::WIDTH / 2, "{drawn:?}");
        assert!(drawn.is_sorted() && line.spans.iter().map(|(_, count)| count).sum::<usize>() == 1003);
    }
}
