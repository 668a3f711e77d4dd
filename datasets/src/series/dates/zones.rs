//! Times with offsets from UTC. The local times of the file are kept, unless there are rows near a change of the clocks
//! (daylight saving time).

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use timesteps::Clock;

use super::text::Stamp;
use super::{Note, Times, Wrong};

/// If time steps are at least this long, a change of the clocks (daylight saving time) creates no missing or duplicate
/// local times.
const DAILY: SignedDuration = SignedDuration::from_hours(20);
/// The shortest time without rows that counts as a break in a series, such as a night. A change of the clocks during a
/// break does not matter.
const SHORTEST_BREAK: SignedDuration = SignedDuration::from_hours(4);

/// Returns the times without their offsets from UTC. Keeps the local times if all times have the same offset, if the
/// time step is about a day or longer, or if the clocks change (daylight saving time) only during breaks without rows,
/// such as the night at an exchange.
///
/// In all other cases, a change of the clocks would give missing or duplicate local times. The function then converts
/// all times to standard time (the smallest offset), and the field `clock` of the result holds the differences between
/// local time and standard time.
///
/// # Errors
///
/// [`Wrong::Format`] if only some of the times have an offset.
pub(super) fn in_one_zone(stamps: Vec<Stamp>, texts: &[String]) -> Result<Times, Wrong> {
    let local = |stamps: &[Stamp]| stamps.iter().map(|stamp| stamp.time).collect::<Vec<_>>();
    if stamps.iter().all(|stamp| stamp.offset.is_none()) {
        return Ok(Times { times: local(&stamps), ..Times::default() });
    }
    if let Some(row) = stamps.iter().position(|stamp| stamp.offset.is_none()) {
        return Err(Wrong::Format { row, value: texts[row].clone() });
    }
    let offsets: BTreeSet<Offset> = stamps.iter().filter_map(|stamp| stamp.offset).collect();
    let standard = *offsets.first().unwrap_or(&Offset::UTC);
    let converted: Vec<DateTime> = stamps.iter().map(|stamp| converted(stamp, standard)).collect();
    let ahead = stamps.iter().filter_map(|stamp| Some(stamp.offset?.seconds() - standard.seconds()));
    let mut sorted: Vec<(DateTime, i32)> = converted.iter().copied().zip(ahead).collect();
    sorted.sort_unstable();
    sorted.dedup(); // The rows of several series may have equal times.
    let is_kept = offsets.len() == 1 || has_no_rows_near_changes(&sorted);
    let clock = if is_kept { Clock::default() } else { Clock::of(sorted) };
    let notes =
        vec![Note::TimeZone { offsets: offsets.into_iter().collect(), converted_to: (!is_kept).then_some(standard) }];
    Ok(Times { times: if is_kept { local(&stamps) } else { converted }, notes, clock, ..Times::default() })
}

/// Returns whether no row is near a change of the clocks: the time steps are about a day or longer, or the clocks
/// change only during breaks. `times` are in ascending order, each with the number of seconds by which local time is
/// ahead of standard time.
fn has_no_rows_near_changes(times: &[(DateTime, i32)]) -> bool {
    let step = timesteps::most_common_step(times.iter().map(|(time, _)| *time));
    let break_length = (2 * step).max(SHORTEST_BREAK);
    let is_in_break =
        |pair: &[(DateTime, i32)]| pair[0].1 == pair[1].1 || pair[1].0.duration_since(pair[0].0) > break_length;
    step >= DAILY || times.windows(2).all(is_in_break)
}

/// Converts a time from its own offset from UTC to the offset `to`.
fn converted(stamp: &Stamp, to: Offset) -> DateTime {
    let seconds = to.seconds() - stamp.offset.unwrap_or(to).seconds();
    stamp.time.saturating_add(SignedDuration::from_secs(seconds.into()))
}
