//! A test helper for the parsers of several crates: [`try_damaged`] passes damaged files to a parser.
//!
//! A parser must return a value or a typed error for every damaged file, and must never panic.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// One random damage to a file: `remove` bytes from the position `at` are replaced by the bytes `insert`.
#[derive(Clone, Debug)]
struct Edit {
    at: Index,
    remove: usize,
    insert: Vec<u8>,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let remove = prop_oneof![4 => Just(0usize), 4 => Just(1), 3 => 2..40usize, 1 => Just(usize::MAX / 2)];
    let insert = prop_oneof![
        2 => Just(Vec::new()),
        4 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => prop::collection::vec(any::<u8>(), 2..9),
        2 => prop::sample::select(TROUBLE).prop_map(|text| text.as_bytes().to_vec()),
    ];
    let edit = (any::<Index>(), remove, insert).prop_map(|(at, remove, insert)| Edit { at, remove, insert });
    prop::collection::vec(edit, 1..6)
}

/// Texts that are difficult for parsers: numbers out of range, brackets, a byte order mark.
const TROUBLE: &[&str] =
    &["-1", "0", "1e999", "nan", "18446744073709551616", "9223372036854775807", "[", "{", "\"", "=", "\n", "\u{feff}"];

fn damage(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for Edit { at, remove, insert } in edits {
        let start = at.index(bytes.len() + 1);
        let end = bytes.len().min(start + remove);
        bytes.splice(start..end, insert.iter().copied());
    }
    bytes
}

/// Calls `read` with 2,000 randomly damaged versions of the file content `whole`. The environment variable
/// `PROPTEST_CASES` sets another number. Fails if `read` panics, and reports the smallest damage that causes the panic.
pub fn try_damaged(whole: &[u8], read: impl Fn(&[u8])) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(&edits(), |edits| {
        read(&damage(whole.to_vec(), &edits));
        Ok(())
    });
    assert!(tried.is_ok(), "{tried:?}");
}
