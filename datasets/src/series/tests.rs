use super::*;

fn read(text: &str, format: &CsvFormat) -> Result<Series> {
    Series::from_bytes(text.as_bytes(), Path::new("own.csv"), format)
}

#[track_caller]
fn values(text: &str, format: &CsvFormat) -> Vec<f64> {
    read(text, format).unwrap().values
}

/// The error that a table gives. Its message begins with the file and knows no options of a command line.
#[track_caller]
fn error(text: &str, format: &CsvFormat) -> DataError {
    let error = read(text, format).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("own.csv") && !message.contains("--"), "{message}");
    error
}

#[track_caller]
fn assert_not_a_number(text: &str, format: &CsvFormat, expected: (usize, &str, &str)) {
    let error = error(text, format);
    assert_eq!(error.setting(), Some("columns"));
    let DataError::NotANumber { line, column, value, .. } = &error else { panic!("{error}") };
    assert_eq!((*line, &column[..], &value[..]), expected);
}

#[track_caller]
fn assert_date_format(text: &str, format: &CsvFormat, expected: (usize, &str)) {
    let error = error(text, format);
    assert_eq!(error.setting(), Some("date_format"));
    let DataError::DateFormat { line, value, format: given, .. } = &error else { panic!("{error}") };
    assert_eq!((line.unwrap(), &value[..]), expected);
    assert_eq!(given, &format.date_format);
}

fn plain() -> CsvFormat {
    CsvFormat::default()
}

#[test]
fn separators_quotes_and_encodings_are_detected() {
    let expected = [1.5, 2.0, -3.0, 4.0];
    for text in [
        "date,a,b\n2020-01-01,1.5,2\n2020-01-02,-3,4e0\n",
        "\u{feff}Date;a;b\r\n01.01.2020;1,5;2\r\n02.01.2020;-3;4\r\n",
        "a\ttime\tb\n1.5\t2020/01/01 00:00\t2\n-3\t2020/01/01 00:10\t4\n",
        "year,month,day,hour,a,b\n2020,1,1,0,1.5,2\n2020,1,1,1,-3,4\n",
        "date,hour,a,b\n2020-01-01,9,1.5,2\n2020-01-01,10,-3,4\n",
        "date,hour,a,b\n2020-01-01 09:00,9,1.5,2\n2020-01-01 10:00,10,-3,4\n",
        "date;hour;minute;a;b\n13.01.2020;9;50;1,5;2\n13.01.2020;10;0;-3;4\n",
        "\"ds\",\"a\",\"b\"\n\"2020-01-01T05:00:00Z\",\"1.5\",\"2\"\n\"2020-01-01T07:00:00+01:00\",\"-3\",\"4\"\n",
    ] {
        let series = read(text, &plain()).unwrap();
        assert_eq!((&series.values[..], series.columns.join("")), (&expected[..], "ab".to_owned()), "{text}");
    }
    let latin = b"date,T (\xb0C)\n2020-01-01,1\n2020-01-02,2\n";
    let series = Series::from_bytes(latin, Path::new("own.csv"), &plain()).unwrap();
    assert_eq!(series.columns, ["T (°C)"]);
}

#[test]
fn columns_of_words_are_skipped_unless_requested() {
    let text = "date,a,weather\n2020-01-01,1,rain\n2020-01-02,2,sun\n";
    let series = read(text, &plain()).unwrap();
    assert_eq!(series.columns, ["a"]);
    assert_eq!(series.notes, [Note::ColumnsSkipped { columns: vec!["weather".to_owned()] }]);
    let asked = CsvFormat { columns: vec!["weather".to_owned()], ..plain() };
    assert_not_a_number(text, &asked, (2, "weather", "rain"));
    let unknown = CsvFormat { columns: vec!["b".to_owned()], ..plain() };
    assert!(matches!(error(text, &unknown), DataError::NoColumn { column, setting: "columns", columns, .. }
        if column == "b" && columns == ["date", "a", "weather"]));
    let unknown = CsvFormat { time: vec!["when".to_owned()], ..plain() };
    assert!(matches!(error(text, &unknown), DataError::NoColumn { setting: "time", .. }));
}

#[test]
fn rows_are_sorted_by_time() {
    let newest_first = "date,a\n2020-01-03,3\n2020-01-02,2\n2020-01-01,1\n";
    let series = read(newest_first, &plain()).unwrap();
    assert_eq!((series.values, series.notes), (vec![1.0, 2.0, 3.0], vec![Note::Reversed]));
    let mixed = "date,a\n2020-01-02,2\n2020-01-03,3\n2020-01-01,1\n";
    let series = read(mixed, &plain()).unwrap();
    assert_eq!((series.values, series.notes), (vec![1.0, 2.0, 3.0], vec![Note::Sorted]));
}

#[test]
fn duplicate_times_are_refused_or_treated() {
    let text = "date,a,b\n2020-01-01,1,NA\n2020-01-02,2,5\n2020-01-02,4,NA\n2020-01-03,9,9\n";
    let refused = error(text, &plain());
    assert_eq!(refused.setting(), Some("duplicates"));
    assert!(matches!(refused, DataError::DuplicateTimes { line: 4, other_line: 3, .. }));
    let first_column = |duplicates| {
        let format = CsvFormat { duplicates, missing: Missing::Previous, columns: vec!["a".to_owned()], ..plain() };
        values(text, &format)
    };
    assert_eq!(first_column(Duplicates::First), [1.0, 2.0, 9.0]);
    assert_eq!(first_column(Duplicates::Last), [1.0, 4.0, 9.0]);
    assert_eq!(first_column(Duplicates::Mean), [1.0, 3.0, 9.0]);
    assert_eq!(first_column(Duplicates::Keep), [1.0, 2.0, 4.0, 9.0]);
    let both = CsvFormat { duplicates: Duplicates::Mean, missing: Missing::Drop, ..plain() };
    assert_eq!(values(text, &both), [3.0, 5.0, 9.0, 9.0]);
}

#[test]
fn missing_values_are_refused_or_treated() {
    let text = "date,a\n2020-01-01,\n2020-01-02,2\n2020-01-03,NA\n2020-01-04,-9999\n2020-01-05,8\n2020-01-06,?\n";
    let format = CsvFormat { sentinel: Some((-9999.0).into()), ..plain() };
    let refused = error(text, &format);
    assert_eq!(refused.setting(), Some("missing"));
    assert!(matches!(refused, DataError::MissingValues { line: 2, column, count: 4, .. } if column == "a"));
    let with = |missing| values(text, &CsvFormat { missing, ..format.clone() });
    assert_eq!(with(Missing::Previous), [2.0, 2.0, 2.0, 8.0, 8.0]);
    assert_eq!(with(Missing::Interpolate), [2.0, 4.0, 6.0, 8.0, 8.0]);
    assert_eq!(with(Missing::Drop), [2.0, 8.0]);
}

#[test]
fn values_are_interpolated_in_time_not_by_row() {
    let text = "time,a\n2020-01-01 00:00,0\n2020-01-01 00:10,NA\n2020-01-01 05:00,30\n2020-01-01 05:10,31\n";
    assert_eq!(values(text, &CsvFormat { missing: Missing::Interpolate, ..plain() }), [0.0, 1.0, 30.0, 31.0]);
    let no_february = "date,a\n2020-01,1\n2020-03,3\n2020-04,4\n2020-05,5\n2020-06,6\n2020-07,7\n2020-08,8\n";
    let series = read(no_february, &CsvFormat { gaps: Gaps::Interpolate, ..plain() }).unwrap();
    assert_eq!(series.values[..3], [1.0, 2.0, 3.0]);
}

#[test]
fn malformed_numbers_are_refused() {
    let version = "date;load;version\n2020-01-01;1,5;2.1\n2020-01-02;2,5;2.1\n";
    assert_eq!(values(version, &plain()), [1.5, 2.1, 2.5, 2.1]);
    let quoted = "\"a, b\";date\n1,5;2020-01-01\n2;2020-01-02\n";
    assert_eq!(values(quoted, &plain()), [1.5, 2.0]);
    let one_wrong = "\ndate,a,b\n2020-01-01,1,x\n2020-01-02,12..3,y\n2020-01-03,3,z\n";
    assert_not_a_number(one_wrong, &plain(), (4, "a", "12..3"));
}

#[test]
fn gaps_are_kept_or_filled() {
    let text = "time,a\n2020-01-01 00:00,0\n2020-01-01 00:10,1\n2020-01-01 00:20,2\n2020-01-01 00:50,8\n";
    let kept = read(text, &plain()).unwrap();
    assert_eq!((kept.len(), kept.step()), (4, SignedDuration::from_mins(10)));
    assert_eq!(kept.notes, [Note::Gaps { steps: 2, step: kept.step(), rule: Gaps::Keep }]);
    let with = |gaps| values(text, &CsvFormat { gaps, ..plain() });
    assert_eq!(with(Gaps::Previous), [0.0, 1.0, 2.0, 2.0, 2.0, 8.0]);
    assert_eq!(with(Gaps::Interpolate), [0.0, 1.0, 2.0, 4.0, 6.0, 8.0]);
    let no_march = "date,a\n2020-01-31,1\n2020-02-29,2\n2020-04-30,4\n2020-05-31,5\n2020-06-30,6\n2020-07-31,7\n";
    let filled = read(no_march, &CsvFormat { gaps: Gaps::Interpolate, ..plain() }).unwrap();
    assert_eq!((filled.values[2], filled.times[2].to_string()), (3.0, "2020-03-31T00:00:00".to_owned()));
    // Months have different lengths, which are not gaps.
    let months = "date,a\n2020-01,1\n2020-02,2\n2020-03,3\n2020-04,4\n";
    assert_eq!(read(months, &plain()).unwrap().notes, []);
    let weekends = read("date,a\n2020-01-02,1\n2020-01-03,2\n2020-01-06,3\n2020-01-08,4\n", &plain()).unwrap();
    assert_eq!(weekends.notes, [Note::Gaps { steps: 1, step: weekends.step(), rule: Gaps::Keep }], "one Tuesday");
    let sparse = "date,a\n2020-01-04,1\n2020-01-05,2\n2030-01-04,3\n";
    let refused = error(sparse, &CsvFormat { gaps: Gaps::Previous, ..plain() });
    assert_eq!(refused.setting(), Some("gaps"));
    assert!(matches!(refused, DataError::IrregularTimes { missing: 3651, rows: 3, .. }), "{refused}");
}

#[test]
fn date_formats_are_detected_or_refused() {
    let rows = |first: &str, second: &str| format!("date,a\n{first},1\n{second},2\n");
    for (first, second) in [
        ("31.12.2009 23:50:00", "01.01.2010 00:00:00"),
        ("12/31/2009", "01/01/2010"),
        ("31/12/2009", "01/01/2010"),
        ("Dec 31 2009", "Jan 1 2010"),
        ("20091231", "20100101"),
        ("12/31/09 11:50 PM", "01/01/10 12:00 AM"),
    ] {
        let times = read(&rows(first, second), &plain()).unwrap().times;
        assert_eq!(
            (times[0].date().to_string(), times[1].date().to_string()),
            ("2009-12-31".into(), "2010-01-01".into())
        );
    }
    let ambiguous = error(&rows("01/02/2020", "03/04/2020"), &plain());
    assert_eq!(ambiguous.setting(), Some("date_format"));
    assert!(matches!(ambiguous, DataError::AmbiguousTime { line: Some(2), formats, .. }
        if formats == ["%d/%m/%Y", "%m/%d/%Y"]));
    assert_date_format(&rows("2020-01-01", "Monday"), &plain(), (3, "Monday"));
    let zones = read(&rows("2020-10-25T02:30:00+02:00", "2020-10-25T02:30:00+01:00"), &plain()).unwrap();
    assert_eq!((zones.times[0].to_string(), zones.step().as_secs()), ("2020-10-25T01:30:00".to_owned(), 3600));
    let late = read("date,hour,a\n2020-01-31,23,1\n2020-01-31,24,2\n", &plain()).unwrap();
    assert_eq!(late.times[1].to_string(), "2020-02-01T00:00:00");
    let years = read("year,a\n1999,1\n2000,2\n", &plain()).unwrap();
    assert_eq!(years.times[1].to_string(), "2000-01-01T00:00:00");
    let seconds = CsvFormat { date_format: Some("%s".to_owned()), ..plain() };
    assert_eq!(read(&rows("0", "86400"), &seconds).unwrap().times[1].to_string(), "1970-01-02T00:00:00");
    assert_date_format(&rows("31.12.2009", "31.13.2009"), &plain(), (3, "31.13.2009"));
    let told = CsvFormat { date_format: Some("%d/%m/%Y".to_owned()), ..plain() };
    assert_eq!(read(&rows("01/02/2020", "03/04/2020"), &told).unwrap().times[0].month(), 2);
    assert_date_format(&rows("2020-01-01", "2020-01-02"), &told, (2, "2020-01-01"));
    let parts = "year,month,day,a\n2020,1,31,1\n2020,2,31,2\n";
    assert!(
        matches!(error(parts, &plain()), DataError::InvalidDate { line: Some(3), value, .. } if value == "2020 2 31")
    );
}

#[test]
fn malformed_tables_are_errors() {
    let empty = |text| matches!(error(text, &plain()), DataError::Empty { what: "rows", .. });
    assert!(empty("") && empty("date,a\n"));
    let no_time = error("when,a\n1,2\n", &plain());
    assert_eq!(no_time.setting(), Some("time"));
    assert!(matches!(no_time, DataError::NoTimeColumn { columns, .. } if columns == ["when", "a"]));
    let longer = error("date,a\n2020-01-01,1\n2020-01-02,1,2\n", &plain());
    assert!(matches!(longer, DataError::Csv { line: Some(3), .. }), "{longer}");
    let twice = error("date,a,b,a\n2020-01-01,1,2,3\n", &plain());
    assert!(matches!(twice, DataError::DuplicateColumn { column, .. } if column == "a"));
    let no_values = error("date,a\n2020-01-01,NA\n", &plain());
    assert!(matches!(no_values, DataError::NoValues { example: Some((column, value)), .. }
        if column == "a" && value == "NA"));
}

/// Existing recipes and packages contain the field with its first name.
#[test]
fn the_format_keeps_its_serialised_names() {
    let format = CsvFormat { duplicates: Duplicates::Mean, date_format: Some("%Y".to_owned()), ..plain() };
    let text =
        "time = []\ndate_format = \"%Y\"\ncolumns = []\nmissing = \"refuse\"\ndoubled = \"mean\"\ngaps = \"keep\"\n";
    assert_eq!(toml::to_string(&format).unwrap(), text);
    for key in ["doubled", "duplicates"] {
        let read: CsvFormat = toml::from_str(&text.replace("doubled", key)).unwrap();
        assert_eq!(read, format);
    }
}

#[test]
fn damaged_tables_are_series_or_errors() {
    let text = "date,a,b\n2020-01-01 00:00,1.5,2\n2020-01-01 00:10,NA,4\n2020-01-01 00:10,5,6\n2020-01-03,7,8\n";
    let strict = plain();
    let lenient = CsvFormat {
        missing: Missing::Interpolate,
        duplicates: Duplicates::Mean,
        gaps: Gaps::Interpolate,
        sentinel: Some(5.0.into()),
        ..plain()
    };
    test_support::try_damaged(text.as_bytes(), |bytes| {
        for format in [&strict, &lenient] {
            if let Ok(series) = Series::from_bytes(bytes, Path::new("own.csv"), format) {
                assert_eq!(series.values.len(), series.len() * series.columns.len());
                assert!(series.times.is_sorted() && series.values.iter().all(|value| value.is_finite()));
            }
        }
    });
}
