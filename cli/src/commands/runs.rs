//! `runs`: lists training runs, and compares their metrics.

mod ranking;

use std::path::{Path, PathBuf};

use serde_json::json;
use training::duration;
use training::package::{is_package, record_in};
use training::recipe::RecipeText;
use training::run::{Epoch, Run};
use training::{Outcome, RecipeOf, Task, curves, files};

use crate::application::Application;
use crate::args::Runs;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{columns, log, print_json, print_line};

/// The facts about a run that the verb `runs` displays.
struct Summary {
    /// The run folder.
    dir: PathBuf,
    /// The name of the recipe.
    recipe: String,
    /// The text of the recipe.
    text: RecipeText,
    /// The results of each finished epoch.
    history: Vec<Epoch>,
    /// The final results of the run; `None` if the run is not finished.
    outcome: Option<Outcome>,
}

pub fn run<A: Application>(args: Runs, cx: &Context) -> Result<()> {
    let given = if args.dirs.is_empty() { vec![PathBuf::from("runs")] } else { args.dirs };
    if args.rank {
        return rank::<A::Task>(&given, cx.json);
    }
    let all = summaries::<A::Task>(&given)?;
    match cx.json {
        true => all.iter().try_for_each(|run| print_json(&as_json::<A::Task>(run)))?,
        false => columns(&rows::<A::Task>(&all)).iter().try_for_each(|line| print_line(line))?,
    }
    if let Some(path) = &args.plot {
        let named = all.into_iter().map(|run| (run.dir.display().to_string(), run.history)).collect::<Vec<_>>();
        files::write(path, curves::compare(A::Task::MONITOR.metric, &named)?.as_bytes())?;
    }
    Ok(())
}

/// Groups the runs that have the same settings and different seeds, and prints one row per group. The group with the
/// best mean validation metric is first.
pub fn rank<T: Task>(dirs: &[PathBuf], json: bool) -> Result<()> {
    let all = summaries::<T>(dirs)?;
    let ranked = ranking::rank::<T>(&all)?;
    match json {
        true => ranked.iter().try_for_each(print_json),
        false => columns(&ranking::rows::<T>(&ranked)).iter().try_for_each(|line| print_line(line)),
    }
}

/// Returns the summaries of all runs in the given folders.
fn summaries<T: Task>(given: &[PathBuf]) -> Result<Vec<Summary>> {
    let mut dirs = Vec::new();
    for dir in given {
        find(dir, 3, &mut dirs);
    }
    dirs.sort();
    dirs.dedup();
    // If one run cannot be read, the other runs are still listed.
    let read = |dir| {
        summary::<T>(dir).unwrap_or_else(|error| {
            log(&format!("run skipped: {error}"));
            None
        })
    };
    let all: Vec<_> = dirs.into_iter().filter_map(read).collect();
    match (all.is_empty(), given.first()) {
        (true, Some(first)) => Err(CliError::Usage(format!(
            "there are no runs in {}; the subcommand `train` creates runs in the folder runs/",
            first.display()
        ))),
        _ => Ok(all),
    }
}

/// Collects the run folders inside `dir`, up to `depth` levels deep. If `dir` is itself a run folder, collects only
/// `dir`.
fn find(dir: &Path, depth: usize, into: &mut Vec<PathBuf>) {
    if Run::open(dir.to_path_buf()).is_ok() {
        into.push(dir.to_path_buf());
    } else if depth > 0 {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            find(&entry.path(), depth - 1, into);
        }
    }
}

/// Reads the summary of a run. Returns `None` if another application created the run, so that the recipe of the run is
/// not a recipe of the task `T`.
fn summary<T: Task>(dir: PathBuf) -> training::Result<Option<Summary>> {
    let run = Run::open(dir.clone())?;
    let text = run.recipe_text()?;
    text.parse::<serde_json::Value>()?; // an error if the recipe is not TOML
    let Ok(recipe) = text.parse::<RecipeOf<T>>() else { return Ok(None) };
    let outcome = if is_package(&run.best()) { record_in::<T>(&run.best())?.outcome } else { None };
    Ok(Some(Summary { dir, recipe: recipe.name, text, history: run.history()?, outcome }))
}

impl Summary {
    /// Returns the number and the validation metric of the best epoch; `None` if no epoch is finished.
    fn best<T: Task>(&self) -> Option<(usize, f64)> {
        let values = self.history.iter().filter_map(|epoch| Some((epoch.epoch, *epoch.valid.get(T::MONITOR.metric)?)));
        values.fold(None, |best, (epoch, value)| {
            let better = T::MONITOR.improves(value, best.map(|(_, best)| best));
            if better { Some((epoch, value)) } else { best }
        })
    }

    /// Returns the best validation metric over the epochs. A model that is not a neural network, such as n-grams, has
    /// no epochs; for such a model, returns the validation metric of the finished run.
    fn valid<T: Task>(&self) -> Option<f64> {
        let finished = || self.outcome.as_ref()?.valid.get(T::MONITOR.metric);
        self.best::<T>().map(|(_, value)| value).or_else(finished)
    }

    fn test<T: Task>(&self) -> Option<f64> {
        self.outcome.as_ref()?.test.get(T::MONITOR.metric)
    }
}

fn as_json<T: Task>(run: &Summary) -> serde_json::Value {
    json!({
        "run": run.dir, "recipe": run.recipe, "epochs": run.history.len(), "finished": run.outcome.is_some(),
        "metric": T::MONITOR.metric, "best_epoch": run.best::<T>().map(|(epoch, _)| epoch),
        "valid": run.best::<T>().map(|(_, value)| value), "test": run.test::<T>(),
        "seconds": run.outcome.as_ref().map(|outcome| outcome.provenance.seconds),
    })
}

fn rows<T: Task>(all: &[Summary]) -> Vec<[String; 7]> {
    let metric = T::MONITOR.metric;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let mut rows = vec![["run", "recipe", "epochs", "best epoch", "valid", "test", "time"].map(str::to_owned)];
    rows[0][4] += &format!(" {metric}");
    rows[0][5] += &format!(" {metric}");
    rows.extend(all.iter().map(|run| {
        let best = run.best::<T>();
        [
            run.dir.display().to_string(),
            run.recipe.clone(),
            run.history.len().to_string(),
            best.map_or("-".to_owned(), |(epoch, _)| epoch.to_string()),
            number(best.map(|(_, value)| value)),
            number(run.test::<T>()),
            run.outcome.as_ref().map_or("unfinished".to_owned(), |outcome| duration(outcome.provenance.seconds)),
        ]
    }));
    rows
}
