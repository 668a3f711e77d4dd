//! Data-parallel training by ranks that are threads.

#![cfg(any(feature = "ranks", debug_assertions))]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use test_training::{recipe, turn};
use training::collective::{Collective, Lost, Threads};
use training::options::{Interval, TrainerOptions};
use training::{Event, Fitted, Interrupt, RecipeOf, Session, Task, TaskError, Training, TrainingError};

use support::line::LineTask;
use support::sentences::Sentences;

fn sentences() -> RecipeOf<Sentences> {
    recipe::<Sentences>("sentences", &["data.words=800", "training.epochs=2"]).unwrap()
}

/// How a rank has ended.
#[derive(Debug, PartialEq)]
enum End {
    Trained,
    Followed,
    Interrupted,
    Failed(Option<Lost>),
    Differs,
}

/// Trains with ranks in threads, in `dir` or from its last checkpoint. The rank `stop.0` requests a stop at its step
/// `stop.1`.
fn train(world: usize, dir: &Path, stop: Option<(usize, usize)>) -> Vec<End> {
    train_with::<Sentences>(world, dir, stop, |_| sentences())
}

/// As [`train`], with the recipe of each rank.
fn train_with<T: Task>(
    world: usize,
    dir: &Path,
    stop: Option<(usize, usize)>,
    recipe: impl Fn(usize) -> RecipeOf<T> + Sync,
) -> Vec<End> {
    let one = |ranks: Threads| {
        let recipe = recipe(ranks.rank());
        let interrupt = Interrupt::default();
        let (handle, rank, mut steps) = (interrupt.clone(), ranks.rank(), 0);
        let observer = move |event: &Event| {
            steps += usize::from(matches!(event, Event::Step(_)));
            if stop == Some((rank, steps)) {
                handle.request();
            }
        };
        let options = TrainerOptions { interval: Interval::Steps(3), ..TrainerOptions::default() };
        let (observer, ranks) = (Box::new(observer), Box::new(ranks));
        let mut session = Session { interrupt, observer, ranks, options, ..Session::default() };
        let training = Training::<T>::new(recipe).in_folder_or_resume(dir).unwrap();
        match training.fit(&mut session) {
            Ok(Fitted::Trained(_)) => End::Trained,
            Ok(Fitted::Followed) => End::Followed,
            Ok(Fitted::Interrupted) => End::Interrupted,
            Err(TrainingError::Lost(lost)) => End::Failed(Some(lost)),
            Err(TrainingError::RanksDiffer { .. }) => End::Differs,
            Err(TrainingError::Task(TaskError::Other(_) | TaskError::Setting { .. })) => End::Failed(None),
            Err(error) => panic!("{error}"),
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = Threads::group(world).into_iter().map(|ranks| scope.spawn(|| one(ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The weights and the metrics of all epochs.
fn results(dir: &Path) -> (Vec<u8>, String) {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    (read("best/model.safetensors"), String::from_utf8(read("metrics.jsonl")).unwrap())
}

/// The losses of the epochs on the training and validation part.
fn losses(dir: &Path) -> Vec<[f64; 2]> {
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let line = |line: &str| {
        let epoch: serde_json::Value = serde_json::from_str(line).unwrap();
        [number(&epoch["train_loss"]), number(&epoch["valid"]["loss"])]
    };
    results(dir).1.lines().map(line).collect()
}

#[test]
fn several_ranks_train_as_one_up_to_rounding_and_reproducibly() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    assert_eq!(train(1, &place("1"), None), [End::Trained]);
    for world in [2, 3, 4] {
        let (one, two) = (place(&format!("{world}-one")), place(&format!("{world}-two")));
        let ends = train(world, &one, None);
        assert_eq!((&ends[0], &ends[1]), (&End::Trained, &End::Followed));
        train(world, &two, None);
        assert!(results(&one) == results(&two), "{world} ranks");
        for (ranks, alone) in losses(&one).as_flattened().iter().zip(losses(&place("1")).as_flattened()) {
            approx::assert_relative_eq!(ranks, alone, max_relative = 1e-4);
        }
    }
}

#[test]
fn a_stop_on_one_rank_stops_all_and_the_run_resumes_bit_for_bit() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    train(2, &whole, None);
    for (rank, step) in [(1, 2), (0, 5)] {
        let stopped = dir.path().join(format!("{rank}"));
        assert_eq!(train(2, &stopped, Some((rank, step))), [End::Interrupted, End::Interrupted]);
        assert_eq!(train(2, &stopped, None), [End::Trained, End::Followed]);
        assert!(results(&stopped) == results(&whole), "stopped by rank {rank} at step {step}");
    }
}

/// A process that is killed before its first checkpoint leaves a run folder without checkpoints. The recipe has no
/// moving average, which would draw the weights before the first step.
#[test]
fn a_run_without_a_checkpoint_resumes_bit_for_bit() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let settings = ["data.words=800", "training.epochs=2", "training.average={ after = 9 }"];
    let recipe = |_: usize| recipe::<Sentences>("sentences", &settings).unwrap();
    for world in [1, 2] {
        let [whole, killed] = ["whole", "killed"].map(|name| dir.path().join(format!("{world}-{name}")));
        assert_eq!(train_with::<Sentences>(world, &whole, None, recipe)[0], End::Trained);
        assert_eq!(train_with::<Sentences>(world, &killed, Some((0, 1)), recipe)[0], End::Interrupted);
        std::fs::remove_dir_all(killed.join("checkpoints")).unwrap();
        assert_eq!(train_with::<Sentences>(world, &killed, None, recipe)[0], End::Trained);
        assert!(results(&killed) == results(&whole), "{world} ranks");
    }
}

#[test]
fn a_rank_that_is_gone_and_a_task_that_cannot_be_shared_are_errors() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut ranks = Threads::group(2);
    drop(ranks.pop());
    let mut session = Session { ranks: Box::new(ranks.remove(0)), ..Session::default() };
    let training = Training::<Sentences>::new(sentences()).in_folder(dir.path().join("gone"));
    assert!(matches!(training.fit(&mut session), Err(TrainingError::Lost(Lost { rank: 1 }))));

    let ends = train_with::<LineTask>(2, &dir.path().join("line"), None, |_| recipe::<LineTask>("line", &[]).unwrap());
    assert!(matches!(ends[..], [End::Failed(_), End::Failed(_)]), "{ends:?}");

    let ends = train(5, &dir.path().join("few"), None); // a batch has 4 rows
    assert!(ends.iter().all(|end| matches!(end, End::Failed(_))), "{ends:?}");
}

#[test]
fn different_weights_are_an_error() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let seeds = |rank: usize| recipe::<Sentences>("sentences", &["data.words=800", &format!("seed={rank}")]).unwrap();
    assert_eq!(train_with::<Sentences>(2, &dir.path().join("seeds"), None, seeds), [End::Differs, End::Differs]);
}
