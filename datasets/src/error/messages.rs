//! Functions that format parts of the error messages.

use std::path::{Path, PathBuf};

use crate::conll::Scheme;

pub(super) fn at(path: &Path, line: &Option<usize>) -> String {
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

pub(super) fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the names of columns: "column `a`", or "columns `a`, `b`".
pub(super) fn columns_of(names: &[String]) -> String {
    format!("column{} `{}`", if names.len() == 1 { "" } else { "s" }, names.join("`, `"))
}

pub(super) fn published_at(url: Option<&str>) -> String {
    url.map_or(String::new(), |url| format!(" (published at {url})"))
}

pub(super) fn example_of((column, value): &(String, String)) -> String {
    format!("; `{value}` in column `{column}` is not a number")
}

pub(super) fn format_advice(format: Option<&str>) -> String {
    match format {
        Some(format) => format!("does not match the date format '{format}'; correct the time, or change `date_format`"),
        None => "is not a recognised time; set `date_format`, for example to '%d.%m.%Y %H:%M'".to_owned(),
    }
}

/// Returns a message that says why a tag is not allowed at its place, and how to correct the tag. `previous` is `None`
/// if the tag is the first of its sentence, and `tag` is `None` if the sentence ends after the previous tag.
pub(super) fn misplaced(previous: Option<&str>, tag: Option<&str>, scheme: Scheme) -> String {
    let place = match (previous, tag) {
        (None, tag) => format!("`{}` cannot begin a sentence", tag.unwrap_or_default()),
        (Some(previous), None) => format!("`{previous}` cannot end a sentence"),
        (Some(previous), Some(tag)) => format!("`{tag}` cannot follow `{previous}`"),
    };
    let kind = tag.and_then(|tag| tag.split_once('-')).map_or("", |(_, kind)| kind);
    let correction = match scheme {
        Scheme::Bio2 => format!("change the tag to `B-{kind}`, or set `scheme` to iob1, which allows this tag here"),
        Scheme::Iob1 => {
            format!(
                "change the tag to `I-{kind}`, or set `scheme` to iob1 explicitly, which allows `B` at the start of any \
                 entity (without the setting, the scheme is recognised from the file, and its rules are strict)"
            )
        }
        Scheme::Bioes => "correct the tags, or set `scheme` to the scheme of the file".to_owned(),
    };
    format!("{place} in the tagging scheme {scheme}; {correction}")
}

pub(super) fn unknown_tag(tag: &str, scheme: Option<Scheme>) -> String {
    match scheme {
        Some(scheme) => {
            format!("`{tag}` is not a tag of {scheme}; correct the tag, or set `scheme` to the scheme of the file")
        }
        None => {
            format!(
                "`{tag}` is not a tag such as `O`, `B-person` or `I-person`; correct the tag or, if another column \
                 holds the tags, set `columns` to the names of all columns"
            )
        }
    }
}

/// Returns advice if `column` is only a part of a column name with a comma, such as `b` of `a, b`; otherwise an empty
/// text.
pub(super) fn comma_advice(column: &str, columns: &[String]) -> String {
    let whole = columns.iter().find(|whole| whole.split(',').any(|part| part.trim() == column) && whole.contains(','));
    whole.map_or(String::new(), |whole| format!("; `{whole}` contains a comma: in a list, put it in quotation marks"))
}
