//! Clock changes at the start and at the end of daylight saving time.

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// Converts the times of a series from standard time to local time, which is ahead of standard time during daylight
/// saving time. With `Clock::default()`, local time always equals standard time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// The first time of the series, followed by the times of the clock changes, in ascending order. Each time comes
    /// with the number of seconds by which local time is ahead of standard time from this time on.
    changes: Vec<(DateTime, i32)>,
}

impl Clock {
    /// Finds the clock changes in a list of times in ascending order. Each time comes with the number of seconds by
    /// which local time is ahead of standard time.
    pub fn of(times: impl IntoIterator<Item = (DateTime, i32)>) -> Self {
        let mut changes: Vec<(DateTime, i32)> = times.into_iter().collect();
        changes.dedup_by_key(|(_, ahead)| *ahead);
        Self { changes }
    }

    /// Converts a standard time to local time. A time before the series has the same difference from standard time as
    /// the first time of the series, and a time after the series has the same difference as the last time.
    pub fn local(&self, time: DateTime) -> DateTime {
        let change = self.changes.partition_point(|(from, _)| *from <= time).saturating_sub(1);
        let ahead = self.changes.get(change).map_or(0, |(_, ahead)| *ahead);
        time.saturating_add(SignedDuration::from_secs(ahead.into()))
    }
}
