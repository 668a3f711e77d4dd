//! Weather over time: records of Jena every ten minutes, of Seattle every day.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::series::{CsvFormat, Doubled, Gaps, Missing, Series};
use crate::source::{Archive, Locator, PublishedFile};

const JENA_2020: PublishedFile = PublishedFile {
    set: "the Jena weather of 2020",
    folder: "weather",
    name: "jena-2020-weather.csv",
    sha256: Some("34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63"),
    archive: None,
    url: None,
};

const JENA_2009: PublishedFile = PublishedFile {
    set: "the Jena weather of 2009 to 2016",
    folder: "weather",
    name: "jena_climate_2009_2016.csv",
    sha256: None,
    archive: Some(Archive { name: "jena_climate_2009_2016.csv.zip", member: "jena_climate_2009_2016.csv" }),
    url: Some("https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip"),
};

/// Records that the file of 2009 to 2016 is known to have.
const JENA_2009_ROWS: usize = 420_551;

/// The weather set of the papers on long horizons: 52,696 records of 21 quantities, every ten minutes of 2020, by the Max
/// Planck Institute for Biogeochemistry, Jena (to be cited; <https://www.bgc-jena.mpg.de/wetter/>). As those papers have
/// it, with the -9999 that sensors say when they do not know.
pub fn jena_2020(locator: &Locator) -> Result<Series> {
    jena(locator, &CsvFormat { doubled: Doubled::Keep, ..CsvFormat::default() })
}

/// The same with every time once, and the last value that was known in place of each -9999.
pub fn jena_2020_mended(locator: &Locator) -> Result<Series> {
    jena(locator, &mended())
}

/// The same institute's records of 14 quantities from 2009 to 2016, every ten minutes, mended likewise: the set of the Keras
/// tutorials. Nobody here has seen the file; what is checked is how many records it has.
pub fn jena_2009_2016(locator: &Locator) -> Result<Series> {
    jena_2009(&locator.read(&JENA_2009)?, JENA_2009_ROWS)
}

fn jena_2009(text: &[u8], rows: usize) -> Result<Series> {
    let path = Path::new(JENA_2009.folder).join(JENA_2009.name);
    let found = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count().saturating_sub(1);
    if found != rows {
        let message =
            format!("has {found} records where the published file has {rows}; remove it, to have it loaded again");
        return Err(DataError::parse(&path, None, message));
    }
    Series::from_bytes(text, &path, &mended())
}

fn mended() -> CsvFormat {
    CsvFormat {
        sentinel: Some(-9999.0),
        missing: Missing::Previous,
        doubled: Doubled::Mean,
        gaps: Gaps::Previous,
        ..CsvFormat::default()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of the form of 2009 to 2016: one doubled, one left out, a sensor that says it does not know.
    const SAMPLE: &[u8] = b"\"Date Time\",\"p (mbar)\",\"T (degC)\",\"wv (m/s)\"\n\
        01.01.2009 00:10:00,996.52,-8.02,1.03\n01.01.2009 00:20:00,996.57,-8.41,-9999.00\n\
        01.01.2009 00:20:00,996.59,-8.43,-9999.00\n01.01.2009 00:40:00,996.51,-8.31,0.34\n";

    #[test]
    fn records_of_jena_are_mended() {
        let series = jena_2009(SAMPLE, 4).unwrap();
        assert_eq!(series.columns, ["p (mbar)", "T (degC)", "wv (m/s)"]);
        assert_eq!((series.len(), series.step()), (4, 600));
        assert_eq!(series.row(1)[2], 1.03);
        assert_eq!(series.row(2), series.row(1));
        assert!(jena_2009(SAMPLE, 5).unwrap_err().to_string().contains("has 4 records where"));
    }
}
