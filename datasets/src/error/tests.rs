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
        DataError::Count { path: path.clone(), what: "reviews".to_owned(), found: 1, wanted: 2 },
    ] {
        assert_eq!(error.setting(), Some("data_dir"));
        assert_message(&error);
    }
    let (line, other_line, id, column) = (7, 3, "a".to_owned(), "label".to_owned());
    let values = Box::new(["x", "y"].map(str::to_owned));
    let uneven = RecordingError::UnevenSteps { path: path.clone(), line, id: id.clone(), found: 0.5, usual: 0.02 };
    for (error, setting) in [
        (RecordingError::NoField { path: path.clone(), line, column: column.clone() }, None),
        (uneven, Some("resample")),
        (RecordingError::TwoValues { path: path.clone(), line, other_line, id, column, values }, Some("id")),
    ] {
        let error = DataError::from(error);
        assert_eq!(error.setting(), setting, "{error}");
        assert_message(&error);
        assert!(error.to_string().contains("line 7"), "{error}");
    }
}

#[track_caller]
fn assert_message(error: &DataError) {
    let message = error.to_string();
    assert!(message.contains("imdb/set.tar.gz") && !message.contains("--") && !message.contains('\n'), "{message}");
}
