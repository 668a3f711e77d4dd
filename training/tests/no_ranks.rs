//! A build without the code for several ranks does not train with several ranks. `.ci/run` compiles this test without
//! debug assertions.

#![cfg(not(any(feature = "ranks", debug_assertions)))]
#![allow(clippy::unwrap_used)]

mod support;

use test_training::recipe;
use training::collective::Threads;
use training::step_times::StepTimes;
use training::{Session, Training, TrainingError};

use support::line::LineTask;

#[test]
fn several_ranks_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let recipe = || recipe::<LineTask>("line", &[]).unwrap();
    let mut session = Session { ranks: Box::new(Threads::group(2).remove(0)), ..Session::default() };
    let fitted = Training::<LineTask>::new(recipe()).in_folder(run.clone()).fit(&mut session);
    assert!(matches!(fitted, Err(TrainingError::NoRanks)));
    assert!(!run.exists());
    assert!(matches!(StepTimes::measure::<LineTask>(&recipe(), 0, 1, &mut session), Err(TrainingError::NoRanks)));
}
