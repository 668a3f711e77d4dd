//! Properties of the published sets with named entities, and of word vectors. Skipped unless `RNN_ZOO_DATA` names a
//! folder that has them.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};

use datasets::conll::{TaggedSentence, wnut17};
use datasets::{DATA_VARIABLE, Locator, vectors};

fn locator() -> Option<Locator> {
    let folder = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty());
    if folder.is_none() {
        println!("skipped: {DATA_VARIABLE} is not set");
    }
    folder.map(|folder| Locator::new(Some(folder.as_ref())))
}

fn counts(part: &[TaggedSentence]) -> (usize, usize, usize) {
    let tokens = part.iter().map(|sentence| sentence.tokens.len()).sum();
    (part.len(), tokens, part.iter().map(|sentence| sentence.entities.len()).sum())
}

fn surfaces(part: &[TaggedSentence]) -> HashSet<String> {
    let text = |sentence: &TaggedSentence| -> Vec<String> {
        sentence.entities.iter().map(|entity| sentence.tokens[entity.start..entity.end].join(" ")).collect()
    };
    part.iter().flat_map(text).collect()
}

#[test]
fn wnut_17_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let parts = wnut17::load(&locator).unwrap();
    assert_eq!(counts(&parts.train), (3394, 62_730, 1975));
    assert_eq!(counts(&parts.valid), (1009, 15_733, 836));
    assert_eq!(counts(&parts.test), (1287, 23_394, 1079));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for entity in parts.test.iter().flat_map(|sentence| &sentence.entities) {
        *kinds.entry(&entity.kind).or_default() += 1;
    }
    let expected = [
        ("corporation", 66),
        ("creative-work", 142),
        ("group", 165),
        ("location", 150),
        ("person", 429),
        ("product", 127),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
    let (train, test) = (surfaces(&parts.train), surfaces(&parts.test));
    assert!(test.difference(&train).count() * 10 > test.len() * 9, "most names of the test part are new");
    assert!(parts.train.iter().flat_map(|sentence| &sentence.tokens).all(|token| !token.trim().is_empty()));
    println!("checked: {}", parts.source);
}

#[test]
fn the_subset_of_glove_has_its_known_properties() {
    let Some(locator) = locator() else { return };
    let start = std::time::Instant::now();
    let vectors = vectors::load(&locator).unwrap();
    println!("checked in {:?}: {}", start.elapsed(), vectors.source);
    assert_eq!((vectors.words.len(), vectors.dimension, vectors.values.len()), (66_894, 100, 6_689_400));
    assert_eq!(vectors.words[..3], ["the", ",", "."]);
    assert_eq!(vectors.values[..3], [-0.0382, -0.2449, 0.7281]);
    assert!(vectors.words.iter().collect::<HashSet<_>>().len() == vectors.words.len());
    let vector = |word: &str| {
        let place = vectors.words.iter().position(|other| other == word).unwrap();
        &vectors.values[place * 100..][..100]
    };
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let near = cosine(vector("terrible"), vector("horrible"));
    assert!(near > 0.8 && near > cosine(vector("terrible"), vector("window")) + 0.4, "{near}");
}
