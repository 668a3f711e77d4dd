//! What the verbs of the command line do.

mod eval;
mod export;
mod find_rate;
mod recipes;
mod runs;
mod series;
mod train;
mod verify;

pub use train::train;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::backend::Backend;
use crate::cli::{Choice, Cli, Command, Common, Train};
use crate::error::{Result, TrainingError};
use crate::machine::keep_memory;
use crate::package::Package;
use crate::progress::say;
use crate::run::{Run, Start};
use crate::task::{Context, Task};

/// The whole program of an application.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main<T: Task>() -> ExitCode {
    keep_memory();
    let matches = Cli::<T::Verb, T::Options>::command().name(T::PACKAGE).about(T::ABOUT).get_matches();
    let cli = Cli::<T::Verb, T::Options>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match dispatch::<T>(cli) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {}", one_line(&error)));
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

fn dispatch<T: Task>(cli: Cli<T::Verb, T::Options>) -> Result<ExitCode> {
    let context = Context::new::<T>(cli.common)?;
    match cli.command.unwrap_or_else(|| Command::Train(Train::default())) {
        Command::Train(args) => return train::run::<T>(args, &context),
        Command::Eval(args) => eval::run::<T>(args, &context)?,
        Command::Verify(args) => verify::run::<T>(args, &context)?,
        Command::Recipes(args) => recipes::run::<T>(args, &context)?,
        Command::FindRate(args) => find_rate::run::<T>(args, &context)?,
        Command::Runs(args) => runs::run::<T>(args, &context)?,
        Command::Export(args) => export::run::<T>(args, &context)?,
        Command::Own(verb) => T::run(verb, &context)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Context {
    fn new<T: Task>(common: Common) -> Result<Self> {
        if let Some(threads) = common.threads {
            // Fails only if the pool is there already, which at start-up it is not.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        }
        Ok(Self {
            device: common.backend.device(common.device, T::PACKAGE)?,
            backend: common.backend.name(),
            threads: rayon::current_num_threads(),
            features: common.backend.features(),
            flags: common.flags(),
            data_dir: common.data_dir,
            json: common.json,
        })
    }

    /// What a run on these data starts with.
    fn start(&self, data: String) -> Start {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Start { version, backend: self.backend.to_owned(), threads: self.threads, data }
    }
}

impl Common {
    /// What was chosen, as it would be typed.
    fn flags(&self) -> String {
        let mut flags = String::new();
        if self.backend != Backend::default() {
            flags += &format!(" --backend {}", self.backend.name());
        }
        if self.device != 0 {
            flags += &format!(" --device {}", self.device);
        }
        if let Some(dir) = &self.data_dir {
            flags += &format!(" --data-dir {}", quoted(dir));
        }
        flags
    }
}

impl Choice {
    /// The folder of the chosen package; `default` is a shipped one for when nothing was chosen.
    pub fn dir<T: Task>(&self, default: Option<&str>) -> Result<PathBuf> {
        match (&self.pretrained, &self.run, default) {
            (Some(name), _, _) => Package::<T>::find(name),
            (None, Some(run), _) => Run::best_of(run),
            (None, None, Some(name)) => Package::<T>::find(name),
            (None, None, None) => Err(TrainingError::NoModelChosen { known: Package::<T>::shipped().join(", ") }),
        }
    }
}

/// A path as it is typed in a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|letter| letter.is_alphanumeric() || "/._-+:=@,~".contains(letter));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn one_line(error: &TrainingError) -> String {
    error.to_string().split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Metrics or anything else as one JSON line on standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    print_line(&value.to_string())
}

/// One line on standard output.
pub fn print_line(line: &str) -> Result<()> {
    print_text(&format!("{line}\n"))
}

/// Some text on standard output, at once. A closed pipe ends the program quietly.
pub fn print_text(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(TrainingError::io("write", Path::new("standard output"))(error)),
        Ok(()) => Ok(()),
    }
}
