//! Weather time series: Jena (Germany) every ten minutes, Seattle (United States) every day.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::series::{CsvFormat, Duplicates, Gaps, Missing, Series};
use crate::source::{Form, Locator, PublishedFile, Source};

/// The published file with the weather in Jena in 2020, which [`jena_2020`] loads.
pub const JENA_2020: Source = Source {
    name: "the Jena weather of 2020",
    folder: "weather",
    files: &[PublishedFile {
        name: "jena-2020-weather.csv",
        sha256: Some("34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63"),
        forms: &[Form::plain("jena-2020-weather.csv"), Form::gzip("jena-2020-weather.csv.gz")],
    }],
    licence: "station data, to be cited",
    citation: "Max Planck Institute for Biogeochemistry, Jena, https://www.bgc-jena.mpg.de/wetter/",
};

/// The published file with the weather in Jena from 2009 to 2016, which [`jena_2009_2016`] loads.
pub const JENA_2009_2016: Source = Source {
    name: "the Jena weather of 2009 to 2016",
    folder: "weather",
    files: &[PublishedFile {
        name: "jena_climate_2009_2016.csv",
        // The publisher gives no SHA-256; the number of rows is checked instead.
        sha256: None,
        forms: &[
            Form::plain("jena_climate_2009_2016.csv"),
            Form::gzip("jena_climate_2009_2016.csv.gz"),
            Form::member("jena_climate_2009_2016.csv.zip", "jena_climate_2009_2016.csv")
                .at("https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip"),
        ],
    }],
    licence: "station data, to be cited",
    citation: "Max Planck Institute for Biogeochemistry, Jena, https://www.bgc-jena.mpg.de/wetter/",
};

/// The number of rows of the published file of [`jena_2009_2016`].
const JENA_2009_ROWS: usize = 420_551;

/// Loads the "weather" data set of papers on long-horizon forecasting: 52,696 rows and 21 columns, every ten minutes of
/// 2020, recorded by the [Max Planck Institute for Biogeochemistry, Jena](https://www.bgc-jena.mpg.de/wetter/). As in
/// those papers, duplicate times are kept and missing values are -9999.
pub fn jena_2020(locator: &Locator) -> Result<Series> {
    jena(locator, &CsvFormat { duplicates: Duplicates::Keep, ..CsvFormat::default() })
}

/// Loads the data of [`jena_2020`] with corrections: rows with equal times are averaged, missing times are
/// filled with copies of the previous row, and each -9999 is replaced by the previous value.
pub fn jena_2020_mended(locator: &Locator) -> Result<Series> {
    jena(locator, &cleaned())
}

/// Loads the Jena set of the Keras tutorials: 14 columns from 2009 to 2016, every ten minutes, cleaned like
/// [`jena_2020_mended`].
///
/// The file was not available for tests; the parser is tested on a sample in the same format, and the number of rows is
/// checked against the published 420,551.
pub fn jena_2009_2016(locator: &Locator) -> Result<Series> {
    jena_2009(&locator.read(&JENA_2009_2016, &JENA_2009_2016.files[0])?, JENA_2009_ROWS)
}

fn jena_2009(text: &[u8], rows: usize) -> Result<Series> {
    let path = Path::new(JENA_2009_2016.folder).join(JENA_2009_2016.files[0].name);
    let found = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count().saturating_sub(1);
    if found != rows {
        return Err(DataError::Count { path, what: "rows".to_owned(), found, wanted: rows });
    }
    Series::from_bytes(text, &path, &cleaned())
}

/// Returns the settings for reading and cleaning the Jena files: rows with equal times are averaged, each -9999 is
/// replaced by the previous value, and missing times are filled with copies of the previous row.
fn cleaned() -> CsvFormat {
    CsvFormat {
        sentinel: Some((-9999.0).into()),
        missing: Missing::Previous,
        duplicates: Duplicates::Mean,
        gaps: Gaps::Previous,
        ..CsvFormat::default()
    }
}

/// Loads the published file of [`jena_2020`]. In the column names of the file, U+FFFD stands in place of `²` and `µ`;
/// this function restores the two letters.
fn jena(locator: &Locator, format: &CsvFormat) -> Result<Series> {
    let mut series = JENA_2020.series(locator, format)?;
    for name in &mut series.columns {
        *name = name.replace("/m\u{fffd}", "/m²").replace('\u{fffd}', "µ");
    }
    Ok(series)
}

/// Loads the daily weather of Seattle, 2012 to 2015, which is compiled into the program. The 1,461 rows have
/// precipitation (mm), maximum and minimum temperature (°C), and wind (m/s). The data are from NOAA and are in the
/// public domain.
pub fn seattle() -> Result<Series> {
    let text = include_bytes!("seattle-weather.csv");
    Series::from_bytes(text, Path::new("seattle-weather.csv"), &CsvFormat::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in the form of the 2009 to 2016 file: one duplicate, one missing, and a sentinel.
    const SAMPLE: &[u8] = b"\"Date Time\",\"p (mbar)\",\"T (degC)\",\"wv (m/s)\"\n\
        01.01.2009 00:10:00,996.52,-8.02,1.03\n01.01.2009 00:20:00,996.57,-8.41,-9999.00\n\
        01.01.2009 00:20:00,996.59,-8.43,-9999.00\n01.01.2009 00:40:00,996.51,-8.31,0.34\n";

    #[test]
    fn the_jena_records_are_cleaned() {
        let series = jena_2009(SAMPLE, 4).unwrap();
        assert_eq!(series.columns, ["p (mbar)", "T (degC)", "wv (m/s)"]);
        assert_eq!((series.len(), series.step().as_secs()), (4, 600));
        assert_eq!(series.row(1)[2], 1.03);
        assert_eq!(series.row(2), series.row(1));
        assert!(matches!(jena_2009(SAMPLE, 5).unwrap_err(), DataError::Count { found: 4, wanted: 5, .. }));
    }
}
