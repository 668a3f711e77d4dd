//! What comes next in a series of numbers, and whether it is known better than by looking at yesterday.
//!
//! | file | what it holds |
//! |---|---|
//! | `data.rs`, `options.rs` | which series, which columns, how it is cut; the same as flags |
//! | `frame.rs` | a series standardised, and its windows |
//! | `model.rs` | `[model]` of a recipe, and the models on offer |
//! | `recurrent.rs` | an Elman network, LSTM or GRU: all steps at once, or one after the other (DeepAR) |
//! | `segrnn.rs`, `linear.rs` | SegRNN; DLinear and NLinear |
//! | `head.rs` | what is said of a value: a number, a distribution, quantiles, a chance; and its loss |
//! | `forecast.rs` | points and intervals, and their calibration |
//! | `task.rs` | the above as a [`training::Task`] |
//! | `metrics.rs` | costs of a value; skill, and whether it is more than chance |
//! | `measure.rs` | all of it over a part of the data |
//! | `classical.rs` | the yardsticks: persistence, seasonal persistence, drift, exponential smoothing |
//! | `volatility.rs` | how much a price will move, and its yardsticks: EWMA, GARCH(1,1), HAR, log-HAR with the VIX |
//! | `direction.rs` | up or down, and its yardsticks |
//! | `simplex.rs` | the minimum of a function of a few numbers |
//! | `demonstration.rs`, `picture.rs` | verdicts in words, forecasts as pictures |
//! | `verbs/` | `forecast`, `backtest` |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod classical;
pub mod data;
mod demonstration;
mod direction;
pub mod forecast;
pub mod frame;
pub mod head;
pub mod linear;
pub mod measure;
pub mod metrics;
pub mod model;
pub mod options;
mod picture;
pub mod recurrent;
pub mod segrnn;
mod simplex;
mod task;
mod verbs;
pub mod volatility;

pub use task::Forecasting;
