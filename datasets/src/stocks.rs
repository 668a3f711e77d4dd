//! Prices of stocks and stock indices, one row per trading day.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::series::{CsvFormat, Series};
use crate::source::{Form, Locator, PublishedFile, Source, hex};

/// The published file with the S&P 500 index, which [`sp_500`] loads.
pub const SP_500: Source = Source {
    name: "the S&P 500",
    folder: "stocks",
    files: &[PublishedFile {
        name: "GSPC-daily-1927-2023.csv",
        sha256: Some("baf4e47ab3d5f1328ab22772a836f3579af810d861a95742fd472f33ba180a7c"),
        forms: &[
            Form::plain("GSPC-daily-1927-2023.csv").at(
                "https://raw.githubusercontent.com/fja05680/stock_market_calendar/7041e86bf1f3a18c7b0a24a2fbb27031dc1388c5/%5EGSPC.csv",
            ),
            Form::gzip("GSPC-daily-1927-2023.csv.gz"),
        ],
    }],
    licence: "Yahoo Finance, personal use",
    citation: "https://finance.yahoo.com/quote/%5EGSPC/history",
};

/// The published file with the volatility index VIX, which [`vix`] loads.
pub const VIX: Source = Source {
    name: "the VIX",
    folder: "stocks",
    files: &[PublishedFile {
        name: "vix-daily.csv",
        sha256: Some("fa8f8119bb2fa785bb408bcae541a1e630fef97f3acb160b94ed3115c1318db5"),
        forms: &[
            Form::plain("vix-daily.csv").at(
                "https://raw.githubusercontent.com/datasets/finance-vix/6f56e2760520824b787cf6b85945c62186d38bc6/data/vix-daily.csv",
            ),
            Form::gzip("vix-daily.csv.gz"),
        ],
    }],
    licence: "PDDL",
    citation: "https://datahub.io/core/finance-vix",
};

/// The published archive that [`companies`] loads, with one CSV file per company.
pub const COMPANIES: Source = Source {
    name: "the prices of 40 companies",
    folder: "stocks",
    files: &[PublishedFile {
        name: "sp500-individual-40-daily-2015-2020.tar",
        sha256: Some("b6fff63ff4e346d0b318d522d231000832e10d41c89beac9a252c7b2598a4d29"),
        forms: &[
            Form::plain("sp500-individual-40-daily-2015-2020.tar"),
            Form::gzip("sp500-individual-40-daily-2015-2020.tar.gz"),
        ],
    }],
    licence: "Yahoo Finance, personal use",
    citation: "https://finance.yahoo.com/",
};

/// Loads the S&P 500, 24,114 trading days from 1927 to 2023. The columns are open, high, low, close, adjusted close and
/// volume. Before 1962 open, high, low and close are equal, and until 1982 many opening prices are 0: use the close, or
/// the rows from 1983 on.
pub fn sp_500(locator: &Locator) -> Result<Series> {
    SP_500.series(locator, &CsvFormat::default())
}

/// Loads the volatility index VIX: the implied volatility of options on the S&P 500, in percent per year. The columns
/// are open, high, low and close; there are 9,235 trading days from 1990 on.
pub fn vix(locator: &Locator) -> Result<Series> {
    VIX.series(locator, &CsvFormat::default())
}

/// Loads the adjusted closing prices of 40 companies of the S&P 500, one column per ticker, on the 1,256 trading days
/// from January 2015 to January 2020 on which all 40 companies were traded.
pub fn companies(locator: &Locator) -> Result<Series> {
    let archive = locator.read(&COMPANIES, &COMPANIES.files[0])?;
    let path = Path::new(COMPANIES.folder).join(COMPANIES.files[0].name);
    let mut companies = BTreeMap::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().map_err(DataError::unpack(&path))? {
        let mut entry = entry.map_err(DataError::unpack(&path))?;
        let member = entry.path().map_err(DataError::unpack(&path))?.into_owned();
        let name = member.file_name().unwrap_or_default().to_string_lossy();
        let Some(ticker) = name.strip_suffix("_data.csv").map(str::to_owned) else { continue };
        let mut text = Vec::new();
        entry.read_to_end(&mut text).map_err(DataError::unpack(&path))?;
        let format = CsvFormat { columns: vec!["Adj Close".to_owned()], ..CsvFormat::default() };
        let Series { times, values, .. } = Series::from_bytes(&text, &member, &format)?;
        companies.insert(ticker, times.into_iter().zip(values).collect::<BTreeMap<_, _>>());
    }
    let days = companies.values().next().into_iter().flat_map(|prices| prices.keys());
    let days: Vec<_> = days.filter(|day| companies.values().all(|prices| prices.contains_key(day))).copied().collect();
    let values = days.iter().flat_map(|day| companies.values().filter_map(|prices| prices.get(day).copied())).collect();
    let source = format!("{} (SHA-256 {})", path.display(), hex(&Sha256::digest(&archive)));
    let (columns, notes) = (companies.into_keys().collect(), Vec::new());
    let clock = timesteps::Clock::default();
    Ok(Series { columns, times: days, numbered: false, clock, values, notes, source })
}
