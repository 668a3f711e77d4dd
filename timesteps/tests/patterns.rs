//! If a series is cut at any point, the predicted times equal the times that were cut off.

#![allow(clippy::unwrap_used)]

use jiff::civil::{Date, DateTime, Time, date};
use jiff::{SignedDuration, Span};
use proptest::prelude::*;
use timesteps::{Rhythm, next_times, written};

fn is_working(date: &Date) -> bool {
    date.weekday().to_monday_zero_offset() < 5
}

/// The dates of `days` consecutive days from a random date on.
fn dates(days: i64) -> impl Strategy<Value = Vec<Date>> {
    (0..9000i64)
        .prop_map(move |first| (first..first + days).map(|day| date(2000, 1, 1) + Span::new().days(day)).collect())
}

/// The first day of `count` periods of `months` months, from a random month on.
fn months(months: i64, count: i64) -> impl Strategy<Value = Vec<Date>> {
    (0..300i64).prop_map(move |first| {
        (0..count).map(|number| date(2000, 1, 1) + Span::new().months(first + months * number)).collect()
    })
}

fn at(dates: impl IntoIterator<Item = Date>, time: Time) -> Vec<DateTime> {
    dates.into_iter().map(|date| date.to_datetime(time)).collect()
}

/// Checks for every beginning of the series with at least `least` times that its next ten times are predicted.
fn check(times: &[DateTime], least: usize) -> Result<(), TestCaseError> {
    for cut in least..times.len() - 10 {
        prop_assert_eq!(
            next_times(&times[..cut], 10),
            &times[cut..cut + 10],
            "{} rows: {:?}",
            cut,
            Rhythm::of(&times[..cut])
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn constant_steps(nanos in prop_oneof![1i64..1000, 1_000_000i64..5_000_000, Just(86_400_000_000_000), Just(604_800_000_000_000)]) {
        let start = date(2023, 3, 25).at(0, 0, 0, 0);
        let times: Vec<_> = (0..40).map(|row| start + SignedDuration::from_nanos(nanos * row)).collect();
        // Seven days are the fewest that show that a daily series has weekends.
        check(&times, 9)?;
    }

    /// Times of 60 Hz and the like, rounded to milliseconds: never more than one millisecond wrong.
    #[test]
    fn rounded_steps(hertz in 3i64..400) {
        let start = date(2023, 3, 25).at(0, 0, 0, 0);
        let times: Vec<_> = (0..500).map(|row| start + SignedDuration::from_millis((1000 * row + hertz / 2) / hertz)).collect();
        for (found, expected) in next_times(&times[..400], 100).iter().zip(&times[400..]) {
            prop_assert!(found.duration_since(*expected).abs() <= SignedDuration::from_millis(1), "{found} {expected}");
            prop_assert_eq!(found.subsec_nanosecond() % 1_000_000, 0);
        }
    }

    #[test]
    fn a_day_of_the_month(firsts in prop_oneof![months(1, 40), months(3, 40), months(6, 30), months(12, 30)], day in 1i8..=31) {
        let days = firsts.iter().map(|first| first.with().day(day.min(first.days_in_month())).build().unwrap());
        let times = at(days, Time::midnight());
        // The 30th and the 31st of a month differ in the months that have 31 days.
        let least = if day < 28 { 2 } else { 15 };
        check(&times, least)?;
    }

    #[test]
    fn the_last_working_day(firsts in prop_oneof![months(1, 60), months(3, 60)]) {
        let last = |first: &Date| (1..=first.days_in_month()).rev().map(|day| first.with().day(day).build().unwrap()).find(is_working);
        check(&at(firsts.iter().filter_map(last), Time::midnight()), 30)?;
    }

    #[test]
    fn the_first_working_day(firsts in months(1, 60)) {
        let first = |first: &Date| (1..=3).map(|day| first.with().day(day).build().unwrap()).find(is_working);
        check(&at(firsts.iter().filter_map(first), Time::constant(16, 30, 0, 0)), 14)?;
    }

    #[test]
    fn working_days(dates in dates(90)) {
        check(&at(dates.into_iter().filter(is_working), Time::midnight()), 10)?;
    }

    /// A shop that has different opening hours on one day of the week, and is closed on another day.
    #[test]
    fn opening_hours(dates in dates(70), open in 6i8..12, hours in 2i8..9, short in 0i8..6, closed in 1i8..6, minutes in prop_oneof![Just(60i64), Just(30), Just(10)]) {
        let short_day = (short + closed) % 7;
        let hours_of = |date: &Date| match date.weekday().to_monday_zero_offset() {
            day if day == closed % 7 && day != short_day => 0,
            day if day == short_day => hours - 1,
            _ => hours,
        };
        let times: Vec<_> = dates.iter().flat_map(|date| {
            (0..i64::from(hours_of(date)) * 60 / minutes).map(move |row| date.at(open, 30, 0, 0) + Span::new().minutes(row * minutes))
        }).collect();
        // Four weeks contain each day of the week at least three times as a whole day.
        let least = times.partition_point(|time| time.date() < dates[28]);
        let cut = least + (times.len() - least - 50) / 2;
        for cut in [least, cut, cut + 1, cut + 3] {
            prop_assert_eq!(next_times(&times[..cut], 40), &times[cut..cut + 40], "{:?}", Rhythm::of(&times[..cut]));
        }
    }

    /// Rows that are missing at random, such as holidays and failures, do not change the pattern.
    #[test]
    fn missing_rows_do_not_matter(dates in dates(120), missing in proptest::collection::vec(0usize..1000, 8), hourly in any::<bool>()) {
        let mut times = match hourly {
            true => dates.iter().flat_map(|date| (0..24).map(|hour| date.at(hour, 0, 0, 0))).collect(),
            false => at(dates.into_iter().filter(is_working), Time::midnight()),
        };
        let future = times.split_off(times.len() - 10);
        for row in missing {
            times.remove(row % (times.len() - 1));
        }
        prop_assert_eq!(next_times(&times, 10), future);
    }
}

#[test]
fn seasons_are_counted_in_rows() {
    let hours = |open: std::ops::Range<i8>| -> Vec<DateTime> {
        let days = (1..=31).map(|day| date(2023, 5, day)).filter(is_working);
        days.flat_map(|day| open.clone().map(move |hour| day.at(hour, 0, 0, 0))).collect()
    };
    let every =
        |span: Span| -> Vec<DateTime> { (0..40).map(|row| date(2020, 1, 1).at(0, 0, 0, 0) + span * row).collect() };
    let expected = [
        (hours(9..17), 8, "1 h, at opening hours"),
        (hours(9..10), 5, "1 d, except Saturday and Sunday"),
        (every(Span::new().hours(1)), 24, "1 h"),
        (every(Span::new().days(1)), 7, "1 d"),
        (every(Span::new().weeks(1)), 52, "7 d"),
        (every(Span::new().months(1)), 12, "1 month"),
        (every(Span::new().months(3)), 4, "3 months"),
        (every(Span::new().years(1)), 1, "1 year"),
        (every(Span::new().milliseconds(10)), 1, "10 ms"),
    ];
    for (times, season, text) in expected {
        let rhythm = Rhythm::of(&times);
        assert_eq!((rhythm.season(), rhythm.to_string()), (season, text.to_owned()));
        assert!(rhythm.is_regular(), "{text}");
    }
}

#[test]
fn a_late_row_does_not_change_the_season() {
    let start = jiff::civil::date(2020, 1, 1).at(0, 0, 0, 0);
    let late = |row: i64| i64::from(row > 1500);
    let times: Vec<DateTime> =
        (0..3000).map(|row| start + jiff::SignedDuration::from_secs(60 * row + late(row))).collect();
    assert_eq!(Rhythm::of(&times).season(), 1440);
}

#[test]
fn few_or_irregular_times_are_continued() {
    let parse = |times: &[&str]| -> Vec<DateTime> { times.iter().map(|time| time.parse().unwrap()).collect() };
    for (past, next) in [
        (&["2020-01-01T00:00", "2020-01-01T01:00"][..], "2020-01-01T02:00"),
        (&["2020-01-02", "2020-01-03"], "2020-01-06"),
        (&["2019-07-01", "2020-07-01"], "2021-07-01"),
        (&["2020-01-01", "2020-01-29", "2020-02-26"], "2020-03-25"),
        (&["2020-01-31", "2020-02-29"], "2020-03-31"),
        (&["2020-01-01"], "2020-01-01T00:00:01"),
        // One missing row is not an opening hour.
        (&["2020-01-01T00:00", "2020-01-01T01:00", "2020-01-01T02:00", "2020-01-01T04:00"], "2020-01-01T05:00"),
    ] {
        assert_eq!(next_times(&parse(past), 1), parse(&[next]), "{past:?}");
    }
    let releases = ["2020-01-14", "2020-02-13", "2020-03-11", "2020-04-10", "2020-05-12", "2020-06-10", "2020-07-14"];
    let rhythm = Rhythm::of(&parse(&releases));
    assert!(!rhythm.is_regular());
    assert_eq!(next_times(&parse(&releases), 2), parse(&["2020-08-12", "2020-09-12"]));
    assert_eq!(next_times(&[], 3), []);
    assert_eq!(next_times(&[DateTime::MAX], 3), []);
}

/// An hour that fails on three of five Tuesdays is not an hour at which a shop is closed.
#[test]
fn repeated_failures_are_not_opening_hours() {
    let monday = date(2023, 5, 1).at(0, 0, 0, 0);
    let mut times: Vec<DateTime> = (0..5 * 168 + 24 + 13).map(|hour| monday + Span::new().hours(hour)).collect();
    times.retain(|time| ![2, 16, 30].contains(&time.day()) || time.hour() != 13 || time.month() != 5);
    let last = times[times.len() - 1];
    assert_eq!(next_times(&times, 1), [last + Span::new().hours(1)]);
}

#[test]
fn times_between_rows_are_counted() {
    let days: Vec<DateTime> = at((1..=28).map(|day| date(2023, 5, day)).filter(is_working), Time::midnight());
    let rhythm = Rhythm::of(&days);
    let count = |one: Date, other: Date| rhythm.count_between(one.at(0, 0, 0, 0), other.at(0, 0, 0, 0));
    assert_eq!(count(date(2023, 5, 26), date(2023, 5, 29)), 0, "a weekend");
    assert_eq!(count(date(2023, 5, 26), date(2023, 5, 30)), 1, "a weekend and a Monday");
}

#[test]
fn lengths_are_written_in_their_largest_unit() {
    let lengths = [86_400_000, 5_400_000, 1500, 40].map(SignedDuration::from_millis).map(written);
    assert_eq!(lengths, ["1 d", "90 min", "1500 ms", "40 ms"]);
}
