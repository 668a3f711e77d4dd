use std::error::Error;
use std::fmt;

use crate::Cell;

/// Why an input or a state does not fit an [`Rnn`](crate::Rnn) or a [`Crf`](crate::Crf): see
/// [`Rnn::check_input`](crate::Rnn::check_input) and [`Crf::check_input`](crate::Crf::check_input).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// The input has the wrong number of features.
    Features {
        /// The shape of the input: `[batch, time, features]`.
        input: [usize; 3],
        /// The required number of features: the `input_size` of a network, or the number of labels of a CRF.
        expected: usize,
    },
    /// The input has no sequence or no step.
    Empty {
        /// The batch size of the input.
        batch: usize,
        /// The number of steps of the input.
        time: usize,
    },
    /// The number of sequence lengths is not the batch size.
    LengthCount {
        /// The number of sequence lengths.
        lengths: usize,
        /// The batch size of the input.
        batch: usize,
    },
    /// A sequence length is larger than the number of steps.
    Length {
        /// The index of the sequence in the batch.
        sequence: usize,
        /// The length given for this sequence.
        length: usize,
        /// The number of steps of the input.
        time: usize,
    },
    /// The hidden state or the cell state has the wrong shape.
    State {
        /// The name of the state: `"hidden"` or `"cell"`.
        name: &'static str,
        /// The shape of the given state.
        found: [usize; 3],
        /// The required shape of the state: `[layers × directions, batch, hidden_size]`.
        expected: [usize; 3],
    },
    /// An LSTM got a state without a cell state, or another cell got a state with a cell state.
    CellState {
        /// The cell of the network.
        cell: Cell,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::Features { input: [batch, time, features], expected } => {
                write!(f, "rnn: input [batch {batch}, time {time}, features {features}] must have {expected} features")
            }
            Self::Empty { batch, time } => {
                write!(f, "rnn: input has batch size {batch} and {time} steps; both must be at least 1")
            }
            Self::LengthCount { lengths, batch } => {
                write!(f, "rnn: got {lengths} sequence lengths for a batch of {batch}; give one length per sequence")
            }
            Self::Length { sequence, length, time } => {
                write!(f, "rnn: sequence {sequence} has length {length}, but the input has only {time} steps")
            }
            Self::State { name, found, expected } => {
                write!(
                    f,
                    "rnn: {name} state has shape {found:?}, expected [layers × directions, batch, hidden] {expected:?}"
                )
            }
            Self::CellState { cell } if cell.has_memory() => {
                write!(f, "rnn: the state of {cell:?} needs a cell state, but has only a hidden state")
            }
            Self::CellState { cell } => write!(f, "rnn: the state of {cell:?} must not have a cell state"),
        }
    }
}

impl Error for ShapeError {}

/// Checks the shape of an input, `[batch, time, features]`, and its sequence lengths. `expected` is the required number
/// of features.
pub(crate) fn check_batch(input: [usize; 3], expected: usize, lengths: Option<&[usize]>) -> Result<(), ShapeError> {
    let [batch, time, features] = input;
    if features != expected {
        return Err(ShapeError::Features { input, expected });
    }
    if batch == 0 || time == 0 {
        return Err(ShapeError::Empty { batch, time });
    }
    let Some(lengths) = lengths else { return Ok(()) };
    if lengths.len() != batch {
        return Err(ShapeError::LengthCount { lengths: lengths.len(), batch });
    }
    match lengths.iter().position(|&length| length > time) {
        Some(sequence) => Err(ShapeError::Length { sequence, length: lengths[sequence], time }),
        None => Ok(()),
    }
}
