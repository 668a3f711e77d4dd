//! Training, evaluation and baselines.
//!
//! | module | contents |
//! |---|---|
//! | [`data`] | `[data]` of a recipe: which series, which columns, how it is split |
//! | [`task`] | [`Forecasting`], the [`training::Task`] |
//! | [`measure`] | errors, intervals, losses per window beside baselines |
//! | [`statistics`] | losses of a value; skill and its significance |
//! | [`classical`] | baselines of values: persistence, seasonal persistence, drift, Holt-Winters |
//! | [`volatility`] | the series of the S&P 500; losses and baselines of volatility: EWMA, GARCH(1,1), HAR, log-HAR with the VIX |
//! | [`direction`] | losses and baselines of directions |
//! | [`backtest`] | repeated training on a growing training part |
//! | [`demonstration`], [`picture`] | verdicts in words, forecasts as plots |

pub mod backtest;
pub mod classical;
pub mod data;
pub mod demonstration;
pub mod direction;
pub mod measure;
pub mod picture;
mod simplex;
pub mod statistics;
pub mod task;
pub mod volatility;

pub use task::Forecasting;
