//! Texts that are given to a verb.

use std::io::Read;
use std::path::Path;

use training::TaskResult;

/// The text of a file if there is one; else what was typed, or standard input where that is `-`. Without what some editors
/// put before it and at the end of its lines.
pub fn read(file: Option<&Path>, typed: &str) -> TaskResult<String> {
    let read = match (file, typed) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|error| (path.display().to_string(), error)),
        (None, "-") => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map(|_| text).map_err(|error| ("standard input".to_owned(), error))
        }
        (None, typed) => Ok(typed.to_owned()),
    };
    let text = read.map_err(|(what, error)| format!("cannot read {what}: {error}"))?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}
