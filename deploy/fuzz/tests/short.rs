//! A short run of the fuzzer, with the same inputs every time.

#![allow(clippy::unwrap_used)]

use fuzz::allocator::{self, Watched};
use fuzz::{Report, corpus, run};

#[global_allocator]
static ALLOCATOR: Watched = Watched;

#[test]
fn damaged_packages_are_errors_or_models() {
    let corpus = corpus::read().unwrap();
    let mut report = Report::default();
    (0..3000).for_each(|number| run(&corpus, 1, number, &mut report));
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(report.opened > 100 && report.predicted > 100, "{report:?}");
    // The allocator sees what is allocated.
    allocator::begin(0);
    drop(vec![0u8; 5 << 20]);
    assert!(allocator::largest() >= 5 << 20);
}
