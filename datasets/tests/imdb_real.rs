//! Properties of the published IMDB reviews. Skipped unless `RNN_ZOO_DATA` names a folder that has them.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::PathBuf;

use datasets::{DATA_VARIABLE, Locator, Review, Reviews, imdb};

#[test]
fn the_published_set_has_its_known_properties() {
    let Some(folder) = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from) else {
        return println!("skipped: {DATA_VARIABLE} is not set");
    };
    let Reviews { train, test, source, own } = imdb::load(&Locator::new(Some(&folder))).unwrap();
    assert!(!own);
    for (set, bytes) in [(&train, 33_132_823), (&test, 32_350_685)] {
        assert_eq!(set.len(), 25_000);
        assert_eq!(set.iter().filter(|review| review.positive).count(), 12_500);
        assert_eq!(set.iter().map(|review| review.text.len()).sum::<usize>(), bytes);
        assert!(set.is_sorted_by(|a, b| a.id < b.id));
        assert!(set.iter().all(|review| match review.rating {
            Some(rating) =>
                if review.positive {
                    (7..=10).contains(&rating)
                } else {
                    (1..=4).contains(&rating)
                },
            None => false,
        }));
    }
    let (train, test) = (texts(&train), texts(&test));
    assert_eq!(train.intersection(&test).count(), 123);
    assert_eq!(train.union(&test).count(), 49_582);
    println!("checked: {source}");
}

fn texts(set: &[Review]) -> HashSet<&str> {
    set.iter().map(|review| review.text.as_str()).collect()
}
