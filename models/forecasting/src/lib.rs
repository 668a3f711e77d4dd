//! What comes next in a series of numbers, and whether it is known better than by looking at yesterday.
//!
//! | file | what it holds |
//! |---|---|
//! | `frame.rs` | a series standardised, and its windows |
//! | `segrnn.rs` | SegRNN |
//! | `metrics.rs` | how far off forecasts are, and whether one is better than another beyond chance |
//! | `classical.rs` | the yardsticks: persistence, seasonal persistence, drift, exponential smoothing |
//! | `volatility.rs` | the yardsticks of volatility: EWMA, HAR, GARCH(1,1) |
//! | `simplex.rs` | the minimum of a function of a few numbers |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod classical;
pub mod frame;
pub mod metrics;
pub mod segrnn;
mod simplex;
pub mod volatility;
