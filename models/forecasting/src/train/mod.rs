//! Training, evaluation and baselines.
//!
//! | module or file | contents |
//! |---|---|
//! | [`data`] | the training settings `[data]`: the series, its columns, and its split into parts |
//! | `task.rs` | [`Forecasting`], the [`training::Task`] |
//! | [`measure`] | errors, coverage of intervals, the losses of the model and of the baselines in each window |
//! | `statistics.rs` | loss functions of single values; skill and its significance |
//! | [`classical`] | baselines for forecasts of values: persistence, seasonal persistence, drift, Holt-Winters |
//! | `volatility.rs` | the daily variances of the S&P 500; losses and baselines for volatility: EWMA, GARCH(1,1), HAR, log-HAR |
//! | `direction.rs` | losses and baselines for forecasts of the direction (rise or fall) |
//! | [`backtest`] | repeated training on a growing training part |
//! | `panel.rs` | metrics of one model over several series |
//! | `demonstration.rs` | sentences that compare the model with the baselines |
//! | `picture.rs` | plots of forecasts |

pub mod backtest;
pub mod classical;
pub mod data;
pub(crate) mod demonstration;
mod direction;
pub mod measure;
pub(crate) mod panel;
pub(crate) mod picture;
mod simplex;
mod statistics;
mod task;
mod volatility;

pub use task::Forecasting;
