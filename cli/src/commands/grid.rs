//! `train --grid`: trains with every combination of some settings, here or through a scheduler.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use inference::Predictor;
use training::grid::Grid;
use training::options::{OnNonFinite, TrainerOptions};
use training::package::record_in;
use training::recipe::RecipeText;
use training::run::Run;
use training::{RecipeOf, Task, TrainingError, files};

use super::runs;
use super::train::ChangedRecipeExt;
use crate::application::Application;
use crate::args::{GridArgs, Scheduler, Train};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{log, print_line, quoted, shell_word};

/// How often the trainings are looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// One training of a grid.
struct Job {
    name: String,
    /// The run folder.
    dir: PathBuf,
    /// The arguments of this program that begin or resume the training.
    arguments: Vec<String>,
}

/// Trains all combinations of the grid in `file`, or writes a script for a scheduler.
pub fn run<A: Application>(file: &Path, args: &Train<A::Options>, cx: &mut Context) -> Result<()> {
    let out = args.out.as_deref().unwrap_or(Path::new("runs")); // clap requires --out
    let out = std::path::absolute(out).map_err(|source| io("find", out, source))?;
    let jobs = prepare::<A>(file, args, &out, cx)?;
    let GridArgs { jobs: at_once, emit, .. } = &args.grid;
    if let Some(scheduler) = emit {
        return write_script(*scheduler, &jobs, &out);
    }
    train_all::<A::Task>(&jobs, at_once.map_or(1, |count| count.get()), cx)?;
    runs::rank::<A::Task>(&[out], cx.json)
}

/// Writes the recipe of each training, and checks all of them.
fn prepare<A: Application>(file: &Path, args: &Train<A::Options>, out: &Path, cx: &Context) -> Result<Vec<Job>> {
    let recipe = toml::to_string(&args.recipe.read::<A>()?).map_err(TrainingError::serialize)?;
    let points = Grid::read(file)?.points();
    let mut jobs = Vec::with_capacity(points.len());
    let mut texts = Vec::with_capacity(points.len());
    for point in points {
        let recipe = RecipeText::embedded(&recipe).with_overrides(&point.settings)?;
        recipe.parse::<RecipeOf<A::Task>>()?.check()?;
        let (dir, file) = (out.join(&point.name), out.join(format!("{}.toml", point.name)));
        let arguments = arguments::<A::Options>(args, [&file, &dir], cx);
        texts.push((file, recipe));
        jobs.push(Job { name: point.name, dir, arguments: [program::<A>(), arguments].concat() });
    }
    std::fs::create_dir_all(out).map_err(|source| io("create", out, source))?;
    for (file, recipe) in texts {
        files::write(&file, recipe.as_str().as_bytes())?;
    }
    Ok(jobs)
}

/// The arguments before the verb: the application, if this is the program with all applications.
fn program<A: Application>() -> Vec<String> {
    let application = <<A::Task as Task>::Predictor as Predictor>::APPLICATION;
    std::env::args().nth(1).filter(|first| first == application).into_iter().collect()
}

fn arguments<O: Args>(args: &Train<O>, [recipe, dir]: [&PathBuf; 2], cx: &Context) -> Vec<String> {
    let at = |path: &Path| path.display().to_string();
    let mut all = ["train", "--or-resume", "--recipe", &at(recipe), "--out", &at(dir)].map(str::to_owned).to_vec();
    let TrainerOptions { interval, on_nonfinite } = cx.session.options;
    all.extend(["--checkpoint-every".to_owned(), interval.to_string()]);
    if on_nonfinite == OnNonFinite::Skip {
        all.extend(["--on-nonfinite", "skip"].map(str::to_owned));
    }
    if let (Some(jobs), true) = (args.grid.jobs, cx.threads.is_none()) {
        let threads = (rayon::current_num_threads() / jobs.get()).max(1);
        all.extend(["--threads".to_owned(), threads.to_string()]);
    }
    all.extend(cx.global_arguments());
    all
}

/// Runs the trainings, at most `at_once` at the same time.
fn train_all<T: Task>(jobs: &[Job], at_once: usize, cx: &Context) -> Result<()> {
    let mut waiting = jobs.iter();
    let mut running: Vec<(&Job, Child)> = Vec::new();
    let mut failed: Vec<PathBuf> = Vec::new();
    let (mut begun, mut is_stopping) = (0, false);
    loop {
        while !is_stopping && running.len() < at_once {
            let Some(job) = waiting.next() else { break };
            begun += 1;
            log(&format!("{} ({begun} of {})", job.name, jobs.len()));
            running.push((job, start(job)?));
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
            match child.try_wait().map_err(|source| io("wait for", &job.dir, source))? {
                None => still.push((job, child)),
                Some(status) if status.success() => log(&format!("{}: {}", job.name, metrics::<T>(&job.dir)?)),
                Some(status) if is_stopping && is_interrupted(status) => {}
                Some(_) => {
                    log(&format!("{}: failed; see {}", job.name, log_file(job).display()));
                    failed.push(log_file(job));
                }
            }
        }
        running = still;
    }
    if is_stopping {
        log("stopped with checkpoints; repeat the command to continue");
        return Err(CliError::Interrupted);
    }
    match failed.first() {
        Some(first) => Err(CliError::Grid { failed: failed.len(), total: jobs.len(), log: first.clone() }),
        None => Ok(()),
    }
}

/// Starts a training, whose output goes to a file beside its folder.
fn start(job: &Job) -> Result<Child> {
    let path = log_file(job);
    let file = File::create(&path).map_err(|source| io("create", &path, source))?;
    let other = file.try_clone().map_err(|source| io("write", &path, source))?;
    let program = std::env::current_exe().map_err(|source| io("find", Path::new("this program"), source))?;
    let mut command = Command::new(&program);
    command.args(&job.arguments).stdin(Stdio::null()).stdout(file).stderr(other);
    // Ctrl-C reaches this process only, which passes it on once: a second one would end a training without a checkpoint.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|source| io("start", &program, source))
}

fn log_file(job: &Job) -> PathBuf {
    job.dir.with_file_name(format!("{}.log", job.name))
}

/// Asks a training to stop with a checkpoint. If this fails, the training continues to its end.
fn stop(child: &Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// Whether a training ended because it was asked to.
fn is_interrupted(status: ExitStatus) -> bool {
    status.code() == Some(130)
}

/// The test metrics of a finished run, as text.
fn metrics<T: Task>(dir: &Path) -> Result<String> {
    let outcome = record_in::<T>(&Run::open(dir.to_path_buf())?.best())?.outcome;
    Ok(outcome.map_or("finished".to_owned(), |outcome| outcome.test.list()))
}

/// Writes one command per line to `tasks.txt`, and a script that gives the lines to a scheduler.
fn write_script(scheduler: Scheduler, jobs: &[Job], out: &Path) -> Result<()> {
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
                "#!/bin/sh\n#SBATCH --job-name=grid\n#SBATCH --array=1-{count}\n#SBATCH --output={logs}\n\
                 # Ask for a checkpoint two minutes before the time limit. Submit the script again to continue.\n\
                 #SBATCH --signal=INT@120\n\
                 eval \"exec srun $(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {tasks})\"\n"
            ),
            "sbatch",
        ),
        Scheduler::Hyperqueue => (
            "grid.sh",
            format!("#!/bin/sh\nexec hq submit --wait --each-line {tasks} -- sh -c 'eval \"exec $HQ_ENTRY\"'\n"),
            "sh",
        ),
        Scheduler::Parallel => ("grid.sh", format!("#!/bin/sh\nexec parallel < {tasks}\n"), "sh"),
    };
    let path = out.join(name);
    files::write(&path, script.as_bytes())?;
    print_line(&format!("{count} trainings in {tasks}; start them with: {command} {}", quoted(&path)))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::Io { action, path: path.to_path_buf(), source }
}
