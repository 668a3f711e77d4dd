//! Computes the loss of every token of a text. The network reads the text in windows of consecutive tokens; each window
//! starts with the recurrent state at the end of the previous window.
//!
//! A text could be read as one row from its first token to its last, but a batch of one row is slow. The text is
//! therefore cut into several rows. Every row except the first starts with some context: the last tokens of the
//! previous row. The network reads the context only to compute the recurrent state at the start of the row; the losses
//! of the context are not counted.
//!
//! ```text
//! row 0           a b c d e f        every token is predicted once; the input for `a` is the token `<eos>`
//! row 1       e f│g h i j k l        the tokens left of the bar are context
//! row 2       k l│m n o p q
//! ```

use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rnn::State;

use crate::model::Network;

/// The token that is read before the first token of a text: the end of a line.
const START: u32 = 0;

/// How a text is cut into rows and windows.
///
/// If `context` is long enough, the losses differ only by rounding from the losses of the same text read as one row.
/// With the model `ptb-awd`, the perplexity differs by 3e-3 for a context of 256 tokens, and by 3e-5 for 1,024 tokens.
#[derive(Clone, Copy, Debug)]
pub struct EvalLayout {
    /// The largest number of rows that are read in parallel. A short text is cut into fewer rows.
    pub rows: usize,
    /// The number of context tokens: the last tokens of the previous row, which each row reads first. Their losses are
    /// not counted.
    pub context: usize,
    /// The number of time steps per forward pass.
    pub window: usize,
}

impl Default for EvalLayout {
    fn default() -> Self {
        Self { rows: 32, context: 1024, window: 64 }
    }
}

/// A text that is cut into rows.
pub(crate) struct Rows<'a> {
    /// The token ids of the text.
    ids: &'a [u32],
    /// The number of rows.
    pub count: usize,
    /// The number of tokens per row whose losses are counted.
    pub length: usize,
    /// The number of context tokens per row, before the counted tokens.
    pub context: usize,
}

impl<'a> Rows<'a> {
    /// Cuts a text into rows. There are at most `layout.rows` rows, and so few that each row has at least twice as many
    /// counted tokens as context tokens.
    pub fn new(ids: &'a [u32], layout: EvalLayout) -> Self {
        let count = (ids.len() / (2 * layout.context.max(1))).clamp(1, layout.rows.max(1));
        let context = if count == 1 { 0 } else { layout.context };
        Self { ids, count, length: ids.len().div_ceil(count), context }
    }

    /// Returns the range of the columns whose losses are counted. The range is the same in all rows.
    pub fn counted(&self) -> Range<usize> {
        self.context..self.context + self.length
    }

    /// Returns the position in the text of each token in the given columns, row by row. Positions in the context of the
    /// first row are negative.
    pub fn places(&self, columns: Range<usize>) -> impl Iterator<Item = isize> {
        let (length, context) = (self.length as isize, self.context as isize);
        (0..self.count as isize)
            .flat_map(move |row| columns.clone().map(move |column| row * length + column as isize - context))
    }

    /// Makes a tensor `[rows, columns]` of the tokens at the positions `places` of the text. The positions are given
    /// row by row; positions outside of the text get the token 0.
    fn tensor(&self, places: impl Iterator<Item = isize>, columns: usize, device: &Device) -> Tensor<2, Int> {
        let id = |place: isize| usize::try_from(place).ok().and_then(|place| self.ids.get(place));
        let ids: Vec<i32> = places.map(|place| *id(place).unwrap_or(&START) as i32).collect();
        Tensor::from_data(TensorData::new(ids, [self.count, columns]), device)
    }

    /// Returns the input tokens for the targets in the given columns, `[rows, columns]`: each input is the token before
    /// its target.
    pub fn inputs(&self, columns: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(self.places(columns.clone()).map(|place| place - 1), columns.len(), device)
    }

    /// Returns the target tokens in the given columns, `[rows, columns]`.
    pub fn targets(&self, columns: &Range<usize>, device: &Device) -> Tensor<2, Int> {
        self.tensor(self.places(columns.clone()), columns.len(), device)
    }

    /// Runs the network on the context tokens of all rows. Returns the recurrent state after the context, and the
    /// outputs of the last recurrent layer, `[rows, context, H]`, where H is the hidden size. The state of the first
    /// row is zero, because no text precedes this row. Returns `None` if there is no context, as for a single row.
    pub fn read_context(&self, network: &Network, window: usize, device: &Device) -> Option<(State, Tensor<3>)> {
        let (mut state, mut outputs) = (None, Vec::new());
        for columns in windows(0..self.context, window) {
            let (hidden, after) = network.encode(self.inputs(&columns, device), state);
            outputs.push(hidden);
            state = Some(after);
        }
        Some((reset_first_row(state?), Tensor::cat(outputs, 1)))
    }
}

/// Sets the recurrent state of the first row to zero.
fn reset_first_row(state: State) -> State {
    let [_, rows, _] = state.hidden.dims();
    let mut factors = vec![1.0f32; rows];
    factors[0] = 0.0;
    let factors: Tensor<3> = Tensor::from_data(TensorData::new(factors, [1, rows, 1]), &state.hidden.device());
    State { hidden: state.hidden * factors.clone(), cell: state.cell.map(|cell| cell * factors) }
}

/// Returns the cross-entropy loss of every token of a text, in nats.
pub fn losses(network: &Network, ids: &[u32], layout: EvalLayout, device: &Device) -> Vec<f32> {
    match try_losses(network, ids, layout, device, || Ok::<_, Infallible>(())) {
        Ok(losses) => losses,
    }
}

/// Computes the same losses as [`losses`]. Calls `check` before each window; if `check` returns an error, the
/// computation stops and returns this error.
pub fn try_losses<E>(
    network: &Network,
    ids: &[u32],
    layout: EvalLayout,
    device: &Device,
    check: impl Fn() -> Result<(), E>,
) -> Result<Vec<f32>, E> {
    let rows = Rows::new(ids, layout);
    let mut losses = vec![0.0; rows.count * rows.length];
    let mut state = rows.read_context(network, layout.window, device).map(|(state, _)| state);
    for columns in windows(rows.counted(), layout.window) {
        check()?;
        let outputs = network.forward(rows.inputs(&columns, device), state);
        let window = network.losses(&outputs, rows.targets(&columns, device)).into_data();
        for (place, loss) in rows.places(columns).zip(window.iter::<f32>()) {
            losses[place as usize] = loss;
        }
        state = Some(outputs.state);
    }
    losses.truncate(ids.len());
    Ok(losses)
}

/// Returns the mean of cross-entropy losses in nats. The perplexity is `exp` of this mean.
pub fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64
}

/// Splits columns into windows of `window` columns. The last window may be shorter.
pub(crate) fn windows(columns: Range<usize>, window: usize) -> impl Iterator<Item = Range<usize>> {
    columns.clone().step_by(window.max(1)).map(move |start| start..columns.end.min(start + window.max(1)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::NetworkConfig;

    /// An untrained network with a vocabulary of 11 tokens and with every kind of regularization.
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

    /// The token ids of a text that repeats itself every 11 tokens.
    pub fn text(length: usize) -> Vec<u32> {
        (0..length).map(|place| ((place * place + 3 * place) % 11) as u32).collect()
    }

    #[test]
    fn losses_do_not_depend_on_rows_and_windows() {
        let device = Device::flex();
        let (network, text) = (network(&device), text(1003));
        let one_row = losses(&network, &text, EvalLayout { rows: 1, context: 0, window: 1003 }, &device);
        assert_eq!(one_row.len(), 1003);
        for (rows, window) in [(1, 7), (2, 50), (5, 64), (12, 1)] {
            let others = losses(&network, &text, EvalLayout { rows, context: 40, window }, &device);
            let perplexities = [&one_row, &others].map(|losses| mean(losses).exp());
            approx::assert_relative_eq!(perplexities[0], perplexities[1], max_relative = 1e-5);
            let largest = one_row.iter().zip(&others).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-3, "{rows} rows: {largest}");
        }
    }

    #[test]
    fn short_texts_have_one_row() {
        let device = Device::flex();
        for length in [0, 1, 5] {
            assert_eq!(losses(&network(&device), &text(length), EvalLayout::default(), &device).len(), length);
        }
    }

    #[test]
    fn only_the_first_row_of_a_state_is_reset() {
        let ones: Tensor<3> = Tensor::ones([2, 3, 1], &Device::flex());
        let state = reset_first_row(State { hidden: ones.clone(), cell: Some(ones) });
        for tensor in state.into_tensors() {
            assert_eq!(tensor.into_data().iter::<f32>().collect::<Vec<_>>(), [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        }
    }

    #[test]
    fn a_check_stops_the_loop() {
        let device = Device::flex();
        let stopped = try_losses(&network(&device), &text(500), EvalLayout::default(), &device, || Err("stop"));
        assert_eq!(stopped, Err("stop"));
    }
}
