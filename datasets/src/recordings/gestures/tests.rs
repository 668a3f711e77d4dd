use std::collections::HashMap;

use super::*;

/// A drawing as points with the mean 0 and the root of the mean square 1.
type Scaled = Vec<[f32; 2]>;

fn scaled(recording: &Recording) -> Scaled {
    let points = recording.values.as_chunks::<2>().0;
    let count = points.len() as f32;
    let mean = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f32>() / count);
    let square = |point: &[f32; 2]| (point[0] - mean[0]).powi(2) + (point[1] - mean[1]).powi(2);
    let size = (points.iter().map(square).sum::<f32>() / count).sqrt();
    points.iter().map(|point| [(point[0] - mean[0]) / size, (point[1] - mean[1]) / size]).collect()
}

/// The distance of two drawings under dynamic time warping; infinite if it is certain to exceed `most`.
fn warped(one: &Scaled, other: &Scaled, most: f32) -> f32 {
    let mut row = vec![f32::INFINITY; other.len() + 1];
    row[0] = 0.0;
    for a in one {
        let (mut diagonal, mut left) = (row[0], f32::INFINITY);
        row[0] = f32::INFINITY;
        for (b, cell) in other.iter().zip(&mut row[1..]) {
            let cost = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
            let best = diagonal.min(left).min(*cell) + cost;
            (diagonal, left, *cell) = (*cell, best, best);
        }
        if row.iter().all(|cell| *cell > most) {
            return f32::INFINITY;
        }
    }
    row[other.len()]
}

/// The label of the nearest of the known drawings.
fn nearest<'a>(drawing: &Scaled, known: impl Iterator<Item = &'a (Scaled, &'a str)>) -> &'a str {
    let mut best = (f32::INFINITY, "");
    for (other, label) in known {
        let distance = warped(drawing, other, best.0);
        if distance < best.0 {
            best = (distance, label);
        }
    }
    best.1
}

fn all(part: &Recordings) -> Vec<(Scaled, &str)> {
    part.recordings.iter().map(|recording| (scaled(recording), recording.label.as_str())).collect()
}

#[test]
fn the_gestures_are_reproducible_and_no_person_is_in_two_parts() {
    let gestures = load();
    assert_eq!(load(), gestures);
    assert_ne!(generate(SEED + 1).test, gestures.test);
    let parts = [&gestures.train, &gestures.valid, &gestures.test];
    assert_eq!(parts.map(|part| part.recordings.len()), [3600, 600, 1200]);
    assert_eq!(parts.map(|part| part.groups().len()), PERSONS);
    for (index, part) in parts.iter().enumerate() {
        assert!(parts[..index].iter().all(|other| other.groups().is_disjoint(&part.groups())));
        assert_eq!(part.classes(), SYMBOLS);
        assert!(part.class_sizes().values().all(|size| *size == PERSONS[index] * DRAWINGS));
    }
}

#[test]
fn drawings_have_20_to_60_steps_on_the_sheet() {
    let gestures = load();
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for recording in &gestures.train.recordings {
        let steps = gestures.train.steps(recording);
        *lengths.entry(steps).or_default() += 1;
        assert!((20..=60).contains(&steps), "{}", recording.id);
        let near = |value: &f32| (-100.0..500.0).contains(value);
        assert!(recording.values.iter().all(near), "{}", recording.id);
    }
    assert!(lengths.len() == 41 && lengths.values().all(|count| *count < 360), "{lengths:?}");
}

/// The task is neither trivial nor impossible for a classifier without training.
#[test]
fn the_nearest_neighbour_is_right_in_about_nine_of_ten_test_drawings() {
    let gestures = load();
    let (known, test) = (all(&gestures.train), all(&gestures.test));
    let right = test.iter().filter(|(drawing, label)| nearest(drawing, known.iter()) == *label).count();
    println!("{right} of {}", test.len());
    assert!((1056..=1104).contains(&right), "{right} of {}", test.len());
}

/// Four drawings of each symbol by the same person tell more than thousands by others, although a person sometimes
/// leaves a habit.
#[test]
fn the_symbols_of_a_person_are_distinct() {
    let test = load().test;
    let (mut right, mut count) = (0, 0);
    for person in all(&test).chunks(SYMBOLS.len() * DRAWINGS) {
        for (index, (drawing, label)) in person.iter().enumerate() {
            let others = person.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
            right += usize::from(nearest(drawing, others) == *label);
            count += 1;
        }
    }
    println!("{right} of {count}");
    assert!(right * 100 > count * 93, "{right} of {count}");
}
