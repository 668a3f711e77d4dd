//! `train`: from a recipe, or a run to resume, to a finished run.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module;
use serde_json::json;

use super::{Setting, print_json, print_line};
use crate::card;
use crate::cli::Train;
use crate::error::{Result, TrainingError};
use crate::interrupt;
use crate::machine;
use crate::package::{Outcome, Package, Provenance};
use crate::progress::{duration, list, say};
use crate::recipe::RecipeText;
use crate::run::Run;
use crate::task::{RecipeOf, Task};
use crate::trainer::{Ending, Rules, Trainer};
use crate::weights::Precision;

pub(super) fn run<T: Task>(args: Train, setting: &Setting) -> Result<ExitCode> {
    let started = Instant::now();
    let recipe = recipe::<T>(&args)?;
    recipe.check()?;
    let new = args.run.clone().unwrap_or_else(|| Run::default_dir(&recipe.name));
    Run::check_free(&new)?;
    let raw = T::load(&recipe.data, setting.data_dir())?;
    let start = setting.start(T::fingerprint(&raw));
    let mut task = T::fit(&recipe, &raw)?;
    let splits = task.encode(raw);
    let run = match &args.resume {
        Some(dir) => Run::open(dir.clone())?,
        None => Run::create(new, &recipe, &start)?,
    };
    let _lock = run.lock()?;
    run.check_start(&start)?;
    say(&format!("recipe {}: {}\nrun folder {}", recipe.name, recipe.about, run.dir().display()));

    let rules = Rules { interval: args.checkpoint_every, on_nonfinite: args.on_nonfinite };
    let trainer = Trainer::new(&task, &recipe, &splits, setting.device(), &run, rules, started);
    interrupt::listen();
    let dir = run.dir().display();
    let command = format!("cargo run -p {}{} -- train --resume {dir}{}", T::PACKAGE, setting.features, setting.flags);
    let (model, state) = match trainer.fit(args.resume.is_some()) {
        Ok(Ending::Done(model, state)) => (model, state),
        Ok(Ending::Interrupted) => {
            say(&format!("stopped with a checkpoint; go on by: {command}"));
            return Ok(ExitCode::from(1));
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
            peak_memory: machine::peak_memory(),
        },
    };
    Package::write(&run.best(), &task, &model, &recipe, Some(&outcome), Precision::Single)?;
    run.write_report(&card::report::<T>(&recipe, &outcome, model.num_params(), run.curves().exists()))?;
    tell::<T>(&task, &model, &recipe, &run, &outcome, setting)?;
    Ok(ExitCode::SUCCESS)
}

fn recipe<T: Task>(args: &Train) -> Result<RecipeOf<T>> {
    if let Some(dir) = &args.resume {
        return Run::open(dir.clone())?.recipe_text()?.parse();
    }
    let text = match (&args.recipe, T::RECIPES.first()) {
        (Some(name), _) => RecipeText::find(name, T::RECIPES)?,
        (None, Some(first)) => RecipeText::embedded(first),
        (None, None) => return Err(TrainingError::UnknownRecipe { name: String::new(), known: "none".to_owned() }),
    };
    let mut overrides = args.set.clone();
    overrides.extend(args.seed.map(|seed| format!("seed={seed}")));
    overrides.extend(args.epochs.map(|epochs| format!("training.epochs={epochs}")));
    text.with_overrides(&overrides)?.parse()
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
