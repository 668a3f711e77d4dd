//! Writing on from a prompt, token by token.

use burn::tensor::{Device, Int, Tensor};
use datasets::Vocabulary;
use rand::rngs::ChaCha8Rng;
use rnn::State;

use crate::model::Network;
use crate::sampling::Sampling;
use crate::task::LanguageModel;

/// Tokens of a prompt that are read at once.
const WINDOW: usize = 256;

/// A text in the making.
pub struct Writer<'a> {
    task: &'a LanguageModel,
    network: &'a Network,
    sampling: &'a Sampling,
    rng: ChaCha8Rng,
    device: Device,
    /// The last token, not yet read.
    last: u32,
    state: Option<State>,
}

impl<'a> Writer<'a> {
    /// Reads a prompt. Returns also the words of it that are not known.
    pub fn new(
        task: &'a LanguageModel,
        network: &'a Network,
        prompt: &str,
        sampling: &'a Sampling,
        device: &Device,
    ) -> (Self, Vec<String>) {
        let (tokens, unknown) = task.read_prompt(prompt);
        let mut state = None;
        let (&last, before) = tokens.split_last().unwrap_or((&LanguageModel::END, &[]));
        for piece in before.chunks(WINDOW) {
            state = Some(network.read(row(piece, device), state).1);
        }
        (Self { task, network, sampling, rng: sampling.rng(), device: device.clone(), last, state }, unknown)
    }

    /// Writes one more token, as it is to be printed after what stands there already.
    pub fn write(&mut self) -> String {
        let outputs = self.network.forward(row(&[self.last], &self.device), self.state.take());
        let scores: Vec<f32> = self.network.scores(&outputs).into_data().iter::<f32>().collect();
        self.state = Some(outputs.state);
        let token = self.sampling.draw(&scores, Vocabulary::UNKNOWN, &mut self.rng);
        let piece = self.task.piece(self.last, token);
        self.last = token;
        piece
    }
}

/// `[1, tokens]`
fn row(tokens: &[u32], device: &Device) -> Tensor<2, Int> {
    let tokens: Vec<i32> = tokens.iter().map(|token| *token as i32).collect();
    Tensor::<1, Int>::from_data(&tokens[..], device).unsqueeze()
}
