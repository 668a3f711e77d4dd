//! The library as a program uses it, without a command line: training, interrupting, resuming, exporting.

#![allow(clippy::unwrap_used)]

mod support;

use std::panic::AssertUnwindSafe;
use std::path::Path;

use inference::weights::Precision;
use inference::{MemoryFiles, Predictor};
use test_training::{recipe, turn};
use training::backend::Backend;
use training::options::{Interval, TrainerOptions};
use training::package::{Opened, record_in};
use training::seeds::Seeds;
use training::{
    Event, Fitted, Interrupt, Metrics, Outcome, RecipeOf, Session, Task, TaskError, Trained, Training, TrainingError,
};

use support::line::{Call, Line, LineTask, calls};
use support::sentences::{NextWord, Sentences};

/// A short recipe of the language model, with state carried over 8 steps in each of 2 epochs.
fn short() -> RecipeOf<Sentences> {
    recipe::<Sentences>("sentences", &["data.words=800", "training.epochs=2"]).unwrap()
}

/// The recipe of the regression for one test.
fn line_recipe(test: &str, overrides: &[&str]) -> RecipeOf<LineTask> {
    recipe::<LineTask>("line", &[&[format!("data.test={test}").as_str()], overrides].concat()).unwrap()
}

fn trained<T: Task>(fitted: Fitted<T>) -> Trained<T> {
    match fitted {
        Fitted::Trained(trained) => *trained,
        Fitted::Interrupted | Fitted::Followed => panic!("the training was interrupted"),
    }
}

/// A session whose observer requests its interrupt at the first event for which `at` returns true.
fn interrupted_session(mut at: impl FnMut(&Event) -> bool + 'static) -> Session<'static> {
    let interrupt = Interrupt::default();
    let handle = interrupt.clone();
    let observer = move |event: &Event| {
        if at(event) {
            handle.request();
        }
    };
    Session { interrupt, observer: Box::new(observer), ..Session::default() }
}

/// Interrupts at the `count`-th optimizer step of this process.
fn at_step(count: usize) -> impl FnMut(&Event) -> bool {
    let mut steps = 0;
    move |event| {
        steps += usize::from(matches!(event, Event::Step(_)));
        steps == count
    }
}

/// The name of an event.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Note(_) => "Note",
        Event::Started { .. } => "Started",
        Event::Fitting { .. } => "Fitting",
        Event::Step(_) => "Step",
        Event::Epoch { .. } => "Epoch",
        Event::Stopped => "Stopped",
        Event::Measuring => "Measuring",
        Event::Measured { .. } => "Measured",
        _ => "other",
    }
}

/// The metrics of all parts and of the baselines, without times.
fn metrics(outcome: &Outcome) -> (usize, Metrics, Metrics, Vec<Metrics>) {
    let baselines = outcome.baselines.values().map(|measured| measured.flat()).collect();
    (outcome.best_epoch, outcome.valid.flat(), outcome.test.flat(), baselines)
}

#[track_caller]
fn assert_equal_runs(one: &Path, other: &Path) {
    for file in ["best/model.safetensors", "metrics.jsonl", "recipe.toml", "curves.svg"] {
        let [one, other] = [one, other].map(|dir| std::fs::read(dir.join(file)).unwrap());
        assert!(one == other, "{file} differs");
    }
    let [one, other] = [one, other].map(|dir| record_in::<Sentences>(&dir.join("best")).unwrap().outcome.unwrap());
    assert_eq!(metrics(&one), metrics(&other));
}

fn fit_uninterrupted(dir: &Path) {
    trained(Training::<Sentences>::new(short()).in_folder(dir).fit(&mut Session::default()).unwrap());
}

fn resume(dir: &Path) {
    trained(Training::<Sentences>::resume(dir).unwrap().fit(&mut Session::default()).unwrap());
}

#[test]
fn a_training_emits_events_in_order_and_returns_a_predictor() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("run");
    let mut events = Vec::new();
    let (mut done, mut total) = (0, 0);
    let observer = |event: &Event| {
        match event {
            Event::Fitting { batches, done: 0 } => total = *batches,
            Event::Step(step) => done += step.batches,
            Event::Started { run, recipe, .. } => assert_eq!((*run, *recipe), (dir.as_path(), "sentences")),
            _ => {}
        }
        if events.last() != Some(&name(event)) {
            events.push(name(event));
        }
    };
    let mut session = Session { observer: Box::new(observer), ..Session::default() };
    let trained = trained(Training::<Sentences>::new(short()).in_folder(&dir).fit(&mut session).unwrap());
    drop(session);
    assert_eq!(events, ["Started", "Fitting", "Step", "Epoch", "Step", "Epoch", "Stopped", "Measuring", "Measured"]);
    assert!(done == total && total > 0, "{done} of {total} batches");

    assert!(trained.predictor.predict_one([1, 2, 3]).unwrap() < 9);
    assert!(trained.outcome.test.get("perplexity").is_some_and(f64::is_finite));
    assert_eq!(trained.run.history().unwrap().len(), 2);
    assert!(trained.run.report().is_file() && trained.run.curves().is_file());
    let again = Training::<Sentences>::resume(&dir).unwrap().outcome().unwrap().unwrap();
    assert_eq!(metrics(&again), metrics(&trained.outcome));
}

#[test]
fn only_a_training_that_keeps_the_best_epoch_reports_best_epochs() {
    let _turn = turn();
    for (keep, expected) in [("best", true), ("last", false)] {
        let mut first = None;
        let observer = |event: &Event| {
            if let Event::Epoch { is_best, .. } = event {
                first.get_or_insert(*is_best);
            }
        };
        let mut session = Session { observer: Box::new(observer), ..Session::default() };
        let recipe = recipe::<Sentences>(
            "sentences",
            &["data.words=800", "training.epochs=1", "training.patience=", &format!("training.keep={keep}")],
        )
        .unwrap();
        let root = tempfile::tempdir().unwrap();
        let trained = trained(Training::<Sentences>::new(recipe).in_folder(root.path()).fit(&mut session).unwrap());
        drop(session);
        assert_eq!((first, trained.outcome.best_epoch), (Some(expected), 1), "{keep}");
    }
}

#[test]
fn an_interrupted_training_resumes_to_the_same_bytes() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| root.path().join(name));
    fit_uninterrupted(&whole);
    // An epoch has 8 steps: the first process stops in the first epoch, and the second process in the second epoch.
    let trainings: [fn(&Path) -> Training<Sentences>; 2] =
        [|dir| Training::<Sentences>::new(short()).in_folder(dir), |dir| Training::<Sentences>::resume(dir).unwrap()];
    for (training, steps) in trainings.into_iter().zip([3, 6]) {
        let fitted = training(&stopped).fit(&mut interrupted_session(at_step(steps))).unwrap();
        assert!(matches!(fitted, Fitted::Interrupted));
        let checkpoints = std::fs::read_dir(stopped.join("checkpoints")).unwrap().count();
        assert!(checkpoints > 0 && !stopped.join("report.md").exists());
    }
    resume(&stopped);
    assert_equal_runs(&stopped, &whole);
}

#[test]
fn an_interrupted_evaluation_resumes_to_the_same_results() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| root.path().join(name));
    fit_uninterrupted(&whole);
    let mut session = interrupted_session(|event| matches!(event, Event::Measuring));
    let fitted = Training::<Sentences>::new(short()).in_folder(&stopped).fit(&mut session).unwrap();
    assert!(matches!(fitted, Fitted::Interrupted));
    assert!(Training::<Sentences>::resume(&stopped).unwrap().outcome().unwrap().is_none(), "the run is not finished");
    resume(&stopped);
    assert_equal_runs(&stopped, &whole);
}

#[test]
fn interrupt_handles_of_two_trainings_are_independent() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let training =
        |name: &str| Training::<LineTask>::new(line_recipe("independent", &[])).in_folder(root.path().join(name));
    let mut first = interrupted_session(at_step(1));
    assert!(matches!(training("first").fit(&mut first).unwrap(), Fitted::Interrupted));
    assert!(first.interrupt.is_requested());
    trained(training("second").fit(&mut Session::default()).unwrap());
    // The same session without the request continues the first run.
    first.interrupt = Interrupt::default();
    trained(Training::<LineTask>::resume(root.path().join("first")).unwrap().fit(&mut first).unwrap());
}

#[test]
fn several_seeds_compute_the_baselines_once() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("seeds");
    let seeds = Seeds::create::<LineTask>(Some(dir.clone()), &line_recipe("seeds", &[]), 3).unwrap();
    let mut runs = Vec::new();
    let each = |fitted: &Fitted<LineTask>| {
        if let Fitted::Trained(trained) = fitted {
            runs.push((trained.recipe.seed, trained.outcome.baselines.len()));
        }
        Ok(())
    };
    let spreads = seeds.fit(&mut Session::default(), each).unwrap().unwrap();
    assert_eq!(runs, [(3, 1), (4, 1), (5, 1)]);
    assert_eq!(calls("seeds").iter().filter(|call| **call == Call::Baselines).count(), 1);
    assert!(spreads["mse"][1] > 0.0 && seeds.report().is_file());

    // Finished seeds are not trained again.
    let before = calls("seeds").len();
    let again = Seeds::open(&dir).unwrap();
    let each = |_: &Fitted<LineTask>| panic!("a finished seed was trained again");
    assert_eq!(again.fit::<LineTask>(&mut Session::default(), each).unwrap().unwrap(), spreads);
    assert_eq!(calls("seeds").len(), before);
}

#[test]
fn an_exported_package_opens_from_memory() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let [run, export] = ["run", "export"].map(|name| root.path().join(name));
    let trained = trained(Training::<Sentences>::new(short()).in_folder(&run).fit(&mut Session::default()).unwrap());
    let device = burn::tensor::Device::flex();
    Opened::<Sentences>::open(&run.join("best"), &device).unwrap().export(&export, Precision::Half).unwrap();

    let mut files = MemoryFiles::default();
    for entry in std::fs::read_dir(&export).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        files.insert(name, std::fs::read(entry.path()).unwrap());
    }
    let predictor = NextWord::from_files(&files).unwrap();
    let words = vec![1, 3, 5, 7];
    assert_eq!(predictor.predict_one(words.clone()).unwrap(), trained.predictor.predict_one(words).unwrap());
    let [half, single] =
        [&export, &run.join("best")].map(|dir| std::fs::metadata(dir.join("model.safetensors")).unwrap().len());
    assert!(half < single, "{half} and {single} bytes");
    let record = record_in::<Sentences>(&export).unwrap();
    assert_eq!(metrics(&record.outcome.unwrap()), metrics(&trained.outcome));

    std::fs::write(export.join("notes.txt"), "mine").unwrap();
    let opened = Opened::<Sentences>::open(&run.join("best"), &device).unwrap();
    let error = opened.export(&export, Precision::Half).unwrap_err();
    assert!(matches!(error, TrainingError::NotAPackage { .. }), "{error}");
}

#[test]
fn an_error_of_collate_is_returned_and_the_run_can_be_resumed() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("run");
    let mut events = Vec::new();
    let observer = |event: &Event| events.push(name(event));
    let mut session = Session { observer: Box::new(observer), ..Session::default() };
    let training = Training::<LineTask>::new(line_recipe("collate", &["data.broken_item=4"])).in_folder(&dir);
    let Err(error) = training.fit(&mut session) else { panic!("the training did not fail") };
    drop(session);
    assert!(matches!(error, TrainingError::Task(TaskError::Setting { setting: "data.broken_item", .. })), "{error}");
    assert_eq!(events.last(), Some(&"Stopped"));
    assert!(dir.join("checkpoints/000001").is_dir(), "the checkpoint of the first epoch stays");
    assert!(Training::<LineTask>::resume(&dir).is_ok());
}

#[test]
fn a_gpu_that_fails_is_an_error_and_the_run_resumes_on_the_cpu() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    // A CPU that passes for a GPU, and fails at the eighth step as drivers do.
    let lost = |backend: Backend| {
        let mut at_last = at_step(8);
        let observer = move |event: &Event| {
            if matches!(event, Event::Step(_)) && at_last(event) {
                panic!("wgpu error: the device\n is lost");
            }
        };
        let options = TrainerOptions { interval: Interval::Steps(3), ..TrainerOptions::default() };
        Session { backend, options, observer: Box::new(observer), ..Session::default() }
    };
    let training = Training::<Sentences>::new(short()).in_folder(&dir);
    let error = training.fit(&mut lost(Backend::Wgpu)).err().unwrap();
    let TrainingError::Device { backend: "wgpu", message, checkpoint } = &error else { panic!("{error}") };
    assert_eq!(message, "wgpu error: the device is lost");
    assert!(checkpoint.ends_with("checkpoints/000002"), "{checkpoint}");
    resume(&dir);

    // On the CPU, a panic is a mistake in the code.
    let other = dir.with_file_name("other");
    let train =
        AssertUnwindSafe(|| Training::<Sentences>::new(short()).in_folder(&other).fit(&mut lost(Backend::Flex)));
    assert!(std::panic::catch_unwind(train).is_err());
}

#[test]
fn batches_arrive_in_the_order_of_the_plan_with_step_and_epoch() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let training =
        Training::<LineTask>::new(line_recipe("order", &["training.epochs=3"])).in_folder(root.path().join("run"));
    let Trained { predictor, .. } = trained(training.fit(&mut Session::default()).unwrap());
    assert!(predictor.predict_one(0.5).unwrap().is_finite());

    let calls = calls("order");
    let mut plans: [Vec<Vec<usize>>; 3] = Default::default();
    for call in &calls {
        if let Call::Plan { epoch, batches } = call {
            plans[*epoch] = batches.clone();
        }
    }
    assert!(plans[0] != plans[1] && plans[1] != plans[2], "every epoch has its own order");
    // 5 batches of an epoch make 3 steps: two of 2 batches, and one of 1 batch.
    let expected: Vec<Call> = plans
        .into_iter()
        .enumerate()
        .flat_map(|(epoch, batches)| {
            let call = move |(batch, items)| Call::Loss { epoch, step: 3 * epoch + batch / 2, items };
            batches.into_iter().enumerate().map(call)
        })
        .collect();
    let losses: Vec<Call> = calls.into_iter().filter(|call| matches!(call, Call::Loss { .. })).collect();
    assert_eq!(losses, expected);
}

/// The baselines may need more memory than there is, so everything else is on the disk before.
#[test]
fn results_are_stored_before_the_baselines_are_measured() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("run");
    let mut stored = None;
    let mut session = Session {
        observer: Box::new(|event: &Event| {
            if let Event::Measured { test } = event {
                let outcome = record_in::<Sentences>(&dir.join("best")).unwrap().outcome.unwrap();
                assert!(outcome.baselines.is_empty() && !dir.join("baselines.json").exists());
                assert_eq!(outcome.test.flat(), test.flat());
                stored = Some(outcome);
            }
        }),
        ..Session::default()
    };
    let finished = trained(Training::<Sentences>::new(short()).in_folder(&dir).fit(&mut session).unwrap());
    drop(session);
    assert!(!finished.outcome.baselines.is_empty());
    assert_eq!(stored.unwrap().test.flat(), finished.outcome.test.flat());
}

#[test]
fn a_package_of_another_application_is_refused() {
    let _turn = turn();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("run");
    trained(Training::<LineTask>::new(line_recipe("other", &[])).in_folder(&dir).fit(&mut Session::default()).unwrap());
    let best = dir.join("best");
    assert!(Line::from_pretrained(best.to_str().unwrap()).is_ok());
    assert!(NextWord::from_pretrained(best.to_str().unwrap()).is_err());
    // The folder of a run with other settings is neither resumed nor overwritten.
    let changed = Training::<LineTask>::new(line_recipe("other", &["optimizer.lr=0.1"])).in_folder_or_resume(&dir);
    assert!(matches!(changed, Err(TrainingError::OtherRecipe { settings, .. }) if settings == "optimizer.lr"));
    let taken = Training::<LineTask>::new(line_recipe("other", &[])).in_folder(&dir).fit(&mut Session::default());
    assert!(matches!(taken, Err(TrainingError::RunExists { .. })));
}
