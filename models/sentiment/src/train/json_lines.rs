//! Texts in files of JSON lines: one JSON object per line.

use std::path::Path;

use datasets::texts::{Row, Texts};
use datasets::{DataError, Result, TextError};
use serde_json::{Map, Value};

/// The file name extensions of JSON lines. An extension for compression, `.gz` or `.zst`, may follow.
const ENDINGS: [&str; 3] = [".jsonl", ".ndjson", ".json"];

/// Whether the file name has an extension of JSON lines.
pub fn is_json(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    ENDINGS.iter().any(|end| name.ends_with(end))
}

/// Reads a file of JSON lines in [any usual encoding](datasets::text_file), which may be compressed. `text` and `label`
/// are the keys of the text and of the label in each object. Values that are numbers or booleans are converted to
/// strings. Empty lines are skipped.
///
/// # Errors
///
/// [`TextError::Json`] for a line that is not an object, [`DataError::NoColumn`] for an object without one of the keys,
/// and the errors of [`Texts::from_file`].
pub fn read(path: &Path, text: &str, label: &str) -> Result<Texts> {
    Texts::from_file(path, [text, label], |content| {
        let lines = content.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        lines.map(|(line, number)| row(path, line, number, [text, label])).collect()
    })
}

fn row(path: &Path, line: &str, number: usize, [text, label]: [&str; 2]) -> Result<Row> {
    let wrong = |message: String| TextError::Json { path: path.to_path_buf(), line: number, message };
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    let field = |name: &str, setting| match object.get(name) {
        Some(Value::String(value)) => Ok(value.clone()),
        Some(Value::Null) => Ok(String::new()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(DataError::from(wrong(format!("`{name}` must be a string, a number or a boolean")))),
        None => Err(DataError::NoColumn {
            path: path.to_path_buf(),
            line: number,
            column: name.to_owned(),
            setting,
            columns: object.keys().cloned().collect(),
        }),
    };
    Ok(Row { line: number, text: field(text, "text")?, label: field(label, "label")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Vec<(String, String)>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, content).unwrap();
        let texts = super::read(&path, "review", "stars")?;
        Ok(texts.texts.into_iter().map(|text| (text.text, text.label)).collect())
    }

    #[test]
    fn objects_are_rows() {
        let content =
            "{\"review\": \"one\\nline\", \"stars\": 5}\n\n{\"stars\": true, \"id\": [1], \"review\": \"b\"}\n";
        let expected = [("one\nline", "5"), ("b", "true")].map(|(text, label)| (text.to_owned(), label.to_owned()));
        assert_eq!(read(content).unwrap(), expected);
        for (name, expected) in [("A.JSONL", true), ("a.json.gz", true), ("a.csv", false), ("json", false)] {
            assert_eq!(is_json(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn wrong_lines_are_named() {
        let good = "{\"review\": \"a\", \"stars\": 1}\n";
        for (content, wrong) in
            [(format!("{good}[1]\n"), 2), ("{\n".into(), 1), ("{\"review\":[],\"stars\":1}".into(), 1)]
        {
            let error = read(&content).unwrap_err();
            assert!(matches!(&error, DataError::Texts(TextError::Json { line, .. }) if *line == wrong), "{error}");
        }
        let error = read("{\"review\": \"a\"}").unwrap_err();
        assert!(matches!(&error, DataError::NoColumn { setting: "label", line: 1, .. }), "{error}");
        let error = read("{\"review\": null, \"stars\": 1}").unwrap_err();
        assert!(matches!(&error, DataError::Texts(TextError::EmptyField { line: 1, .. })), "{error}");
    }
}
