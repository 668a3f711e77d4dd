//! Batches for truncated back-propagation through time (TBPTT).
//!
//! Row `i` of a batch continues row `i` of the previous batch, so that the hidden state can be carried over
//! ([Williams & Peng 1990](https://doi.org/10.1162/neco.1990.2.4.490)).
//!
//! ```text
//! tokens    a b c d e f g h i j k l
//! row 0     a b c d e f          windows of 2 steps: [a b] → [b c], [c d] → [d e], [e] → [f]
//! row 1     g h i j k l                              [g h] → [h i], [i j] → [j k], [k] → [l]
//! ```

use std::ops::Range;

use burn::nn::loss::CrossEntropyLoss;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::task::Carry;

/// A sequence of token ids, cut into rows of equal length. The model reads the rows in parallel.
#[derive(Clone, Debug)]
pub struct Streams {
    /// The token ids, row by row: `[rows, length]`.
    tokens: Vec<u32>,
    /// The number of rows.
    rows: usize,
    /// The number of tokens in each row.
    length: usize,
}

/// A part of a [window](Streams::windows) of truncated back-propagation. A segment ends at the first step at which a
/// document ends in any row, or at the end of the window. Before the next segment, the hidden states of the rows whose
/// document has ended can be reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The range of the steps in the segment, counted from 0 at the start of the window.
    pub steps: Range<usize>,
    /// The indices of the rows in which a document ends at the last step of the segment. After the segment, call
    /// [`reset`] with these rows to set their hidden states to zero.
    pub ended: Vec<usize>,
}

impl Streams {
    /// Cuts a sequence of token ids into `rows` rows of equal length. The remaining tokens at the end are dropped.
    pub fn new(tokens: &[u32], rows: usize) -> Self {
        let length = tokens.len() / rows.max(1);
        Self { tokens: tokens[..length * rows].to_vec(), rows, length }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns a copy that has only the given range of rows.
    pub fn of_rows(&self, rows: Range<usize>) -> Self {
        let tokens = self.tokens[rows.start * self.length..rows.end * self.length].to_vec();
        Self { tokens, rows: rows.len(), length: self.length }
    }

    /// Returns the windows of truncated back-propagation, in order, as ranges of steps. Each window has `steps` steps;
    /// the last one may be shorter. Every token is a target exactly once, except for the first token of each row.
    pub fn windows(&self, steps: usize) -> Vec<Range<usize>> {
        let last = self.length.saturating_sub(1);
        (0..last).step_by(steps).map(|start| start..last.min(start + steps)).collect()
    }

    /// Copies the inputs and the targets of one batch. Each row of the copy has the tokens of the window and the one
    /// token that follows the window.
    pub fn part(&self, window: &Range<usize>) -> Self {
        let length = window.len() + 1;
        let rows = self.tokens.chunks_exact(self.length.max(1));
        Self {
            tokens: rows.flat_map(|row| &row[window.start..window.end + 1]).copied().collect(),
            rows: self.rows,
            length,
        }
    }

    /// Returns the input token ids of a window, `[rows, steps]`.
    pub fn inputs(&self, window: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(window.clone(), device)
    }

    /// Returns the target token ids of a window, `[rows, steps]`: for each input token, the next token of the row.
    pub fn targets(&self, window: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(window.start + 1..window.end + 1, device)
    }

    fn tensor(&self, columns: Range<usize>, device: &Device) -> Tensor<2, Int> {
        let shape = [self.rows, columns.len()];
        let rows = self.tokens.chunks_exact(self.length.max(1));
        let tokens = rows.flat_map(|row| row[columns.clone()].iter().map(|&token| token as i32)).collect();
        Tensor::from_data(TensorData::new::<i32, _>(tokens, shape), device)
    }

    /// Returns the mean cross-entropy of the targets of a window in nats, `[1]`, for logits
    /// `[rows, steps, vocabulary]`.
    pub fn cross_entropy(&self, logits: Tensor<3>, window: &Range<usize>) -> Tensor<1> {
        let device = logits.device();
        let targets = self.targets(window, &device).flatten(0, 1);
        CrossEntropyLoss::new(None, &device).forward(logits.flatten(0, 1), targets)
    }

    /// Splits a window into segments, after each step at which a document ends in any row. `end` is the id of the token
    /// that ends a document.
    pub fn segments(&self, window: &Range<usize>, end: u32) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut start = window.start;
        for column in window.clone() {
            let ended: Vec<usize> =
                (0..self.rows).filter(|row| self.tokens[row * self.length + column] == end).collect();
            if !ended.is_empty() || column + 1 == window.end {
                segments.push(Segment { steps: start - window.start..column + 1 - window.start, ended });
                start = column + 1;
            }
        }
        segments
    }
}

/// Sets the hidden states of the rows with the indices `rows` to zero. Each state has the shape
/// `[layers, rows, features]`.
pub fn reset(carry: &mut Carry, rows: &[usize]) {
    for state in carry.iter_mut().filter(|_| !rows.is_empty()) {
        let [_, count, _] = state.dims();
        let mask: Vec<f32> = (0..count).map(|row| if rows.contains(&row) { 0.0 } else { 1.0 }).collect();
        let mask: Tensor<3> = Tensor::from_data(TensorData::new(mask, [1, count, 1]), &state.device());
        *state = state.clone() * mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        Streams::new(&(0..13).collect::<Vec<_>>(), 2)
    }

    fn values(tensor: Tensor<2, Int>) -> Vec<i64> {
        tensor.into_data().iter::<i64>().collect()
    }

    #[test]
    fn windows_continue_each_row_and_every_token_is_a_target_once() {
        let (streams, device) = (streams(), Device::flex());
        let windows = streams.windows(2);
        assert_eq!(windows, [0..2, 2..4, 4..5]);
        assert_eq!(values(streams.inputs(&windows[1], &device)), [2, 3, 8, 9]);
        assert_eq!(values(streams.targets(&windows[1], &device)), [3, 4, 9, 10]);
        let mut targets: Vec<i64> =
            windows.iter().flat_map(|window| values(streams.targets(window, &device))).collect();
        targets.sort();
        assert_eq!(targets, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn windows_are_split_where_a_document_ends() {
        let streams = streams();
        let whole = Segment { steps: 0..3, ended: vec![] };
        assert_eq!(streams.segments(&(1..4), 0), [whole]);
        let [first, second] = [Segment { steps: 0..2, ended: vec![1] }, Segment { steps: 2..3, ended: vec![] }];
        assert_eq!(streams.segments(&(1..4), 8), [first, second]);
        assert_eq!(streams.segments(&(1..4), 3), [Segment { steps: 0..3, ended: vec![0] }]);
    }

    #[test]
    fn reset_changes_the_given_rows_only() {
        let ones: Tensor<3> = Tensor::ones([2, 3, 1], &Device::flex());
        let mut carry = vec![ones];
        reset(&mut carry, &[1]);
        let values: Vec<f32> = carry[0].to_data().try_to_vec().unwrap_or_default();
        assert_eq!(values, [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_sequence_shorter_than_its_rows_has_no_windows() {
        assert!(Streams::new(&[1, 2, 3], 4).windows(5).is_empty());
        assert!(Streams::new(&[1, 2, 3], 3).windows(5).is_empty());
    }
}
