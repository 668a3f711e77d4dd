//! Electricity time series: the measurements of an electrical transformer in China, and the load (power demand) of a
//! region of the United States.

use crate::error::Result;
use crate::series::{CsvFormat, Duplicates, Gaps, Series};
use crate::source::{Form, Locator, PublishedFile, Source};

/// The published file with the ETTh1 series, which [`etth1`] loads.
pub const ETTH1: Source = Source {
    name: "ETTh1",
    folder: "energy",
    files: &[PublishedFile {
        name: "ETTh1.csv",
        sha256: Some("f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),
        forms: &[
            Form::plain("ETTh1.csv").at(
                "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/ETTh1.csv",
            ),
            Form::gzip("ETTh1.csv.gz"),
        ],
    }],
    licence: "CC BY-ND 4.0",
    citation: "https://arxiv.org/abs/2012.07436",
};

/// The published file with the load of the region PJM East, which [`pjm_east`] loads.
pub const PJM_EAST: Source = Source {
    name: "the load of PJM East",
    folder: "energy",
    files: &[PublishedFile {
        name: "PJME_hourly.csv",
        sha256: Some("4eb2b16d42bf07ec41ab55cb842191594cb69452725a6d3c0991658a628fde84"),
        forms: &[
            Form::plain("PJME_hourly.csv").at(
                "https://raw.githubusercontent.com/panambY/Hourly_Energy_Consumption/3d9359d970ce534e3d3a81bf70a4d3abc7008b8c/data/PJME_hourly.csv",
            ),
            Form::gzip("PJME_hourly.csv.gz"),
        ],
    }],
    licence: "CC0",
    citation: "https://www.kaggle.com/datasets/robikscube/hourly-energy-consumption",
};

/// Loads ETTh1: six loads and the oil temperature (°C) of an electricity transformer, hourly, July 2016 to June 2018,
/// 17,420 rows and 7 columns ([Zhou et al. 2021](https://arxiv.org/abs/2012.07436)).
pub fn etth1(locator: &Locator) -> Result<Series> {
    ETTH1.series(locator, &CsvFormat::default())
}

/// Loads the electricity load of the region PJM East in MW, hourly, 2002 to August 2018, one column. Times are local
/// times: the duplicate hour at the end of daylight saving time is averaged, and the missing hour at its start is
/// interpolated.
pub fn pjm_east(locator: &Locator) -> Result<Series> {
    let format = CsvFormat { duplicates: Duplicates::Mean, gaps: Gaps::Interpolate, ..CsvFormat::default() };
    PJM_EAST.series(locator, &format)
}
