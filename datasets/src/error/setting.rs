//! The settings that resolve errors.

use super::DataError;

impl DataError {
    /// Returns the name of the setting that can resolve the error; `None` if there is no such setting.
    ///
    /// `time`, `date_format`, `columns`, `decimal`, `separator`, `missing`, `duplicates` and `gaps` are fields of
    /// [`CsvFormat`](crate::CsvFormat); `id` and `known` are fields of [`Roles`](crate::Roles); `data_dir` is the
    /// argument of [`Locator::new`](crate::Locator::new); `span` is the argument of
    /// [`Series::rolled_up`](crate::Series::rolled_up); `columns` and `scheme` are fields of
    /// [`ConllFormat`](crate::conll::ConllFormat); `id`, `label`, `channels`, `group`, `time`, `rate`, `resample` and
    /// `time_unit` are arguments of [`Recordings::from_csv`](crate::recordings::Recordings::from_csv) and fields of
    /// [`RecordingFormat`](crate::recordings::RecordingFormat); `folds`, `fraction` and `length` are arguments of the
    /// methods of [`Recordings`](crate::recordings::Recordings); `text` and `label` are also arguments of
    /// [`Texts::from_table`](crate::texts::Texts::from_table). A command-line program can append its option for this
    /// setting to the message.
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
