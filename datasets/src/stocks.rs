//! Prices over trading days.

use crate::error::Result;
use crate::series::{CsvFormat, Series};
use crate::source::{Locator, PublishedFile};

const SP_500: PublishedFile = PublishedFile {
    set: "the S&P 500",
    folder: "stocks",
    name: "GSPC-daily-1927-2023.csv",
    sha256: "baf4e47ab3d5f1328ab22772a836f3579af810d861a95742fd472f33ba180a7c",
    archive: None,
    url: Some(
        "https://raw.githubusercontent.com/fja05680/stock_market_calendar/7041e86bf1f3a18c7b0a24a2fbb27031dc1388c5/%5EGSPC.csv",
    ),
};

const VIX: PublishedFile = PublishedFile {
    set: "the VIX",
    folder: "stocks",
    name: "vix-daily.csv",
    sha256: "fa8f8119bb2fa785bb408bcae541a1e630fef97f3acb160b94ed3115c1318db5",
    archive: None,
    url: Some(
        "https://raw.githubusercontent.com/datasets/finance-vix/6f56e2760520824b787cf6b85945c62186d38bc6/data/vix-daily.csv",
    ),
};

/// The S&P 500, 24,114 trading days from 1927 to 2023: open, high, low, close, volume. Before 1962 the four prices are one,
/// and until 1982 many opens are 0: use the close, or the rows from 1983 on. From Yahoo Finance, for personal use.
pub fn sp_500(locator: &Locator) -> Result<Series> {
    SP_500.series(locator, &CsvFormat::default())
}

/// The volatility that options on the S&P 500 imply, 9,235 trading days from 1990: open, high, low, close, in percent a
/// year. PDDL.
pub fn vix(locator: &Locator) -> Result<Series> {
    VIX.series(locator, &CsvFormat::default())
}
