//! Progress on standard error: a bar with metrics and time left on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::task::Metrics;

/// How often a line is written off a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress over the batches of a whole run.
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    last_line: Instant,
    started: Instant,
    first: u64,
}

impl Progress {
    /// Progress over `total` batches, of which `done` were done before.
    pub fn new(total: usize, done: usize) -> Self {
        let lines = !stderr().is_terminal();
        let target = if lines { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}  {eta} left");
        let bar = ProgressBar::with_draw_target(Some(total as u64), target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_position(done as u64);
        bar.reset_eta();
        let now = Instant::now();
        Self { bar, lines, last_line: now, started: now, first: done as u64 }
    }

    /// Some batches are done.
    pub fn step(&mut self, batches: usize, message: impl FnOnce() -> String) {
        self.bar.inc(batches as u64);
        if !self.lines {
            self.bar.set_message(message());
        } else if self.last_line.elapsed() >= LINE_EVERY {
            let left = duration(self.seconds_left());
            say(&format!("{}, {left} left", message()));
            self.last_line = Instant::now();
        }
    }

    /// Writes a line above the bar.
    pub fn line(&mut self, text: &str) {
        self.bar.suspend(|| say(text));
        self.last_line = Instant::now();
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn seconds_left(&self) -> f64 {
        let position = self.bar.position();
        let done = position.saturating_sub(self.first).max(1) as f64;
        let left = self.bar.length().unwrap_or(position).saturating_sub(position) as f64;
        self.started.elapsed().as_secs_f64() / done * left
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
