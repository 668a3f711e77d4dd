//! Shows the progress of training and of downloads on standard error: as a dashboard or a bar if standard error is a
//! terminal, and as plain lines if it is not.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use datasets::{Activity, Progress};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use training::duration;
use training::machine::peak_memory;
use training::observer::{Event, Observer, Step};
use training::run::Epoch;

use crate::output::{log, printable};

/// The interval between two progress lines if standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The smallest width of a terminal on which the dashboard is drawn, in characters.
const WIDTH: u16 = 76;

/// Returns whether standard error is a terminal that can draw a dashboard or a bar.
fn can_draw() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    let is_wide = terminal_size::terminal_size_of(stderr()).is_none_or(|(width, _)| width.0 >= WIDTH);
    stderr().is_terminal() && !is_dumb && is_wide
}

/// The interval between two updates of the dashboard.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// An observer that writes the events of a training run to standard error.
pub struct Console {
    steps: Option<Steps>,
    current_run: Arc<Mutex<Option<PathBuf>>>,
}

impl Console {
    /// Creates a console that also stores the folder of the current run in `current_run`.
    pub fn new(current_run: Arc<Mutex<Option<PathBuf>>>) -> Self {
        Self { steps: None, current_run }
    }

    /// Writes a line of text to standard error: above the dashboard, if there is one.
    fn line(&mut self, text: &str) {
        match &mut self.steps {
            Some(steps) => steps.line(&printable(text)),
            None => log(text),
        }
    }
}

impl Observer for Console {
    fn observe(&mut self, event: &Event) {
        match event {
            // A note says "set data.vocabulary=4000"; on the command line this is the option --set.
            Event::Note(text) => self.line(&text.replace(" set data.", " --set data.")),
            Event::Started { recipe, about, run } => {
                if let Ok(mut current) = self.current_run.lock() {
                    *current = Some(run.to_path_buf());
                }
                self.line(&format!("recipe {recipe}: {about}\nrun folder {}", run.display()));
            }
            Event::Fitting { batches, done } => self.steps = Some(Steps::new(*batches, *done)),
            Event::Step(step) => self.steps.iter_mut().for_each(|steps| steps.step(step)),
            Event::Skipped { what, value, batch, epoch, batches } => {
                self.line(&format!("the {what} is {value} in {batch} of epoch {epoch}: step skipped"));
                self.steps.iter().for_each(|steps| steps.bar.inc(*batches as u64));
            }
            Event::Epoch { epoch, epochs, is_best, seconds } => {
                self.line(&epoch_line(epoch, *epochs, *is_best, *seconds));
            }
            Event::Stopped => drop(self.steps.take().map(|steps| steps.bar.finish_and_clear())),
            Event::Measuring => self.line("measuring the model on the test part"),
            Event::Measured { test } => self.line(&format!("test metrics: {}; measuring the baselines", test.list())),
            _ => {}
        }
    }
}

fn epoch_line(epoch: &Epoch, epochs: usize, is_best: bool, seconds: f64) -> String {
    let valid = epoch.valid.iter().map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join(", ");
    format!(
        "epoch {}/{epochs}: training loss {:.4}, gradient norm {:.3}, validation {valid}{} ({})",
        epoch.epoch,
        epoch.train_loss,
        epoch.gradient_norm,
        if is_best { ", the best so far" } else { "" },
        duration(seconds),
    )
}

/// The display of the progress of one training run.
struct Steps {
    bar: ProgressBar,
    /// Whether to write plain lines, because standard error is not a terminal that can draw.
    lines: bool,
    /// The time of the last update of the display.
    drawn: Instant,
    /// The time at which the display was created.
    started: Instant,
    /// The number of batches that earlier processes have trained on; 0 if this process does not resume a run.
    first: u64,
    /// The training losses of the steps.
    losses: Sparkline,
    /// The gradient norms of the steps.
    norms: Sparkline,
    /// The number of items, such as sentences, that this process has trained on.
    items: usize,
}

impl Steps {
    fn new(total: usize, done: usize) -> Self {
        let lines = !can_draw();
        let target = if lines { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left\n{msg}");
        let bar = ProgressBar::with_draw_target(Some(total as u64), target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_position(done as u64);
        bar.reset_eta();
        let now = Instant::now();
        let [losses, norms] = [(); 2].map(|()| Sparkline::default());
        Self { bar, lines, drawn: now, started: now, first: done as u64, losses, norms, items: 0 }
    }

    fn step(&mut self, step: &Step) {
        self.bar.inc(step.batches as u64);
        self.items += step.items;
        self.losses.push(step.loss);
        self.norms.push(step.norm);
        if !self.lines && self.drawn.elapsed() >= DRAW_EVERY {
            self.bar.set_message(self.dashboard(step));
            self.drawn = Instant::now();
        } else if self.lines && self.drawn.elapsed() >= LINE_EVERY {
            let left = duration(self.seconds_left());
            log(&format!("{}  loss {:.4}, {left} left", position(step), self.losses.last()));
            self.drawn = Instant::now();
        }
    }

    fn line(&mut self, text: &str) {
        self.bar.suspend(|| log(text));
        self.drawn = Instant::now();
    }

    fn dashboard(&self, step: &Step) -> String {
        let speed = HumanCount((self.items as f64 / self.started.elapsed().as_secs_f64().max(1e-3)) as u64);
        let memory = peak_memory().map_or(String::new(), |bytes| format!("  RAM {} MiB", bytes >> 20));
        let Self { losses, norms, .. } = self;
        let rows = [
            format!("{}  {speed} items/s{memory}", position(step)),
            format!("training loss  {:>9.4}  {}", losses.last(), losses.draw()),
            format!("gradient norm  {:>9.4}  {}", norms.last(), norms.draw()),
            format!("learning rate  {:>9.2e}", step.lr),
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

/// Returns a description of the current epoch and the best epoch: `epoch 2/4, best perplexity 1.7000 in epoch 1`.
fn position(step: &Step) -> String {
    let Step { epoch, epochs, best, monitor, .. } = step;
    let best = best.map_or(String::new(), |(epoch, value)| format!(", best {monitor} {value:.4} in epoch {epoch}"));
    format!("epoch {epoch}/{epochs}{best}")
}

/// Returns a function that shows the progress of a download, or of reading a large file, on standard error.
pub fn data_progress() -> impl Fn(Progress<'_>) + Send + Sync + 'static {
    let shown: Mutex<Option<(ProgressBar, Instant)>> = Mutex::new(None);
    move |Progress { activity, received, total, .. }| {
        let Ok(mut shown) = shown.lock() else { return };
        let (bar, logged) = shown.get_or_insert_with(|| {
            log(&match activity {
                Activity::Download { set, url } => format!("downloading {set} from {url}"),
                Activity::Read { path } => format!("reading {}", path.display()),
            });
            let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}  {eta} left");
            let target = if can_draw() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
            let bar = ProgressBar::with_draw_target(total, target);
            (bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), Instant::now())
        });
        bar.set_position(received);
        if bar.is_hidden() && logged.elapsed() >= LINE_EVERY {
            let of = total.map_or(String::new(), |total| format!(" of {}", HumanBytes(total)));
            log(&format!("{}{of}", HumanBytes(received)));
            *logged = Instant::now();
        }
        if total == Some(received) {
            bar.finish_and_clear();
            *shown = None;
        }
    }
}

/// A small chart of a series of values. It has at most `Sparkline::WIDTH` bars. Each bar is the mean of a group of
/// consecutive values. All groups have the same size, except the last group, which may be smaller.
#[derive(Debug)]
struct Sparkline {
    /// Sum and count of the values in each group of consecutive values.
    spans: Vec<(f64, usize)>,
    /// The number of values in a full group.
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

    /// Returns the mean of the most recent group of values.
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

#[cfg(test)]
mod tests {
    use super::*;

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
