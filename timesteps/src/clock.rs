//! Changes of the clocks, which begin and end daylight saving time.

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// The difference between local time and standard time over a series whose times are in standard time. The default has
/// no difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// In ascending order: from which time on local time is ahead of standard time, and by how many seconds.
    changes: Vec<(DateTime, i32)>,
}

impl Clock {
    /// Finds the changes in ascending times, each with the number of seconds by which local time is ahead.
    pub fn of(times: impl IntoIterator<Item = (DateTime, i32)>) -> Self {
        let mut changes: Vec<(DateTime, i32)> = times.into_iter().collect();
        changes.dedup_by_key(|(_, ahead)| *ahead);
        Self { changes }
    }

    /// The local time at a time of the series. Before the first and after the last change it differs as much as beside
    /// the change.
    pub fn local(&self, time: DateTime) -> DateTime {
        let change = self.changes.partition_point(|(from, _)| *from <= time).saturating_sub(1);
        let ahead = self.changes.get(change).map_or(0, |(_, ahead)| *ahead);
        time.saturating_add(SignedDuration::from_secs(ahead.into()))
    }
}
