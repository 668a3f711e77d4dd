//! Electricity over time: a transformer in China, the load of a region of the United States.

use crate::error::Result;
use crate::series::{CsvFormat, Doubled, Gaps, Series};
use crate::source::{Locator, PublishedFile};

const ETTH1: PublishedFile = PublishedFile {
    set: "ETTh1",
    folder: "energy",
    name: "ETTh1.csv",
    sha256: Some("f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),
    archive: None,
    url: Some(
        "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/ETTh1.csv",
    ),
};

const PJM_EAST: PublishedFile = PublishedFile {
    set: "the load of PJM East",
    folder: "energy",
    name: "PJME_hourly.csv",
    sha256: Some("4eb2b16d42bf07ec41ab55cb842191594cb69452725a6d3c0991658a628fde84"),
    archive: None,
    url: Some(
        "https://raw.githubusercontent.com/panambY/Hourly_Energy_Consumption/3d9359d970ce534e3d3a81bf70a4d3abc7008b8c/data/PJME_hourly.csv",
    ),
};

/// Loads and oil temperature of an electricity transformer, hourly, July 2016 to June 2018: 17,420 rows of 7 quantities
/// ([Zhou et al. 2021](https://arxiv.org/abs/2012.07436)). CC BY-ND 4.0.
pub fn etth1(locator: &Locator) -> Result<Series> {
    ETTH1.series(locator, &CsvFormat::default())
}

/// The load of PJM's region East in MW, hourly, 2002 to August 2018; CC0. In local time: of the hour that comes twice in
/// autumn the mean is taken; the one that is left out in spring lies on a straight line between its neighbours.
pub fn pjm_east(locator: &Locator) -> Result<Series> {
    let format = CsvFormat { doubled: Doubled::Mean, gaps: Gaps::Interpolate, ..CsvFormat::default() };
    PJM_EAST.series(locator, &format)
}
