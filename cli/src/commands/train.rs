//! `train`: starts a training run, resumes a run, or trains with several seeds.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use inference::Predictor;
use serde_json::json;
use training::duration;
use training::options::TrainerOptions;
use training::recipe::RecipeText;
use training::seeds::{Seeds, Spreads};
use training::{Fitted, RecipeOf, Task, Trained, Training, TrainingError};

use crate::application::{Application, Changes};
use crate::args::{ChangedRecipe, Train};
use crate::commands::grid;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{log, print_json, print_line, quoted, table};

pub fn run<A: Application>(args: Train<A::Options>, cx: &mut Context) -> Result<()> {
    if !cfg!(feature = "mpi") && started_by_mpirun() {
        let message = "this program was compiled without MPI, so each process would train a model of its own; compile it \
                       with `cargo build -p zoo --features mpi`, or start it without mpirun";
        return Err(CliError::Usage(message.to_owned()));
    }
    if cx.session.ranks.world() > 1 && (args.seeds.is_some() || args.grid.grid.is_some()) {
        let message =
            "mpirun starts processes that share one training; remove --seeds or --grid, or start without mpirun";
        return Err(CliError::Usage(message.to_owned()));
    }
    let (interval, on_nonfinite) = (args.checkpoint_every, args.on_nonfinite.into());
    cx.session.options = TrainerOptions { interval, on_nonfinite, ..TrainerOptions::default() };
    #[cfg(feature = "mpi")]
    if args.half_gradients {
        cx.session.options.wire = training::collective::Wire::Half;
    }
    if let Some(dir) = &args.resume {
        let overrides = on_resume::<A>(&args.recipe, dir)?;
        return match Seeds::is_in(dir) {
            true => several::<A>(&Seeds::open(dir)?.changed::<A::Task>(&overrides)?, cx),
            false => one::<A>(Training::resume_with(dir, &overrides)?, Some(dir), cx),
        };
    }
    if let Some(file) = &args.grid.grid {
        return grid::run::<A>(file, &args, cx);
    }
    let recipe = args.recipe.read::<A>()?;
    match (args.seeds, args.out) {
        (None, Some(out)) if args.or_resume => {
            let baselines = args.baselines_in.unwrap_or_else(|| out.clone());
            let training = Training::<A::Task>::new(recipe).in_folder_or_resume(&out)?.with_baselines_in(baselines);
            match training.outcome()? {
                Some(_) => print_line(&format!("the run in {} is already finished", out.display())),
                None => one::<A>(training, Some(&out), cx),
            }
        }
        (Some(count), out) => several::<A>(&Seeds::create::<A::Task>(out, &recipe, count.get())?, cx),
        (None, Some(out)) => one::<A>(Training::new(recipe).in_folder(out), None, cx),
        (None, None) => one::<A>(Training::new(recipe), None, cx),
    }
}

/// Whether `mpirun` of Open MPI or MPICH has started several processes, of which this is one.
fn started_by_mpirun() -> bool {
    let processes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].map(|name| std::env::var(name).ok()?.parse::<usize>().ok());
    processes.into_iter().flatten().any(|count| count > 1)
}

/// Returns the overrides of recipe settings for resuming the run in the folder `dir`. The crate `training` later checks
/// these overrides: a resumed run allows only more epochs and other paths of the data.
fn on_resume<A: Application>(given: &ChangedRecipe<A::Options>, dir: &Path) -> Result<Vec<String>> {
    let Changes { recipe, settings } = A::changes(&given.options)?;
    // An option such as `--csv FILE` selects a recipe and sets a path. A resumed run can take the path, but not the
    // recipe. An option that only selects a recipe is an error.
    let has_path = settings.iter().any(|setting| A::Task::PATHS.contains(&key(setting)));
    if let (Some(name), false) = (recipe, has_path) {
        let message = format!(
            "--resume uses the recipe saved in {}; leave out the option that selects the recipe {name}",
            dir.display()
        );
        return Err(CliError::Usage(message));
    }
    overrides(given, settings)
}

/// Returns the key of an override, such as `optimizer.lr` of `optimizer.lr=0.001`.
fn key(setting: &str) -> &str {
    setting.split_once('=').map_or(setting, |(key, _)| key).trim()
}

/// Returns the overrides of recipe settings: first `settings`, which come from the application's own options, such as
/// `--text FILE`, and then the overrides from `--set`, `--seed` and `--epochs`.
fn overrides<O: Args>(given: &ChangedRecipe<O>, settings: Vec<String>) -> Result<Vec<String>> {
    let seed = given.seed.map(|seed| format!("seed={seed}"));
    let epochs = given.epochs.map(|epochs| format!("training.epochs={epochs}"));
    let named: Vec<String> = given.set.iter().cloned().chain(seed).chain(epochs).collect();
    for (index, setting) in named.iter().enumerate() {
        if named[..index].iter().any(|earlier| key(earlier) == key(setting)) {
            let (given, message) = (setting.clone(), "the command gives this setting twice".to_owned());
            return Err(TrainingError::Override { given, message }.into());
        }
    }
    Ok(settings.into_iter().chain(named).collect())
}

fn one<A: Application>(training: Training<A::Task>, resumed: Option<&Path>, cx: &mut Context) -> Result<()> {
    match training.fit(&mut cx.session) {
        Ok(Fitted::Trained(trained)) => {
            report(&trained, cx)?;
            next_commands::<A>(&trained, cx)
        }
        Ok(Fitted::Followed) => Ok(()),
        Ok(Fitted::Interrupted) if !cx.session.ranks.leads() => Err(CliError::Interrupted),
        Ok(Fitted::Interrupted) => {
            match cx.current_run().is_some() || resumed.is_some() {
                true => cx.log_resume(&cx.train_resume(resumed)),
                false => log("stopped before the run began: there is nothing to resume"),
            }
            Err(CliError::Interrupted)
        }
        Err(error) => {
            let error = error.into();
            cx.log_failure(&error, &cx.train_resume(None));
            Err(error)
        }
    }
}

fn several<A: Application>(seeds: &Seeds, cx: &mut Context) -> Result<()> {
    let json = cx.json;
    let fitted = seeds.fit::<A::Task>(&mut cx.session, |fitted| match fitted {
        // If standard output is closed, the remaining seeds are still trained.
        Fitted::Trained(trained) => report_to(trained, json).or(Ok(())),
        Fitted::Interrupted | Fitted::Followed => Ok(()),
    });
    let again = cx.train_resume(Some(seeds.dir()));
    match fitted {
        Ok(Some(spreads)) => report_spreads(seeds, &spreads, cx),
        Ok(None) => {
            cx.log_resume(&again);
            Err(CliError::Interrupted)
        }
        Err(error) => {
            let error = error.into();
            cx.log_failure(&error, &again);
            Err(error)
        }
    }
}

/// Prints the test metrics of a finished run and the paths of its files, as text or JSON.
fn report<T: Task>(trained: &Trained<T>, cx: &Context) -> Result<()> {
    report_to(trained, cx.json)
}

fn report_to<T: Task>(trained: &Trained<T>, json: bool) -> Result<()> {
    let Trained { run, recipe, outcome, demonstration, .. } = trained;
    let seconds = outcome.provenance.seconds;
    if json {
        let baselines: BTreeMap<_, _> = outcome.baselines.iter().map(|(name, row)| (name, row.flat())).collect();
        return print_json(&json!({
            "recipe": recipe.name, "run": run.dir(), "split": "test", "metrics": outcome.test.flat(),
            "baselines": baselines, "seconds": seconds,
        }));
    }
    print_line(&format!("\n{}", table("test", &outcome.test, &outcome.baselines)))?;
    for line in demonstration {
        print_line(line)?;
    }
    let display = |path: &Path| path.display().to_string();
    print_line(&format!("\n{} in {}", display(run.dir()), duration(seconds)))?;
    print_line(&format!("  report   {}", display(&run.report())))?;
    for (name, path) in [("curves", run.curves()), ("picture", run.picture())] {
        if path.exists() {
            print_line(&format!("  {name:7}  {}", display(&path)))?;
        }
    }
    Ok(())
}

/// Prints the commands that [`Application::NEXT`] suggests after training.
fn next_commands<A: Application>(trained: &Trained<A::Task>, cx: &Context) -> Result<()> {
    if cx.json || A::NEXT.is_empty() {
        return Ok(());
    }
    print_line("\nnext:")?;
    for (command, purpose) in A::NEXT {
        let command = command.replace("RUN", &quoted(trained.run.dir()));
        print_line(&format!("  {}    # {purpose}", cx.command(&command)))?;
    }
    Ok(())
}

fn report_spreads(seeds: &Seeds, spreads: &Spreads, cx: &Context) -> Result<()> {
    if cx.json {
        let (mean, deviation): (BTreeMap<_, _>, BTreeMap<_, _>) =
            spreads.iter().map(|(name, [mean, deviation])| ((name, mean), (name, deviation))).unzip();
        return print_json(&json!({ "run": seeds.dir(), "seeds": seeds.seeds, "mean": mean, "sd": deviation }));
    }
    print_line(&format!("\nmean and standard deviation of the test metrics over {} seeds:", seeds.seeds.len()))?;
    for (name, [mean, deviation]) in spreads {
        print_line(&format!("  {name} {mean:.4} ± {deviation:.4}"))?;
    }
    print_line(&format!("  report  {}", seeds.report().display()))
}

impl<O: Args> ChangedRecipe<O> {
    /// Finds the recipe, applies the overrides, and checks the result.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] if a setting is given twice; the errors of [`RecipeText::find`] and of parsing the recipe.
    pub fn read<A: Application<Options = O>>(&self) -> Result<RecipeOf<A::Task>> {
        let Changes { recipe, settings } = A::changes(&self.options)?;
        let text = match (self.recipe.as_deref().or(recipe), A::Task::RECIPES.first()) {
            (Some(name), _) => RecipeText::find(name, A::Task::RECIPES)?,
            (None, Some(first)) => RecipeText::embedded(first),
            (None, None) => {
                let name = <A::Task as Task>::Predictor::APPLICATION.to_owned();
                return Err(TrainingError::UnknownRecipe { name, known: "none".to_owned() }.into());
            }
        };
        let recipe: RecipeOf<A::Task> = text.with_overrides(&overrides(self, settings)?)?.parse()?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Returns the command-line options that select this recipe and its overrides, as a user types them.
    pub fn typed<A: Application<Options = O>>(&self) -> Result<String> {
        let Changes { recipe, settings } = A::changes(&self.options)?;
        let recipe = self.recipe.as_deref().or(recipe).map(|name| format!("--recipe {}", quoted(Path::new(name))));
        let seed = self.seed.map(|seed| format!("--seed {seed}"));
        let epochs = self.epochs.map(|epochs| format!("--epochs {epochs}"));
        let settings = settings.iter().chain(&self.set).map(|setting| format!("--set {}", quoted(Path::new(setting))));
        Ok(recipe.into_iter().chain(settings).chain(seed).chain(epochs).collect::<Vec<_>>().join(" "))
    }
}
