use std::error::Error;
use std::fmt;

/// Why targets do not fit a [`Crf`](crate::Crf): see [`Crf::check_targets`](crate::Crf::check_targets).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrfError {
    /// The number of targets is not the number of sequences.
    TargetCount {
        /// The number of targets.
        targets: usize,
        /// The number of sequences in the batch.
        sequences: usize,
    },
    /// A target has more or fewer labels than its sequence has steps.
    TargetLength {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The number of labels in the target.
        found: usize,
        /// The length of the sequence.
        expected: usize,
    },
    /// A label id is not below the number of labels.
    Label {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The index of the step with this label id.
        step: usize,
        /// The label id.
        label: usize,
        /// The number of labels.
        labels: usize,
    },
    /// A target starts with a label that may not start a sequence.
    Start {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The first label.
        label: usize,
    },
    /// A target ends with a label that may not end a sequence.
    End {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The last label.
        label: usize,
    },
    /// A target has two neighbouring labels of which the second may not follow the first.
    Transition {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The index of the step with the first of the two labels.
        step: usize,
        /// The first of the two labels.
        from: usize,
        /// The second of the two labels.
        to: usize,
    },
}

impl fmt::Display for CrfError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::TargetCount { targets, sequences } => {
                write!(
                    f,
                    "crf: got {targets} targets for a batch of {sequences} sequences; give one target per sequence"
                )
            }
            Self::TargetLength { sequence, found, expected } => {
                write!(
                    f,
                    "crf: sequence {sequence} has {expected} steps, but {found} target labels; give one label per step"
                )
            }
            Self::Label { sequence, step, label, labels } => {
                write!(
                    f,
                    "crf: sequence {sequence}, step {step}: label {label} must be below {labels}, the number of labels"
                )
            }
            Self::Start { sequence, label } => {
                write!(
                    f,
                    "crf: sequence {sequence} starts with label {label}, which is not allowed; see `Crf::allowed`"
                )
            }
            Self::End { sequence, label } => {
                write!(f, "crf: sequence {sequence} ends with label {label}, which is not allowed; see `Crf::allowed`")
            }
            Self::Transition { sequence, step, from, to } => {
                write!(
                    f,
                    "crf: sequence {sequence}, step {step}: label {to} follows label {from}, which is not allowed; see \
                     `Crf::allowed`"
                )
            }
        }
    }
}

impl Error for CrfError {}
