//! Times that are written as numbers: seconds or fractions of seconds since 1970, days of a spreadsheet, calendar years
//! or months, or step numbers.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::{Note, Times, Wrong, is_step, text};

/// The value of the setting `date_format` for day numbers of a spreadsheet.
const SERIAL: &str = "serial";
/// The value of the setting `date_format` for step numbers.
const NUMBER: &str = "number";
/// The earliest Unix time (seconds since 1970) that a number in a time column can mean; it lies in 1973. Numbers of
/// seconds, milliseconds, microseconds or nanoseconds that would mean an earlier time are not read as Unix times.
const FIRST_SECOND: i128 = 100_000_000;
/// The number 1 as [`decimal`] returns it, in units of 10⁻⁹.
const ONE: i128 = 1_000_000_000;

/// What the numbers in a time column count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Seconds since 1970, UTC.
    Seconds,
    /// Milliseconds since 1970, UTC.
    Milliseconds,
    /// Microseconds since 1970, UTC.
    Microseconds,
    /// Nanoseconds since 1970, UTC.
    Nanoseconds,
    /// Days since 30 December 1899, as spreadsheets store dates.
    Days,
    /// Calendar years.
    Years,
    /// Calendar months, such as 202001.
    Months,
    /// Step numbers of the series.
    Steps,
}

impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seconds => "seconds since 1970, in UTC",
            Self::Milliseconds => "milliseconds since 1970, in UTC",
            Self::Microseconds => "microseconds since 1970, in UTC",
            Self::Nanoseconds => "nanoseconds since 1970, in UTC",
            Self::Days => "day numbers of a spreadsheet",
            Self::Years => "years",
            Self::Months => "years and months",
            Self::Steps => "step numbers, without dates",
        })
    }
}

/// Reads the times of all rows if the times are numbers. Returns `None` if the times are dates such as `20200131`, or
/// if a format for dates is given. Without a format, the size of the numbers and the name of the column determine what
/// the numbers count.
pub(super) fn read(column: &str, texts: &[String], format: Option<&str>) -> Result<Option<Times>, Wrong> {
    if !matches!(format, None | Some("%s" | SERIAL | NUMBER)) || column.is_empty() {
        return Ok(None);
    }
    let Some(numbers) = texts.iter().map(|text| decimal(text)).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let counted = match format {
        Some("%s") => since_1970(&numbers).unwrap_or(Counted::Seconds),
        Some(SERIAL) => Counted::Days,
        Some(NUMBER) => Counted::Steps,
        _ if texts.iter().all(|text| text::compact(text).is_some()) => return Ok(None),
        _ => counted(column, &numbers).ok_or_else(|| Wrong::Ambiguous {
            value: texts.first().cloned().unwrap_or_default(),
            formats: [SERIAL, NUMBER].map(str::to_owned),
        })?,
    };
    let time = |(row, number): (usize, &i128)| {
        time_of(*number, counted).ok_or_else(|| Wrong::Format { row, value: texts[row].clone() })
    };
    let times = numbers.iter().enumerate().map(time).collect::<Result<_, _>>()?;
    let notes = vec![Note::NumbersAsTimes { column: column.to_owned(), counted }];
    Ok(Some(Times { times, numbered: counted == Counted::Steps, notes, ..Times::default() }))
}

/// Returns what the numbers count. Returns `None` if the numbers can be days of a spreadsheet or step numbers, so that
/// the user must choose.
fn counted(column: &str, numbers: &[i128]) -> Option<Counted> {
    let within = |from: i128, to: i128| numbers.iter().all(|number| (from * ONE..to * ONE).contains(number));
    let are_whole = numbers.iter().all(|number| number % ONE == 0);
    let name = column.to_lowercase();
    let mut words = name.split(|letter: char| !letter.is_alphanumeric());
    let is_date = words.any(|word| word.ends_with("date") || ["datum", "day", "ds"].contains(&word));
    let is_time = is_date || ["time", "period", "month"].iter().any(|part| name.contains(part));
    if let Some(counted) = since_1970(numbers) {
        return Some(counted);
    }
    match () {
        () if is_step(column) => Some(Counted::Steps),
        () if is_date && within(10_000, 100_000) => Some(Counted::Days),
        () if is_time && within(10_000, 100_000) => None,
        () if is_time && are_whole && within(1500, 2300) => Some(Counted::Years),
        () if numbers.iter().all(|number| time_of(*number, Counted::Months).is_some()) => Some(Counted::Months),
        () if is_date => None,
        () => Some(Counted::Steps),
    }
}

/// Determines the unit of times since 1970 from the size of the numbers. Returns `None` if the numbers fit no unit.
fn since_1970(numbers: &[i128]) -> Option<Counted> {
    use Counted::{Microseconds, Milliseconds, Nanoseconds, Seconds};
    let units = [(Seconds, 1), (Milliseconds, 1000), (Microseconds, 1_000_000), (Nanoseconds, 1_000_000_000)];
    let fits = |(_, scale): &(Counted, i128)| {
        let from = FIRST_SECOND * scale * ONE;
        numbers.iter().all(|number| (from..1000 * from).contains(number))
    };
    units.into_iter().find(fits).map(|(unit, _)| unit)
}

/// Returns the time that a number means. `number` is in units of 10⁻⁹, as [`decimal`] returns it.
fn time_of(number: i128, counted: Counted) -> Option<DateTime> {
    const START: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    const SPREADSHEET: DateTime = DateTime::constant(1899, 12, 30, 0, 0, 0, 0);
    let after = |start: DateTime, nanos: i128| {
        let seconds = i64::try_from(nanos.div_euclid(ONE)).ok()?;
        start.checked_add(SignedDuration::new(seconds, nanos.rem_euclid(ONE) as i32)).ok()
    };
    match counted {
        Counted::Seconds | Counted::Steps => after(START, number),
        Counted::Milliseconds => after(START, number / 1000),
        Counted::Microseconds => after(START, number / 1_000_000),
        Counted::Nanoseconds => after(START, number / 1_000_000_000),
        // The fraction of a day in a spreadsheet is rounded, so the time is rounded to whole seconds.
        Counted::Days => after(SPREADSHEET, (number * 86_400 + ONE / 2).div_euclid(ONE) * ONE),
        Counted::Years => DateTime::new(i16::try_from(number / ONE).ok()?, 1, 1, 0, 0, 0, 0).ok(),
        Counted::Months if number % ONE != 0 || !(150_000 * ONE..230_000 * ONE).contains(&number) => None,
        Counted::Months => {
            let (year, month) = (number / ONE / 100, number / ONE % 100);
            DateTime::new(year as i16, i8::try_from(month).ok()?, 1, 0, 0, 0, 0).ok()
        }
    }
}

/// Parses a decimal number such as `1704067200.25`, and returns it in units of 10⁻⁹.
fn decimal(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || digits.len() > 20 || !is_digits(digits) || !is_digits(fraction) {
        return None;
    }
    let nanos: i128 = format!("{:0<9.9}", fraction).parse().ok()?;
    let whole: i128 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -(whole * ONE + nanos) } else { whole * ONE + nanos })
}
