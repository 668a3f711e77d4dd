//! Training with one library call: [`Training::fit`] starts a run from a recipe or resumes a run, trains the model, and
//! evaluates it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use inference::weights::Precision;
use inference::{Catalog, Folder, Package};

use crate::checkpoint::State;
use crate::collective::Collective;
use crate::device_failure::guarded;
use crate::error::{Result, TaskError, TrainingError};
use crate::interrupt::Interrupt;
use crate::lock::Lock;
use crate::machine::{self, check_memory};
use crate::metric::Measured;
use crate::observer::Event;
use crate::package::{self, Finished, Opened, Outcome, Provenance, record_in};
use crate::resume;
use crate::run::{Run, Start};
use crate::session::Session;
use crate::steps::COPIES;
use crate::task::{Demonstration, Pretrained, RecipeOf, Splits, Task, application};
use crate::trainer::{FitOutcome, Trainer};
use crate::{card, files};

/// A training run that starts or resumes when [`fit`](Self::fit) is called.
///
/// ```no_run
/// # fn example<T: training::Task>() -> training::Result<()> {
/// use training::{Fitted, Recipe, RecipeOf, Session, Training};
///
/// let recipe = training::recipe::RecipeText::find("quick", T::RECIPES)?.parse::<RecipeOf<T>>()?;
/// match Training::<T>::new(recipe).in_folder("runs/mine").fit(&mut Session::default())? {
///     Fitted::Trained(trained) => println!("{}", trained.outcome.test.list()),
///     Fitted::Interrupted => println!("the training was interrupted, and can be resumed"),
///     Fitted::Followed => println!("rank 0 has the results"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Training<T: Task> {
    recipe: RecipeOf<T>,
    place: Place,
    /// The folder in which several runs share the results of the baselines; `None` for the run folder.
    baselines: Option<PathBuf>,
}

/// Where a run is stored.
enum Place {
    /// A new run in this folder. `None` stands for a new folder `runs/RECIPE/TIME`.
    New(Option<PathBuf>),
    /// The folder of a run to resume.
    Run(PathBuf),
}

/// The result of [`Training::fit`].
pub enum Fitted<T: Task> {
    /// The run is finished and evaluated.
    Trained(Box<Trained<T>>),
    /// A stop was requested through the [`Interrupt`]. [`Training::resume`] continues the run.
    Interrupted,
    /// The run is trained by several ranks (processes), and this rank is not rank 0. Only rank 0 evaluates the model
    /// and has the results.
    Followed,
}

/// The results of a finished run.
pub struct Trained<T: Task> {
    /// The run folder.
    pub run: Run,
    /// The recipe of the run.
    pub recipe: RecipeOf<T>,
    /// The trained model with the best weights.
    pub predictor: T::Predictor,
    /// The metrics of the model and the baselines.
    pub outcome: Outcome,
    /// Example predictions of the trained model, as lines of text.
    pub demonstration: Vec<String>,
}

impl<T: Task> Training<T> {
    /// Prepares a new run. Its folder is `runs/RECIPE/TIME`, unless [`in_folder`](Self::in_folder) sets another folder.
    pub fn new(recipe: RecipeOf<T>) -> Self {
        Self { recipe, place: Place::New(None), baselines: None }
    }

    /// Prepares to resume the run in a folder, with the recipe that is saved there.
    pub fn resume(dir: impl Into<PathBuf>) -> Result<Self> {
        Self::resume_with(dir, &[])
    }

    /// Prepares to resume the run in a folder, with its saved recipe changed by overrides such as `training.epochs=20`.
    /// Overrides may only raise the number of epochs or change the [paths of the data](Task::PATHS).
    ///
    /// # Errors
    ///
    /// [`TrainingError::OtherRecipe`] for overrides that change other settings.
    pub fn resume_with(dir: impl Into<PathBuf>, overrides: &[String]) -> Result<Self> {
        let dir = dir.into();
        let recipe = resume::changed::<T>(&dir, Run::open(dir.clone())?.recipe_text()?, overrides)?;
        Ok(Self { recipe, place: Place::Run(dir), baselines: None })
    }

    /// Makes this training a new run in the folder `dir`. If the folder exists, it must be empty.
    pub fn in_folder(self, dir: impl Into<PathBuf>) -> Self {
        Self { place: Place::New(Some(dir.into())), ..self }
    }

    /// Prepares to resume the run in a folder. If the folder has no run yet, sets it as the folder of a new run.
    ///
    /// # Errors
    ///
    /// [`TrainingError::OtherRecipe`] if the recipe of the run in the folder differs from this recipe. Two differences
    /// are allowed: the run in the folder may have fewer epochs, and other [paths of the data](Task::PATHS).
    pub fn in_folder_or_resume(self, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let place = match Run::open(dir.clone()) {
            Ok(run) => {
                resume::check::<T>(&dir, &run.recipe_text()?.parse()?, &self.recipe)?;
                Place::Run(dir)
            }
            Err(_) => Place::New(Some(dir)),
        };
        Ok(Self { place, ..self })
    }

    /// Shares the results of the baselines with other runs through this folder, so that the baselines are computed only
    /// once. By default the results are stored in the run folder.
    pub fn with_baselines_in(self, dir: impl Into<PathBuf>) -> Self {
        Self { baselines: Some(dir.into()), ..self }
    }

    /// Returns the results of the run to resume; `None` if this run is not finished, or if this is a new run.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        let Place::Run(dir) = &self.place else { return Ok(None) };
        let run = Run::open(dir.clone())?;
        let saved: RecipeOf<T> = run.recipe_text()?.parse()?;
        let finished = run.report().exists() && saved.training.epochs == self.recipe.training.epochs;
        if finished { Ok(record_in::<T>(&run.best())?.outcome) } else { Ok(None) }
    }

    /// Trains the model, evaluates it and the baselines on the test part, and writes the package (the files of the
    /// trained model, with the best weights).
    ///
    /// # Errors
    ///
    /// Every [`TrainingError`]. A failed run can be resumed from its last checkpoint.
    pub fn fit(self, session: &mut Session) -> Result<Fitted<T>> {
        match self.run(session) {
            Err(TrainingError::Task(TaskError::Interrupted)) => Ok(Fitted::Interrupted),
            other => other,
        }
    }

    /// Checks that a run to resume was started with the same data as now. `fingerprint` is the
    /// [fingerprint](Task::fingerprint) of the data now, such as a checksum. Does nothing for a new run.
    ///
    /// # Errors
    ///
    /// [`TrainingError::DataChanged`] if the run was started with other data.
    pub(crate) fn check_data(&self, fingerprint: &str) -> Result<()> {
        match &self.place {
            Place::Run(dir) => Run::open(dir.clone())?.check_data(fingerprint),
            Place::New(_) => Ok(()),
        }
    }

    /// If the run is finished, opens its model. If not, calls [`fit`](Self::fit), and then `each` with the result of
    /// `fit`. Returns the model. Returns `None` if the training was interrupted, or if this call has trained and this
    /// rank is not rank 0.
    ///
    /// # Errors
    ///
    /// Every [`TrainingError`].
    pub fn fit_or_open(
        self,
        session: &mut Session,
        each: impl FnOnce(&Fitted<T>) -> Result<()>,
    ) -> Result<Option<T::Predictor>> {
        if let (Place::Run(dir), Some(_)) = (&self.place, self.outcome()?) {
            let best = Run::open(dir.clone())?.best();
            return Ok(Some(Opened::<T>::open(&best, &session.device)?.predictor));
        }
        let fitted = self.fit(session)?;
        each(&fitted)?;
        Ok(match fitted {
            Fitted::Trained(trained) => Some(trained.predictor),
            Fitted::Interrupted | Fitted::Followed => None,
        })
    }

    fn run(self, session: &mut Session) -> Result<Fitted<T>> {
        let started = Instant::now();
        self.recipe.check()?;
        session.ranks.check()?;
        let (run, lock, resume) = self.join(&*session.ranks)?;
        if lock.as_ref().is_some_and(|lock| !lock.exclusive) {
            session.note(
                "the file system of the run folder does not support locks; make sure that no other process trains in \
                 this folder",
            );
        }
        let recipe = self.recipe;
        let leads = session.ranks.leads();
        // Rank 0 loads the data first, because it may have to download them.
        let loaded = if leads { Some(session.load::<T>(&recipe.data)?) } else { None };
        session.check_interrupt()?;
        let raw = if let Some(raw) = loaded { raw } else { session.load::<T>(&recipe.data)? };
        session.check_interrupt()?;
        let start = Start {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: session.backend.name().to_owned(),
            device: format!("{:?}", session.device),
            threads: rayon::current_num_threads(),
            ranks: session.ranks.world(),
            wire: session.options.wire,
            data: T::fingerprint(&raw),
        };
        let origin = Origin::find::<T>(&recipe)?;
        let package = origin.open::<T>()?;
        let task = T::fit(&recipe, &raw, origin.pretrained::<T>(package.as_ref())?)?;
        check_memory(task.num_params(), COPIES)?;
        let splits = session.encode(&task, raw)?;
        session.check_interrupt()?;
        if leads && resume {
            run.check_start(&start)?.iter().for_each(|note| session.note(note));
            if run.replace_recipe(&recipe)? && recipe.schedule.spans_the_run() {
                session.note("from now on, the learning rate follows the schedule for the new number of epochs");
            }
        } else if leads {
            run.begin(&recipe, &start)?;
        }
        let event = Event::Started { recipe: &recipe.name, about: &recipe.about, run: run.dir() };
        session.observer.observe(&event);

        let job = Job { task: &task, recipe: &recipe, splits: &splits, package: package.as_ref(), run: &run, started };
        let dir = self.baselines.unwrap_or_else(|| run.dir().to_path_buf());
        let measured = guarded(session, &run, |session| {
            let (network, state) = match job.train(resume, session)? {
                ControlFlow::Continue(trained) => trained,
                ControlFlow::Break(fitted) => return Ok(ControlFlow::Break(fitted)),
            };
            job.measure(network, &state, start, &dir, session).map(ControlFlow::Continue)
        })?;
        let (predictor, Finished { outcome, demonstration, .. }) = match measured {
            ControlFlow::Continue(measured) => measured,
            ControlFlow::Break(fitted) => return Ok(fitted),
        };
        let demonstration = demonstration.lines;
        Ok(Fitted::Trained(Box::new(Trained { run, recipe, predictor, outcome, demonstration })))
    }

    /// Opens the run. Rank 0 creates the folder of a new run, and locks the run folder for all ranks. Returns the run,
    /// the lock of the folder (`None` on ranks other than rank 0), and whether the run is resumed.
    fn join(&self, ranks: &dyn Collective) -> Result<(Run, Option<Lock>, bool)> {
        if !ranks.leads() {
            let known = ranks.broadcast(&[])?;
            let (dir, resume): (PathBuf, bool) = serde_json::from_slice(&known).map_err(TrainingError::serialize)?;
            return Ok((Run::followed(dir), None, resume));
        }
        let (run, lock, resume) = self.claim()?;
        if !ranks.is_alone() {
            ranks.broadcast(&serde_json::to_vec(&(run.dir(), resume)).map_err(TrainingError::serialize)?)?;
        }
        Ok((run, Some(lock), resume))
    }

    fn claim(&self) -> Result<(Run, Lock, bool)> {
        match &self.place {
            Place::New(dir) => {
                let (run, lock) = Run::claim(dir.clone(), &self.recipe.name)?;
                Ok((run, lock, false))
            }
            Place::Run(dir) => {
                let run = Run::open(dir.clone())?;
                let lock = run.lock()?;
                Ok((run, lock, true))
            }
        }
    }
}

/// The folder of a trained model whose weights are the initial weights of the training. The recipe names this model as
/// `start_from`; `None` if the recipe has no `start_from`.
pub(crate) struct Origin(Option<Folder>);

impl Origin {
    pub fn find<T: Task>(recipe: &RecipeOf<T>) -> Result<Self> {
        Ok(Self(match &recipe.start_from {
            Some(name) => Some(Folder::new(Catalog::of::<T::Predictor>().find(name)?)),
            None => None,
        }))
    }

    pub fn open<T: Task>(&self) -> Result<Option<Package<'_>>> {
        let open = |files| Package::open(files, application::<T>());
        Ok(self.0.as_ref().map(|files| open(files)).transpose()?)
    }

    /// Returns the trained model from which training starts: its package, and the settings and the fingerprint of its
    /// training data. Returns `None` if training starts from random weights.
    pub fn pretrained<'a, T: Task>(&self, package: Option<&'a Package<'a>>) -> Result<Option<Pretrained<'a, T>>> {
        let (Some(files), Some(package)) = (&self.0, package) else { return Ok(None) };
        let record = package::read_record::<T>(package, files)?;
        let fingerprint = record.outcome.map(|outcome| outcome.provenance.start.data);
        Ok(Some(Pretrained { package, data: record.recipe.data, fingerprint }))
    }
}

/// A run whose data are loaded and encoded.
struct Job<'a, T: Task> {
    task: &'a T,
    recipe: &'a RecipeOf<T>,
    splits: &'a Splits<T::Set>,
    package: Option<&'a Package<'a>>,
    run: &'a Run,
    started: Instant,
}

/// A trained network (`None` for a model without a network), and the state of its training.
type Trainee<T> = (Option<<T as Task>::Model>, State);

impl<T: Task> Job<'_, T> {
    /// Trains the network. Returns the network with the best weights (`None` for models without a network) and the
    /// state of training. If training was interrupted or if this rank does not evaluate the model, returns instead the
    /// value that [`Training::fit`] returns.
    fn train(&self, resume: bool, session: &mut Session) -> Result<ControlFlow<Fitted<T>, Trainee<T>>> {
        let trainer = Trainer {
            task: self.task,
            recipe: self.recipe,
            splits: self.splits,
            start: self.package,
            device: &session.device,
            run: self.run,
            options: session.options,
            interrupt: &session.interrupt,
            ranks: &*session.ranks,
            started: self.started,
        };
        Ok(match trainer.fit(resume, &mut *session.observer)? {
            FitOutcome::Done(network, state) => ControlFlow::Continue((Some(network), *state)),
            FitOutcome::NoNetwork => {
                let seconds = self.started.elapsed().as_secs_f64();
                ControlFlow::Continue((None, State { seconds, ..State::default() }))
            }
            FitOutcome::Interrupted => ControlFlow::Break(Fitted::Interrupted),
            FitOutcome::Followed => ControlFlow::Break(Fitted::Followed),
        })
    }

    /// Evaluates the model and the baselines, and writes the package and the report.
    fn measure(
        &self,
        network: Option<T::Model>,
        state: &State,
        start: Start,
        baselines: &Path,
        session: &mut Session,
    ) -> Result<(T::Predictor, Finished)> {
        let Self { task, recipe, splits, run, .. } = self;
        let (measuring, interrupt) = (Instant::now(), &session.interrupt);
        session.observer.observe(&Event::Measuring);
        let mut predictor = task.predictor(network, &session.device)?;
        task.finish(&mut predictor, &splits.valid, interrupt)?;
        let outcome = Outcome {
            best_epoch: state.best.map_or(0, |(epoch, _)| epoch),
            valid: task.evaluate(&predictor, &splits.valid, interrupt)?,
            test: task.evaluate(&predictor, &splits.test, interrupt)?,
            baselines: BTreeMap::new(),
            provenance: Provenance {
                start,
                seconds: state.seconds + measuring.elapsed().as_secs_f64(),
                items: (state.items > 0).then_some(state.items),
                peak_memory: machine::peak_memory(),
            },
        };
        let curves = std::fs::read_to_string(run.curves()).ok();
        let mut finished = Finished { outcome, demonstration: Demonstration::default(), curves };
        let write = |finished: &Finished| {
            package::write::<T>(&run.best(), &predictor, recipe, Some(finished), Precision::Single)
        };
        // The results are stored first, because the baselines may need more memory than the model and then end the
        // process.
        write(&finished)?;
        session.observer.observe(&Event::Measured { test: &finished.outcome.test });
        finished.outcome.baselines = self.baselines(baselines, &finished.outcome.provenance.start.data, session)?;
        finished.outcome.provenance.seconds = state.seconds + measuring.elapsed().as_secs_f64();
        finished.outcome.provenance.peak_memory = machine::peak_memory();
        finished.demonstration = task.demonstrate(&predictor, &finished.outcome, &splits.test)?;
        write(&finished)?;
        run.write_picture(finished.demonstration.picture.as_deref())?;
        let parameters = T::contents(&predictor)?.network.map_or(0, burn::module::Module::num_params);
        run.write_report(&card::report::<T>(recipe, &finished, parameters))?;
        Ok((predictor, finished))
    }

    /// Returns the results of the baselines, by name of the baseline. If the baselines need more memory than is free,
    /// the result is empty, and the observer receives a note.
    fn baselines(&self, dir: &Path, data: &str, session: &mut Session) -> Result<BTreeMap<String, Measured>> {
        match cached_baselines(dir, self.task, self.recipe, data, self.splits, &session.interrupt) {
            Err(TrainingError::Task(error @ TaskError::Memory { .. })) => {
                session.note(&format!("the baselines are left out: {error}"));
                Ok(BTreeMap::new())
            }
            other => other,
        }
    }
}

/// Returns the results of the baselines. If an earlier run with the same data and model settings has stored the results
/// in `dir/baselines.json`, reads them from there. If not, computes the results and stores them there.
fn cached_baselines<T: Task>(
    dir: &Path,
    task: &T,
    recipe: &RecipeOf<T>,
    data: &str,
    splits: &Splits<T::Set>,
    interrupt: &Interrupt,
) -> Result<BTreeMap<String, Measured>> {
    /// Only one run in this process computes baselines at a time. Another run that shares the folder then finds the
    /// stored results, and does not compute the same baselines again.
    static LOCK: Mutex<()> = Mutex::new(());
    let _guard = LOCK.lock();
    let path = dir.join("baselines.json");
    let settings = files::json(&(env!("CARGO_PKG_VERSION"), data, &recipe.data, &recipe.model))?;
    let key = inference::package::sha256(&settings);
    // If the file cannot be read, the baselines are computed again.
    let cached = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut cached: BTreeMap<String, BTreeMap<String, Measured>> = cached.unwrap_or_default();
    if let Some(baselines) = cached.get(&key) {
        return Ok(baselines.clone());
    }
    let baselines = task.baselines(splits, interrupt)?;
    cached.insert(key, baselines.clone());
    files::write(&path, &files::json(&cached)?)?;
    Ok(baselines)
}
