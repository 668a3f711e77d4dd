//! Weather over time: records of Jena every ten minutes, of Seattle every day.

use std::path::Path;

use crate::error::Result;
use crate::series::{CsvFormat, Doubled, Gaps, Missing, Series};
use crate::source::{Locator, PublishedFile};

const JENA_2020: PublishedFile = PublishedFile {
    set: "the Jena weather of 2020",
    folder: "weather",
    name: "jena-2020-weather.csv",
    sha256: "34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63",
    archive: None,
    url: None,
};

/// The weather set of the papers on long horizons: 52,696 records of 21 quantities, every ten minutes of 2020, by the Max
/// Planck Institute for Biogeochemistry, Jena (to be cited; <https://www.bgc-jena.mpg.de/wetter/>). As those papers have
/// it, with the -9999 that sensors say when they do not know.
pub fn jena_2020(locator: &Locator) -> Result<Series> {
    jena(locator, &CsvFormat { doubled: Doubled::Keep, ..CsvFormat::default() })
}

/// The same with every time once, and the last value that was known in place of each -9999.
pub fn jena_2020_mended(locator: &Locator) -> Result<Series> {
    let format = CsvFormat {
        sentinel: Some(-9999.0),
        missing: Missing::Previous,
        doubled: Doubled::Mean,
        gaps: Gaps::Previous,
        ..CsvFormat::default()
    };
    jena(locator, &format)
}

/// The file as it goes round has lost the letters `²` and `µ`.
fn jena(locator: &Locator, format: &CsvFormat) -> Result<Series> {
    let mut series = JENA_2020.series(locator, format)?;
    for name in &mut series.columns {
        *name = name.replace("/m\u{fffd}", "/m²").replace('\u{fffd}', "µ");
    }
    Ok(series)
}

/// Seattle's weather of 2012 to 2015, day by day: precipitation (mm), highest and lowest temperature (°C), wind (m/s).
/// Figures of the NOAA, in the public domain; part of the program.
pub fn seattle() -> Result<Series> {
    let text = include_bytes!("seattle-weather.csv");
    Series::from_bytes(text, Path::new("seattle-weather.csv"), &CsvFormat::default())
}
