//! Training, evaluation and baselines.
//!
//! | module | contents |
//! |---|---|
//! | [`data`] | the training settings `[data]`: the series, its columns, and its split into parts |
//! | [`task`] | [`Forecasting`], the [`training::Task`] |
//! | [`measure`] | errors, coverage of intervals, the losses of the model and of the baselines in each window |
//! | [`statistics`] | loss functions of single values; skill and its significance |
//! | [`classical`] | baselines for forecasts of values: persistence, seasonal persistence, drift, Holt-Winters |
//! | [`volatility`] | the daily variances of the S&P 500; losses and baselines for volatility: EWMA, GARCH(1,1), HAR, log-HAR |
//! | [`direction`] | losses and baselines for forecasts of the direction (rise or fall) |
//! | [`backtest`] | repeated training on a growing training part |
//! | [`panel`] | metrics of one model over several series |
//! | [`demonstration`] | sentences that compare the model with the baselines |
//! | [`picture`] | plots of forecasts |

pub mod backtest;
pub mod classical;
pub mod data;
pub mod demonstration;
pub mod direction;
pub mod measure;
pub mod panel;
pub mod picture;
mod simplex;
pub mod statistics;
pub mod task;
pub mod volatility;

pub use task::Forecasting;
