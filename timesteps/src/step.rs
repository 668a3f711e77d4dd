//! The usual difference between consecutive times, and lengths of time as text.

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// Returns the most common difference between consecutive times: the smallest difference if several are equally common,
/// and 0 if there are fewer than two times.
pub fn most_common_step(times: impl Iterator<Item = DateTime> + Clone) -> SignedDuration {
    most_common(&sorted_steps(times)).map_or(SignedDuration::ZERO, |(step, _)| step)
}

/// Returns the usual difference between consecutive times that are not equal; 0 if there is no such difference.
///
/// The result is the most common difference if one of these conditions holds:
///
/// - at least 90 % of the differences are equal, and the times have no fractions of a second
/// - fewer than 90 % of the differences are close to the median
/// - the median is above an hour
///
/// If none of them holds, the result is the mean of the differences that are close to the median: 16.667 ms for times
/// that are 16 ms or 17 ms apart.
pub(crate) fn usual(times: &[DateTime]) -> SignedDuration {
    let mut steps = sorted_steps(times.iter().copied());
    steps.retain(|step| !step.is_zero());
    let Some((common, count)) = most_common(&steps) else { return SignedDuration::ZERO };
    let median = steps[steps.len() / 2];
    let is_most = |count: usize| 10 * count >= 9 * steps.len();
    let (rounding, jitter) = (resolution(times), median / 20);
    // In times without fractions of a second, a few late rows do not change the step.
    if is_most(count) && rounding >= SignedDuration::from_secs(1) {
        return common;
    }
    let deviation = if is_most(count) { rounding } else { rounding.max(jitter) };
    let near: Vec<_> = steps.iter().filter(|step| (**step - median).abs() <= deviation).collect();
    if !is_most(near.len()) || median > SignedDuration::from_hours(1) {
        return common;
    }
    let sum: i128 = near.iter().map(|step| step.as_nanos()).sum();
    SignedDuration::from_nanos((sum / near.len() as i128) as i64)
}

fn sorted_steps(times: impl Iterator<Item = DateTime> + Clone) -> Vec<SignedDuration> {
    let pairs = times.clone().zip(times.skip(1));
    let mut steps: Vec<_> = pairs.map(|(one, other)| other.duration_since(one)).collect();
    steps.sort_unstable();
    steps
}

/// Returns the most common step and how often it occurs. If several steps are equally common, returns the smallest of
/// them. The steps must be in ascending order.
fn most_common(sorted: &[SignedDuration]) -> Option<(SignedDuration, usize)> {
    let groups = sorted.chunk_by(|one, other| one == other);
    let group = groups.max_by_key(|group| (group.len(), std::cmp::Reverse(group[0])))?;
    Some((group[0], group.len()))
}

/// Returns the largest unit (second, millisecond, microsecond or nanosecond) of which all times are multiples.
pub(crate) fn resolution(times: &[DateTime]) -> SignedDuration {
    let divides = |nanos: &i32| times.iter().all(|time| time.subsec_nanosecond() % nanos == 0);
    let nanos = [1_000_000_000, 1_000_000, 1000].into_iter().find(divides).unwrap_or(1);
    SignedDuration::from_nanos(i64::from(nanos))
}

/// Rounds a time to a multiple of the resolution, which is at most a second.
pub(crate) fn rounded(time: DateTime, resolution: SignedDuration) -> Option<DateTime> {
    let unit = resolution.as_nanos() as i64;
    let excess = i64::from(time.subsec_nanosecond()) % unit;
    let change = if 2 * excess >= unit && excess > 0 { unit - excess } else { -excess };
    time.checked_add(SignedDuration::from_nanos(change)).ok()
}

/// Returns a length of time as text, in the largest unit that divides it without remainder: `10 min`, `1500 ms`. A
/// length above a millisecond that is not a whole number of microseconds is rounded to milliseconds with three
/// decimals: `16.667 ms`.
pub fn written(length: SignedDuration) -> String {
    let units = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("min", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("µs", 1000),
        ("ns", 1),
    ];
    let nanos = length.as_nanos();
    if nanos % 1000 != 0 && nanos > 1_000_000 {
        return format!("{:.3} ms", length.as_secs_f64() * 1000.0);
    }
    let fits = |(_, unit): &(&str, i128)| nanos % unit == 0;
    units.into_iter().find(fits).map_or(String::new(), |(name, unit)| format!("{} {name}", nanos / unit))
}
