//! Tests of the methods of recordings: channels, rates, windows and splits.

use proptest::prelude::*;

use super::*;
use crate::DataError;

/// Recordings of one channel with 10 steps, given by their groups and labels.
fn recordings(members: &[(Option<&str>, &str)]) -> Recordings {
    let recording = |(index, (group, label)): (usize, &(Option<&str>, &str))| Recording {
        id: index.to_string(),
        group: group.map(str::to_owned),
        label: (*label).to_owned(),
        values: (0..10).map(|step| (100 * index + step) as f32).collect(),
    };
    let recordings = members.iter().enumerate().map(recording).collect();
    Recordings { channels: vec!["a".to_owned()], rate: Some(10.0), recordings, ..Recordings::default() }
}

fn ids(recordings: &Recordings) -> Vec<usize> {
    recordings.recordings.iter().map(|recording| recording.id.parse().unwrap()).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[track_caller]
fn error<T: std::fmt::Debug>(result: Result<T>) -> RecordingError {
    match result {
        Err(DataError::Recordings(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn three_channels() -> Recordings {
    let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let recording = Recording { id: "0".to_owned(), label: "x".to_owned(), values, ..Recording::default() };
    Recordings { channels: names(&["a", "b", "c"]), recordings: vec![recording], ..Recordings::default() }
}

#[test]
fn channels_are_selected_by_name_in_any_order() {
    let selected = three_channels().select(&names(&["c", "a"])).unwrap();
    assert_eq!(
        (&selected.channels, &selected.recordings[0].values[..]),
        (&names(&["c", "a"]), &[3.0, 1.0, 6.0, 4.0][..])
    );
    assert_eq!(selected.steps(&selected.recordings[0]), 2);
    let found = three_channels().select(&names(&["a", "d"]));
    assert!(
        matches!(error(found), RecordingError::NoChannel { channel, channels } if channel == "d" && channels == ["a", "b", "c"])
    );
    let found = three_channels().select(&names(&["a", "a"])).unwrap_err();
    assert_eq!(found.setting(), Some("channels"));
    assert!(matches!(found, DataError::Recordings(RecordingError::DuplicateChannel { channel }) if channel == "a"));
}

#[test]
fn impossible_rates_are_refused() {
    let all = recordings(&[(None, "x")]);
    for hz in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.1] {
        assert!(matches!(error(all.resample(hz)), RecordingError::Rate { most: Some(1000.0), .. }), "{hz}");
    }
    let unknown = Recordings { rate: None, ..all };
    assert!(matches!(error(unknown.resample(5.0)), RecordingError::UnknownRate { .. }));
}

#[test]
fn resampling_keeps_the_first_and_reachable_last_samples() {
    let all = recordings(&[(None, "x")]);
    let half = all.resample(5.0).unwrap();
    assert_eq!((half.rate, &half.recordings[0].values[..]), (Some(5.0), &[0.0, 2.0, 4.0, 6.0, 8.0][..]));
    let double = all.resample(20.0).unwrap();
    assert_eq!((double.recordings[0].values.len(), double.recordings[0].values[18]), (19, 9.0));
    assert_eq!(double.notes, [RecordingNote::Resampled { from: 10.0, to: 20.0 }]);
    assert_eq!(all.resample(10.0).unwrap(), all);
    let empty = Recordings { recordings: vec![Recording::default()], ..all };
    assert_eq!(empty.resample(7.0).unwrap().recordings[0].values, []);
}

#[test]
fn windows_keep_their_recording_and_its_group() {
    let all = recordings(&[(Some("ada"), "x"), (None, "y")]);
    let windows = all.windows(4, 3).unwrap();
    let first: Vec<f32> = windows.recordings.iter().map(|window| window.values[0]).collect();
    assert_eq!(first, [0.0, 3.0, 6.0, 100.0, 103.0, 106.0]);
    assert!(windows.recordings.iter().all(|window| windows.steps(window) == 4));
    let ids: Vec<&str> = windows.recordings.iter().map(|window| &*window.id).collect();
    assert_eq!(ids[..4], ["0[0..4]", "0[3..7]", "0[6..10]", "1[0..4]"]);
    assert_eq!(windows.groups().into_iter().collect::<Vec<_>>(), ["1", "ada"]);
    for (length, step) in [(0, 1), (1, 0), (11, 1)] {
        assert!(matches!(error(all.windows(length, step)), RecordingError::Window { longest: 10, .. }));
    }
}

#[test]
fn recordings_that_are_shorter_than_a_window_are_noted() {
    let mut all = recordings(&[(None, "x"), (None, "y")]);
    all.recordings[0].values.truncate(5);
    let windows = all.windows(6, 6).unwrap();
    assert_eq!(windows.recordings.len(), 1);
    assert_eq!(windows.notes, [RecordingNote::ShorterThanWindow { recordings: 1, length: 6 }]);
}

#[test]
fn splits_need_enough_groups_and_recordings() {
    let one = recordings(&[(Some("ada"), "x"), (Some("ada"), "y")]);
    assert!(matches!(error(one.hold_out_groups(0.5, 0)), RecordingError::TooFewGroups { groups: 1, needed: 2, .. }));
    let two = recordings(&[(Some("ada"), "x"), (Some("bob"), "x"), (Some("ada"), "y")]);
    assert!(matches!(error(two.folds(3)), RecordingError::TooFewGroups { groups: 2, needed: 3, .. }));
    assert!(matches!(error(two.folds(1)), RecordingError::Folds { folds: 1 }));
    for fraction in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(matches!(error(two.hold_out_groups(fraction, 0)), RecordingError::Fraction { .. }), "{fraction}");
    }
    let single = recordings(&[(None, "x"), (None, "y")]);
    let found = error(single.hold_out_groups(0.5, 0));
    assert!(matches!(found, RecordingError::TooFewRecordings { recordings: 0, needed: 2, .. }), "{found}");
    let found = error(single.folds(3));
    assert!(matches!(found, RecordingError::TooFewRecordings { recordings: 2, needed: 3, .. }), "{found}");
}

/// A large group must not be held out for a small share if there is a small one.
#[test]
fn the_share_is_approached_with_whole_groups() {
    let mut members = vec![(Some("ada"), "x"); 90];
    members.extend([(Some("bob"), "x"); 10]);
    for seed in 0..20 {
        let (rest, held) = recordings(&members).hold_out_groups(0.1, seed).unwrap();
        assert_eq!((rest.recordings.len(), held.recordings.len()), (90, 10));
    }
}

#[test]
fn classes_of_held_out_groups_alone_are_noted() {
    let all = recordings(&[(Some("ada"), "x"), (Some("bob"), "y")]);
    let (rest, held) = all.hold_out_groups(0.5, 3).unwrap();
    assert_eq!(rest.notes, [RecordingNote::OnlyHeldOut { labels: held.classes() }]);
}

#[test]
fn splits_without_groups_are_stratified() {
    let mut members = vec![(None, "a"); 20];
    members.extend([(None, "b"); 10]);
    members.extend([(None, "c"); 2]);
    members.push((None, "d"));
    let all = recordings(&members);
    let (rest, held) = all.hold_out_groups(0.2, 5).unwrap();
    let sizes = |part: &Recordings| part.class_sizes().into_values().collect::<Vec<_>>();
    assert_eq!((sizes(&rest), sizes(&held)), (vec![16, 8, 1, 1], vec![4, 2, 1]));
    assert_eq!(all.hold_out_groups(0.2, 5).unwrap(), (rest.clone(), held));
    assert_ne!(all.hold_out_groups(0.2, 6).unwrap().0, rest);
    for fold in all.folds(5).unwrap() {
        assert!((6..=7).contains(&fold.len()));
        let part = all.subset(&fold);
        assert_eq!((part.class_sizes()["a"], part.class_sizes()["b"]), (4, 2));
    }
}

/// Missing groups, or any of six groups, and any of three classes.
fn members() -> impl Strategy<Value = Vec<(Option<&'static str>, &'static str)>> {
    let group =
        prop_oneof![1 => Just(None), 5 => prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]).prop_map(Some)];
    prop::collection::vec((group, prop::sample::select(vec!["x", "y", "z"])), 2..40)
}

proptest! {
    #[test]
    fn no_group_is_in_two_parts_and_nothing_is_lost(members in members(), fraction in 0.01..0.99, seed: u64) {
        let all = recordings(&members);
        let Ok((rest, held)) = all.hold_out_groups(fraction, seed) else { return Ok(()) };
        prop_assert!(rest.groups().is_disjoint(&held.groups()));
        prop_assert!(!rest.recordings.is_empty() && !held.recordings.is_empty());
        let mut found = [ids(&rest), ids(&held)].concat();
        prop_assert!(ids(&rest).is_sorted() && ids(&held).is_sorted());
        found.sort_unstable();
        prop_assert_eq!(found, ids(&all));
    }

    #[test]
    fn folds_cover_everything_once_and_share_no_group(members in members(), count in 2..6usize) {
        let all = recordings(&members);
        let Ok(folds) = all.folds(count) else { return Ok(()) };
        prop_assert_eq!(folds.len(), count);
        let mut found = folds.concat();
        found.sort_unstable();
        prop_assert_eq!(found, ids(&all));
        for (index, fold) in folds.iter().enumerate() {
            prop_assert!(!fold.is_empty());
            let groups = all.subset(fold);
            for other in &folds[..index] {
                prop_assert!(all.subset(other).groups().is_disjoint(&groups.groups()));
            }
        }
        // The largest group bounds the difference between the folds.
        let largest = all.groups().iter().map(|group| members.iter().filter(|(of, _)| of == &Some(*group)).count()).max();
        let sizes = folds.iter().map(Vec::len);
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= largest.unwrap_or(1).max(1));
    }

    #[test]
    fn a_line_stays_a_line_at_any_rate(steps in 1..50usize, rate in 0.5..200.0, factor in 0.05..20.0) {
        let values = (0..steps).map(|step| 3.0 - 0.5 * (step as f64 / rate) as f32).collect();
        let recording = Recording { values, ..Recording::default() };
        let line = Recordings {
            channels: names(&["a"]), rate: Some(rate), recordings: vec![recording], ..Recordings::default()
        };
        let hz = rate * factor;
        let resampled = &line.resample(hz).unwrap().recordings[0].values;
        let seconds = (steps - 1) as f64 / rate;
        prop_assert_eq!(resampled.len(), (seconds * hz + 1e-6) as usize + 1);
        for (step, value) in resampled.iter().enumerate() {
            let time = (step as f64 / hz).min(seconds);
            prop_assert!((f64::from(*value) - (3.0 - 0.5 * time)).abs() < 1e-4, "{} at {}", value, time);
        }
    }

    #[test]
    fn missing_values_of_a_line_are_found_again(
        times in prop::collection::vec(0.01..1.0f64, 3..30), holes: Vec<prop::sample::Index>,
    ) {
        let times: Vec<f64> = times.iter().scan(0.0, |sum, step| { *sum += step; Some(*sum) }).collect();
        let line: Vec<f32> = times.iter().flat_map(|time| [*time as f32, 7.0]).collect();
        let mut values = line.clone();
        for hole in &holes {
            // The ends are known.
            values[2 * (1 + hole.index(times.len() - 2))] = f32::NAN;
        }
        let count = values.iter().filter(|value| value.is_nan()).count();
        prop_assert_eq!(fill::missing(&mut values, 2, Some(&times)), Ok(count));
        for (value, wanted) in values.iter().zip(line) {
            prop_assert!((value - wanted).abs() < 1e-4);
        }
    }
}

#[test]
fn values_before_and_after_the_known_ones_are_held() {
    let mut values = [f32::NAN, 1.0, 2.0, f32::NAN, f32::NAN, f32::NAN];
    assert_eq!(fill::missing(&mut values, 2, None), Ok(4));
    assert_eq!(values, [2.0, 1.0, 2.0, 1.0, 2.0, 1.0]);
    assert_eq!(fill::missing(&mut [1.0, f32::NAN], 2, None), Err(1));
}
