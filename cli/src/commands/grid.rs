//! `train --grid`: grid search. Trains once for each combination of the setting values and seeds in a TOML file, on
//! this machine or through a scheduler.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use inference::Predictor;
use training::grid::{Grid, Point};
use training::options::{OnNonFinite, TrainerOptions};
use training::package::record_in;
use training::recipe::RecipeText;
use training::run::Run;
use training::{RecipeOf, Task, Training, TrainingError, files};

use super::runs;
use crate::application::Application;
use crate::args::{Scheduler, Train};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{log, print_line, quoted, shell_word};

/// The interval at which the program checks whether trainings have ended.
const PAUSE: Duration = Duration::from_millis(100);

/// One training of a grid.
struct Job {
    /// The name of the run folder and of the log file.
    name: String,
    /// The run folder.
    dir: PathBuf,
    /// Whether the run is finished.
    is_finished: bool,
    /// The arguments of this program that begin or resume the training.
    arguments: Vec<String>,
}

/// Trains all combinations of the grid in `file`, or writes a script for a scheduler.
pub fn run<A: Application>(file: &Path, args: &Train<A::Options>, cx: &mut Context) -> Result<()> {
    let out = args.out.as_deref().unwrap_or(Path::new("runs")); // clap requires --out
    let out = std::path::absolute(out).map_err(|source| io("find", out, source))?;
    let grid = Grid::read(file)?;
    if grid.has_seeds() && args.recipe.seed.is_some() {
        return Err(CliError::Usage(format!("{} lists seeds; leave out --seed", file.display())));
    }
    let points = grid.points();
    let at_once = args.grid.jobs.map_or(1, |count| count.get()).min(points.len());
    let threads = match (args.grid.emit, cx.threads) {
        (_, Some(threads)) => threads.into(),
        (Some(_), None) => 1,
        (None, None) => (rayon::current_num_threads() / at_once).max(1),
    };
    let jobs = prepare::<A>(points, args, &out, threads, cx)?;
    if let Some(scheduler) = args.grid.emit {
        return write_script(scheduler, &jobs, threads, &out);
    }
    train_all::<A::Task>(&jobs, at_once, cx)?;
    runs::rank::<A::Task>(&[out], cx.json)
}

/// Checks the recipes of all trainings, and writes each recipe to a file in `out`. Returns the trainings.
fn prepare<A: Application>(
    points: Vec<Point>,
    args: &Train<A::Options>,
    out: &Path,
    threads: usize,
    cx: &Context,
) -> Result<Vec<Job>> {
    let recipe = toml::to_string(&args.recipe.read::<A>()?).map_err(TrainingError::serialize)?;
    let mut jobs = Vec::with_capacity(points.len());
    let mut texts = Vec::with_capacity(points.len());
    for Point { name, settings } in points {
        let recipe = RecipeText::embedded(&recipe).with_overrides(&settings)?;
        let parsed: RecipeOf<A::Task> = recipe.parse()?;
        parsed.check()?;
        let (dir, file) = (out.join(&name), out.join(format!("{name}.toml")));
        let is_finished = Training::<A::Task>::new(parsed).in_folder_or_resume(&dir)?.outcome()?.is_some();
        let mut arguments = program::<A>();
        arguments.extend(["train", "--or-resume", "--recipe", typed(&file)?, "--out", typed(&dir)?].map(str::to_owned));
        arguments.extend(["--baselines-in", typed(out)?, "--threads", &threads.to_string()].map(str::to_owned));
        arguments.extend(trainer_options(cx));
        texts.push((file, recipe));
        jobs.push(Job { name, dir, is_finished, arguments });
    }
    std::fs::create_dir_all(out).map_err(|source| io("create", out, source))?;
    for (file, recipe) in texts {
        files::write(&file, recipe.as_str().as_bytes())?;
    }
    Ok(jobs)
}

/// Returns the arguments before the verb: the name of the application if the program is `zoo`, and otherwise none.
fn program<A: Application>() -> Vec<String> {
    let application = <<A::Task as Task>::Predictor as Predictor>::APPLICATION;
    std::env::args().nth(1).filter(|first| first == application).into_iter().collect()
}

/// Returns a path as text, for a command-line argument. Returns an error if the path is not UTF-8.
fn typed(path: &Path) -> Result<&str> {
    path.to_str()
        .ok_or_else(|| CliError::Usage(format!("the path {} is not UTF-8; choose another folder", path.display())))
}

fn trainer_options(cx: &Context) -> Vec<String> {
    let TrainerOptions { interval, on_nonfinite, .. } = cx.session.options;
    let mut options = vec!["--checkpoint-every".to_owned(), interval.to_string()];
    if on_nonfinite == OnNonFinite::Skip {
        options.extend(["--on-nonfinite", "skip"].map(str::to_owned));
    }
    options.extend(cx.global_arguments());
    options
}

/// Runs the trainings that are not finished, at most `at_once` at the same time. If a training fails, the other
/// trainings continue.
fn train_all<T: Task>(jobs: &[Job], at_once: usize, cx: &Context) -> Result<()> {
    let (finished, waiting): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| job.is_finished);
    finished.iter().for_each(|job| log(&format!("{}: already finished", job.name)));
    let mut waiting = waiting.into_iter();
    let mut running: Vec<(&Job, Child)> = Vec::new();
    let mut failed: Vec<&Job> = Vec::new();
    let mut is_stopping = false;
    loop {
        while !is_stopping && running.len() < at_once {
            let Some(job) = waiting.next() else { break };
            log(&format!("{}: started ({} more to start)", job.name, waiting.len()));
            match start(job) {
                Ok(child) => running.push((job, child)),
                Err(error) => fail(job, &error.to_string(), &mut failed),
            }
        }
        if running.is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
        if cx.session.interrupt.is_requested() && !is_stopping {
            is_stopping = true;
            running.iter().for_each(|(_, child)| stop(child));
        }
        let mut still = Vec::with_capacity(running.len());
        for (job, mut child) in running {
            match child.try_wait() {
                Ok(None) => still.push((job, child)),
                Ok(Some(status)) if status.success() => match metrics::<T>(&job.dir) {
                    Ok(metrics) => log(&format!("{}: {metrics}", job.name)),
                    Err(error) => fail(job, &error.to_string(), &mut failed),
                },
                Ok(Some(status)) if is_stopping && is_interrupted(status) => {}
                Ok(Some(_)) => fail(job, "the training failed", &mut failed),
                Err(error) => fail(job, &error.to_string(), &mut failed),
            }
        }
        running = still;
    }
    if is_stopping {
        log("stopped with checkpoints; repeat the command to continue");
        return Err(CliError::Interrupted);
    }
    match failed.first() {
        Some(first) => Err(CliError::Grid { failed: failed.len(), total: jobs.len(), log: log_file(first) }),
        None => Ok(()),
    }
}

fn fail<'a>(job: &'a Job, reason: &str, failed: &mut Vec<&'a Job>) {
    log(&format!("{}: {reason}; see {}", job.name, log_file(job).display()));
    failed.push(job);
}

/// Starts a training in a new process. Its output is appended to the log file beside the run folder.
fn start(job: &Job) -> Result<Child> {
    let path = log_file(job);
    let file = File::options().create(true).append(true).open(&path).map_err(|source| io("write", &path, source))?;
    let other = file.try_clone().map_err(|source| io("write", &path, source))?;
    let program = std::env::current_exe().map_err(|source| io("find", Path::new("this program"), source))?;
    let mut command = Command::new(&program);
    command.args(&job.arguments).stdin(Stdio::null()).stdout(file).stderr(other);
    // The training has its own process group, so Ctrl-C reaches only this process, which sends one SIGINT to the
    // training. A second SIGINT would end the training without a checkpoint.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|source| io("start", &program, source))
}

fn log_file(job: &Job) -> PathBuf {
    job.dir.with_file_name(format!("{}.log", job.name))
}

/// Asks a training to stop with a checkpoint. If the request fails, the training continues to its end.
fn stop(child: &Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// Returns whether a training has the exit code 130, which means that it stopped because of an interruption.
fn is_interrupted(status: ExitStatus) -> bool {
    status.code() == Some(130)
}

/// Returns the test metrics of a finished run, as text.
fn metrics<T: Task>(dir: &Path) -> Result<String> {
    let outcome = record_in::<T>(&Run::open(dir.to_path_buf())?.best())?.outcome;
    Ok(outcome.map_or("finished".to_owned(), |outcome| outcome.test.list()))
}

/// Writes the commands of the trainings to `tasks.txt`, one per line, and a script that passes them to a scheduler.
fn write_script(scheduler: Scheduler, jobs: &[Job], threads: usize, out: &Path) -> Result<()> {
    let program = std::env::current_exe().map_err(|source| io("find", Path::new("this program"), source))?;
    let line = |job: &Job| {
        let words = job.arguments.iter().map(|word| shell_word(word));
        std::iter::once(quoted(&program)).chain(words).collect::<Vec<_>>().join(" ")
    };
    let tasks = out.join("tasks.txt");
    let lines: Vec<String> = jobs.iter().map(line).collect();
    files::write(&tasks, format!("{}\n", lines.join("\n")).as_bytes())?;
    let (tasks, logs, count) = (quoted(&tasks), quoted(&out.join("task-%a.log")), jobs.len());
    let (name, script, command) = match scheduler {
        Scheduler::Slurm => (
            "grid.sbatch",
            format!(
                "#!/bin/sh\n#SBATCH --job-name=grid\n#SBATCH --array=1-{count}\n#SBATCH --cpus-per-task={threads}\n\
                 #SBATCH --output={logs}\n\
                 # Ask for a checkpoint two minutes before the time limit. Submit the script again to continue.\n\
                 #SBATCH --signal=INT@120\n\
                 eval \"exec srun $(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {tasks})\"\n"
            ),
            "sbatch",
        ),
        Scheduler::Hyperqueue => (
            "grid.sh",
            format!(
                "#!/bin/sh\nexec hq submit --wait --cpus={threads} --each-line {tasks} -- sh -c 'eval \"exec $HQ_ENTRY\"'\n"
            ),
            "sh",
        ),
        Scheduler::Parallel => {
            let jobs = format!("$(( $(nproc) >= {threads} ? $(nproc) / {threads} : 1 ))");
            ("grid.sh", format!("#!/bin/sh\nexec parallel --jobs \"{jobs}\" < {tasks}\n"), "sh")
        }
    };
    let path = out.join(name);
    files::write(&path, script.as_bytes())?;
    let script = quoted(&path);
    print_line(&format!("the commands of {count} trainings are in {tasks}; start them with: {command} {script}"))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::Io { action, path: path.to_path_buf(), source }
}
