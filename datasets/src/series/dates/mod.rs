//! Recognition and parsing of dates and times in CSV files.

mod numbers;
#[cfg(test)]
mod tests;
mod text;
mod zones;

use jiff::civil::{DateTime, Time};
use timesteps::Clock;

pub use numbers::Counted;

use super::Note;
use text::Stamp;

/// Why the times of a CSV file cannot be read. Rows are counted from 0.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// The fields of several time columns, such as year and month, do not form a valid date.
    NoDate { row: usize, value: String },
    /// A time does not have the given format; or, if no format is given, the time has none of the known formats.
    Format { row: usize, value: String },
    /// Several formats fit all rows and give different times.
    Ambiguous { value: String, formats: [String; 2] },
}

/// The times of all rows of a file.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub times: Vec<DateTime>,
    /// Whether the file has step numbers instead of times. If so, `times` holds the time `n` seconds after the start of
    /// 1970 for step number `n`, as [`timesteps::time_of_step`] does.
    pub numbered: bool,
    /// The difference between local time and `times`, if `times` were converted to standard time because of daylight
    /// saving time. With the default, `times` are local times.
    pub clock: Clock,
    /// Notes on assumptions and conversions that were made while the times were read.
    pub notes: Vec<Note>,
}

impl Times {
    /// Returns whether all times are dates that were read without a conversion or an assumption. If true, the time of a
    /// row does not depend on the other rows.
    pub fn is_plain(&self) -> bool {
        !self.numbered && self.clock == Clock::default() && self.notes.is_empty()
    }
}

/// The usual names of columns that hold one part of a time, from the largest part to the smallest.
const PARTS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
/// The usual names of columns that hold a quarter or month, such as `3`, `Q3` or `M09`, beside a column with the year.
const PERIODS: [&str; 2] = ["quarter", "period"];
/// The usual names of columns that hold a whole time or date, in lower case.
const NAMES: [&str; 12] = [
    "date",
    "datetime",
    "timestamp",
    "time",
    "date time",
    "date_time",
    "ds",
    "month",
    "datum",
    "time_period",
    "observation_date",
    "period",
];
/// The usual names of columns that hold step numbers.
const STEPS: [&str; 6] = ["t", "step", "time_step", "timestep", "time_idx", "time_index"];

/// Finds the time columns by their names, and returns their indices. Returns the first of the following that exists: a
/// date column, with an optional time of day in other columns; columns with the parts of a time, beginning with the
/// year; one column with a usual name. Returns `None` if none of them exists.
pub(super) fn columns(header: &[String]) -> Option<Vec<usize>> {
    let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    if let Some(date) = find("date") {
        let daytime = find("time").map_or_else(|| parts_from(find, 3), |time| vec![time]);
        return Some([vec![date], daytime].concat());
    }
    let parts = parts_from(find, 0);
    if let [year] = parts[..]
        && let Some(period) = PERIODS.iter().find_map(|name| find(name))
    {
        return Some(vec![year, period]);
    }
    if !parts.is_empty() {
        return Some(parts);
    }
    NAMES.iter().chain(&STEPS).find_map(|name| find(name)).map(|column| vec![column])
}

/// Returns the indices of the columns for `PARTS[first]` and the smaller parts that follow it, up to the first part
/// without a column.
fn parts_from(find: impl Fn(&str) -> Option<usize>, first: usize) -> Vec<usize> {
    PARTS[first..].iter().map_while(|part| find(part)).collect()
}

/// Returns whether `column` is a usual name of a column that holds step numbers.
fn is_step(column: &str) -> bool {
    STEPS.iter().any(|name| name.eq_ignore_ascii_case(column))
}

/// Reads the times of all rows. `columns` are the names of the time columns. Each row has one text for each of these
/// columns. All rows must have the same format: `format` or, if it is `None`, the only known format that fits all
/// rows. The hour 24 is hour 0 of the next day. For an interval, the time is the start of the interval.
pub(super) fn read(columns: &[&str], rows: &[Vec<String>], format: Option<&str>) -> Result<Times, Wrong> {
    if let (None, Some(roles)) = (format, roles(columns)) {
        // Two columns for the same part of a time, such as month and quarter, may contradict each other.
        let is_single = (1..roles.len()).all(|place| !roles[..place].contains(&roles[place]));
        let times = all(rows, |texts| from_parts(columns, &roles, texts).filter(|_| is_single));
        return times
            .map(|times| Times { times, ..Times::default() })
            .map_err(|row| Wrong::NoDate { row, value: rows[row].join(" ") });
    }
    let join = || rows.iter().map(|texts| texts.join(" ")).collect::<Vec<_>>();
    let [column] = columns else { return read_several(columns, rows, &join(), format) };
    read_texts(column, &join(), format)
}

/// Reads times from several columns, the first of which holds the date. `plain` has the texts of each row, joined by
/// blanks. `format` may describe the joined texts, or only the date.
fn read_several(
    columns: &[&str],
    rows: &[Vec<String>],
    plain: &[String],
    format: Option<&str>,
) -> Result<Times, Wrong> {
    if !columns[1..].iter().all(|column| part(column).is_some()) {
        return read_with_daytime(plain, plain, format);
    }
    // The first column may hold the date and also the time of day.
    let dates: Vec<Vec<String>> = rows.iter().map(|texts| texts[..1].to_vec()).collect();
    if let Ok(times) = read(&columns[..1], &dates, format)
        && !times.numbered
        && times.times.iter().any(|time| time.time() != Time::midnight())
    {
        return Ok(times);
    }
    let joined: Vec<String> = rows.iter().map(|texts| format!("{} {}", texts[0], daytime(&texts[1..]))).collect();
    read_with_daytime(plain, &joined, format)
}

/// Reads one time per row. `plain` has the texts of each row, joined by blanks, such as `2020-01-31 7 30`. `joined` has
/// the date and the time of day of each row, such as `2020-01-31 07:30`. If no format is given, reads `joined`. If a
/// format is given, reads `plain` in this format. If this fails, reads `joined` in this format, or in this format
/// followed by the format of a time of day.
fn read_with_daytime(plain: &[String], joined: &[String], format: Option<&str>) -> Result<Times, Wrong> {
    let Some(format) = format else { return read_texts("", joined, None) };
    let formats = ["", " %H:%M", " %H:%M:%S%.f"].map(|time| format!("{format}{time}"));
    let mut others = formats.iter().filter_map(|format| read_texts("", joined, Some(format)).ok());
    read_texts("", plain, Some(format)).or_else(|wrong| others.next().ok_or(wrong))
}

/// Returns the index of a column name in [`PARTS`], regardless of upper and lower case.
fn part(column: &str) -> Option<usize> {
    PARTS.iter().position(|part| part.eq_ignore_ascii_case(column))
}

/// Returns the index of each column name in [`PARTS`]; for a name in [`PERIODS`], the index of the month. Returns
/// `None` if a name is in neither list, or if no column holds the year.
fn roles(columns: &[&str]) -> Option<Vec<usize>> {
    let is_period = |column: &str| PERIODS.iter().any(|name| name.eq_ignore_ascii_case(column));
    let role = |column: &&str| part(column).or_else(|| is_period(column).then_some(1));
    columns.iter().map(role).collect::<Option<Vec<_>>>().filter(|roles| roles.contains(&0))
}

/// Reads one time per row. If the texts are intervals, such as `2020-01-31 01:00 - 2020-01-31 02:00`, reads their
/// starts. `column` is the name of the time column; it is empty if each text was joined from several columns.
fn read_texts(column: &str, texts: &[String], format: Option<&str>) -> Result<Times, Wrong> {
    if let Some(times) = numbers::read(column, texts, format)? {
        return Ok(times);
    }
    match (read_early(texts, format), text::starts_of_intervals(texts)) {
        (Err(Wrong::Format { .. }), Some(starts)) => read_early(&starts, format),
        (times, _) => times,
    }
}

/// Reads one time per row. The hour 24 is hour 0 of the next day.
fn read_early(texts: &[String], format: Option<&str>) -> Result<Times, Wrong> {
    let is_late = |text: &String| text::without_hour_24(text).is_some();
    if !texts.iter().any(is_late) {
        return zones::in_one_zone(stamps(texts, format)?, texts);
    }
    let early: Vec<String> =
        texts.iter().map(|text| text::without_hour_24(text).unwrap_or_else(|| text.clone())).collect();
    let wrong_row = |wrong| match wrong {
        Wrong::Format { row, .. } => Wrong::Format { row, value: texts[row].clone() },
        other => other,
    };
    let mut stamps = stamps(&early, format).map_err(wrong_row)?;
    for (stamp, _) in stamps.iter_mut().zip(texts).filter(|(_, text)| is_late(text)) {
        stamp.time = stamp.time.saturating_add(jiff::Span::new().days(1));
    }
    zones::in_one_zone(stamps, texts)
}

/// Reads the texts in the given format; or, if no format is given, in the only known format that fits all texts.
fn stamps(texts: &[String], format: Option<&str>) -> Result<Vec<Stamp>, Wrong> {
    match format {
        Some(format) => all(texts, |text| text::by_format(format, text))
            .map_err(|row| Wrong::Format { row, value: texts[row].clone() }),
        None => all(texts, |text| text::iso(text))
            .or_else(|row| all(texts, |text| text::period(text)).map_err(|other| row.max(other)))
            .or_else(|row| by_only_format(texts, row)),
    }
}

/// Joins `7` and `30` to `07:30`, and extends `7` alone to `07:00`.
fn daytime(parts: &[String]) -> String {
    let mut parts: Vec<String> = parts.iter().map(|part| format!("{part:0>2}")).collect();
    if parts.len() == 1 {
        parts.push("00".to_owned());
    }
    parts.join(":")
}

/// Reads the times with the only known format that fits all times. `not_iso` is the index of the first row that is not
/// in ISO format.
fn by_only_format(texts: &[String], not_iso: usize) -> Result<Vec<Stamp>, Wrong> {
    // The last of the rows at which the formats failed, which is the most informative row for an error message.
    let mut row = not_iso;
    let fit = |format: String| match all(texts, |text| text::by_format(&format, text)) {
        Ok(times) => Some((format, times)),
        Err(failed) => {
            row = row.max(failed);
            None
        }
    };
    let mut fitting: Vec<(String, Vec<Stamp>)> = Vec::new();
    for (format, times) in text::formats().filter_map(fit) {
        // Formats that give equal times are not ambiguous.
        if fitting.iter().all(|(_, other)| *other != times) {
            fitting.push((format, times));
        }
    }
    match fitting.as_slice() {
        [(one, _), (other, _), ..] => {
            let formats = [one.clone(), other.clone()];
            Err(Wrong::Ambiguous { value: texts.first().cloned().unwrap_or_default(), formats })
        }
        [_] => Ok(fitting.remove(0).1),
        [] => Err(Wrong::Format { row, value: texts.get(row).cloned().unwrap_or_default() }),
    }
}

/// Reads every row, or returns the index of the first row that cannot be read.
fn all<T, U>(rows: &[T], read: impl Fn(&T) -> Option<U>) -> Result<Vec<U>, usize> {
    rows.iter().enumerate().map(|(index, row)| read(row).ok_or(index)).collect()
}

/// Makes a time from its parts, such as year and month. `roles` has, for each text, the index of its part in [`PARTS`].
/// A month may be written as a name; a quarter or period is replaced by its first month; the hour may be 24. `None` if
/// the parts do not form a valid time.
fn from_parts(columns: &[&str], roles: &[usize], texts: &[String]) -> Option<DateTime> {
    let mut parts = [0, 1, 1, 0, 0, 0];
    for ((&role, text), column) in roles.iter().zip(texts).zip(columns) {
        parts[role] = match text.parse::<i16>() {
            Ok(quarter) if column.eq_ignore_ascii_case("quarter") => text::first_month('Q', quarter)?,
            // A period that is only a number may be a month or a quarter.
            Ok(_) if column.eq_ignore_ascii_case("period") => return None,
            Ok(number) => number,
            Err(_) if role == 1 => text::month(text)?,
            Err(_) => return None,
        };
    }
    let [year, month, day, hour, minute, second] = parts;
    let small = |number: i16| i8::try_from(number).ok();
    let time = |hour| DateTime::new(year, small(month)?, small(day)?, hour, small(minute)?, small(second)?, 0).ok();
    match small(hour)? {
        24 => time(0)?.checked_add(jiff::Span::new().days(1)).ok(),
        hour => time(hour),
    }
}
