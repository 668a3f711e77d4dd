//! What comes next in a series of numbers, and whether it is known better than by looking at yesterday.
//!
//! | file | what it holds |
//! |---|---|
//! | `data.rs` | which series, which columns, how it is cut |
//! | `frame.rs` | a series standardised, and its windows |
//! | `segrnn.rs`, `linear.rs` | SegRNN; DLinear and NLinear |
//! | `task.rs` | the above as a [`training::Task`] |
//! | `metrics.rs` | how far off forecasts are, and whether one is better than another beyond chance |
//! | `classical.rs` | the yardsticks: persistence, seasonal persistence, drift, exponential smoothing |
//! | `volatility.rs` | the yardsticks of volatility: EWMA, HAR, GARCH(1,1) |
//! | `simplex.rs` | the minimum of a function of a few numbers |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod classical;
pub mod data;
pub mod frame;
pub mod linear;
pub mod metrics;
pub mod segrnn;
mod simplex;
mod task;
pub mod volatility;

pub use task::Forecasting;
