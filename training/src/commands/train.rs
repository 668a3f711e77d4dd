//! `train`: from a recipe, or a run to resume, to a finished run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module;
use clap::Args;
use serde_json::json;

use super::series::Series;
use super::{Setting, print_json, print_line, quoted};
use crate::card;
use crate::cli::{ChangedRecipe, Train};
use crate::error::{Result, TrainingError};
use crate::interrupt;
use crate::machine::{self, check_memory};
use crate::package::{Finished, Outcome, Package, Provenance};
use crate::progress::{duration, list, say};
use crate::recipe::RecipeText;
use crate::rules::{OnNonFinite, Rules};
use crate::run::Run;
use crate::steps::COPIES;
use crate::task::{Changes, RecipeOf, Task};
use crate::trainer::{Ending, Trainer};
use crate::weights::Precision;

pub(super) fn run<T: Task>(args: Train<T::Options>, setting: &Setting) -> Result<ExitCode> {
    interrupt::listen();
    let rules = Rules { interval: args.checkpoint_every, on_nonfinite: args.on_nonfinite };
    if let Some(dir) = &args.resume {
        if T::changes(&args.recipe.options)? != Changes::default() {
            return Err(TrainingError::ResumedOtherwise { path: dir.clone() });
        }
        if Series::is_in(dir) {
            return Series::open(dir)?.run::<T>(dir, rules, setting);
        }
        let recipe = Run::open(dir.clone())?.recipe_text()?.parse()?;
        return exit_code(Job::<T> { recipe, place: Place::Run(dir.clone()), series: None }.run(rules, setting)?);
    }
    let recipe = args.recipe.read::<T>()?;
    match args.seeds {
        Some(count) => {
            let (series, dir) = Series::create::<T>(args.run, &recipe, count.get())?;
            series.run::<T>(&dir, rules, setting)
        }
        None => exit_code(Job::<T> { recipe, place: Place::New(args.run), series: None }.run(rules, setting)?),
    }
}

fn exit_code(outcome: Option<Outcome>) -> Result<ExitCode> {
    Ok(outcome.map_or(ExitCode::from(1), |_| ExitCode::SUCCESS))
}

/// One run to be made.
pub(super) struct Job<T: Task> {
    pub recipe: RecipeOf<T>,
    pub place: Place,
    /// The folder of the series that it is part of.
    pub series: Option<PathBuf>,
}

/// Where.
pub(super) enum Place {
    /// In a folder that must be empty; in one named after the time if none is given.
    New(Option<PathBuf>),
    /// In the folder of a run, to go on with.
    Run(PathBuf),
}

impl<T: Task> Job<T> {
    /// Trains and measures; `None` if somebody asked to stop.
    pub fn run(self, rules: Rules, setting: &Setting) -> Result<Option<Outcome>> {
        let started = Instant::now();
        let recipe = &self.recipe;
        let (run, _lock, resume) = match self.place {
            Place::New(dir) => {
                let (run, lock) = Run::claim(dir, &recipe.name)?;
                (run, lock, false)
            }
            Place::Run(dir) => {
                let run = Run::open(dir)?;
                let lock = run.lock()?;
                (run, lock, true)
            }
        };
        let raw = T::load(&recipe.data, setting.data_dir())?;
        let start = setting.start(T::fingerprint(&raw));
        let mut task = T::fit(recipe, &raw)?;
        check_memory(task.num_params(), COPIES)?;
        let splits = task.encode(raw)?;
        match resume {
            true => run.check_start(&start)?,
            false => run.begin(recipe, &start)?,
        }
        say(&format!("recipe {}: {}\nrun folder {}", recipe.name, recipe.about, run.dir().display()));

        let trainer = Trainer::new(&task, recipe, &splits, setting.device(), &run, rules, started);
        let command = resume_command::<T>(self.series.as_deref().unwrap_or(run.dir()), rules, setting);
        let (model, state) = match trainer.fit(resume) {
            Ok(Ending::Done(model, state)) => (model, state),
            Ok(Ending::Interrupted) => {
                say(&format!("stopped with a checkpoint; go on by: {command}"));
                return Ok(None);
            }
            Err(error @ TrainingError::Io { .. }) => {
                say(&format!("stopped; when the cause is mended, go on from the last checkpoint by: {command}"));
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let measuring = Instant::now();
        say("measuring on the test part, and the baselines");
        task.finish(&model, &splits.valid, setting.device());
        let outcome = Outcome {
            best_epoch: state.best.map_or(0, |(epoch, _)| epoch),
            valid: task.evaluate(&model, &splits.valid, setting.device()),
            test: task.evaluate(&model, &splits.test, setting.device()),
            baselines: task.baselines(&splits)?,
            provenance: Provenance {
                start,
                seconds: state.seconds + measuring.elapsed().as_secs_f64(),
                items: (state.items > 0).then_some(state.items),
                peak_memory: machine::peak_memory(),
            },
        };
        let curves = std::fs::read_to_string(run.curves()).ok();
        let finished = Finished { outcome: &outcome, curves: curves.as_deref() };
        Package::write(&run.best(), &task, &model, recipe, Some(finished), Precision::Single)?;
        run.write_report(&card::report::<T>(recipe, &outcome, model.num_params(), run.curves().exists()))?;
        tell::<T>(&task, &model, recipe, &run, &outcome, setting)?;
        Ok(Some(outcome))
    }
}

fn resume_command<T: Task>(dir: &Path, rules: Rules, setting: &Setting) -> String {
    let (dir, features, flags) = (quoted(dir), &setting.features, &setting.flags);
    let skip = if rules.on_nonfinite == OnNonFinite::Skip { " --on-nonfinite skip" } else { "" };
    format!("cargo run -p {}{features} -- train --resume {dir}{flags}{skip}", T::PACKAGE)
}

impl<O: Args> ChangedRecipe<O> {
    /// The recipe with its changes.
    pub(super) fn read<T: Task<Options = O>>(&self) -> Result<RecipeOf<T>> {
        let Changes { recipe, settings: mut overrides } = T::changes(&self.options)?;
        let text = match (self.recipe.as_deref().or(recipe), T::RECIPES.first()) {
            (Some(name), _) => RecipeText::find(name, T::RECIPES)?,
            (None, Some(first)) => RecipeText::embedded(first),
            (None, None) => return Err(TrainingError::UnknownRecipe { name: String::new(), known: "none".to_owned() }),
        };
        overrides.extend(self.set.iter().cloned());
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        overrides.extend(self.epochs.map(|epochs| format!("training.epochs={epochs}")));
        let recipe: RecipeOf<T> = text.with_overrides(&overrides)?.parse()?;
        recipe.check()?;
        Ok(recipe)
    }
}

fn tell<T: Task>(
    task: &T,
    model: &T::Model,
    recipe: &RecipeOf<T>,
    run: &Run,
    outcome: &Outcome,
    setting: &Setting,
) -> Result<()> {
    let seconds = outcome.provenance.seconds;
    if setting.context.json {
        return print_json(&json!({
            "recipe": recipe.name, "run": run.dir(), "split": "test", "metrics": outcome.test,
            "baselines": outcome.baselines, "seconds": seconds,
        }));
    }
    print_line(&format!("\ntest: {}", list(&outcome.test)))?;
    for (name, metrics) in &outcome.baselines {
        print_line(&format!("  {name}: {}", list(metrics)))?;
    }
    for line in task.demonstrate(model, setting.device()) {
        print_line(&line)?;
    }
    let shown = |path: &Path| path.display().to_string();
    print_line(&format!("\n{} in {}", shown(run.dir()), duration(seconds)))?;
    print_line(&format!("  report  {}", shown(&run.dir().join("report.md"))))?;
    if run.curves().exists() {
        print_line(&format!("  curves  {}", shown(&run.curves())))?;
    }
    print_line("\nnext:")?;
    for (command, what) in T::NEXT {
        let command = command.replace("RUN", &shown(run.dir()));
        print_line(&format!("  cargo run -p {} -- {command}    # {what}", T::PACKAGE))?;
    }
    Ok(())
}
