//! Times as texts: ISO 8601, `strptime` formats, quarters and other periods, intervals.

use jiff::civil::{Date, DateTime, ISOWeekDate, Weekday};
use jiff::fmt::{strtime, temporal::Pieces};
use jiff::tz::Offset;

/// A time as it is written in a file: the local time, and its offset from UTC if the file gives one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    pub time: DateTime,
    pub offset: Option<Offset>,
}

impl From<Date> for Stamp {
    fn from(date: Date) -> Self {
        Self { time: date.at(0, 0, 0, 0), offset: None }
    }
}

/// The known `strptime` formats of a date.
const DATES: [&str; 20] = [
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
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    // For times such as `2023-1-5 0:00`, without leading zeros, which are not ISO 8601.
    "%Y-%m-%d",
    "%a %b %d %Y",
    "%a, %d %b %Y",
];
/// The known `strptime` formats of a time of day that may follow a date.
const DAYTIMES: [&str; 7] = ["", " %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S%.f %z", " %H:%M %z"];
/// The known `strptime` formats of a month.
const MONTHS: [&str; 11] =
    ["%b %Y", "%B %Y", "%Y %b", "%Y %B", "%b-%Y", "%B-%Y", "%Y-%b", "%Y-%B", "%b-%y", "%m/%Y", "%Y/%m"];

/// The known `strptime` formats of dates, and of dates with times, that consist only of digits.
const COMPACT: [&str; 4] = ["%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"];

/// Returns all known `strptime` formats.
pub(super) fn formats() -> impl Iterator<Item = String> {
    let days = DATES.iter().flat_map(|date| DAYTIMES.iter().map(move |time| format!("{date}{time}")));
    days.chain(MONTHS.iter().chain(&COMPACT).map(|format| (*format).to_owned()))
}

/// Parses times such as `20200131`, `2020013123`, `202001312350` or `20200131235000`, for the years 1900 to 2100.
pub(super) fn compact(text: &str) -> Option<Stamp> {
    let format = match text.len() {
        8 => COMPACT[0],
        10 => COMPACT[1],
        12 => COMPACT[2],
        14 => COMPACT[3],
        _ => return None,
    };
    by_format(format, text).filter(|stamp| (1900..=2100).contains(&stamp.time.year()))
}

/// Parses `2020-01`, `2020-01-31` or `2020-01-31 23:50:00.5`, with an optional offset: `Z`, `UTC`, `+01:00`, `+0100`.
pub(super) fn iso(text: &str) -> Option<Stamp> {
    let month = || text.split_once('-').and_then(|_| format!("{text}-01").parse::<Date>().ok());
    let of_pieces = |text: &str| {
        let pieces = Pieces::parse(text).ok()?;
        let time = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        Some(Stamp { time, offset: pieces.offset().map(|offset| offset.to_numeric_offset()) })
    };
    let is_zone = |zone: &str| matches!(zone, "UTC" | "GMT" | "Z");
    let joined = || match text.rsplit_once(' ')? {
        (time, zone) if is_zone(zone) => Some(format!("{time}Z")),
        (time, offset) if offset.starts_with(['+', '-']) => Some(format!("{time}{offset}")),
        _ => None,
    };
    of_pieces(text).or_else(|| month().map(Stamp::from)).or_else(|| of_pieces(&joined()?))
}

/// Parses a time in a `strptime` format. `Q%m` or `%q` in the format is a quarter, from 1 to 4.
pub(super) fn by_format(format: &str, text: &str) -> Option<Stamp> {
    let of_quarter = format.contains("Q%m") || format.contains("%q");
    let parsed = strtime::parse(format.replace("%q", "%m"), text).ok()?;
    let month = match parsed.month() {
        Some(quarter) if of_quarter => Some(first_month('Q', quarter.into())? as i8),
        month => month,
    };
    let first_of_month = || Date::new(parsed.year()?, month.unwrap_or(1), parsed.day().unwrap_or(1)).ok();
    let date = || first_of_month().map(|date| date.to_datetime(parsed.to_time().unwrap_or_default()));
    let of_timestamp = || parsed.timestamp().map(|time| Offset::UTC.to_datetime(time));
    let time = match of_quarter {
        true => date()?,
        false => of_timestamp()
            .or_else(|| parsed.to_datetime().ok())
            .or_else(|| parsed.to_date().ok().map(midnight))
            .or_else(date)?,
    };
    // `%Y` also accepts `09`, which is a year of two digits.
    (time.year() >= 100 || !format.contains("%Y")).then(|| Stamp { time, offset: parsed.offset() })
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

/// Parses a quarter, half-year, month or ISO week: `2020-Q1`, `2020Q01`, `Q1 2020`, `2020-S1`, `2020M01`, `2020-W05`.
/// The returned time is the start of the first day of the period.
pub(super) fn period(text: &str) -> Option<Stamp> {
    let letter = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (before, after) = (&text[..letter], &text[letter + 1..]);
    let (year, number) = match before.is_empty() {
        true => after.split_once([' ', '-', '/']).map(|(number, year)| (year, number))?,
        false => (before.trim_end_matches([' ', '-', '/', ':', '.']), after),
    };
    let is_number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(year, 4..=4) || !is_number(number, 1..=2) {
        return None;
    }
    let (year, number) = (year.parse::<i16>().ok()?, number.parse::<i16>().ok()?);
    let kind = char::from(text.as_bytes()[letter]).to_ascii_uppercase();
    let date = match kind {
        'W' => ISOWeekDate::new(year, i8::try_from(number).ok()?, Weekday::Monday).ok()?.date(),
        _ => Date::new(year, first_month(kind, number)? as i8, 1).ok()?,
    };
    Some(date.into())
}

/// Returns the number of the first month of a part of the year. `kind` and `number` are `Q` and 1 to 4 for quarters,
/// `S` or `H` and 1 or 2 for half-years, `M` and 1 to 12 for months, and `A` and 1 for the whole year.
pub(super) fn first_month(kind: char, number: i16) -> Option<i16> {
    let (count, months) = match kind.to_ascii_uppercase() {
        'Q' => (4, 3),
        'S' | 'H' => (2, 6),
        'M' => (12, 1),
        'A' => (1, 12),
        _ => return None,
    };
    (1..=count).contains(&number).then(|| months * (number - 1) + 1)
}

/// Parses a month without a year, such as `Jan`, `January`, `M01` or `Q1`. Returns the number of the month; for a
/// quarter, the number of its first month.
pub(super) fn month(text: &str) -> Option<i16> {
    let named = |format: &str| strtime::parse(format, text).ok()?.month().map(i16::from);
    let of_period = || first_month(text.chars().next()?, text.get(1..)?.parse().ok()?);
    named("%b").or_else(|| named("%B")).or_else(of_period)
}

/// Replaces the hour 24, as in `2020-01-31 24:00`, by hour 0. `None` if the text does not have the hour 24.
pub(super) fn without_hour_24(text: &str) -> Option<String> {
    let place = text.find("24:").filter(|place| *place > 0)?;
    let is_hour = text[..place].ends_with([' ', 'T']);
    is_hour.then(|| format!("{}00:{}", &text[..place], &text[place + 3..]))
}

/// Returns the start of each interval: `01.01.2023 00:00` for `01.01.2023 00:00 - 01.01.2023 01:00`. Returns `None` if
/// some text is not an interval.
pub(super) fn starts_of_intervals(texts: &[String]) -> Option<Vec<String>> {
    let separators = [" - ", " – ", " — ", " to ", " / "];
    let starts = |separator: &str| {
        let start = |text: &String| text.split_once(separator).map(|(start, _)| start.trim_end().to_owned());
        texts.iter().map(start).collect::<Option<Vec<_>>>()
    };
    let of_iso = || {
        let start = |text: &String| {
            text.split_once('/').filter(|(start, _)| start.len() >= 8).map(|(start, _)| start.to_owned())
        };
        texts.iter().map(start).collect::<Option<Vec<_>>>()
    };
    separators.into_iter().find_map(starts).or_else(of_iso).filter(|starts| !starts.is_empty())
}
