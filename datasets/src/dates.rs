//! Times as they are written in tables.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::{Timestamp, tz::TimeZone};

/// What came of some texts.
#[derive(Debug, PartialEq)]
pub(crate) enum Times {
    Read(Vec<DateTime>),
    /// The number of a row, from 0, and what is wrong there.
    Wrong(usize, String),
}

/// The parts of a time that may have columns of their own, from the largest.
const PARTS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
/// Other names of columns that hold a time.
const NAMES: [&str; 9] = ["date", "datetime", "timestamp", "time", "date time", "date_time", "ds", "month", "datum"];

/// Ways to write a date, and those to write a time of day after it.
const DATES: [&str; 15] = [
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%Y%m%d",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
];
const DAYTIMES: [&str; 5] = ["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p"];

/// The columns of a header that hold the time, by their names.
pub(crate) fn columns(header: &[String]) -> Option<Vec<usize>> {
    let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    if let Some(date) = find("date") {
        let daytime = find("time").map_or_else(|| parts_from(find, 3), |time| vec![time]);
        return Some([vec![date], daytime].concat());
    }
    let parts = parts_from(find, 0);
    if !parts.is_empty() {
        return Some(parts);
    }
    NAMES.iter().find_map(|name| find(name)).map(|column| vec![column])
}

/// The columns of a time's parts, from one of [`PARTS`] to the smallest that there is.
fn parts_from(find: impl Fn(&str) -> Option<usize>, first: usize) -> Vec<usize> {
    PARTS[first..].iter().map_while(|part| find(part)).collect()
}

/// Reads the times of some rows, each of one text a column. All are written in one way: `format`, or the only one that fits
/// all of them. The hour 24 is the next day's first.
pub(crate) fn read(columns: &[&str], rows: &[Vec<String>], format: Option<&str>) -> Times {
    let hour = columns.iter().position(|column| column.eq_ignore_ascii_case("hour"));
    let is_late = |texts: &Vec<String>| hour.is_some_and(|hour| texts[hour] == "24");
    if !rows.iter().any(is_late) {
        return read_early(columns, rows, format);
    }
    let mut early = rows.to_vec();
    for texts in early.iter_mut().filter(|texts| is_late(texts)) {
        hour.into_iter().for_each(|hour| texts[hour] = "0".to_owned());
    }
    let day = |late: bool| jiff::Span::new().days(i64::from(late));
    match read_early(columns, &early, format) {
        Times::Read(times) => {
            let moved = times.iter().zip(rows).map(|(time, texts)| time.saturating_add(day(is_late(texts))));
            Times::Read(moved.collect())
        }
        wrong => wrong,
    }
}

/// The same without an hour 24.
fn read_early(columns: &[&str], rows: &[Vec<String>], format: Option<&str>) -> Times {
    let part = |column: &&str| PARTS.iter().position(|part| part.eq_ignore_ascii_case(column));
    if let Some(parts) = columns.iter().map(part).collect::<Option<Vec<_>>>()
        && parts.contains(&0)
    {
        return all(rows, |texts| from_parts(&parts, texts), "is no date");
    }
    let of_parts = columns[1..].iter().all(|column| part(column).is_some());
    // The time of day may stand in the first column already.
    if of_parts && columns.len() > 1 {
        let dates: Vec<Vec<String>> = rows.iter().map(|texts| texts[..1].to_vec()).collect();
        if let Times::Read(times) = read_early(&columns[..1], &dates, format)
            && times.iter().any(|time| time.time() != jiff::civil::Time::midnight())
        {
            return Times::Read(times);
        }
    }
    let whole = |texts: &Vec<String>| match texts.split_first() {
        Some((date, parts)) if of_parts && !parts.is_empty() => format!("{date} {}", daytime(parts)),
        _ => texts.join(" "),
    };
    let texts: Vec<Vec<String>> = rows.iter().map(|texts| vec![whole(texts)]).collect();
    if let Some(format) = format {
        let what = format!("is not written as --date-format '{format}' says");
        return all(&texts, |texts| by_format(format, &texts[0]), &what);
    }
    let iso = all(&texts, |texts| iso(&texts[0]), "");
    if let Times::Read(_) = iso {
        return iso;
    }
    by_some_format(&texts)
}

/// `7` and `30` as `07:30`, and `7` alone as `07:00`.
fn daytime(parts: &[String]) -> String {
    let mut parts: Vec<String> = parts.iter().map(|part| format!("{part:0>2}")).collect();
    if parts.len() == 1 {
        parts.push("00".to_owned());
    }
    parts.join(":")
}

/// The times by the only format that fits all of them.
fn by_some_format(texts: &[Vec<String>]) -> Times {
    let formats = DATES.iter().flat_map(|date| DAYTIMES.iter().map(move |time| format!("{date}{time}")));
    // The first row that the format which came furthest could not read.
    let mut wrong = texts.iter().position(|texts| iso(&texts[0]).is_none()).unwrap_or(0);
    let fit = |format: String| match all(texts, |texts| by_format(&format, &texts[0]), "") {
        Times::Read(times) => Some((format, times)),
        Times::Wrong(row, _) => {
            wrong = wrong.max(row);
            None
        }
    };
    let mut fitting: Vec<(String, Vec<DateTime>)> = formats.filter_map(fit).collect();
    // Two formats that say the same are one.
    fitting.dedup_by(|(_, one), (_, other)| one == other);
    match fitting.as_slice() {
        [(one, _), (other, _), ..] => {
            let message =
                format!("`{}` could be read in more than one way; say --date-format '{one}' or '{other}'", texts[0][0]);
            Times::Wrong(0, message)
        }
        [_] => Times::Read(fitting.remove(0).1),
        [] => {
            let shown = texts.get(wrong).map_or("", |texts| &texts[0]);
            let message = format!(
                "`{shown}` is not written as a time that is known here; say how with --date-format, such as '%d.%m.%Y %H:%M'"
            );
            Times::Wrong(wrong, message)
        }
    }
}

fn all(rows: &[Vec<String>], read: impl Fn(&[String]) -> Option<DateTime>, wrong: &str) -> Times {
    let mut times = Vec::with_capacity(rows.len());
    for (index, texts) in rows.iter().enumerate() {
        match read(texts) {
            Some(time) => times.push(time),
            None => return Times::Wrong(index, format!("`{}` {wrong}", texts.join(" "))),
        }
    }
    Times::Read(times)
}

/// `2020-01-31`, `2020-01-31 23:50:00`, or with an offset, which is then taken off.
fn iso(text: &str) -> Option<DateTime> {
    // First, as a `DateTime` would be read without its offset.
    let of_zone = text.parse::<Timestamp>().ok().map(|time| time.to_zoned(TimeZone::UTC).datetime());
    let month = || text.split_once('-').and_then(|_| format!("{text}-01").parse::<Date>().ok());
    of_zone.or_else(|| text.parse::<DateTime>().ok()).or_else(|| month().map(|date| date.at(0, 0, 0, 0)))
}

fn by_format(format: &str, text: &str) -> Option<DateTime> {
    let time = strtime::parse(format, text).ok()?;
    // With seconds since 1970 or an offset.
    let of_zone = time.to_timestamp().ok().map(|time| time.to_zoned(TimeZone::UTC).datetime());
    let first_of_month = || Date::new(time.year()?, time.month().unwrap_or(1), time.day().unwrap_or(1)).ok();
    let date = || time.to_date().ok().or_else(first_of_month).map(|date| date.at(0, 0, 0, 0));
    let time = of_zone.or_else(|| time.to_datetime().ok()).or_else(date)?;
    // `09` is no year of four digits.
    (time.year() >= 100 || !format.contains("%Y")).then_some(time)
}

/// From numbers of years, months, …, as `columns` says which of [`PARTS`] they are.
fn from_parts(columns: &[usize], texts: &[String]) -> Option<DateTime> {
    let mut parts = [0, 1, 1, 0, 0, 0];
    for (&part, text) in columns.iter().zip(texts) {
        parts[part] = text.parse::<i16>().ok()?;
    }
    let [year, month, day, hour, minute, second] = parts;
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}
