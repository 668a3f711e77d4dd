//! Tests of grids: many trainings, here or through a script.

use std::path::Path;
use std::process::Command;

use super::interrupts::stop;
use super::resume::{OFTEN, results, wait_for_checkpoint};
use super::{Test, path, program, run, text};

pub const TESTS: [Test; 3] = [
    ("a_stopped_grid_continues_and_equals_single_runs", a_stopped_grid_continues),
    ("a_script_runs_the_trainings_of_a_grid", scripts),
    ("wrong_grids_are_refused_before_a_training", wrong_grids),
];

const GRID: &str = "seeds = [1, 2]\n[settings]\n\"model.hidden_size\" = [6, 10]\n";
const RUNS: [&str; 4] =
    ["hidden_size=6,seed=1", "hidden_size=6,seed=2", "hidden_size=10,seed=1", "hidden_size=10,seed=2"];

fn a_stopped_grid_continues() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out, alone) = (dir.path().join("grid.toml"), dir.path().join("grid"), dir.path().join("alone"));
    std::fs::write(&file, GRID).unwrap();
    let args = [&["train", "--grid", path(&file), "--out", path(&out), "--jobs", "2"], &OFTEN[..]].concat();
    let child = program(&args).spawn().unwrap();
    wait_for_checkpoint(&out.join(RUNS[2]), 2);
    let (code, message) = stop(child, &["-INT"]);
    assert_eq!(code, Some(130), "{message}");
    assert!(!out.join(RUNS[3]).join("report.md").exists(), "{message}");
    let written = |run: &str| out.join(run).join("report.md").metadata().and_then(|file| file.modified()).ok();
    let before: Vec<_> = RUNS.into_iter().filter_map(|run| Some((run, written(run)?))).collect();
    assert!(!before.is_empty(), "the third run began before the first two had ended");

    let output = run(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (run, time) in before {
        assert_eq!(written(run), Some(time), "{run} was trained again");
    }
    let alone_args = ["train", "--out", path(&alone), "--set", "model.hidden_size=10", "--seed", "1"];
    assert!(run(&[&alone_args[..], &OFTEN[..]].concat()).status.success());
    assert!(results(&out.join(RUNS[2])) == results(&alone));

    let ranked = |args: &[&str]| run(&[&["runs", "--rank", path(&out)], args].concat());
    let table = text(&ranked(&[]).stdout);
    assert_eq!(table.lines().count(), 3, "{table}");
    let first = text(&ranked(&["--json"]).stdout);
    let [first, second]: [serde_json::Value; 2] =
        first.lines().map(|line| line.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
    assert!(first["valid"].as_f64() <= second["valid"].as_f64() && first["interval"].as_f64() > Some(0.0));
    assert_eq!((&first["runs"], &first["finished"]), (&2.into(), &2.into()), "{first}");
    assert!(first["settings"][0].as_str().unwrap().starts_with("model.hidden_size="), "{first}");
}

fn scripts() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("grid.toml"), dir.path().join("a grid"));
    std::fs::write(&file, GRID).unwrap();
    for (scheduler, script) in [("slurm", "grid.sbatch"), ("hyperqueue", "grid.sh"), ("parallel", "grid.sh")] {
        let output = run(&["train", "--grid", path(&file), "--out", path(&out), "--emit", scheduler, "--epochs", "1"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(script));
        assert!(Command::new("sh").arg("-n").arg(out.join(script)).status().unwrap().success(), "{scheduler}");
    }
    assert!(!out.join(RUNS[0]).exists());
    let tasks = std::fs::read_to_string(out.join("tasks.txt")).unwrap();
    assert_eq!(tasks.lines().count(), 4);
    // Slurm's programs, for the script. A task may be run again.
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("srun"), "#!/bin/sh\nexec \"$@\"\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(bin.join("srun")).status().unwrap().success());
    let search = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&std::env::var("PATH").unwrap())));
    for _ in 0..2 {
        let mut job = Command::new("sh");
        job.arg(out.join("grid.sbatch")).env("SLURM_ARRAY_TASK_ID", "1").env("PATH", search.as_ref().unwrap());
        assert!(with_environment(&mut job).status().unwrap().success());
    }
    assert!(out.join(RUNS[0]).join("report.md").is_file());
}

/// Makes a command run the application of the tests.
fn with_environment(command: &mut Command) -> &mut Command {
    command.env("SENTENCES", "").env("CARGO", "cargo")
}

fn wrong_grids() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("grid.toml"), dir.path().join("grid"));
    for wrong in
        ["", "[settings]\n\"model.hiden\" = [1]\n", "[settings]\n\"model.hidden_size\" = [4, -1]\n", "seeds = 1"]
    {
        std::fs::write(&file, wrong).unwrap();
        let output = run(&["train", "--grid", path(&file), "--out", path(&out)]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(!out.exists());
    }
    let absent = run(&["train", "--grid", path(Path::new("absent.toml")), "--out", path(&out)]);
    assert_eq!(absent.status.code(), Some(1));
    assert_eq!(run(&["train", "--jobs", "2"]).status.code(), Some(2));
}
