//! Properties of published time series. Skipped unless `RNN_ZOO_DATA` names a folder that has them.

#![allow(clippy::unwrap_used)]

use datasets::{CsvFormat, DATA_VARIABLE, Gaps, Locator, Missing, Series, energy, stocks, weather};

fn folder() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty());
    if folder.is_none() {
        println!("skipped: {DATA_VARIABLE} is not set");
    }
    folder.map(Into::into)
}

#[test]
fn the_published_series_have_their_known_properties() {
    let Some(folder) = folder() else { return };
    let locator = Locator::new(Some(&folder));
    let shape = |series: &Series| (series.len(), series.columns.len(), series.step().as_secs());

    let jena = weather::jena_2020(&locator).unwrap();
    assert_eq!(shape(&jena), (52_696, 21, 600));
    assert!(jena.columns[16].contains("SWDR") && jena.values.contains(&-9999.0));
    let cleaned = weather::jena_2020_mended(&locator).unwrap();
    assert!(cleaned.len() == 52_704 && cleaned.values.iter().all(|value| *value > -100.0));

    assert_eq!(shape(&energy::etth1(&locator).unwrap()), (17_420, 7, 3600));
    let load = energy::pjm_east(&locator).unwrap();
    assert_eq!(load.step().as_secs(), 3600);
    let hours = load.times[load.len() - 1].duration_since(load.times[0]).as_hours();
    assert_eq!(load.len() as i64, hours + 1, "every hour once: {:?}", load.notes);
    assert!(load.notes.len() == 3, "{:?}", load.notes);

    assert_eq!(shape(&stocks::sp_500(&locator).unwrap()), (24_114, 6, 86_400));
    assert_eq!(shape(&stocks::vix(&locator).unwrap()), (9_235, 4, 86_400));
    assert_eq!(shape(&stocks::companies(&locator).unwrap()), (1_256, 40, 86_400));
    assert_eq!(shape(&weather::seattle().unwrap()), (1461, 4, 86_400));
}

/// Files that the reader was not written for.
#[test]
fn unknown_tables_are_read_or_name_the_deciding_setting() {
    let Some(folder) = folder() else { return };
    let read = |name: &str, format: &CsvFormat| Series::from_csv(&folder.join(name), format);
    let plain = CsvFormat::default();
    for (name, rows) in [
        ("weather/daily-min-temperatures.csv", 3650),
        ("weather/seattle-weather-hourly-normals.csv", 8759),
        ("stocks/sp500-shiller-monthly.csv", 1866),
        ("stocks/vega-sp500-monthly.csv", 123),
        ("energy/household_power_consumption_days.csv", 1442),
    ] {
        assert_eq!(read(name, &plain).unwrap().len(), rows, "{name}");
    }
    assert_eq!(read("stocks/vega-stocks-monthly.csv", &plain).unwrap_err().setting(), Some("id"));
    let filled = CsvFormat { gaps: Gaps::Previous, missing: Missing::Previous, ..plain };
    assert_eq!(read("weather/daily-max-temperatures.csv", &filled).unwrap().len(), 3652, "two leap days are filled");
}
