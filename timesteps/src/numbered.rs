//! Steps that have numbers instead of times. The time that stands for step number `n` is `n` seconds after the start of
//! 1970.

use jiff::SignedDuration;
use jiff::civil::DateTime;

const START: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The time that stands for the step with this number; `None` if it is too large or not a number.
pub fn time_of_step(number: f64) -> Option<DateTime> {
    START.checked_add(SignedDuration::try_from_secs_f64(number).ok()?).ok()
}

/// The number of the step for which a time stands.
pub fn step_of_time(time: DateTime) -> f64 {
    time.duration_since(START).as_secs_f64()
}
