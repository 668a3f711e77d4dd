//! Series whose rows have step numbers instead of times. The step number `n` is represented by the time `n` seconds
//! after the start of 1970.

use jiff::SignedDuration;
use jiff::civil::DateTime;

const START: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Converts a step number to a time; `None` if the number is NaN or too large.
pub fn time_of_step(number: f64) -> Option<DateTime> {
    START.checked_add(SignedDuration::try_from_secs_f64(number).ok()?).ok()
}

/// Converts a time back to its step number: the inverse of [`time_of_step`].
pub fn step_of_time(time: DateTime) -> f64 {
    time.duration_since(START).as_secs_f64()
}
