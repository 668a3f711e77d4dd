//! Forecasts of time series with calibrated intervals, by recurrent networks that are compared with naive and classical
//! baselines.
//!
//! A program opens a shipped model by its name, and passes the past values of a series to the model to get a forecast:
//!
//! ```
//! # #[cfg(feature = "folder")] {
//! use forecasting::{Forecaster, History, Predictor};
//!
//! let start = jiff::civil::date(2021, 3, 1).at(0, 0, 0, 0);
//! # let wave = |level: f64, size: f64| (0..200).map(|hour| level + size * (f64::from(hour) * 0.2618).sin()).collect();
//! # let columns = [("T (degC)", 10.0, 6.0), ("p (mbar)", 990.0, 0.0), ("rh (%)", 70.0, -20.0), ("VPdef (mbar)", 4.0, 3.0),
//! #     ("wv (m/s)", 2.0, 0.5), ("SWDR (W/m²)", 150.0, 150.0), ("rain (mm)", 0.0, 0.0)]
//! #     .into_iter().map(|(name, level, size)| (name.to_owned(), wave(level, size)));
//! let history = History {
//!     times: (0..200).map(|hour| start + jiff::Span::new().hours(hour)).collect(), // one row per hour
//!     columns: columns.collect(), // the values of each column of the model, such as "T (degC)", one per row
//!     ..History::default()
//! };
//! let model = Forecaster::from_pretrained("weather-temperature-24h")?;
//! let forecast = model.predict_one(history)?;
//! println!("{:.1} °C in 24 hours", forecast.columns[0].forecast[23]);
//! # assert_eq!(forecast.columns[0].name, "T (degC)");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without the features `train` and `cli`, the crate contains only inference, and builds for `wasm32-unknown-unknown`.
//! The feature `folder` adds `from_pretrained`.
//!
//! | module | contents |
//! |---|---|
//! | [`Forecaster`] | a trained model: opens a package (the files with its weights and settings), and forecasts |
//! | [`History`], [`Future`], [`Forecast`], [`Options`] | input, output and options |
//! | [`settings`] | the settings in a package: lengths of the windows, columns, architecture |
//! | [`scaler`], [`frame`] | standardisation of the columns; calendar features, windows and batches |
//! | [`model`] | the architectures, and the network with its weights |
//! | [`recurrent`] | an Elman network, LSTM or GRU that forecasts all steps at once, or autoregressively (DeepAR) |
//! | [`segrnn`], [`linear`] | SegRNN; DLinear and NLinear |
//! | [`likelihood`] | losses and output distributions |
//! | [`calibration`] | point forecasts and interval bounds; conformal calibration of the bounds |
//! | `train` | data, loss, evaluation, baselines, backtest (feature `train`) |
//! | `table` | CSV tables as input (feature `table`) |
//! | `app` | options and subcommands of the command line (feature `cli`) |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "cli")]
pub mod app;
pub mod calibration;
mod forecaster;
pub mod frame;
mod history;
pub mod likelihood;
pub mod linear;
pub mod model;
#[cfg(feature = "onnx")]
mod onnx;
mod output;
pub mod recurrent;
pub mod scaler;
mod schemas;
pub mod segrnn;
pub mod settings;
#[cfg(feature = "table")]
mod table;
#[cfg(feature = "train")]
pub mod train;

pub use forecaster::Forecaster;
pub use history::{Future, History};
pub use inference::Predictor;
pub use output::{ColumnForecast, Forecast, Options};
