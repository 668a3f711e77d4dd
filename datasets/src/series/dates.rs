//! Recognition and parsing of dates and times in CSV files.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::{Timestamp, tz::TimeZone};

/// Why the times of a CSV file cannot be read. Rows are counted from 0.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// The parts of a time in separate columns, such as year and month, are not the numbers of a valid date.
    NoDate { row: usize, value: String },
    /// A time does not have the given format; or, if no format is given, it has none of the known formats.
    Format { row: usize, value: String },
    /// Several formats fit all rows and give different times.
    Ambiguous { value: String, formats: [String; 2] },
}

type Times = Result<Vec<DateTime>, Wrong>;

/// The usual names of columns that hold one part of a time, from the largest part to the smallest.
const PARTS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
/// The usual names of columns that hold a whole time or date, in lower case.
const NAMES: [&str; 9] = ["date", "datetime", "timestamp", "time", "date time", "date_time", "ds", "month", "datum"];

/// The known `strptime` formats of a date.
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
/// The known `strptime` formats of a time of day that may follow a date.
const DAYTIMES: [&str; 5] = ["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p"];

/// The indices of the time columns in a header, recognised by their usual names; `None` if there are none.
pub(super) fn columns(header: &[String]) -> Option<Vec<usize>> {
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

/// The indices of the columns for `PARTS[first]` and the smaller parts that follow it, up to the first part without a
/// column.
fn parts_from(find: impl Fn(&str) -> Option<usize>, first: usize) -> Vec<usize> {
    PARTS[first..].iter().map_while(|part| find(part)).collect()
}

/// Reads the times of all rows, given as one text per time column. All rows have the same format: `format`, or else the
/// only known format that fits all rows. The hour 24 is read as hour 0 of the next day.
pub(super) fn read(columns: &[&str], rows: &[Vec<String>], format: Option<&str>) -> Times {
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
    let times = read_early(columns, &early, format)?;
    Ok(times.iter().zip(rows).map(|(time, texts)| time.saturating_add(day(is_late(texts)))).collect())
}

/// Reads times like [`read`], for rows that do not contain the hour 24.
fn read_early(columns: &[&str], rows: &[Vec<String>], format: Option<&str>) -> Times {
    let part = |column: &&str| PARTS.iter().position(|part| part.eq_ignore_ascii_case(column));
    if let Some(parts) = columns.iter().map(part).collect::<Option<Vec<_>>>()
        && parts.contains(&0)
    {
        return all(rows, |texts| from_parts(&parts, texts))
            .map_err(|row| Wrong::NoDate { row, value: rows[row].join(" ") });
    }
    let of_parts = columns[1..].iter().all(|column| part(column).is_some());
    // The first column may hold the date and also the time of day.
    if of_parts && columns.len() > 1 {
        let dates: Vec<Vec<String>> = rows.iter().map(|texts| texts[..1].to_vec()).collect();
        if let Ok(times) = read_early(&columns[..1], &dates, format)
            && times.iter().any(|time| time.time() != jiff::civil::Time::midnight())
        {
            return Ok(times);
        }
    }
    let whole = |texts: &Vec<String>| match texts.split_first() {
        Some((date, parts)) if of_parts && !parts.is_empty() => format!("{date} {}", daytime(parts)),
        _ => texts.join(" "),
    };
    let texts: Vec<String> = rows.iter().map(whole).collect();
    if let Some(format) = format {
        return all(&texts, |text| by_format(format, text))
            .map_err(|row| Wrong::Format { row, value: texts[row].clone() });
    }
    match all(&texts, |text| iso(text)) {
        Ok(times) => Ok(times),
        Err(row) => by_only_format(&texts, row),
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

/// Reads the times with the only known format that fits all of them. `not_iso` is the index of the first row that is
/// not in ISO format.
fn by_only_format(texts: &[String], not_iso: usize) -> Times {
    let formats = DATES.iter().flat_map(|date| DAYTIMES.iter().map(move |time| format!("{date}{time}")));
    // The furthest row at which a format failed: the most informative one to report.
    let mut row = not_iso;
    let fit = |format: String| match all(texts, |text| by_format(&format, text)) {
        Ok(times) => Some((format, times)),
        Err(failed) => {
            row = row.max(failed);
            None
        }
    };
    let mut fitting: Vec<(String, Vec<DateTime>)> = formats.filter_map(fit).collect();
    // Formats that give equal times are not ambiguous.
    fitting.dedup_by(|(_, one), (_, other)| one == other);
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
fn all<T>(rows: &[T], read: impl Fn(&T) -> Option<DateTime>) -> Result<Vec<DateTime>, usize> {
    rows.iter().enumerate().map(|(index, row)| read(row).ok_or(index)).collect()
}

/// Parses `2020-01`, `2020-01-31` or `2020-01-31 23:50:00`. A time with an offset is converted to UTC.
fn iso(text: &str) -> Option<DateTime> {
    // This comes first, because parsing a `DateTime` ignores the offset.
    let of_zone = text.parse::<Timestamp>().ok().map(|time| time.to_zoned(TimeZone::UTC).datetime());
    let month = || text.split_once('-').and_then(|_| format!("{text}-01").parse::<Date>().ok());
    of_zone.or_else(|| text.parse::<DateTime>().ok()).or_else(|| month().map(|date| date.at(0, 0, 0, 0)))
}

/// Parses a time in a `strptime` format. A time with an offset, or in seconds since 1970, is converted to UTC.
fn by_format(format: &str, text: &str) -> Option<DateTime> {
    let time = strtime::parse(format, text).ok()?;
    let of_zone = time.to_timestamp().ok().map(|time| time.to_zoned(TimeZone::UTC).datetime());
    let first_of_month = || Date::new(time.year()?, time.month().unwrap_or(1), time.day().unwrap_or(1)).ok();
    let date = || time.to_date().ok().or_else(first_of_month).map(|date| date.at(0, 0, 0, 0));
    let time = of_zone.or_else(|| time.to_datetime().ok()).or_else(date)?;
    // `%Y` also accepts `09`, which is a year of two digits.
    (time.year() >= 100 || !format.contains("%Y")).then_some(time)
}

/// Makes a time from its parts, such as year and month. `columns` gives, for each text, the index of its part in
/// [`PARTS`].
fn from_parts(columns: &[usize], texts: &[String]) -> Option<DateTime> {
    let mut parts = [0, 1, 1, 0, 0, 0];
    for (&part, text) in columns.iter().zip(texts) {
        parts[part] = text.parse::<i16>().ok()?;
    }
    let [year, month, day, hour, minute, second] = parts;
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}
