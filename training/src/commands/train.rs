//! `train`: from a recipe, or a run to resume, to a finished run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module;
use clap::Args;
use serde_json::json;

use super::series::Series;
use super::{print_json, print_line, quoted};
use crate::card;
use crate::cli::{ChangedRecipe, Train};
use crate::error::{Result, TrainingError};
use crate::interrupt;
use crate::machine::{self, check_memory};
use crate::package::{Finished, Outcome, Package, Provenance};
use crate::progress::{duration, say, table};
use crate::recipe::RecipeText;
use crate::rules::{OnNonFinite, Rules};
use crate::run::Run;
use crate::steps::COPIES;
use crate::task::{Changes, Context, RecipeOf, Task};
use crate::trainer::{Ending, Trainer};
use crate::weights::Precision;

pub(super) fn run<T: Task>(args: Train<T::Options>, context: &Context) -> Result<ExitCode> {
    interrupt::listen();
    let rules = Rules { interval: args.checkpoint_every, on_nonfinite: args.on_nonfinite };
    if let Some(dir) = &args.resume {
        if T::changes(&args.recipe.options)? != Changes::default() {
            return Err(TrainingError::ResumedOtherwise { path: dir.clone() });
        }
        if Series::is_in(dir) {
            return Series::open(dir)?.run::<T>(dir, rules, context);
        }
        let recipe = Run::open(dir.clone())?.recipe_text()?.parse()?;
        return exit_code(Job::<T> { recipe, place: Place::Run(dir.clone()), again: None }.run(rules, context)?);
    }
    let recipe = args.recipe.read::<T>()?;
    match args.seeds {
        Some(count) => {
            let (series, dir) = Series::create::<T>(args.run, &recipe, count.get())?;
            series.run::<T>(&dir, rules, context)
        }
        None => exit_code(Job::<T> { recipe, place: Place::New(args.run), again: None }.run(rules, context)?),
    }
}

fn exit_code(outcome: Option<Outcome>) -> Result<ExitCode> {
    Ok(outcome.map_or(ExitCode::from(1), |_| ExitCode::SUCCESS))
}

/// One run to be made.
pub(super) struct Job<T: Task> {
    pub recipe: RecipeOf<T>,
    pub place: Place,
    /// What to type to go on with it, if it is not `train --resume` with its own folder.
    pub again: Option<String>,
}

/// Makes a run in a folder, or goes on with the one that is there; tells what it came to, without doing anything if that is known.
/// `again` is what to type after the program's name to go on if it is stopped, which `None` says that it was.
pub fn train<T: Task>(
    recipe: RecipeOf<T>,
    dir: &Path,
    again: &str,
    rules: Rules,
    context: &Context,
) -> Result<Option<Outcome>> {
    interrupt::listen();
    let place = match Run::open(dir.to_path_buf()) {
        Ok(run) if !run.is_of(&recipe)? => return Err(TrainingError::OtherRecipe { path: dir.to_path_buf() }),
        Ok(run) if run.report().exists() => return Ok(Package::<T>::read_config(&run.best())?.outcome),
        Ok(_) => Place::Run(dir.to_path_buf()),
        Err(_) => Place::New(Some(dir.to_path_buf())),
    };
    Job::<T> { recipe, place, again: Some(again.to_owned()) }.run(rules, context)
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
    pub fn run(self, rules: Rules, context: &Context) -> Result<Option<Outcome>> {
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
        let raw = T::load(&recipe.data, context.data_dir.as_deref())?;
        let start = context.start(T::fingerprint(&raw));
        let mut task = T::fit(recipe, &raw)?;
        check_memory(task.num_params(), COPIES)?;
        let splits = task.encode(raw)?;
        match resume {
            true => run.check_start(&start)?,
            false => run.begin(recipe, &start)?,
        }
        say(&format!("recipe {}: {}\nrun folder {}", recipe.name, recipe.about, run.dir().display()));

        let trainer = Trainer::new(&task, recipe, &splits, &context.device, &run, rules, started);
        let again = self.again.clone().unwrap_or_else(|| format!("train --resume {}", quoted(run.dir())));
        let command = resume_command::<T>(&again, rules, context);
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
        task.finish(&model, &splits.valid, &context.device);
        let outcome = Outcome {
            best_epoch: state.best.map_or(0, |(epoch, _)| epoch),
            valid: task.evaluate(&model, &splits.valid, &context.device),
            test: task.evaluate(&model, &splits.test, &context.device),
            baselines: task.baselines(&splits)?,
            provenance: Provenance {
                start,
                seconds: state.seconds + measuring.elapsed().as_secs_f64(),
                items: (state.items > 0).then_some(state.items),
                peak_memory: machine::peak_memory(),
            },
        };
        let demonstration = task.demonstrate(&model, &outcome, &splits.test, &context.device)?;
        let curves = std::fs::read_to_string(run.curves()).ok();
        let finished = Finished { outcome, demonstration, curves };
        Package::write(&run.best(), &task, &model, recipe, Some(&finished), Precision::Single)?;
        run.write_picture(finished.demonstration.picture.as_deref())?;
        run.write_report(&card::report::<T>(recipe, &finished, model.num_params()))?;
        tell::<T>(recipe, &run, &finished, self.again.is_some(), context)?;
        Ok(Some(finished.outcome))
    }
}

fn resume_command<T: Task>(again: &str, rules: Rules, context: &Context) -> String {
    let Context { features, flags, .. } = context;
    let skip = if rules.on_nonfinite == OnNonFinite::Skip { " --on-nonfinite skip" } else { "" };
    format!("cargo run -p {}{features} -- {again}{flags}{skip}", T::PACKAGE)
}

impl<O: Args> ChangedRecipe<O> {
    /// What has to be typed for the same recipe.
    pub fn typed<T: Task<Options = O>>(&self) -> Result<String> {
        let Changes { recipe, settings } = T::changes(&self.options)?;
        let recipe = self.recipe.as_deref().or(recipe).map(|name| format!("--recipe {}", quoted(Path::new(name))));
        let seed = self.seed.map(|seed| format!("--seed {seed}"));
        let epochs = self.epochs.map(|epochs| format!("--epochs {epochs}"));
        let settings = settings.iter().chain(&self.set).map(|setting| format!("--set {}", quoted(Path::new(setting))));
        Ok(recipe.into_iter().chain(settings).chain(seed).chain(epochs).collect::<Vec<_>>().join(" "))
    }

    /// The recipe with its changes.
    pub fn read<T: Task<Options = O>>(&self) -> Result<RecipeOf<T>> {
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

/// Tells what came of a run; of one that is part of a series, nothing of what to do next.
fn tell<T: Task>(recipe: &RecipeOf<T>, run: &Run, finished: &Finished, is_part: bool, context: &Context) -> Result<()> {
    let Finished { outcome, demonstration, .. } = finished;
    let seconds = outcome.provenance.seconds;
    if context.json {
        return print_json(&json!({
            "recipe": recipe.name, "run": run.dir(), "split": "test", "metrics": outcome.test,
            "baselines": outcome.baselines, "seconds": seconds,
        }));
    }
    print_line(&format!("\n{}", table("test", &outcome.test, &outcome.baselines)))?;
    for line in &demonstration.lines {
        print_line(line)?;
    }
    let shown = |path: &Path| path.display().to_string();
    print_line(&format!("\n{} in {}", shown(run.dir()), duration(seconds)))?;
    print_line(&format!("  report   {}", shown(&run.report())))?;
    for (name, path) in [("curves", run.curves()), ("picture", run.picture())] {
        if path.exists() {
            print_line(&format!("  {name:7}  {}", shown(&path)))?;
        }
    }
    if is_part || T::NEXT.is_empty() {
        return Ok(());
    }
    print_line("\nnext:")?;
    for (command, what) in T::NEXT {
        let command = command.replace("RUN", &shown(run.dir()));
        print_line(&format!("  cargo run -p {} -- {command}    # {what}", T::PACKAGE))?;
    }
    Ok(())
}
