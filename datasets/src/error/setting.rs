//! The settings that a user can change to resolve an error.

use super::DataError;

impl DataError {
    /// Returns the name of the setting that the user can change to resolve the error; `None` if there is no such
    /// setting. A command-line program can append its option for this setting to the error message.
    ///
    /// The settings are:
    ///
    /// - fields of [`CsvFormat`](crate::CsvFormat): `time`, `date_format`, `columns`, `decimal`, `separator`,
    ///   `missing`, `duplicates` and `gaps`
    /// - fields of [`Roles`](crate::Roles): `id` and `known`
    /// - fields of [`ConllFormat`](crate::conll::ConllFormat): `columns` and `scheme`
    /// - fields of [`RecordingFormat`](crate::recordings::RecordingFormat): `channels`, `group`, `time`, `time_unit`,
    ///   `rate`, `resample`, `decimal` and `separator`
    /// - arguments of [`Recordings::from_csv`](crate::recordings::Recordings::from_csv): `id` and `label`
    /// - arguments of other methods of [`Recordings`](crate::recordings::Recordings): `folds` (the number of folds),
    ///   `fraction` and `length`
    /// - arguments of [`Texts::from_table`](crate::texts::Texts::from_table): `text` and `label`
    /// - the argument of [`Locator::new`](crate::Locator::new): `data_dir`
    /// - an argument of [`Series::rolled_up`](crate::Series::rolled_up): `span`
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } | Self::Download { .. } | Self::Checksum { .. } | Self::Count { .. } => {
                Some("data_dir")
            }
            Self::NoTimeColumn { .. } => Some("time"),
            Self::NoColumn { setting, .. } => Some(setting),
            Self::AmbiguousNumber { .. } => Some("decimal"),
            Self::Csv { .. } => Some("separator"),
            Self::DuplicateColumn { .. } | Self::NotANumber { .. } | Self::MixedUnits { .. } => Some("columns"),
            Self::Tags(error) => error.setting(),
            Self::Recordings(error) => error.setting(),
            Self::Texts(error) => error.setting(),
            Self::DateFormat { .. } | Self::AmbiguousTime { .. } => Some("date_format"),
            Self::DuplicateTimes { .. } => Some("duplicates"),
            Self::SeveralSeries { .. } => Some("id"),
            Self::FutureRows { .. } => Some("known"),
            Self::MissingValues { .. } => Some("missing"),
            Self::IrregularTimes { .. } => Some("gaps"),
            Self::SpanTooShort { .. } => Some("span"),
            Self::Io { .. }
            | Self::Unpack { .. }
            | Self::NotText { .. }
            | Self::NotUtf8 { .. }
            | Self::Empty { .. }
            | Self::TooFewLines { .. }
            | Self::InvalidDate { .. }
            | Self::NoValues { .. }
            | Self::NoId { .. }
            | Self::KnownValue { .. }
            | Self::Vectors(_) => None,
        }
    }
}
