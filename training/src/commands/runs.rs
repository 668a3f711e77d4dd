//! `runs`: what runs there are and how they compare.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{print_json, print_line};
use crate::cli::Runs;
use crate::curves;
use crate::error::{Result, TrainingError};
use crate::files;
use crate::package::{Outcome, Package};
use crate::progress::{duration, say};
use crate::run::{Epoch, Run};
use crate::task::{Context, Task};

/// What is shown of a run.
struct Summary {
    dir: PathBuf,
    recipe: String,
    history: Vec<Epoch>,
    /// Of a finished run.
    outcome: Option<Outcome>,
}

pub(super) fn run<T: Task>(args: Runs, context: &Context) -> Result<()> {
    let given = if args.dirs.is_empty() { vec![PathBuf::from("runs")] } else { args.dirs };
    let mut dirs = Vec::new();
    for dir in &given {
        find(dir, 3, &mut dirs);
    }
    dirs.sort();
    dirs.dedup();
    // One damaged run must not hide the others.
    let read = |dir| {
        summary::<T>(dir).unwrap_or_else(|error| {
            say(&format!("{error}: left out"));
            None
        })
    };
    let all: Vec<_> = dirs.into_iter().filter_map(read).collect();
    if all.is_empty() {
        return Err(TrainingError::NoRuns { path: given[0].clone(), package: T::PACKAGE });
    }
    if context.json {
        all.iter().try_for_each(|run| print_json(&as_json::<T>(run)))?;
    } else {
        table::<T>(&all).iter().try_for_each(|line| print_line(line))?;
    }
    if let Some(path) = &args.plot {
        let named = all.into_iter().map(|run| (run.dir.display().to_string(), run.history)).collect::<Vec<_>>();
        files::write(path, curves::compare(T::MONITOR.metric, &named)?.as_bytes())?;
    }
    Ok(())
}

/// The run folders in a folder, or it itself.
fn find(dir: &Path, depth: usize, into: &mut Vec<PathBuf>) {
    if Run::open(dir.to_path_buf()).is_ok() {
        into.push(dir.to_path_buf());
    } else if depth > 0 {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            find(&entry.path(), depth - 1, into);
        }
    }
}

/// None of a run of another application, whose recipe has other tables.
fn summary<T: Task>(dir: PathBuf) -> Result<Option<Summary>> {
    let run = Run::open(dir.clone())?;
    let text = run.recipe_text()?;
    text.parse::<toml::Table>()?;
    let Ok(recipe) = text.parse::<crate::task::RecipeOf<T>>() else { return Ok(None) };
    let outcome = match run.best().join("config.json").exists() {
        true => Package::<T>::read_config(&run.best())?.outcome,
        false => None,
    };
    Ok(Some(Summary { dir, recipe: recipe.name, history: run.history()?, outcome }))
}

impl Summary {
    /// The best value of the metric that chooses, and its epoch.
    fn best<T: Task>(&self) -> Option<(usize, f64)> {
        let values = self.history.iter().filter_map(|epoch| Some((epoch.epoch, *epoch.valid.get(T::MONITOR.metric)?)));
        values.fold(None, |best, (epoch, value)| {
            let better = T::MONITOR.improves(value, best.map(|(_, best)| best));
            if better { Some((epoch, value)) } else { best }
        })
    }

    fn test<T: Task>(&self) -> Option<f64> {
        self.outcome.as_ref()?.test.get(T::MONITOR.metric).copied()
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

fn table<T: Task>(all: &[Summary]) -> Vec<String> {
    let metric = T::MONITOR.metric;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let mut rows = vec![["run", "recipe", "epochs", "best", "valid", "test", "time"].map(str::to_owned)];
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
    let widths: [usize; 7] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
