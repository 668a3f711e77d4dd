//! Properties of the published recordings. Skipped unless `RNN_ZOO_DATA` names a folder that has them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use datasets::recordings::{Recordings, TrainTest, archive, ecg5000, omniglot, pendigits, ts, watch};
use datasets::{DATA_VARIABLE, Locator};

fn folder() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty());
    if folder.is_none() {
        println!("skipped: {DATA_VARIABLE} is not set");
    }
    folder.map(Into::into)
}

fn locator() -> Option<Locator> {
    folder().map(|folder| Locator::new(Some(&folder)))
}

fn sizes(recordings: &Recordings) -> Vec<usize> {
    recordings.class_sizes().into_values().collect()
}

/// The smallest and the largest number of steps.
fn lengths(recordings: &Recordings) -> (usize, usize) {
    let steps = || recordings.recordings.iter().map(|recording| recordings.steps(recording));
    (steps().min().unwrap(), steps().max().unwrap())
}

#[track_caller]
fn assert_whole(recordings: &Recordings) {
    let width = recordings.channels.len();
    let mut ids = BTreeSet::new();
    for recording in &recordings.recordings {
        assert!(ids.insert(&recording.id) && recording.values.len().is_multiple_of(width), "{}", recording.id);
        assert!(!recording.values.is_empty() && recording.values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn basic_motions_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let TrainTest { train, test } = archive::basic_motions(&locator).unwrap();
    for part in [&train, &test] {
        assert_whole(part);
        assert_eq!(sizes(part), [10; 4]);
        assert_eq!((part.channels.len(), part.rate, lengths(part)), (6, Some(10.0), (100, 100)));
        assert_eq!(part.classes(), ["Badminton", "Running", "Standing", "Walking"]);
    }
    let first = &train.recordings[0];
    assert_eq!(
        (&*first.id, &*first.label, first.values[0], first.values[12]),
        ("train/1", "Standing", 0.079106, -0.903497)
    );
    println!("checked: {}", train.source);
}

#[test]
fn japanese_vowels_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let TrainTest { train, test } = archive::japanese_vowels(&locator).unwrap();
    assert_whole(&train);
    assert_whole(&test);
    assert_eq!((sizes(&train), sizes(&test)), (vec![30; 9], vec![31, 35, 88, 44, 29, 24, 40, 50, 29]));
    assert_eq!((train.channels.len(), lengths(&train), lengths(&test)), (12, (7, 26), (7, 29)));
    println!("checked: {}", train.source);
}

#[test]
fn files_of_the_archive_are_read_as_own_files() {
    let Some(folder) = folder() else { return };
    let own = ts::read(&folder.join("motion/JapaneseVowels_TRAIN.ts.gz")).unwrap();
    let published = archive::japanese_vowels(&Locator::new(Some(&folder))).unwrap().train;
    assert!(own.recordings.iter().zip(&published.recordings).all(|(own, published)| own.values == published.values));
    assert_eq!((own.channels[11].as_str(), own.recordings.len()), ("dim_11", 270));
}

#[test]
fn the_pen_based_digits_have_their_known_properties() {
    let Some(locator) = locator() else { return };
    let TrainTest { train, test } = pendigits::load(&locator).unwrap();
    assert_whole(&train);
    assert_whole(&test);
    assert_eq!(sizes(&train), [780, 779, 780, 719, 780, 720, 720, 778, 719, 719]);
    assert_eq!(sizes(&test), [363, 364, 364, 336, 364, 335, 336, 364, 336, 336]);
    assert_eq!((lengths(&train), train.rate), ((8, 8), None));
    let first = &train.recordings[0];
    assert_eq!((&*first.label, &first.values[..4]), ("8", &[47.0, 100.0, 27.0, 81.0][..]));
    println!("checked: {}", train.source);
}

#[test]
fn the_wrist_exercises_have_their_known_properties() {
    let Some(locator) = locator() else { return };
    let start = std::time::Instant::now();
    let all = watch::load(&locator).unwrap();
    println!("checked in {:?}: {}", start.elapsed(), all.source);
    assert_whole(&all);
    assert_eq!((all.recordings.len(), all.groups().len(), sizes(&all)), (140, 10, vec![20; 7]));
    assert_eq!((all.rate, lengths(&all)), (Some(50.0), (947, 2618)));
    assert_eq!(all.recordings.iter().map(|recording| all.steps(recording)).sum::<usize>(), 244_102);
    let first = &all.recordings[0];
    assert_eq!((&*first.label, first.group.as_deref(), all.steps(first)), ("PEN", Some("7"), 1333));
    assert_eq!(first.values[..6], [-1.0836, -0.0186, -0.0273, 0.4114, -1.6031, -2.4886]);

    let (rest, held) = all.hold_out_groups(0.2, 1).unwrap();
    assert_eq!((rest.groups().len(), held.groups().len(), held.recordings.len()), (8, 2, 28));
    assert!(rest.groups().is_disjoint(&held.groups()));
    let folds = all.folds(5).unwrap();
    assert!(folds.iter().all(|fold| fold.len() == 28 && sizes(&all.subset(fold)) == [4; 7]));
    let windows = held.windows(200, 100).unwrap();
    assert!(windows.groups() == held.groups() && lengths(&windows) == (200, 200));
    assert_eq!(all.resample(25.0).unwrap().steps(&all.resample(25.0).unwrap().recordings[0]), 667);
}

#[test]
fn ecg5000_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let beats = ecg5000::load(&locator).unwrap();
    assert_whole(&beats);
    assert_eq!((sizes(&beats), lengths(&beats)), (vec![292, 177, 10, 19, 2], (140, 140)));
    assert_eq!(beats.recordings[0].values[..2], [-0.11252183, -2.8272038]);
    for beat in &beats.recordings {
        let mean = beat.values.iter().sum::<f32>() / 140.0;
        let variance = beat.values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 139.0;
        assert!(mean.abs() < 1e-3 && (variance - 1.0).abs() < 1e-2, "{}: {mean}, {variance}", beat.id);
    }
    println!("checked: {}", beats.source);
}

#[test]
fn omniglot_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let set = omniglot::load(&locator).unwrap();
    let alphabets: BTreeSet<&str> = set.drawings.iter().map(|drawing| drawing.alphabet.as_str()).collect();
    assert_eq!(alphabets.into_iter().collect::<Vec<_>>(), ["Balinese", "Early_Aramaic", "Greek", "Korean", "Latin"]);
    assert_eq!(set.drawings.iter().map(|drawing| drawing.strokes.len()).sum::<usize>(), 6170);
    let second = &set.drawings[1];
    assert_eq!((&*second.id, &*second.drawer), ("Balinese/character01/0108_02", "02"));
    let point = second.strokes[0][1];
    assert_eq!([point.x, point.y, point.time], [23.667256, -53.745243, 0.184]);

    let all = set.recordings();
    assert_whole(&all);
    assert_eq!((all.recordings.len(), sizes(&all), all.groups().len()), (2720, vec![20; 136], 100));
    assert_eq!(lengths(&all), (2, 535));
    println!("checked: {}", set.source);
}
