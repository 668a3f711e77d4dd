//! Reading a whole text with the state carried, for what each token costs.
//!
//! A text read from its first token to its last in one row keeps two cores idle. So it is read in several rows, and every
//! row but the first reads some of the text before it first, uncounted, until its state is what it would have been:
//!
//! ```text
//! row 0           a b c d e f        every token is predicted once; the first from the end of a line
//! row 1       e f│g h i j k l        tokens left of the bar are read only to come to the right state
//! row 2       k l│m n o p q
//! ```

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rnn::State;
use training::streams::reset;

use crate::model::Network;

/// The token before the first one: the end of a line.
const START: u32 = 0;

/// How a text is read. What it costs does not hang on it, but for rounding, if `before` is as much as the network
/// remembers: of `ptb-awd` 256 tokens change the perplexity by 3e-3, 1,024 by 3e-5.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Rows at most; fewer for a short text.
    pub rows: usize,
    /// Tokens that a row reads of the text before it.
    pub before: usize,
    /// Steps at once.
    pub window: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { rows: 32, before: 1024, window: 64 }
    }
}

/// A text laid out in rows.
pub(crate) struct Layout<'a> {
    tokens: &'a [u32],
    pub rows: usize,
    /// Tokens that a row counts.
    pub length: usize,
    /// Tokens that a row reads before them.
    pub before: usize,
}

impl<'a> Layout<'a> {
    /// As many rows as are worth what they read twice.
    pub fn new(tokens: &'a [u32], reading: Reading) -> Self {
        let rows = (tokens.len() / (2 * reading.before.max(1))).clamp(1, reading.rows);
        let before = if rows == 1 { 0 } else { reading.before };
        Self { tokens, rows, length: tokens.len().div_ceil(rows), before }
    }

    /// Places in the text: those of every row in some columns, negative before the text begins.
    pub fn places(&self, columns: Range<usize>) -> impl Iterator<Item = isize> {
        let (length, before) = (self.length as isize, self.before as isize);
        (0..self.rows as isize)
            .flat_map(move |row| columns.clone().map(move |column| row * length + column as isize - before))
    }

    /// Tokens in the order of the rows, `[rows, columns]`. Places outside of the text hold any token.
    fn tensor(&self, places: impl Iterator<Item = isize>, columns: usize, device: &Device) -> Tensor<2, Int> {
        let token = |place: isize| usize::try_from(place).ok().and_then(|place| self.tokens.get(place));
        let tokens: Vec<i32> = places.map(|place| *token(place).unwrap_or(&START) as i32).collect();
        Tensor::from_data(TensorData::new(tokens, [self.rows, columns]), device)
    }

    /// What is read before the tokens of some columns.
    pub fn inputs(&self, columns: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(self.places(columns.clone()).map(|place| place - 1), columns.len(), device)
    }

    /// The tokens of some columns.
    pub fn targets(&self, columns: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(self.places(columns.clone()), columns.len(), device)
    }

    /// Reads what stands before the tokens to be counted: the state after it, as at the beginning for the first row, and the
    /// outputs, `[rows, before, H]`. `None` for one row alone.
    pub fn read_before(&self, network: &Network, window: usize, device: &Device) -> Option<(State, Tensor<3>)> {
        let (mut state, mut outputs) = (None, Vec::new());
        for columns in windows(0..self.before, window) {
            let (read, after) = network.read(self.inputs(&columns, device), state);
            outputs.push(read);
            state = Some(after);
        }
        let mut tensors = state?.into_tensors();
        reset(&mut tensors, &[0]);
        Some((State::from_tensors(tensors)?, Tensor::cat(outputs, 1)))
    }
}

/// The cost of every token of a text, in nats.
pub fn costs(network: &Network, tokens: &[u32], reading: Reading, device: &Device) -> Vec<f32> {
    let layout = Layout::new(tokens, reading);
    let mut costs = vec![0.0; layout.rows * layout.length];
    let mut state = layout.read_before(network, reading.window, device).map(|(state, _)| state);
    let end = layout.before + layout.length;
    for columns in windows(layout.before..end, reading.window) {
        let outputs = network.forward(layout.inputs(&columns, device), state);
        let window = network.costs(&outputs, layout.targets(&columns, device)).into_data();
        for (place, cost) in layout.places(columns).zip(window.iter::<f32>()) {
            costs[place as usize] = cost;
        }
        state = Some(outputs.state);
    }
    costs.truncate(tokens.len());
    costs
}

/// The mean of some costs; their perplexity is its exponential.
pub fn mean(costs: &[f32]) -> f64 {
    costs.iter().map(|cost| f64::from(*cost)).sum::<f64>() / costs.len() as f64
}

pub(crate) fn windows(columns: Range<usize>, window: usize) -> impl Iterator<Item = Range<usize>> {
    columns.clone().step_by(window).map(move |start| start..columns.end.min(start + window))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::NetworkConfig;

    /// Of 11 words, with every regulariser, untrained.
    pub fn network(device: &Device) -> Network {
        device.seed(1);
        let config: NetworkConfig = serde_json::from_value(serde_json::json!({
            "cell": "lstm", "embedding_size": 8, "hidden_size": 8, "layers": 2, "tied": true, "dropout": 0.3,
            "embedding_dropout": 0.3, "input_dropout": 0.3, "hidden_dropout": 0.3, "output_dropout": 0.3,
            "weight_dropout": 0.3, "activation": 2.0, "temporal_activation": 3.0,
        }))
        .unwrap();
        config.init(11, device)
    }

    /// That repeats itself.
    pub fn text(length: usize) -> Vec<u32> {
        (0..length).map(|place| ((place * place + 3 * place) % 11) as u32).collect()
    }

    #[test]
    fn costs_hang_neither_on_rows_nor_on_windows() {
        let device = Device::flex();
        let (network, text) = (network(&device), text(1003));
        let one_row = costs(&network, &text, Reading { rows: 1, before: 0, window: 1003 }, &device);
        assert_eq!(one_row.len(), 1003);
        for (rows, window) in [(1, 7), (2, 50), (5, 64), (12, 1)] {
            let others = costs(&network, &text, Reading { rows, before: 40, window }, &device);
            let perplexities = [&one_row, &others].map(|costs| mean(costs).exp());
            approx::assert_relative_eq!(perplexities[0], perplexities[1], max_relative = 1e-5);
            let largest = one_row.iter().zip(&others).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-3, "{rows} rows: {largest}");
        }
    }

    #[test]
    fn short_texts_are_read_in_one_row() {
        let device = Device::flex();
        for length in [0, 1, 5] {
            assert_eq!(costs(&network(&device), &text(length), Reading::default(), &device).len(), length);
        }
    }
}
