//! The verbs (subcommands) that all applications share.

pub mod backends;
mod bench;
pub mod benchmarks;
mod eval;
mod export;
mod find_rate;
mod grid;
pub mod models;
pub mod recipes;
mod runs;
pub mod serve;
mod timings;
pub mod train;
mod verify;

use clap::Command as Program;
use inference::Predictor;
use training::Task;

use crate::application::Application;
use crate::args::{Command, Completions, Train};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::print_text;

/// Runs the verb that the command line names, or `train` if the command line names no verb.
pub fn run<A: Application>(
    command: Option<Command<A::Verb, A::Options>>,
    cx: &mut Context,
    program: &mut Program,
) -> Result<()> {
    let command = command.unwrap_or_else(|| Command::Train(Train::default()));
    if cx.session.ranks.world() > 1 && !matches!(command, Command::Train(_)) {
        let message = "only the subcommand `train` can use several processes; start this subcommand without mpirun";
        return Err(CliError::Usage(message.to_owned()));
    }
    if matches!(command, Command::Train(_) | Command::Eval(_) | Command::Verify(_)) {
        cx.listen();
    }
    match command {
        Command::Train(args) => train::run::<A>(args, cx),
        Command::Eval(args) => eval::run::<A>(&args, cx),
        Command::Verify(args) => verify::run::<A>(args, cx),
        Command::Recipes(args) => recipes::run::<A>(args, cx),
        Command::FindRate(args) => find_rate::run::<A>(&args, cx),
        Command::Runs(args) => runs::run::<A>(args, cx),
        Command::Export(args) => export::run::<A>(&args, cx),
        Command::Bench(args) => bench::run::<A>(&args, cx),
        Command::Backends => backends::run(cx.json),
        Command::Models(args) => {
            let name = <<A::Task as Task>::Predictor as Predictor>::APPLICATION;
            models::run(&args, vec![(name, models::list::<A>())], cx.json)
        }
        Command::Serve(args) => serve::run::<A>(args, cx),
        Command::Completions(args) => completions(args, program),
        Command::Own(verb) => A::run(verb, cx),
    }
}

/// Prints the completion script for a shell.
pub fn completions(args: Completions, program: &mut Program) -> Result<()> {
    let (name, mut script) = (program.get_name().to_owned(), Vec::new());
    clap_complete::generate(args.shell, program, name, &mut script);
    print_text(&String::from_utf8_lossy(&script))
}
