use jiff::SignedDuration;
use jiff::tz::Offset;
use proptest::prelude::*;

use super::*;

/// The times of a file with one column of times.
#[track_caller]
fn times(column: &str, texts: &[&str], format: Option<&str>) -> Times {
    let rows: Vec<Vec<String>> = texts.iter().map(|text| vec![(*text).to_owned()]).collect();
    read(&[column], &rows, format).unwrap()
}

fn wrong(column: &str, texts: &[&str], format: Option<&str>) -> Wrong {
    let rows: Vec<Vec<String>> = texts.iter().map(|text| vec![(*text).to_owned()]).collect();
    read(&[column], &rows, format).unwrap_err()
}

fn shown(times: &Times) -> Vec<String> {
    times.times.iter().map(ToString::to_string).collect()
}

#[test]
fn numbers_are_read_by_their_size_and_column() {
    let hour = "2024-01-01T01:00:00";
    for (column, text, time, counted) in [
        ("timestamp", "1704070800", hour, Counted::Seconds),
        ("timestamp", "1704070800000", hour, Counted::Milliseconds),
        ("load", "1704070800000000", hour, Counted::Microseconds),
        ("t", "1704070800000000000", hour, Counted::Nanoseconds),
        ("time", "1704070800.25", "2024-01-01T01:00:00.25", Counted::Seconds),
        ("time", "1704070800250", "2024-01-01T01:00:00.25", Counted::Milliseconds),
        ("date", "45292", "2024-01-01T00:00:00", Counted::Days),
        ("Datum", "45292.041667", hour, Counted::Days),
        ("time", "1990", "1990-01-01T00:00:00", Counted::Years),
        ("month", "199002", "1990-02-01T00:00:00", Counted::Months),
    ] {
        let read = times(column, &[text], None);
        assert_eq!((shown(&read), read.numbered), (vec![time.to_owned()], false), "{text}");
        assert_eq!(read.notes, [Note::NumbersAsTimes { column: column.to_owned(), counted }]);
    }
    assert_eq!(shown(&times("t", &["1704070800000"], Some("%s"))), [hour]);
    assert_eq!(shown(&times("t", &["86400"], Some("%s"))), ["1970-01-02T00:00:00"]);
    assert_eq!(shown(&times("t", &["45292"], Some("serial"))), ["2024-01-01T00:00:00"]);
    for (text, time) in [
        ("20240131", "2024-01-31T00:00:00"),
        ("2024013123", "2024-01-31T23:00:00"),
        ("202401312350", "2024-01-31T23:50:00"),
        ("20240131235010", "2024-01-31T23:50:10"),
    ] {
        assert_eq!(shown(&times("MESS_DATUM", &[text], None)), [time], "these are no seconds or milliseconds");
    }
}

#[test]
fn steps_may_have_numbers() {
    let numbers = |column, texts: &[&str], format| {
        let read = times(column, texts, format);
        assert!(read.numbered);
        read.times.into_iter().map(timesteps::step_of_time).collect::<Vec<_>>()
    };
    assert_eq!(numbers("t", &["0", "1", "2"], None), [0.0, 1.0, 2.0]);
    assert_eq!(numbers("time", &["0.0", "0.25", "-3"], None), [0.0, 0.25, -3.0]);
    assert_eq!(numbers("t", &["45292"], None), [45292.0]);
    assert_eq!(numbers("time", &["45292"], Some("number")), [45292.0]);
    for (column, text) in [("time", "45292"), ("date", "31.12")] {
        let refused = wrong(column, &[text], None);
        assert!(matches!(refused, Wrong::Ambiguous { formats, .. } if formats == ["serial", "number"]), "{column}");
    }
}

#[test]
fn periods_stand_for_their_first_day() {
    for (text, date) in [
        ("2020-Q3", "2020-07-01"),
        ("2020Q3", "2020-07-01"),
        ("2020-Q03", "2020-07-01"),
        ("Q3 2020", "2020-07-01"),
        ("2020 q3", "2020-07-01"),
        ("2020-S2", "2020-07-01"),
        ("2020M07", "2020-07-01"),
        ("2020-W01", "2019-12-30"),
        ("Jul 2020", "2020-07-01"),
        ("July 2020", "2020-07-01"),
        ("2020-Jul", "2020-07-01"),
        ("07/2020", "2020-07-01"),
        ("2020-7-1", "2020-07-01"),
    ] {
        assert_eq!(shown(&times("TIME_PERIOD", &[text], None)), [format!("{date}T00:00:00")], "{text}");
    }
    for format in ["%Y-Q%m", "%Y-Q%q"] {
        assert_eq!(shown(&times("time", &["2020-Q3"], Some(format))), ["2020-07-01T00:00:00"]);
    }
    assert!(matches!(wrong("time", &["2020-Q5"], Some("%Y-Q%m")), Wrong::Format { row: 0, .. }));
    assert!(matches!(wrong("time", &["2020-Q1", "2020-Q5"], None), Wrong::Format { row: 1, .. }));
}

/// Years and quarters, months or names of months may have a column each.
#[test]
fn parts_have_names_and_letters() {
    let read = |columns: &[&str], texts: &[&str], format| {
        let rows = [texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()];
        read(columns, &rows, format).map(|times| shown(&times).concat())
    };
    for (columns, texts) in [
        (["year", "period"], ["1980", "Q02"]),
        (["year", "quarter"], ["1980", "2"]),
        (["year", "quarter"], ["1980", "Q2"]),
        (["Year", "period"], ["1980", "M04"]),
        (["Year", "Month"], ["1980", "Apr"]),
        (["Year", "Month"], ["1980", "April"]),
        (["Year", "Month"], ["1980", "4"]),
    ] {
        assert_eq!(read(&columns, &texts, None).unwrap(), "1980-04-01T00:00:00", "{texts:?}");
    }
    assert_eq!(read(&["Year", "Month"], &["1980", "Apr"], Some("%Y %b")).unwrap(), "1980-04-01T00:00:00");
    assert_eq!(read(&["date", "hour"], &["31.12.2020", "24"], Some("%d.%m.%Y")).unwrap(), "2021-01-01T00:00:00");
    assert_eq!(read(&["date", "hour"], &["31.12.2020", "7"], Some("%d.%m.%Y %H")).unwrap(), "2020-12-31T07:00:00");
    assert_eq!(read(&["date", "time"], &["01/02/2020", "7:30:05"], Some("%d/%m/%Y")).unwrap(), "2020-02-01T07:30:05");
    // The 13th month of the Bureau of Labor Statistics is the mean of the year.
    for texts in [["1980", "M13"], ["1980", "Q5"], ["1980", "3"]] {
        assert!(matches!(read(&["year", "period"], &texts, None), Err(Wrong::NoDate { row: 0, .. })), "{texts:?}");
    }
    let names = |header: &[&str]| columns(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(&["value", "year", "period"]), Some(vec![1, 2]));
    assert_eq!(names(&["value", "t"]), Some(vec![1]));
}

#[test]
fn hour_24_and_intervals_are_read() {
    let expected = ["2023-01-31T23:00:00", "2023-02-01T00:00:00"];
    for texts in [
        ["01/31/2023 23:00", "01/31/2023 24:00"],
        ["2023-01-31T23:00", "2023-01-31T24:00"],
        ["31.01.2023 23:00:00", "31.01.2023 24:00:00"],
        ["31.01.2023 23:00 - 31.01.2023 24:00", "31.01.2023 24:00 - 01.02.2023 01:00"],
        ["31.01.2023 23:00 – 01.02.2023 00:00", "01.02.2023 00:00 – 01.02.2023 01:00"],
        ["2023-01-31T23:00/2023-02-01T00:00", "2023-02-01T00:00/2023-02-01T01:00"],
        ["2023-01-31 23:00", "2023-02-01 0:00"],
    ] {
        assert_eq!(shown(&times("MTU", &texts, None)), expected, "{texts:?}");
    }
    assert_eq!(shown(&times("x", &["01/31/2023 23:00", "01/31/2023 24:00"], Some("%m/%d/%Y %H:%M"))), expected);
    let refused = wrong("x", &["01/31/2023 23:00", "01/31/2023 25:00"], None);
    assert_eq!(refused, Wrong::Format { row: 1, value: "01/31/2023 25:00".to_owned() });
}

#[test]
fn daily_rows_keep_their_local_midnight() {
    let texts = ["2020-03-28T00:00+01:00", "2020-03-29T00:00+01:00", "2020-03-30T00:00+02:00"];
    let read = times("time", &texts, None);
    assert_eq!(shown(&read), ["2020-03-28T00:00:00", "2020-03-29T00:00:00", "2020-03-30T00:00:00"]);
    let offsets = vec![jiff::tz::offset(1), jiff::tz::offset(2)];
    assert_eq!(read.notes, [Note::TimeZone { offsets, converted_to: None }]);
    let mixed = wrong("time", &["2020-03-28T00:00+01:00", "2020-03-29T00:00"], None);
    assert!(matches!(mixed, Wrong::Format { row: 1, .. }));
}

/// The texts of 48 consecutive hours, beginning at the hour `first` of 2020. Their offset is `standard`, in minutes;
/// from the hour `change` on, the offset is one hour larger.
fn hours_with_change(first: i64, change: usize, standard: i32, format: &str) -> Vec<String> {
    let start = jiff::civil::date(2020, 1, 1).at(0, 0, 0, 0);
    let text = |hour: usize| {
        let offset = Offset::from_seconds(60 * standard + if hour < change { 0 } else { 3600 }).unwrap();
        let instant = start.checked_add(SignedDuration::from_hours(first + hour as i64)).unwrap();
        let zoned = instant.to_zoned(jiff::tz::TimeZone::UTC).unwrap().with_time_zone(offset.to_time_zone());
        zoned.strftime(format).to_string()
    };
    (0..48).map(text).collect()
}

proptest! {
    /// If a series has another offset, its times are shifted by the difference. If the clocks change, in either
    /// direction, every hour occurs exactly once.
    #[test]
    fn a_zone_shifts_the_times(first in 0i64..8000, change in 1usize..48, quarters in -40i32..52, summer_first in any::<bool>()) {
        for format in ["%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S %:z"] {
            let read = |texts: &[String]| times("time", &texts.iter().map(String::as_str).collect::<Vec<_>>(), None);
            let standard = 15 * quarters;
            let expected = read(&hours_with_change(first, 48, 0, format)).times;
            let shift = SignedDuration::from_mins(standard.into());
            let expected: Vec<_> = expected.into_iter().map(|time| time.checked_add(shift).unwrap()).collect();
            prop_assert_eq!(&read(&hours_with_change(first, 48, standard, format)).times, &expected);
            let mut texts = hours_with_change(first, change, standard, format);
            if summer_first {
                let winter = hours_with_change(first, 48, standard, format);
                texts = [&hours_with_change(first, 0, standard, format)[..change], &winter[change..]].concat();
            }
            let changed = read(&texts);
            prop_assert_eq!(&changed.times, &expected);
            prop_assert_eq!(changed.notes.len(), 1);
        }
    }

    /// A time that is written in any of these formats is read as the same time.
    #[test]
    fn formats_give_equal_times(second in 0i64..2_000_000_000, nanos in 0i64..1_000_000_000) {
        let start = jiff::civil::date(1980, 1, 1).at(0, 0, 0, 0);
        let time = start.checked_add(SignedDuration::from_millis(1000 * second + nanos / 1_000_000)).unwrap();
        let since_1970 = time.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
        let texts = ["%Y-%m-%d %H:%M:%S%.f", "%-d.%-m.%Y %-H:%M:%S%.f", "%b %-d %Y %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ"]
            .map(|format| time.strftime(format).to_string());
        let numbers = [since_1970.as_millis().to_string(), since_1970.as_micros().to_string()];
        for text in texts.iter().chain(&numbers) {
            prop_assert_eq!(times("time", &[text], None).times, vec![time], "{}", text);
        }
    }
}

/// The clocks change at night, when an exchange has no prices: its local opening hours are kept.
#[test]
fn opening_hours_keep_their_local_times() {
    let day = |day: i8| (9..16).map(move |hour| (day, hour));
    let texts: Vec<String> = [6, 7, 8, 9, 10, 13, 14, 15, 16, 17]
        .into_iter()
        .flat_map(day)
        .map(|(day, hour)| format!("2023-03-{day:02} {hour:02}:30:00-0{}:00", if day < 12 { 5 } else { 4 }))
        .collect();
    let read = times("time", &texts.iter().map(String::as_str).collect::<Vec<_>>(), None);
    assert!(read.times.iter().all(|time| (9..16).contains(&time.hour()) && time.minute() == 30));
    assert_eq!(read.clock, Clock::default());
}

/// The rows of several daily series have equal times.
#[test]
fn daily_rows_of_several_series_keep_their_local_midnight() {
    let day = |month: i8, offset: i8| (1..20).map(move |day| format!("2023-{month:02}-{day:02}T00:00:00+0{offset}:00"));
    let texts: Vec<String> = day(1, 1).chain(day(7, 2)).flat_map(|text| [text.clone(), text]).collect();
    let read = times("date", &texts.iter().map(String::as_str).collect::<Vec<_>>(), None);
    assert!(read.times.iter().all(|time| time.hour() == 0));
}

#[test]
fn seconds_are_no_dates() {
    assert!(times("seconds", &["12000", "12001"], None).numbered);
    assert!(times("days", &["0", "1"], None).numbered);
}

#[test]
fn two_columns_of_one_part_are_no_time() {
    let row = [["2020", "3", "1"].map(str::to_owned).to_vec()];
    assert!(read(&["year", "month", "quarter"], &row, None).is_err());
}
