//! Descriptions of the changes that are made to a table while a series is read from it.

use std::fmt;

use super::{Gaps, Missing, Span};

/// A change that was made to a table while it was read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Lines above the header were passed over.
    LinesSkipped {
        /// The number of lines above the header.
        lines: usize,
    },
    /// Rows with units below the header were passed over.
    UnitsSkipped {
        /// The number of rows with units.
        rows: usize,
    },
    /// The point in all numbers of these columns was read as a decimal mark, though it might stand between thousands.
    DecimalAssumed {
        /// The names of the columns.
        columns: Vec<String>,
    },
    /// Columns that count the rows were left out.
    IndexSkipped {
        /// The names of the columns that were left out.
        columns: Vec<String>,
    },
    /// Columns without numbers were left out.
    ColumnsSkipped {
        /// The names of the columns that were left out.
        columns: Vec<String>,
    },
    /// The rows were in descending order of time and were reversed.
    Reversed,
    /// The rows were not in order of time and were sorted.
    Sorted,
    /// Rows with equal times were merged into one.
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
    /// The first rows were dropped, because some column has no value yet.
    LeadingRowsDropped {
        /// The number of rows that were dropped at the start of the table.
        rows: usize,
    },
    /// Times are missing between rows, where the step is longer than usual.
    Gaps {
        /// The number of time steps without a row.
        steps: usize,
        /// The length of a time step in seconds.
        step: i64,
        /// How the missing times were treated.
        rule: Gaps,
    },
    /// Rows after the last value of the targets hold what is known ahead.
    FutureRows {
        /// The number of these rows.
        rows: usize,
    },
    /// Rows were averaged over longer time steps.
    Averaged {
        /// The number of rows before averaging.
        rows: usize,
        /// The number of time steps after averaging.
        steps: usize,
        /// The length of a time step after averaging.
        span: Span,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinesSkipped { lines } => write!(formatter, "skipped {lines} lines above the header"),
            Self::UnitsSkipped { rows } => write!(formatter, "skipped {rows} rows of units below the header"),
            Self::DecimalAssumed { columns } => {
                write!(
                    formatter,
                    "the points in `{}` were read as decimal marks; set `decimal` if they are none",
                    columns.join("`, `")
                )
            }
            Self::IndexSkipped { columns } => {
                write!(formatter, "skipped columns that count the rows: `{}`", columns.join("`, `"))
            }
            Self::ColumnsSkipped { columns } => {
                write!(formatter, "skipped columns without numbers: {}", columns.join(", "))
            }
            Self::Reversed => write!(formatter, "reversed the rows: the newest was first"),
            Self::Sorted => write!(formatter, "sorted the rows by time"),
            Self::DuplicatesMerged { rows } => write!(formatter, "removed {rows} rows with duplicate times"),
            Self::MissingValues { count, rule } => match rule {
                Missing::Drop => write!(formatter, "dropped the rows of {count} missing values"),
                Missing::Interpolate => write!(formatter, "interpolated {count} missing values"),
                _ => write!(formatter, "filled {count} missing values with the previous value"),
            },
            Self::LeadingRowsDropped { rows } => {
                write!(formatter, "dropped {rows} rows before the first value of some column")
            }
            Self::Gaps { steps, step, rule } => match rule {
                Gaps::Keep => write!(formatter, "{steps} steps of {step} s are missing and were not filled"),
                Gaps::Previous => write!(formatter, "filled {steps} missing steps of {step} s with the previous row"),
                Gaps::Interpolate => write!(formatter, "interpolated {steps} missing steps of {step} s"),
            },
            Self::FutureRows { rows } => write!(formatter, "{rows} rows hold values that are known ahead"),
            Self::Averaged { rows, steps, span } => {
                write!(formatter, "averaged {rows} rows to {steps} steps of {span}")
            }
        }
    }
}
