//! Tests of encodings, compression, layouts and numbers of tables.

use std::io::Write;

use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::*;

fn read(text: &str, format: &CsvFormat) -> Result<Series> {
    Series::from_bytes(text.as_bytes(), Path::new("own.csv"), format)
}

/// A table with the columns `time` and `a`, separated by `separator`; the rows are days.
fn table(separator: char, fields: &[&str]) -> String {
    let quote = |field: &str| if separator == ',' { format!("\"{field}\"") } else { field.to_owned() };
    let row = |(day, field): (usize, &&str)| format!("2020-01-{:02}{separator}{}\n", day + 1, quote(field));
    format!("time{separator}a\n{}", fields.iter().enumerate().map(row).collect::<String>())
}

#[track_caller]
fn assert_values(separator: char, fields: &[&str], expected: &[f64]) {
    let series = read(&table(separator, fields), &CsvFormat::default()).unwrap();
    assert_eq!(series.values, expected, "{fields:?}");
}

#[test]
fn marks_units_and_words_are_read_one_way_in_a_column() {
    assert_values(',', &["1,234.5", "999", "1,000"], &[1234.5, 999.0, 1000.0]);
    assert_values(',', &["1,234,567", "1,000"], &[1_234_567.0, 1000.0]);
    assert_values(';', &["1.234,5", "999", "1.000"], &[1234.5, 999.0, 1000.0]);
    assert_values(';', &["1'234.50", "1’000"], &[1234.5, 1000.0]);
    assert_values(';', &["1 234,50", "1\u{a0}000,25", "1\u{202f}234\u{202f}567"], &[1234.5, 1000.25, 1_234_567.0]);
    assert_values(',', &["12,34,567.5", "1,000"], &[1_234_567.5, 1000.0]);
    assert_values(',', &["$1,200", "-$30.50", "$ 7"], &[1200.0, -30.5, 7.0]);
    assert_values(';', &["1.200,00 €", "30 €", "\u{2212}7,5 €"], &[1200.0, 30.0, -7.5]);
    assert_values(';', &["12,5%", "3 %", "-1%"], &[12.5, 3.0, -1.0]);
    assert_values(',', &["True", "False", "TRUE"], &[1.0, 0.0, 1.0]);
    assert_values(';', &["1,5e3", "-2E-1"], &[1500.0, -0.2]);
    // A number of more than three digits without a mark shows that there are no marks between thousands.
    assert_values(';', &["1.234", "20000", "1.5"], &[1.234, 20_000.0, 1.5]);
    assert_values(',', &["1.234", "2.345"], &[1.234, 2.345]);
    let series = read(&table(',', &["1.234", "2.345"]), &CsvFormat::default()).unwrap();
    assert_eq!(series.notes, [Note::DecimalAssumed { columns: vec!["a".to_owned()] }]);
}

#[test]
fn ambiguous_numbers_name_the_setting_that_decides() {
    for (separator, mark, fields) in [
        (',', Decimal::Comma, ["1,234", "2,345"]),
        (',', Decimal::Comma, ["999", "1,234"]),
        (';', Decimal::Comma, ["1,234", "2,345"]),
        (';', Decimal::Point, ["1.234", "2.345"]),
        ('\t', Decimal::Point, ["1.234", "999"]),
        (',', Decimal::Point, ["1.234", "999"]),
    ] {
        let text = table(separator, &fields);
        let error = read(&text, &CsvFormat::default()).unwrap_err();
        assert_eq!(error.setting(), Some("decimal"), "{text}");
        let first = fields.iter().position(|field| field.len() > 3).unwrap();
        assert!(matches!(error, DataError::AmbiguousNumber { line, column, value, .. }
            if line == first + 2 && column == "a" && value == fields[first]));
        let number = |field: &str, decimal: bool| -> f64 {
            field.replace([',', '.'], if decimal { "." } else { "" }).parse().unwrap()
        };
        let other = if mark == Decimal::Point { Decimal::Comma } else { Decimal::Point };
        for (told, decimal) in [(mark, true), (other, false)] {
            let series = read(&text, &CsvFormat { decimal: Some(told), ..CsvFormat::default() }).unwrap();
            assert_eq!(series.values, fields.map(|field| number(field, decimal)), "{text} {told:?}");
        }
    }
    // Another column of the table proves the decimal mark.
    let proven = "date;a;b\n2020-01-01;1,234;0,5\n2020-01-02;2,345;0,7\n";
    assert_eq!(read(proven, &CsvFormat::default()).unwrap().values, [1.234, 0.5, 2.345, 0.7]);
    let grouped = "date;a;b\n2020-01-01;1.234;0,5\n2020-01-02;999;0,7\n";
    assert_eq!(read(grouped, &CsvFormat::default()).unwrap().values, [1234.0, 0.5, 999.0, 0.7]);
}

#[test]
fn contradicting_marks_and_units_are_refused() {
    for fields in [["1.5", "2,5"], ["1.234,5", "1,234.5"], ["12.34.5", "1.5"], ["1,5,5", "0,5"], ["0,5", "1.000.00"]] {
        let error = read(&table(';', &fields), &CsvFormat { columns: vec!["a".to_owned()], ..CsvFormat::default() });
        assert!(matches!(error, Err(DataError::NotANumber { .. })), "{fields:?}: {error:?}");
    }
    for (fields, wanted) in
        [(["$5", "€5"], "$"), (["5", "5 %"], ""), (["5 %", "0.05"], "%"), (["5 EUR", "5 USD"], "EUR")]
    {
        let error = read(&table(',', &fields), &CsvFormat::default()).unwrap_err();
        assert_eq!(error.setting(), Some("columns"));
        assert!(matches!(error, DataError::MixedUnits { line: 3, unit, value, .. }
            if unit == wanted && value == fields[1]));
    }
}

#[test]
fn words_for_missing_values_are_known_or_told() {
    let words = ["#N/A", "#DIV/0!", "<NA>", "NaT", "--", ":", ": c", "M", "missing", "NULL", "\\N", "…", "n/a", ""];
    let keep = CsvFormat { missing: Missing::Previous, ..CsvFormat::default() };
    for word in words {
        let text = table(';', &["1,5", word, "2,5"]);
        assert_eq!(read(&text, &keep).unwrap().values, [1.5, 1.5, 2.5], "{word}");
        assert!(matches!(read(&text, &CsvFormat::default()), Err(DataError::MissingValues { line: 3, .. })), "{word}");
    }
    let told = |sentinel: &str| CsvFormat { sentinel: Some(sentinel.parse().unwrap()), ..keep.clone() };
    let text = table(';', &["1,5", "defect", "2,5"]);
    assert!(matches!(read(&text, &keep), Err(DataError::NotANumber { line: 3, .. })));
    assert_eq!(read(&text, &told("defect")).unwrap().values, [1.5, 1.5, 2.5]);
    assert_eq!("nan".parse(), Ok(Sentinel::Word("nan".to_owned())));
    let text = table(';', &["1,5", "-9999,0", "2,5"]);
    assert_eq!(read(&text, &told("-9999")).unwrap().values, [1.5, 1.5, 2.5]);
}

/// A number that marks a missing value, such as -9999, is ignored when the decimal mark of a column is determined.
#[test]
fn sentinels_do_not_decide_how_numbers_are_written() {
    let format = CsvFormat { sentinel: Some((-9999.0).into()), missing: Missing::Drop, ..CsvFormat::default() };
    let error = read(&table(';', &["1.234", "-9999", "999"]), &format).unwrap_err();
    assert!(matches!(error, DataError::AmbiguousNumber { line: 2, .. }));
}

#[test]
fn separators_are_decided_by_rows_as_well_as_the_header() {
    for text in [
        "Datum;Temperatur, °C;Feuchte, %\n01.01.2023;10,0;70,5\n13.01.2023;10,2;74,9\n",
        "Datum|Temperatur, °C|Feuchte, %\n01.01.2023|10,0|70,5\n13.01.2023|10,2|74,9\n",
        "Datum\tTemperatur, °C\tFeuchte, %\n01.01.2023\t10,0\t70,5\n13.01.2023\t10,2\t74,9\n",
        "sep=;\nDatum;Temperatur, °C;Feuchte, %\n01.01.2023;10,0;70,5\n13.01.2023;10,2;74,9\n",
        "Datum,\"Temperatur, °C\",\"Feuchte, %\"\n01.01.2023,10.0,70.5\n13.01.2023,10.2,74.9\n",
    ] {
        let series = read(text, &CsvFormat::default()).unwrap();
        assert_eq!(series.columns, ["Temperatur, °C", "Feuchte, %"], "{text}");
        assert_eq!(series.values, [10.0, 70.5, 10.2, 74.9], "{text}");
    }
    let one = "Datum;Temperatur, °C\n01.01.2023;10,0\n13.01.2023;10,2\n";
    assert_eq!(read(one, &CsvFormat::default()).unwrap().values, [10.0, 10.2]);
    let odd = "date~a\n2020-01-01~1\n2020-01-02~2\n";
    let told = CsvFormat { separator: Some("~".parse().unwrap()), ..CsvFormat::default() };
    assert_eq!(read(odd, &told).unwrap().values, [1.0, 2.0]);
    for text in ["", "ab", "\"", "1", "é"] {
        assert!(text.parse::<Separator>().is_err(), "{text}");
    }
}

#[test]
fn lines_above_the_header_and_units_below_it_are_skipped() {
    let rows = "2023-01-01 00:00:00,1000,12.5\n2023-01-01 00:10:00,1001,12.7\n";
    for (lines, above) in [
        ("# by a laboratory\n#\nTIMESTAMP,RECORD,AirTC\n", 2),
        ("\"TOA5\",\"6843\",\"CR3000\"\nTIMESTAMP,RECORD,AirTC\n\"TS\",\"RN\",\"Deg C\"\n\"\",\"\",\"Avg\"\n", 1),
        ("Station: 5\nHeight,5\n\nTIMESTAMP,RECORD,AirTC\n", 3),
        ("# TIMESTAMP,RECORD,AirTC\n", 0),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("{lines}{rows}").replace('\n', end);
            let series = read(&text, &CsvFormat::default()).unwrap();
            assert_eq!(
                (series.columns.join(","), &series.values[..]),
                ("AirTC".to_owned(), &[12.5, 12.7][..]),
                "{text}"
            );
            let skipped = series.notes.iter().find_map(|note| match note {
                Note::LinesSkipped { lines } => Some(*lines),
                _ => None,
            });
            assert_eq!(skipped.unwrap_or(0), above, "{text}");
        }
    }
    let alike = format!("Zeit,a,b\nnext,Zeitpunkt,AirTC\n{}", rows.replace(",1000,", ",1,").replace(",1001,", ",9,"));
    let told = CsvFormat { skip_rows: 1, time: vec!["next".to_owned()], ..CsvFormat::default() };
    assert_eq!(read(&alike, &told).unwrap().columns, ["Zeitpunkt", "AirTC"]);
    let error = read("Zeit,a\n2020-01-01,1\n", &CsvFormat::default()).unwrap_err();
    assert!(matches!(error, DataError::NoTimeColumn { line: 1, .. }));
}

#[test]
fn indices_are_no_values_and_may_be_times() {
    for (header, counts) in [("\"\"", true), ("Unnamed: 0", true), ("No", true), ("index", true), ("passengers", false)]
    {
        let text = format!("{header},date,load\n1,2020-01-01,5\n2,2020-01-02,7\n3,2020-01-03,6\n");
        let series = read(&text, &CsvFormat::default()).unwrap();
        assert!(series.columns.contains(&"load".to_owned()));
        assert_eq!(series.columns.len(), if counts { 1 } else { 2 }, "{header}");
        assert_eq!(series.notes.iter().any(|note| matches!(note, Note::IndexSkipped { .. })), counts, "{header}");
    }
    // Numbers that do not count the rows are values. An index column that the caller requests also holds values.
    let jumps = "No,date\n1,2020-01-01\n2,2020-01-02\n4,2020-01-03\n";
    assert_eq!(read(jumps, &CsvFormat::default()).unwrap().values, [1.0, 2.0, 4.0]);
    let asked = CsvFormat { columns: vec!["No".to_owned()], ..CsvFormat::default() };
    assert_eq!(read(&jumps.replace('4', "3"), &asked).unwrap().values, [1.0, 2.0, 3.0]);
    for text in [
        ",load\n2020-01-01,5\n2020-01-02,7\n",
        "\"\";\"load\"\n\"2020-01-01\";5\n\"2020-01-02\";7\n",
        // R writes row numbers without a name in the header.
        "date,load\n1,2020-01-01,5\n2,2020-01-02,7\n",
        // Each row ends with a separator.
        "date;load\n2020-01-01;5;\n2020-01-02;7;\n",
    ] {
        let series = read(text, &CsvFormat::default()).unwrap();
        assert_eq!((series.columns.join(","), &series.values[..]), ("load".to_owned(), &[5.0, 7.0][..]), "{text}");
    }
    // Decimal commas in a table with commas as separators, without quotes, are not read as a further column.
    for header in ["date,load", "Zeit,load"] {
        let error = read(&format!("{header}\n2020-01-01,1,5\n2020-01-02,2,7\n"), &CsvFormat::default()).unwrap_err();
        assert!(matches!(error, DataError::Csv { line: Some(2), .. } | DataError::NoTimeColumn { .. }), "{error}");
    }
    let counted = read(",load\n0,5\n1,7\n", &CsvFormat::default()).unwrap_err();
    assert!(matches!(counted, DataError::NoTimeColumn { .. }));
}

#[test]
fn line_numbers_do_not_depend_on_the_ends_of_lines() {
    let text = "date,a,b\n2020-01-01,1,\"two\nlines\"\n\n2020-01-02,2,x\n2020-01-03,y,x\n";
    for end in ["\n", "\r\n", "\r"] {
        let format = CsvFormat { columns: vec!["a".to_owned()], ..CsvFormat::default() };
        let error = read(&text.replace('\n', end), &format).unwrap_err();
        assert!(matches!(error, DataError::NotANumber { line: 6, .. }), "{end:?}: {error}");
        let error = read(&text.replace('\n', end).replace(",x", ",x,x"), &format).unwrap_err();
        assert!(matches!(error, DataError::Csv { line: Some(5), .. }), "{end:?}: {error}");
        let error = read(&text.replace('\n', end).replace("2020-01-03", "noon"), &format).unwrap_err();
        assert!(matches!(error, DataError::DateFormat { line: Some(6), .. }), "{end:?}: {error}");
    }
}

#[test]
fn large_levels_keep_small_changes() {
    assert_values(',', &["1000000000.01", "1000000000.02"], &[1_000_000_000.01, 1_000_000_000.02]);
}

/// Returns the bytes of a text in each encoding that a file may have. The text must have only letters of Windows-1252.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect();
    let western = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let marked = format!("\u{feff}{text}").into_bytes();
    vec![text.as_bytes().to_vec(), marked, utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), western]
}

/// Returns `bytes` twice: compressed with gzip, and compressed with zstd.
fn packed(bytes: &[u8]) -> [Vec<u8>; 2] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    [gzip.finish().unwrap(), zstd]
}

#[test]
fn packed_tables_are_read_and_workbooks_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("load.csv");
    let text = table(';', &["1,5", "2,5"]);
    for bytes in packed(text.as_bytes()).into_iter().chain([[
        packed(&text.as_bytes()[..9])[1].clone(),
        packed(&text.as_bytes()[9..])[1].clone(),
    ]
    .concat()])
    {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Series::from_csv(&path, &CsvFormat::default()).unwrap().values, [1.5, 2.5]);
    }
    for start in [&b"PK\x03\x04 xl"[..], b"PAR1", b"\x89PNG\r\n\x1a\n\0\0", b"d\0a\0t\0e\0"] {
        std::fs::write(&path, start).unwrap();
        let error = Series::from_csv(&path, &CsvFormat::default()).unwrap_err();
        assert!(matches!(error, DataError::NotText { .. }), "{error}");
    }
    std::fs::write(&path, &packed(text.as_bytes())[0][..20]).unwrap();
    assert!(matches!(Series::from_csv(&path, &CsvFormat::default()).unwrap_err(), DataError::Unpack { .. }));
}

/// Returns the text of a random table whose numbers are written in one of the usual ways, the names of its columns of
/// values, and the values.
fn random_table(seed: u64) -> (String, Vec<String>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ways =
        [(',', '.', ""), (';', ',', ""), (';', ',', "."), ('\t', '.', ","), (';', '.', "'"), (';', ',', "\u{a0}")];
    let (separator, mark, group) = ways[rng.random_range(0..ways.len())];
    let names: Vec<String> = (0..rng.random_range(1..5)).map(|column| format!("Größe {column}, °C")).collect();
    let quote = |text: &str| if text.contains(separator) { format!("\"{text}\"") } else { text.to_owned() };
    let mut text = format!(
        "Date{separator}{}\n",
        names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(&separator.to_string())
    );
    let mut values = Vec::new();
    for day in 1..=28 {
        let cents: Vec<i64> = names.iter().map(|_| rng.random_range(-250_000_000..250_000_000)).collect();
        let field = |cents: &i64| {
            let whole = (cents.abs() / 100).to_string();
            let groups: Vec<&str> =
                whole.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
            quote(&format!("{}{}{mark}{:02}", if *cents < 0 { "-" } else { "" }, groups.join(group), cents.abs() % 100))
        };
        let fields: Vec<String> = cents.iter().map(field).collect();
        text += &format!("{day:02}.12.2022{separator}{}\n", fields.join(&separator.to_string()));
        values.extend(cents.iter().map(|cents| format!("{}.{:02}", cents / 100, cents.abs() % 100)).zip(&cents).map(
            |(text, cents)| {
                if *cents < 0 && *cents > -100 { -text.parse::<f64>().unwrap() } else { text.parse().unwrap() }
            },
        ));
    }
    (text, names, values)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_encoding_of_a_text_gives_the_same_table(seed in 0..u64::MAX, crlf: bool) {
        let (text, names, values) = random_table(seed);
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        for bytes in encodings(&text) {
            let series = Series::from_bytes(&bytes, Path::new("own.csv"), &CsvFormat::default()).unwrap();
            prop_assert_eq!(&series.columns, &names);
            prop_assert_eq!(&series.values, &values);
        }
    }

    #[test]
    fn a_permutation_of_the_columns_gives_the_same_values(seed in 0..u64::MAX, by in 0..4_usize) {
        let (text, names, _) = random_table(seed);
        let separator = if text.starts_with("Date,") { b',' } else if text.starts_with("Date;") { b';' } else { b'\t' };
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(text.as_bytes());
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        for record in reader.records().map(|record| record.unwrap()) {
            let mut fields: Vec<&str> = record.iter().collect();
            let by = by % fields.len();
            fields.rotate_left(by);
            writer.write_record(fields).unwrap();
        }
        let format = CsvFormat { columns: names, ..CsvFormat::default() };
        let rotated = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(read(&rotated, &format).unwrap().values, read(&text, &format).unwrap().values);
    }
}
