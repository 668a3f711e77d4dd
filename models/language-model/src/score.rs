//! Scores: how well the model predicts a text.

use inference::PredictError;
use inference::text::plain_lines;
use serde::Serialize;

use crate::evaluation::{EvalLayout, losses, mean};
use crate::predictor::LanguageModel;
use crate::text::Encoded;

/// How well a model predicts a text: the perplexity, and the negative log-probability of each token in bits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The exponential of the mean loss per token in nats. Lower is better.
    pub perplexity: f64,
    /// The number of tokens, including one `<eos>` per line.
    pub tokens: usize,
    /// The number of tokens that the model does not know and reads as `<unk>`.
    pub unknown: usize,
    /// The score of every token, in order. With `score --brief`, the list is empty and absent from JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub surprise: Vec<TokenScore>,
}

/// How well a model predicts one token, given all tokens before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenScore {
    /// The text of the token.
    pub token: String,
    /// Whether the model does not know the token and reads it as `<unk>`.
    pub unknown: bool,
    /// The negative base-2 logarithm of the predicted probability, in bits. Lower is better.
    pub bits: f64,
}

impl LanguageModel {
    /// Computes the perplexity of a text, and the negative log-probability of every token in bits.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the text is empty.
    pub fn score(&self, text: &str) -> Result<Score, PredictError> {
        let Encoded { ids, tokens } = self.codec.encode_text(&plain_lines(text));
        if ids.is_empty() {
            return Err(PredictError::bad_input("text", "the text is empty; give a text with at least one token"));
        }
        let losses = losses(&self.network, &ids, EvalLayout::default(), &self.device);
        let score = |(token, loss): (String, &f32)| TokenScore {
            unknown: self.codec.is_unknown(&token),
            bits: f64::from(*loss) / std::f64::consts::LN_2,
            token,
        };
        let surprise: Vec<_> = tokens.into_iter().zip(&losses).map(score).collect();
        let unknown = surprise.iter().filter(|score| score.unknown).count();
        Ok(Score { perplexity: mean(&losses).exp(), tokens: ids.len(), unknown, surprise })
    }
}
