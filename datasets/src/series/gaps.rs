//! Detection and filling of missing times between the rows of a series.

use std::path::Path;

use jiff::civil::DateTime;
use timesteps::Rhythm;

use super::{Gaps, Note, Row};
use crate::error::{DataError, Result};

/// The largest number of rows that may be added for missing times, as a multiple of the number of rows of the file.
const MOST_FILLED: usize = 10;

/// Adds a row for each missing time between two rows, or leaves the gaps, as `rule` says. If times are missing, adds a
/// note with their number.
pub(super) fn fill(rows: &mut Vec<Row>, rule: Gaps, path: &Path, notes: &mut Vec<Note>) -> Result<()> {
    let times: Vec<DateTime> = rows.iter().map(|row| row.time).collect();
    let rhythm = Rhythm::of(&times);
    let step = rhythm.step();
    let missing_between = |one: &Row, other: &Row| rhythm.count_between(one.time, other.time);
    let total: usize = rows.windows(2).map(|pair| missing_between(&pair[0], &pair[1])).sum();
    if total == 0 {
        return Ok(());
    }
    if rule == Gaps::Keep {
        notes.push(Note::Gaps { steps: total, step, rule });
        return Ok(());
    }
    if total > MOST_FILLED * rows.len() {
        let path = path.to_path_buf();
        return Err(DataError::IrregularTimes { path, missing: total, step, rows: rows.len() });
    }
    let mut filled = Vec::with_capacity(rows.len() + total);
    for pair in rows.windows(2) {
        let [one, other] = pair else { continue };
        filled.push(one.clone());
        let count = missing_between(one, other);
        for (number, time) in (1..=count).zip(rhythm.following(one.time)) {
            let share = if rule == Gaps::Interpolate { number as f64 / (count + 1) as f64 } else { 0.0 };
            let between = |(one, other): (&f64, &f64)| one + share * (other - one);
            let values = one.values.iter().zip(&other.values).map(between).collect();
            filled.push(Row { time, line: one.line, values });
        }
    }
    filled.extend(rows.pop());
    notes.push(Note::Gaps { steps: total, step, rule });
    *rows = filled;
    Ok(())
}
