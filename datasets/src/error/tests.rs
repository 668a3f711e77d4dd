//! Tests of the messages.

use std::path::PathBuf;

use super::*;

/// A library does not know the options of the programs that use it.
#[test]
fn messages_are_one_line_with_the_path_and_without_command_line_options() {
    let path = PathBuf::from("imdb/set.tar.gz");
    let url = "https://example.org/set.tar.gz".to_owned();
    let (found, wanted) = ("1".to_owned(), "2".to_owned());
    for error in [
        DataError::NotFound {
            set: "the set",
            places: vec![PathBuf::from("/data"), PathBuf::from("/cache")],
            wanted: vec!["imdb/set.tar.gz".to_owned(), "imdb/set/".to_owned()],
            url: Some(url.clone()),
        },
        DataError::Download { url: url.clone(), reason: "connection lost".to_owned(), path: path.clone() },
        DataError::Checksum { path: path.clone(), kind: "size", found, wanted, url: Some(url) },
        DataError::Count { path, what: "reviews".to_owned(), found: 1, wanted: 2 },
    ] {
        assert_eq!(error.setting(), Some("data_dir"));
        let message = error.to_string();
        assert!(message.contains("imdb/set.tar.gz") && !message.contains("--") && !message.contains('\n'), "{message}");
    }
}
