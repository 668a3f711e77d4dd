//! The context of a verb (subcommand): the training session, the output format, and the commands that messages suggest.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use datasets::Locator;
use inference::package::Manifest;
use inference::{Catalog, Folder, Package, Predictor};
use training::backend::Backend;
use training::collective::{Alone, Collective, Wire};
use training::observer::Silent;
use training::options::{OnNonFinite, TrainerOptions};
use training::run::Run;
use training::{Interrupt, Observer, Session, TrainingError};

use crate::args::{Common, ModelArgs};
use crate::error::{CliError, Result};
use crate::output::{Plot, log, quoted, shell_word};
use crate::progress::{Console, data_progress};
use crate::signals;

/// The training session and the output format with which a verb runs.
pub struct Context {
    /// The training session: backend, data folders, interrupt handle and progress display.
    pub session: Session<'static>,
    /// Whether results are printed as JSON (option `--json`).
    pub json: bool,
    /// The command that starts the program, as a user types it, such as `cargo run -p sentiment --` or `zoo sentiment`.
    program: String,
    /// The number of threads that the user gives; `None` for one per core.
    pub(crate) threads: Option<u16>,
    /// The global options that a user must type again to resume a run.
    flags: Vec<String>,
    /// The folder of the training run that was started last, if there is one.
    current_run: Arc<Mutex<Option<PathBuf>>>,
}

impl Context {
    /// Creates the context from the global options. `program` is the command for messages, such as `zoo sentiment`. If
    /// cargo has started the program, messages show `cargo run` instead.
    pub(crate) fn new(common: &Common, application: &str, program: &str) -> Result<Self> {
        if let Some(threads) = common.threads {
            // This fails only if rayon's thread pool exists already, which is not the case at start-up.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        }
        let current_run = Arc::new(Mutex::new(None));
        let device = common.backend.device(common.device)?;
        // MPI starts after all steps that can fail. After the start, the end of one rank would stop all other ranks.
        let ranks = ranks();
        let observer: Box<dyn Observer> =
            if ranks.leads() { Box::new(Console::new(current_run.clone())) } else { Box::new(Silent) };
        let session = Session {
            backend: common.backend,
            device,
            locator: locator(common.data_dir.as_deref()),
            options: TrainerOptions::default(),
            interrupt: Interrupt::default(),
            observer,
            ranks,
        };
        // `cargo run` sets the variable `CARGO` for the programs that it starts.
        let program = match std::env::var_os("CARGO") {
            Some(_) => {
                let features = common.backend.feature().map(|feature| format!(" --features {feature}"));
                format!("cargo run -p {}{} --", cargo_target(application), features.unwrap_or_default())
            }
            None => program.to_owned(),
        };
        let (json, threads) = (common.json, common.threads);
        Ok(Self { session, json, program, threads, flags: flags(common), current_run })
    }

    /// Makes Ctrl-C, SIGTERM and SIGHUP request a stop through the session's interrupt handle. Only verbs that check
    /// this handle call this function. In all other verbs the first Ctrl-C ends the process.
    pub fn listen(&mut self) {
        self.session.interrupt = signals::interrupt();
    }

    /// Returns the folder of the model that the option `--model` names, or of the model `default` if the option is
    /// absent.
    pub fn model_folder<P: Predictor>(&self, chosen: &ModelArgs, default: Option<&str>) -> Result<PathBuf> {
        let catalog = Catalog::of::<P>();
        let Some(name) = chosen.model.as_deref().or(default) else {
            let known = catalog.list().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "(no models found)".to_owned() } else { known };
            return Err(CliError::Usage(format!(
                "--model is missing; give a run folder, the folder of an exported model, or a model name: {known}"
            )));
        };
        match Run::open(PathBuf::from(name)) {
            Ok(_) => Ok(Run::best_of(Path::new(name))?),
            Err(TrainingError::NotARun { .. }) => Ok(catalog.find(name)?),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the model that `--model` names, or `default` if the option is absent, on the session's device.
    pub fn open<P: Predictor>(&self, chosen: &ModelArgs, default: Option<&str>) -> Result<P> {
        Ok(self.open_folder(&self.model_folder::<P>(chosen, default)?)?.1)
    }

    /// Opens the model in a folder that [`model_folder`](Self::model_folder) has returned, on the session's device.
    pub fn open_in<P: Predictor>(&self, folder: &Path) -> Result<P> {
        Ok(self.open_folder(folder)?.1)
    }

    /// Opens the package (the files of a trained model) in a folder, on the session's device. Returns its manifest and
    /// the model.
    pub(crate) fn open_folder<P: Predictor>(&self, folder: &Path) -> Result<(Manifest, P)> {
        let files = Folder::new(folder);
        let package = Package::open(&files, P::APPLICATION)?;
        let predictor = P::open(&package, &self.session.device)?;
        Ok((package.manifest, predictor))
    }

    /// Returns the SVG file to which a verb writes its plot: `given` if the user names a file. If the user names no
    /// file, the plot goes to `default`; with `--json` there is then no plot (`None`).
    pub fn plot<'a>(&self, given: Option<&'a Path>, default: &'a str) -> Option<Plot<'a>> {
        match given {
            Some(path) => Some(Plot { path, is_requested: true }),
            None if self.json => None,
            None => Some(Plot { path: Path::new(default), is_requested: false }),
        }
    }

    /// Returns a complete command line of this application with the given arguments, as a user types it.
    pub fn command(&self, arguments: &str) -> String {
        format!("{} {arguments}", self.program)
    }

    /// Logs the command line with which the user resumes interrupted work. `arguments` are the verb and its options.
    pub fn log_resume(&self, arguments: &str) {
        log(&format!("stopped with a checkpoint; resume with: {}", self.resume_command(arguments)));
    }

    /// Logs the command line that resumes a failed training run, if the cause is a file error (such as a full disk) or
    /// a failed GPU. Logs nothing for other errors. `arguments` are the verb and its options.
    pub(crate) fn log_failure(&self, error: &CliError, arguments: &str) {
        if self.current_run().is_none() {
            return;
        }
        match error {
            CliError::Training(TrainingError::Io { .. }) => {
                log(&format!(
                    "training failed; fix the error that is printed below, then resume with: {}",
                    self.resume_command(arguments)
                ));
            }
            CliError::Training(TrainingError::Device { .. }) => {
                log(&format!("the GPU has failed; resume on the CPU with: {}", self.resume_on_cpu(arguments)));
            }
            _ => {}
        }
    }

    /// Returns the folder of the training run that was started last.
    pub(crate) fn current_run(&self) -> Option<PathBuf> {
        self.current_run.lock().ok()?.clone()
    }

    /// Returns the arguments `train --resume DIR`. `DIR` is `dir`; if that is `None`, the folder of the run that this
    /// process has started last, or the placeholder `RUN` if there is none.
    pub(crate) fn train_resume(&self, dir: Option<&Path>) -> String {
        let run = dir.map(Path::to_path_buf).or_else(|| self.current_run()).unwrap_or_else(|| PathBuf::from("RUN"));
        format!("train --resume {}", quoted(&run))
    }

    fn resume_command(&self, arguments: &str) -> String {
        self.resume_with(arguments, |_| true)
    }

    fn resume_on_cpu(&self, arguments: &str) -> String {
        self.resume_with(arguments, |option| !matches!(option, "--backend" | "--device"))
    }

    /// Returns a command that resumes a run, with those global options for which `keep` returns true.
    fn resume_with(&self, arguments: &str, keep: impl Fn(&str) -> bool) -> String {
        let TrainerOptions { on_nonfinite, wire, .. } = self.session.options;
        let skip = if on_nonfinite == OnNonFinite::Skip { " --on-nonfinite skip" } else { "" };
        let half = if wire == Wire::Half { " --half-gradients" } else { "" };
        // Each option is followed by its value.
        let kept = self.flags.chunks(2).filter(|flag| keep(&flag[0])).flatten();
        let flags = kept.map(|flag| format!(" {}", shell_word(flag))).collect::<String>();
        let launcher = match self.session.ranks.world() {
            1 => String::new(),
            world => format!("mpirun -n {world} "),
        };
        format!("{launcher}{} {arguments}{flags}{skip}{half}", self.program)
    }

    /// Returns those of the options `--backend`, `--device` and `--data-dir` that differ from their defaults, as
    /// arguments for another process.
    pub(crate) fn global_arguments(&self) -> impl Iterator<Item = String> {
        self.flags.iter().cloned()
    }
}

/// Returns the connection to the ranks that `mpirun` has started together with this process. Without `mpirun`, this
/// process is the only rank.
pub(crate) fn ranks() -> Box<dyn Collective> {
    #[cfg(feature = "mpi")]
    if let Some(ranks) = training::collective::Mpi::start() {
        return Box::new(ranks);
    }
    Box::new(Alone)
}

/// Returns the locator, which searches for data sets in `data_dir` and in the default folders, and downloads missing
/// data sets. It shows the progress of downloads on standard error.
pub(crate) fn locator(data_dir: Option<&Path>) -> Locator {
    Locator::new(data_dir).with_progress(data_progress())
}

/// Returns the arguments after `cargo run -p`: the name of the application, or `PACKAGE --example NAME` for an example.
fn cargo_target(application: &str) -> String {
    let program =
        std::env::current_exe().ok().filter(|path| path.parent().is_some_and(|dir| dir.ends_with("examples")));
    let example = program.as_deref().and_then(Path::file_stem).and_then(|name| name.to_str());
    // `cargo run` also sets the variable `CARGO_PKG_NAME`.
    match (example, std::env::var("CARGO_PKG_NAME")) {
        (Some(example), Ok(package)) => format!("{package} --example {example}"),
        _ => application.to_owned(),
    }
}

/// Returns those of the options `--backend`, `--device` and `--data-dir` that differ from their defaults: the name of
/// each option, followed by its value.
fn flags(common: &Common) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |option: &str, value: String| flags.extend([option.to_owned(), value]);
    if common.backend != Backend::default() {
        add("--backend", common.backend.name().to_owned());
    }
    if common.device != 0 {
        add("--device", common.device.to_string());
    }
    if let Some(dir) = &common.data_dir {
        add("--data-dir", dir.display().to_string());
    }
    flags
}
