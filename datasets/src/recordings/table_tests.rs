//! Tests of recordings in CSV files: tables that hold several recordings, folders of files, and times.

use std::path::Path;

use super::*;
use crate::DataError;
use crate::series::Note;

const LONG: &str = "\
person,take,move,y,x,comment
ada,1,walk,1.0,10,first
bob,1,run,5,50,
ada,1,walk,2.0,20,
ada,2,run,9,90,
bob,1,run,6,,late
ada,1,walk,3.5,30,
bob,1,run,7,70,
ada,2,run,8,80,
";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn read(text: &str, id: &[&str], format: &RecordingFormat) -> Result<Recordings> {
    Recordings::from_csv_text(Path::new("own.csv"), text, &names(id), Some("move"), format)
}

#[track_caller]
fn error(text: &str, id: &[&str], format: &RecordingFormat) -> RecordingError {
    match read(text, id, format) {
        Err(DataError::Recordings(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn plain() -> RecordingFormat {
    RecordingFormat { channels: names(&["x", "y"]), group: Some("person".to_owned()), ..Default::default() }
}

fn timed(column: &str) -> RecordingFormat {
    RecordingFormat { time: Some(column.to_owned()), ..Default::default() }
}

#[track_caller]
fn assert_near(values: &[f32], expected: &[f32]) {
    let is_near = values.iter().zip(expected).all(|(value, expected)| (value - expected).abs() < 1e-5);
    assert!(values.len() == expected.len() && is_near, "{values:?}");
}

/// Returns a CSV table of the recordings `a` and `b`. The arguments `a` and `b` are the times of their samples.
fn at(column: &str, a: &[&str], b: &[&str]) -> String {
    let rows = |id: &str, times: &[&str]| -> String {
        times.iter().enumerate().map(|(row, time)| format!("{id},walk,{time},{row}\n")).collect()
    };
    format!("id,move,{column},x\n{}{}", rows("a", a), rows("b", b))
}

#[test]
fn rows_of_recordings_may_be_interleaved() {
    let all = read(LONG, &["person", "take"], &plain()).unwrap();
    let [ada1, bob, ada2] = &all.recordings[..] else { panic!("{all:?}") };
    assert_eq!(all.channels, ["x", "y"]);
    assert_eq!([&ada1.id, &bob.id, &ada2.id], ["ada/1", "bob/1", "ada/2"]);
    assert_eq!((ada1.group.as_deref(), &*ada1.label), (Some("ada"), "walk"));
    assert_eq!(ada1.values, [10.0, 1.0, 20.0, 2.0, 30.0, 3.5]);
    assert_eq!(bob.values, [50.0, 5.0, 60.0, 6.0, 70.0, 7.0]);
    assert_eq!(all.notes, [RecordingNote::MissingValues { values: 1, recordings: 1 }]);
    assert_eq!(all.rate, None);
}

#[test]
fn all_columns_of_numbers_are_channels_unless_they_are_named() {
    let format = RecordingFormat { rate: Some(10.0), ..Default::default() };
    let all = read(LONG, &["person", "take"], &format).unwrap();
    assert_eq!((&all.channels, all.rate), (&names(&["y", "x"]), Some(10.0)));
    let skipped = RecordingNote::Table(Note::ColumnsSkipped { columns: names(&["comment"]) });
    assert!(all.notes.contains(&skipped), "{:?}", all.notes);
    let slow = read(LONG, &["person", "take"], &RecordingFormat { resample: Some(5.0), ..format }).unwrap();
    assert_eq!((slow.rate, &slow.recordings[0].values[..]), (Some(5.0), &[1.0, 10.0, 3.5, 30.0][..]));
    let unknown = error(LONG, &["person", "take"], &RecordingFormat { resample: Some(5.0), ..plain() });
    assert!(matches!(unknown, RecordingError::UnknownRate { .. }), "{unknown}");
}

/// Tables of recordings may have the same separators, decimal marks and encodings as tables of time series.
#[test]
fn european_tables_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.csv");
    let text = "# a remark\nname;move;größe\nJürgen;a;1,5\nJürgen;a;-2,25\n";
    std::fs::write(&path, encoding_rs::WINDOWS_1252.encode(text).0).unwrap();
    let all = Recordings::from_csv(&path, &names(&["name"]), Some("move"), &RecordingFormat::default()).unwrap();
    assert_eq!((all.channels[0].as_str(), &all.recordings[0].values[..]), ("größe", &[1.5, -2.25][..]));
    assert_eq!(all.recordings[0].id, "Jürgen");
    assert!(all.notes.contains(&RecordingNote::SingleMember { labels: names(&["a"]) }));
    let unknown = Recordings::from_csv(&path, &names(&["name"]), None, &RecordingFormat::default()).unwrap();
    assert_eq!((&*unknown.recordings[0].label, &unknown.recordings[0].values), ("", &all.recordings[0].values));
    assert!(
        unknown.notes.iter().all(|note| !matches!(note, RecordingNote::SingleMember { .. })),
        "{:?}",
        unknown.notes
    );
    assert!(all.source.starts_with("own.csv (SHA-256 "), "{}", all.source);
}

#[test]
fn columns_are_found_by_name_or_the_setting_is_named() {
    for (format, id, setting) in [
        (plain(), "nobody", "id"),
        (RecordingFormat { channels: names(&["z"]), ..plain() }, "take", "channels"),
        (RecordingFormat { group: Some("z".to_owned()), ..plain() }, "take", "group"),
        (RecordingFormat { time: Some("z".to_owned()), ..plain() }, "take", "time"),
    ] {
        let found = read(LONG, &["person", id], &format).unwrap_err();
        assert!(matches!(&found, DataError::NoColumn { line: 1, columns, .. } if columns.len() == 6), "{found}");
        assert_eq!(found.setting(), Some(setting));
    }
    let found = Recordings::from_csv_text(Path::new("own.csv"), LONG, &names(&["take"]), Some("class"), &plain());
    assert_eq!(found.unwrap_err().setting(), Some("label"));
}

#[test]
fn a_recording_has_one_class_and_one_group() {
    let found = error(LONG, &["person"], &plain());
    assert!(
        matches!(&found, RecordingError::TwoValues { line: 5, other_line: 2, id, column, values, .. }
            if id == "ada" && column == "move" && **values == ["walk", "run"]),
        "{found}"
    );
    let same = LONG.replace("walk", "run");
    let found = error(&same, &["take"], &plain());
    assert!(
        matches!(&found, RecordingError::TwoValues { line: 3, other_line: 2, column, values, .. }
            if column == "person" && **values == ["ada", "bob"]),
        "{found}"
    );
}

#[test]
fn rows_need_their_keys_and_numbers() {
    for (old, new, column) in [("bob,1,run,7", ",1,run,7", "person"), ("bob,1,run,7", "bob,1,,7", "move")] {
        let found = error(&LONG.replace(old, new), &["person", "take"], &plain());
        assert!(matches!(&found, RecordingError::NoField { line: 8, column: wrong, .. } if wrong == column), "{found}");
    }
    let word = read(&LONG.replace("3.5", "3.5x"), &["person", "take"], &plain()).unwrap_err();
    assert!(matches!(&word, DataError::NotANumber { line: 7, column, .. } if column == "y"), "{word}");
    let large = read(&LONG.replace("3.5", "1e99"), &["person", "take"], &plain()).unwrap_err();
    assert!(matches!(&large, DataError::NotANumber { line: 7, column, .. } if column == "y"), "{large}");
    let empty = LONG.replace("ada,2,run,9,90", "ada,2,run,9,").replace("ada,2,run,8,80", "ada,2,run,8,NA");
    let found = error(&empty, &["person", "take"], &plain());
    assert!(
        matches!(&found, RecordingError::EmptyChannel { line: 5, id, channel, .. } if id == "ada/2" && channel == "x"),
        "{found}"
    );
    assert!(matches!(read(LONG.lines().next().unwrap(), &["take"], &plain()), Err(DataError::Empty { .. })));
}

#[test]
fn times_tell_the_rate_and_the_order() {
    let text = at("time_ms", &["40", "0", "20"], &["1000", "1020", "1041"]);
    let all = read(&text, &["id"], &timed("time_ms")).unwrap();
    assert_eq!((all.rate, &all.recordings[0].values[..]), (Some(49.383), &[1.0, 2.0, 0.0][..]));
    assert_eq!(all.notes, [RecordingNote::Sorted { recordings: 1 }]);
    for times in [
        ["2024-05-01 10:00:00.00", "2024-05-01 10:00:00.02", "2024-05-01 10:00:00.04"],
        ["1714557600.00", "1714557600.02", "1714557600.04"],
        ["1714557600000", "1714557600020", "1714557600040"],
        ["1714557600000000", "1714557600020000", "1714557600040000"],
        ["1714557600000000000", "1714557600020000000", "1714557600040000000"],
    ] {
        let all = read(&at("when", &times, &times), &["id"], &timed("when")).unwrap();
        assert_eq!((all.rate, &all.notes[..]), (Some(50.0), &[][..]), "{times:?}");
    }
    let seconds = read(&at("t", &["0.5", "1", "1.5"], &[]), &["id"], &timed("t")).unwrap();
    let assumed = RecordingNote::TimeUnitAssumed { column: "t".to_owned(), unit: TimeUnit::Seconds };
    assert_eq!((seconds.rate, &seconds.notes[..]), (Some(2.0), &[assumed][..]));
    let told = RecordingFormat { time_unit: Some(TimeUnit::Milliseconds), ..timed("t") };
    assert_eq!(read(&at("t", &["0.5", "1", "1.5"], &[]), &["id"], &told).unwrap().rate, Some(2000.0));
}

#[test]
fn missing_samples_are_interpolated() {
    let times: Vec<String> =
        (0..20).filter(|row| ![5, 6].contains(row)).map(|row| format!("{:.2}", f64::from(row) / 50.0)).collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    let all = read(&at("t", &times, &["0.1"]), &["id"], &timed("t")).unwrap();
    assert_eq!((all.rate, all.recordings[0].values.len()), (Some(50.0), 20));
    assert_near(&all.recordings[0].values[3..9], &[3.0, 4.0, 4.333_333, 4.666_667, 5.0, 6.0]);
    assert!(all.notes.contains(&RecordingNote::MissingSteps { steps: 2, recordings: 1 }), "{:?}", all.notes);
}

#[test]
fn several_rates_need_a_common_one() {
    let (fast, slow) = (["0", "0.01", "0.02", "0.03", "0.04"], ["5", "5.02", "5.04"]);
    let two = at("t", &fast, &slow);
    let found = error(&two, &["id"], &timed("t"));
    assert!(
        matches!(&found, RecordingError::DifferentRates { line: 7, id, rate: 50.0, other_id, other_rate: 100.0, .. }
            if id == "b" && other_id == "a"),
        "{found}"
    );
    assert_eq!(DataError::from(found).setting(), Some("resample"));
    let common = RecordingFormat { resample: Some(50.0), ..timed("t") };
    let all = read(&two, &["id"], &common).unwrap();
    assert_eq!(all.rate, Some(50.0));
    assert_near(&all.recordings[0].values, &[0.0, 2.0, 4.0]);
    assert_near(&all.recordings[1].values, &[0.0, 1.0, 2.0]);

    let changing = at("t", &["0", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1"], &[]);
    let found = error(&changing, &["id"], &timed("t"));
    assert!(matches!(&found, RecordingError::UnevenSteps { id, usual: 0.02, .. } if id == "a"), "{found}");
    let all = read(&changing, &["id"], &common).unwrap();
    assert_near(&all.recordings[0].values, &[0.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn times_that_cannot_be_right_are_named() {
    let equal = at("t", &["0", "0.02", "0.02"], &[]);
    let found = error(&equal, &["id"], &timed("t"));
    assert!(matches!(&found, RecordingError::EqualTimes { line: 4, other_line: 3, id, .. } if id == "a"), "{found}");
    let missing = error(&at("t", &["0", "", "0.02"], &[]), &["id"], &timed("t"));
    assert!(matches!(&missing, RecordingError::NoField { line: 3, column, .. } if column == "t"), "{missing}");
    let resampled = RecordingFormat { resample: Some(50.0), ..timed("t") };
    let found = error(&at("t", &["0", "20000", "40000"], &[]), &["id"], &resampled);
    assert!(
        matches!(found, RecordingError::ResampledLength { line: 2, samples: 3, resampled: 2_000_001, .. }),
        "{found}"
    );
    for hz in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        let found = error(&at("t", &["0", "1"], &[]), &["id"], &RecordingFormat { resample: Some(hz), ..timed("t") });
        assert!(matches!(found, RecordingError::Rate { setting: "resample", .. }), "{found}");
        let format = RecordingFormat { rate: Some(hz), ..plain() };
        let found = error(LONG, &["person", "take"], &format);
        assert!(matches!(found, RecordingError::Rate { setting: "rate", .. }), "{found}");
    }
}

#[test]
fn folders_hold_a_class_each() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let empty = Recordings::from_folder(dir.path(), &RecordingFormat::default()).unwrap_err();
    assert!(matches!(empty, DataError::Empty { .. }), "{empty}");
    write("walk/b.csv", "x,y\n1,2\n3,4\n");
    write("walk/a.CSV", "y;x\n0,5;1\n");
    write("walk/.hidden.csv", "no table");
    write("walk/photo.jpg", "no table");
    write("run/ada/1.tsv", "y\tx\n7\t8\n");
    let all = Recordings::from_folder(dir.path(), &RecordingFormat::default()).unwrap();
    let fields = |one: &Recording| (one.id.clone(), one.label.clone(), one.group.clone(), one.values.clone());
    let expected = [
        ("run/ada/1.tsv", "run", Some("ada"), vec![7.0, 8.0]),
        ("walk/a.CSV", "walk", None, vec![0.5, 1.0]),
        ("walk/b.csv", "walk", None, vec![2.0, 1.0, 4.0, 3.0]),
    ];
    let expected =
        expected.map(|(id, label, group, values)| (id.into(), label.into(), group.map(str::to_owned), values));
    assert_eq!(all.recordings.iter().map(fields).collect::<Vec<_>>(), expected);
    let skipped = RecordingNote::FilesSkipped { files: 1, example: "photo.jpg".to_owned() };
    assert_eq!(all.notes, [skipped, RecordingNote::SingleMember { labels: names(&["run"]) }]);

    let one = RecordingFormat { channels: names(&["x"]), ..Default::default() };
    assert_eq!(Recordings::from_folder(dir.path(), &one).unwrap().recordings[2].values, [1.0, 3.0]);
    write("walk/c.csv", "z\n1\n");
    let found = Recordings::from_folder(dir.path(), &one).unwrap_err();
    assert!(
        matches!(&found, DataError::NoColumn { path, column, .. } if path.ends_with("walk/c.csv") && column == "x"),
        "{found}"
    );
    write("jump/notes.md", "nothing");
    let found = Recordings::from_folder(dir.path(), &one).unwrap_err();
    assert!(matches!(&found, DataError::Empty { path, .. } if path.ends_with("jump")), "{found}");
    let missing = Recordings::from_folder(&dir.path().join("none"), &one).unwrap_err();
    assert!(matches!(missing, DataError::Io { .. }), "{missing}");
}

#[test]
fn the_files_of_a_folder_have_times_too() {
    let dir = tempfile::tempdir().unwrap();
    for (class, step) in [("slow", 0.1), ("fast", 0.05)] {
        std::fs::create_dir(dir.path().join(class)).unwrap();
        let rows: String = (0..5).map(|row| format!("{:.2},{row}\n", step * f64::from(row))).collect();
        std::fs::write(dir.path().join(class).join("1.csv"), format!("seconds,x\n{rows}")).unwrap();
    }
    let found = Recordings::from_folder(dir.path(), &timed("seconds")).unwrap_err();
    assert!(
        matches!(&found, DataError::Recordings(RecordingError::DifferentRates { path, rate: 10.0, other_rate: 20.0, .. })
            if path.ends_with("slow/1.csv")),
        "{found}"
    );
    let all =
        Recordings::from_folder(dir.path(), &RecordingFormat { resample: Some(10.0), ..timed("seconds") }).unwrap();
    assert_eq!((all.rate, all.recordings[0].values.len(), all.recordings[1].values.len()), (Some(10.0), 3, 5));
}

#[test]
fn formats_are_serialised_with_their_names() {
    let format = RecordingFormat { time_unit: Some(TimeUnit::Milliseconds), resample: Some(50.0), ..timed("t") };
    let text = toml::to_string(&format).unwrap();
    assert!(text.contains("time_unit = \"ms\""), "{text}");
    assert_eq!(toml::from_str::<RecordingFormat>(&text).unwrap(), format);
    assert_eq!("us".parse(), Ok(TimeUnit::Microseconds));
    assert!("min".parse::<TimeUnit>().is_err());
}

#[test]
fn damaged_tables_are_recordings_or_errors() {
    let text = at("t", &["0", "0.02", "0.04", "0.06"], &["1.00", "1.02", "1.06"]);
    for format in [timed("t"), RecordingFormat { resample: Some(30.0), ..timed("t") }, RecordingFormat::default()] {
        test_support::try_damaged(text.as_bytes(), |bytes| {
            if let Ok(all) = read(&String::from_utf8_lossy(bytes), &["id"], &format) {
                for recording in &all.recordings {
                    assert_eq!(recording.values.len(), all.steps(recording) * all.channels.len());
                    assert!(recording.values.iter().all(|value| value.is_finite()), "{recording:?}");
                }
            }
        });
    }
}
