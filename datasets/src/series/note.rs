//! Notes for the user on how a table was read: changes to the table, and assumptions about it.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use timesteps::written;

use super::{Counted, Gaps, Missing, RollUp, Span};

/// A note on how a table was read: a change to its rows or columns, or an assumption about its numbers or times.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Lines above the header were skipped.
    LinesSkipped {
        /// The number of lines above the header.
        lines: usize,
    },
    /// Rows below the header that hold the units of the columns, such as `°C`, were skipped.
    UnitsSkipped {
        /// The number of rows with units.
        rows: usize,
    },
    /// The point in all numbers of these columns was read as a decimal mark, although it could also be a thousands
    /// separator.
    DecimalAssumed {
        /// The names of the columns.
        columns: Vec<String>,
    },
    /// Columns that count the rows were left out.
    IndexSkipped {
        /// The names of the columns that were left out.
        columns: Vec<String>,
    },
    /// Columns that are not numeric, for example columns with more words than numbers, were left out.
    ColumnsSkipped {
        /// The names of the columns that were left out.
        columns: Vec<String>,
    },
    /// The rows were in descending order of time and were reversed.
    Reversed,
    /// The rows were not in order of time and were sorted.
    Sorted,
    /// Rows with equal times were merged into one row.
    DuplicatesMerged {
        /// The number of rows that were removed by merging.
        rows: usize,
    },
    /// Missing values were filled, or the rows with missing values were dropped.
    MissingValues {
        /// The number of missing values.
        count: usize,
        /// How the missing values were treated.
        rule: Missing,
    },
    /// The first rows were dropped, because some column has no value in them.
    LeadingRowsDropped {
        /// The number of rows that were dropped at the start of the table.
        rows: usize,
    },
    /// Times are missing between rows, where the step is longer than usual.
    Gaps {
        /// The number of time steps without a row.
        steps: usize,
        /// The length of a time step.
        step: SignedDuration,
        /// How the missing times were treated.
        rule: Gaps,
    },
    /// Rows after the last target value hold values that are known ahead of time.
    FutureRows {
        /// The number of rows after the last target value.
        rows: usize,
    },
    /// The rows were combined into longer time steps, by their mean or sum.
    RolledUp {
        /// The number of rows before they were combined.
        rows: usize,
        /// The number of time steps after the rows were combined.
        steps: usize,
        /// The length of a time step after the rows were combined.
        span: Span,
        /// Whether the values of a time step are means or sums.
        rule: RollUp,
    },
    /// The rows of the first or the last time step were left out, because the time step is incomplete.
    Unfinished {
        /// The number of rows that were left out.
        rows: usize,
        /// The start of the time step.
        start: DateTime,
        /// The length of the time step.
        span: Span,
    },
    /// The times in the file have offsets from UTC.
    TimeZone {
        /// The offsets in the file, in ascending order.
        offsets: Vec<Offset>,
        /// The offset to which all times were converted; `None` if the local times of the file were kept.
        converted_to: Option<Offset>,
    },
    /// The times in the file are numbers, not dates.
    NumbersAsTimes {
        /// The name of the time column.
        column: String,
        /// What the numbers count, such as seconds since 1970.
        counted: Counted,
    },
    /// The times follow no pattern, so that the times of a forecast are guesses.
    IrregularTimes,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinesSkipped { lines } => write!(formatter, "lines skipped above the header: {lines}"),
            Self::UnitsSkipped { rows } => write!(formatter, "rows with units skipped below the header: {rows}"),
            Self::DecimalAssumed { columns } => {
                write!(
                    formatter,
                    "in the columns `{}`, points were read as decimal marks; if they are thousands separators, set \
                     data.format.decimal to a comma",
                    columns.join("`, `")
                )
            }
            Self::IndexSkipped { columns } => {
                let name = |name: &String| {
                    if name.is_empty() { "a column without a name".to_owned() } else { name.clone() }
                };
                let names: Vec<String> = columns.iter().map(name).collect();
                write!(formatter, "skipped columns that count the rows: {}", names.join(", "))
            }
            Self::ColumnsSkipped { columns } => {
                write!(formatter, "skipped columns that are not numeric: {}", columns.join(", "))
            }
            Self::Reversed => write!(formatter, "reversed the rows, because the newest row was first"),
            Self::Sorted => write!(formatter, "sorted the rows by time"),
            Self::DuplicatesMerged { rows } => {
                write!(formatter, "merged rows with equal times into one row per time ({rows} rows removed)")
            }
            Self::MissingValues { count, rule } => match rule {
                Missing::Drop => write!(formatter, "dropped the rows with the {count} missing values"),
                Missing::Interpolate => write!(formatter, "interpolated {count} missing values"),
                _ => write!(formatter, "filled {count} missing values with the previous value"),
            },
            Self::LeadingRowsDropped { rows } => {
                write!(formatter, "dropped the first {rows} rows, because some column has no value in them")
            }
            Self::Gaps { steps, step, rule } => match rule {
                Gaps::Keep => write!(formatter, "{steps} steps of {} are missing and were not filled", written(*step)),
                Gaps::Previous => {
                    write!(formatter, "filled {steps} missing steps of {} with the previous row", written(*step))
                }
                Gaps::Interpolate => write!(formatter, "interpolated {steps} missing steps of {}", written(*step)),
            },
            Self::FutureRows { rows } => {
                write!(formatter, "the last {rows} rows hold values that are known ahead of time")
            }
            Self::RolledUp { rows, steps, span, rule } => {
                let rolled_up = if *rule == RollUp::Sum { "summed" } else { "averaged" };
                write!(formatter, "{rolled_up} {rows} rows into {steps} time steps of {span}")
            }
            Self::Unfinished { rows, start, span } => {
                write!(
                    formatter,
                    "left out {rows} rows, because the time step of {span} that begins at {start} is incomplete"
                )
            }
            Self::TimeZone { offsets, converted_to } => time_zone(formatter, offsets, *converted_to),
            Self::NumbersAsTimes { column, counted } => {
                write!(formatter, "the numbers in column `{column}` were read as {counted}")
            }
            Self::IrregularTimes => {
                write!(formatter, "the times follow no regular pattern, so the times of a forecast are guesses")
            }
        }
    }
}

fn time_zone(formatter: &mut fmt::Formatter<'_>, offsets: &[Offset], converted_to: Option<Offset>) -> fmt::Result {
    let name = |offset: &Offset| if offset.is_zero() { "UTC".to_owned() } else { format!("UTC{offset}") };
    let names = offsets.iter().map(name).collect::<Vec<_>>().join(" and ");
    match converted_to {
        None if names == "UTC" => write!(formatter, "times are in UTC"),
        None => write!(formatter, "times are local times in {names}"),
        Some(offset) => {
            write!(
                formatter,
                "times with the offsets {names} were converted to {} (standard time); calendar days still begin at \
                 local midnight",
                name(&offset)
            )
        }
    }
}
