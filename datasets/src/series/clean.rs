//! Cleaning of the rows of a CSV file: order, duplicate times, missing values.

use std::path::Path;

use super::{Duplicates, Missing, Note, Row, seconds};
use crate::error::{DataError, Result};

/// Sorts the rows by time. Rows with equal times keep their order in the file; if the file has the newest row first,
/// their order is reversed.
pub(super) fn sort(rows: &mut [Row], notes: &mut Vec<Note>) {
    if rows.is_sorted_by_key(|row| row.time) {
        return;
    }
    let newest_first = rows.is_sorted_by(|one, other| one.time >= other.time);
    notes.push(if newest_first { Note::Reversed } else { Note::Sorted });
    if newest_first {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.time);
}

/// Merges rows with equal times into one row, keeps them all, or returns an error, as `rule` says. `rows` must be
/// sorted by time.
pub(super) fn duplicates(rows: &mut Vec<Row>, rule: Duplicates, path: &Path, notes: &mut Vec<Note>) -> Result<()> {
    if rule == Duplicates::Keep || rows.windows(2).all(|pair| pair[0].time != pair[1].time) {
        return Ok(());
    }
    let before = rows.len();
    let mut kept: Vec<Row> = Vec::with_capacity(before);
    for group in rows.chunk_by(|one, other| one.time == other.time) {
        let [first, .., last] = group else {
            kept.extend_from_slice(group);
            continue;
        };
        kept.push(match rule {
            Duplicates::Refuse => {
                return Err(DataError::DuplicateTimes {
                    path: path.to_path_buf(),
                    line: first.line.max(last.line) as usize,
                    other_line: first.line.min(last.line) as usize,
                    time: first.time,
                });
            }
            Duplicates::First | Duplicates::Keep => first.clone(),
            Duplicates::Last => last.clone(),
            Duplicates::Mean => Row { values: means(group), ..first.clone() },
        });
    }
    if kept.len() < before {
        notes.push(Note::DuplicatesMerged { rows: before - kept.len() });
    }
    *rows = kept;
    Ok(())
}

/// Returns the mean of each column over the rows that have a value in the column; NaN if no row has a value.
fn means(rows: &[Row]) -> Box<[f64]> {
    let mean = |column: usize| {
        let values: Vec<f64> = rows.iter().map(|row| row.values[column]).filter(|value| !value.is_nan()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (0..rows.first().map_or(0, |row| row.values.len())).map(mean).collect()
}

/// Fills missing values, drops the rows that contain them, or returns an error, as `rule` says. `names` are the names
/// of the columns.
pub(super) fn missing(
    rows: &mut Vec<Row>,
    rule: Missing,
    path: &Path,
    names: &[String],
    notes: &mut Vec<Note>,
) -> Result<()> {
    let empty_column = |row: &Row| row.values.iter().position(|value| value.is_nan());
    let Some((first, column)) = rows.iter().find_map(|row| Some((row, empty_column(row)?))) else { return Ok(()) };
    let count = rows.iter().flat_map(|row| &row.values).filter(|value| value.is_nan()).count();
    match rule {
        Missing::Refuse => {
            return Err(DataError::MissingValues {
                path: path.to_path_buf(),
                line: first.line as usize,
                column: names[column].clone(),
                count,
            });
        }
        Missing::Drop => rows.retain(|row| empty_column(row).is_none()),
        Missing::Previous | Missing::Interpolate => {
            for column in 0..names.len() {
                fill(rows, column, rule == Missing::Interpolate);
            }
            // Rows before the first value of a column have no previous value.
            let before = rows.len();
            rows.retain(|row| empty_column(row).is_none());
            if rows.len() < before {
                notes.push(Note::LeadingRowsDropped { rows: before - rows.len() });
            }
        }
    }
    notes.push(Note::MissingValues { count, rule });
    Ok(())
}

/// Fills the missing values of a column that follow its first known value. Repeats the previous known value or, if
/// `straight` is true, interpolates linearly in time between the previous and the next known value. Missing values
/// after the last known value always repeat it.
fn fill(rows: &mut [Row], column: usize, straight: bool) {
    let known: Vec<usize> = (0..rows.len()).filter(|&row| !rows[row].values[column].is_nan()).collect();
    for (index, &from) in known.iter().enumerate() {
        let to = known.get(index + 1).copied();
        let start = rows[from].values[column];
        let end = to.map_or(start, |to| rows[to].values[column]);
        let whole = to.map_or(0.0, |to| seconds(rows[from].time, rows[to].time));
        for row in from + 1..to.unwrap_or(rows.len()) {
            let share = if straight && whole > 0.0 { seconds(rows[from].time, rows[row].time) / whole } else { 0.0 };
            rows[row].values[column] = start + share * (end - start);
        }
    }
}
