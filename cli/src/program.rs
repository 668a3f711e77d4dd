//! The entry points of programs: [`main()`] for one application, and [`zoo()`] for all applications.

use std::process::ExitCode;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use inference::Predictor;
use inference::dynamic::Registry;
use training::machine::keep_memory;
use training::recipe::RecipeText;
use training::step_times::StepTimes;
use training::{RecipeOf, Session, Task};

use crate::application::Application;
use crate::args::{Arguments, Common, Completions, Models, used_globals};
use crate::commands::{self, backends, benchmarks, models, recipes, serve};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::log;
use crate::zoo_args::{BenchZoo, Json, ServeZoo};

type PredictorOf<A> = <<A as Application>::Task as Task>::Predictor;
type ArgumentsOf<A> = Arguments<<A as Application>::Verb, <A as Application>::Options>;

/// The last section of every help text: the environment variables for models and data.
const ENVIRONMENT: &str = "Environment:
  RNN_ZOO_MODELS  a folder with models in APPLICATION/NAME; it is searched before the folders
                  ../share/rnn-zoo/models and models, relative to the folder of the program
  RNN_ZOO_DATA    a folder of data sets; it is searched before the cache";

/// One application in a program that [`zoo()`] runs.
pub struct Entry {
    /// The name of the application.
    pub(crate) name: &'static str,
    /// Defines the command line of the application: its verbs and options.
    command: fn() -> Command,
    /// Runs the application. The arguments are the parsed command line, and the command that messages show to start the
    /// application, such as `zoo sentiment`.
    run: fn(&ArgMatches, &str) -> ExitCode,
    /// Lists the trained models of the application.
    models: fn() -> Vec<models::Listed>,
    /// The names of the recipes.
    pub(crate) recipes: fn() -> Vec<String>,
    /// Measures the time of training steps. The arguments are the name of a recipe, overrides of its settings, the
    /// number of warm-up steps and of measured steps, and the training session.
    pub(crate) steps: fn(&str, &[String], [usize; 2], &mut Session) -> training::Result<StepTimes>,
    /// The name of the items that a training step processes, such as `words`.
    pub(crate) items: &'static str,
}

impl Entry {
    /// Returns the command line of the application, with all verbs and options.
    pub fn command(&self) -> Command {
        (self.command)()
    }
}

/// Makes the entry of an application for [`zoo()`].
pub fn entry<A: Application>() -> Entry {
    Entry {
        name: PredictorOf::<A>::APPLICATION,
        command: command::<A>,
        run: run::<A>,
        models: models::list::<A>,
        recipes: recipes::names::<A>,
        steps: |recipe, changes, [warm_up, steps], session| {
            let text = RecipeText::find(recipe, A::Task::RECIPES)?.with_overrides(changes)?;
            let recipe = text.parse::<RecipeOf<A::Task>>()?;
            StepTimes::measure::<A::Task>(&recipe, warm_up, steps, session)
        },
        items: A::Task::ITEMS,
    }
}

/// Runs the program of one application: `APPLICATION VERB`. Returns its exit code.
pub fn main<A: Application>() -> ExitCode {
    keep_memory();
    let matches = command::<A>().get_matches();
    run::<A>(&matches, PredictorOf::<A>::APPLICATION)
}

/// Runs the program with all applications: `zoo APPLICATION VERB`. `applications` is the registry that opens the
/// trained models of these applications. Returns the exit code.
pub fn zoo(applications: Registry, entries: &[Entry]) -> ExitCode {
    keep_memory();
    let mut program = Command::new("zoo")
        .about("Recurrent networks for text, series and signals: train them, measure them, predict with them.")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(ENVIRONMENT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(entries.iter().map(|entry| (entry.command)()))
        // `about` is called after `augment_args`, which would otherwise replace the description.
        .subcommand(
            Models::augment_args(Command::new("models"))
                .about("List the models of all applications, or copy them to a folder"),
        )
        .subcommand(
            ServeZoo::augment_args(Command::new("serve"))
                .about("Serve models of any application over HTTP, with a web page on which people can try the models"),
        )
        .subcommand(
            Json::augment_args(Command::new("backends"))
                .about("List the backends and their devices, and check each device with a small training step"),
        )
        .subcommand(
            BenchZoo::augment_args(Command::new("bench"))
                .about("Measure layers and whole training steps on every backend of this program"),
        )
        .subcommand(
            Completions::augment_args(Command::new("completions")).about("Print a completion script for a shell"),
        );
    let matches = program.clone().get_matches();
    let Some((name, arguments)) = matches.subcommand() else { return ExitCode::from(2) };
    if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
        return (entry.run)(arguments, &format!("zoo {name}"));
    }
    let done = match name {
        "completions" => parsed::<Completions>(arguments).and_then(|args| commands::completions(args, &mut program)),
        "serve" => parsed(arguments).and_then(|args| serve::run_zoo(args, applications)),
        "bench" => parsed::<BenchZoo>(arguments).and_then(|args| benchmarks::run(args.benchmark, entries)),
        "backends" => parsed::<Json>(arguments).and_then(|args| backends::run(args.json)),
        _ => parsed(arguments).and_then(|args| {
            models::run(&args, entries.iter().map(|entry| (entry.name, (entry.models)())).collect(), false)
        }),
    };
    report(done, &[])
}

fn parsed<T: FromArgMatches>(arguments: &ArgMatches) -> Result<T> {
    T::from_arg_matches(arguments).map_err(|error| CliError::Usage(error.to_string()))
}

fn command<A: Application>() -> Command {
    let name = PredictorOf::<A>::APPLICATION;
    let mut command = ArgumentsOf::<A>::augment_args(Command::new(name))
        .about(A::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(ENVIRONMENT);
    // The help of a verb does not list global options that have no effect on it.
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        for option in unused_globals::<A>(&verb) {
            command = command.mut_subcommand(&verb, |command| command.arg(option.global(false).hide(true)));
        }
    }
    command
}

/// Returns the global options that have no effect on a verb.
fn unused_globals<A: Application>(verb: &str) -> Vec<Arg> {
    let is_used = |option: &Arg| match (used_globals(verb), option.get_id().as_str()) {
        (Some(used), id) => used.contains(&id),
        (None, "data_dir") => A::DATA_VERBS.contains(&verb),
        (None, _) => true,
    };
    let all = Common::augment_args(Command::new("globals"));
    all.get_arguments().filter(|option| !is_used(option)).cloned().collect()
}

/// Returns an error if the command line has a global option that has no effect on the verb.
fn check_globals<A: Application>(matches: &ArgMatches) -> Result<()> {
    let Some((verb, own)) = matches.subcommand() else { return Ok(()) };
    let is_given = |option: &Arg| {
        let id = option.get_id().as_str();
        [matches, own].iter().any(|matches| matches.value_source(id) == Some(ValueSource::CommandLine))
    };
    match unused_globals::<A>(verb).iter().find(|option| is_given(option)) {
        Some(option) => {
            let name = option.get_long().unwrap_or_default();
            Err(CliError::Usage(format!(
                "the subcommand `{verb}` does not use the option --{name}; remove this option"
            )))
        }
        None => Ok(()),
    }
}

fn run<A: Application>(matches: &ArgMatches, program: &str) -> ExitCode {
    let arguments = ArgumentsOf::<A>::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    match check_globals::<A>(matches) {
        Ok(()) => dispatch::<A>(arguments, program),
        error => report(error, A::DATA_OPTIONS),
    }
}

/// How long a failed rank other than rank 0 waits before it reports its error. If rank 0 has failed too, MPI ends this
/// rank during the wait, so that only rank 0 reports. The wait is longer than the second that MPI leaves between
/// SIGTERM and SIGKILL.
const ENDED_BY_RANK_0: Duration = Duration::from_secs(2);

fn dispatch<A: Application>(arguments: ArgumentsOf<A>, program: &str) -> ExitCode {
    let mut cx = match Context::new(&arguments.common, PredictorOf::<A>::APPLICATION, program) {
        Ok(cx) => cx,
        Err(error) => return report(Err(error), A::DATA_OPTIONS),
    };
    let done = commands::run::<A>(arguments.command, &mut cx, &mut command::<A>());
    let ranks = &cx.session.ranks;
    let has_failed = done.as_ref().is_err_and(CliError::is_failure);
    if has_failed && !ranks.leads() {
        // If rank 0 has also failed, it reports the error, and MPI ends this rank during the pause.
        std::thread::sleep(ENDED_BY_RANK_0);
    }
    if !has_failed {
        ranks.finish();
    }
    report(done, A::DATA_OPTIONS)
}

/// Prints an error as one line on standard error, with advice, and returns the exit code.
fn report(done: Result<()>, data_options: &[(&str, &str)]) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    if error.is_failure() {
        let message = error.to_string().split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
        let advice = error.advice(data_options).map_or(String::new(), |advice| format!("; {advice}"));
        log(&format!("error: {message}{advice}"));
    }
    error.exit_code()
}
