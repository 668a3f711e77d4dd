//! Text generation: sampling one token after another.

use std::collections::BTreeSet;

use burn::tensor::{Device, Int, Tensor};
use inference::settings::Count;
use inference::text::{Level, Vocabulary, nfc, plain_lines};
use inference::{PredictError, Sampling, Streaming};
use rand::rngs::ChaCha8Rng;
use rnn::StepState;
use serde::{Deserialize, Serialize};

use crate::predictor::LanguageModel;
use crate::stop::Stopper;
use crate::text::TextCodec;

/// The number of prompt tokens per forward pass.
const WINDOW: usize = 256;
/// The default length of a generated text, in tokens, for models whose tokens are words.
const WORDS: usize = 60;
/// The default length of a generated text, in tokens, for models whose tokens are characters.
const CHARACTERS: usize = 600;

/// A prompt: the beginning of a text, of any length. In JSON, a prompt is a string or `{ "prompt": "…" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "PromptForm")]
pub struct Prompt {
    /// The text of the prompt. An empty prompt means the beginning of a line.
    pub prompt: String,
}

/// The JSON forms of a [`Prompt`]: a string, or an object with the key `prompt`.
#[derive(Deserialize)]
#[serde(untagged)]
enum PromptForm {
    Text(String),
    Object(PromptObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptObject {
    prompt: String,
}

impl From<PromptForm> for Prompt {
    fn from(form: PromptForm) -> Self {
        match form {
            PromptForm::Text(prompt) | PromptForm::Object(PromptObject { prompt }) => Self { prompt },
        }
    }
}

impl From<&str> for Prompt {
    fn from(prompt: &str) -> Self {
        Self { prompt: prompt.to_owned() }
    }
}

impl From<String> for Prompt {
    fn from(prompt: String) -> Self {
        Self { prompt }
    }
}

/// The options of text generation: the length, when to stop, and how to sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generation {
    /// The largest number of tokens to generate; 60 words or 600 characters if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Count>,
    /// Whether to stop at the end of the line. The line end is then not part of the generated text.
    pub stop_at_line_end: bool,
    /// Whether to stop at the end of a sentence: after a `.`, `!`, `?` or `…` that a space or a line end follows. For
    /// models whose vocabulary has no full stop, such as the models of the Penn Treebank, a sentence ends at the end of
    /// its line.
    pub stop_at_sentence_end: bool,
    /// Stop strings: the generated text ends before the first stop string. Stop strings are compared with the generated
    /// text, which is in lower case for many models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The settings for sampling the next token: temperature, top-k, top-p, repetition penalty and seed.
    #[serde(flatten)]
    pub sampling: Sampling,
}

/// A generated text, with the prompt and the seed that gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// The prompt, without a byte-order mark and with LF line ends.
    pub prompt: String,
    /// The generated text after the prompt. It starts with a space if a space separates the prompt from the first
    /// generated word.
    pub text: String,
    /// Words (or characters) of the prompt that the model does not know and reads as `<unk>`, in order.
    pub unknown: Vec<String>,
    /// The seed of the random numbers for sampling.
    pub seed: u64,
}

/// A piece of a generated text: usually the text of one token. Text that may be the beginning of a stop string is held
/// back until this is decided, so a piece can contain several tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The text of the piece, including the spaces and line ends that separate it from the text before.
    pub text: String,
}

/// The state of the generation of one text. Each session has a recurrent state of its own, so that many sessions can
/// share one model.
#[derive(Debug)]
pub struct Session {
    /// The settings for sampling the next token.
    sampling: Sampling,
    /// The generator of the random numbers for sampling.
    rng: ChaCha8Rng,
    /// Whether the generation stops at the first line end.
    stop_at_line_end: bool,
    /// Ends the text at a stop string, or at the end of a sentence.
    stopper: Stopper,
    /// The tokens generated so far except line ends, for the repetition penalty.
    generated: BTreeSet<u32>,
    /// The most recent token, which the network has not read yet.
    last: u32,
    /// The recurrent state before `last` is read.
    state: StepState,
    /// The largest number of tokens that may still be generated.
    left: usize,
    /// The prompt, without a byte-order mark and with LF line ends.
    prompt: String,
    /// The words (or characters) of the prompt that the model reads as `<unk>`, in order.
    unknown: Vec<String>,
}

impl Session {
    /// Returns the prompt, without a byte-order mark and with LF line ends.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Returns the words (or characters) of the prompt that the model does not know and reads as `<unk>`, in order.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

impl LanguageModel {
    /// Returns the number of tokens that are generated if [`Generation::length`] is absent.
    pub fn default_length(&self) -> usize {
        match self.codec.level() {
            Level::Word => WORDS,
            Level::Character => CHARACTERS,
        }
    }

    /// Generates text after a prompt.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for sampling options out of range, and for an empty stop string.
    pub fn generate(&self, prompt: &Prompt, options: &Generation) -> Result<Generated, PredictError> {
        let mut session = self.begin(prompt, options)?;
        let mut text = String::new();
        while let Some(piece) = self.next(&mut session)? {
            text += &piece.text;
        }
        let Session { prompt, unknown, .. } = session;
        Ok(Generated { prompt, text, unknown, seed: options.sampling.seed })
    }
}

impl Streaming for LanguageModel {
    type Session = Session;
    type Piece = Piece;

    fn begin(&self, prompt: &Prompt, options: &Generation) -> Result<Session, PredictError> {
        let Generation { length, stop_at_line_end, stop_at_sentence_end, stop, sampling } = options.clone();
        sampling.check()?;
        if stop.iter().any(String::is_empty) {
            return Err(PredictError::bad_input("stop", "a stop string is empty; give at least one character"));
        }
        let stop = stop.iter().map(|stop| nfc(&plain_lines(stop)).into_owned()).collect();
        let has_marks = self.codec.vocabulary().id(".") != Vocabulary::UNKNOWN;
        let prompt = plain_lines(&prompt.prompt);
        let encoded = self.codec.encode_prompt(&prompt);
        let mut state = None;
        let (&last, before) = encoded.ids.split_last().unwrap_or((&TextCodec::END_OF_LINE, &[]));
        for ids in before.chunks(WINDOW) {
            state = Some(self.network.encode(row(ids, &self.device), state).1);
        }
        let rnn = &self.prepared().rnn;
        let state = state.map_or_else(|| rnn.zero_state(1), |state| rnn.state(state));
        let unknown = encoded.tokens.into_iter().filter(|token| self.codec.is_unknown(token)).collect();
        let left = length.map_or(self.default_length(), Count::get);
        Ok(Session {
            rng: sampling.rng(),
            sampling,
            stop_at_line_end: stop_at_line_end || (stop_at_sentence_end && !has_marks),
            stopper: Stopper::new(stop, stop_at_sentence_end),
            generated: BTreeSet::new(),
            last,
            state,
            left,
            prompt,
            unknown,
        })
    }

    fn next(&self, session: &mut Session) -> Result<Option<Piece>, PredictError> {
        while session.left > 0 {
            session.left -= 1;
            let (before, id) = (session.last, self.next_token(session));
            if session.stop_at_line_end && id == TextCodec::END_OF_LINE {
                session.left = 0;
                break;
            }
            let (text, ended) = session.stopper.push(&self.codec.decode(before, id));
            if ended {
                session.left = 0;
            }
            if !text.is_empty() {
                return Ok(Some(Piece { text }));
            }
        }
        let rest = session.stopper.rest();
        Ok((!rest.is_empty()).then_some(Piece { text: rest }))
    }
}

impl LanguageModel {
    /// Feeds the most recent token of a session to the network, and samples the next token.
    fn next_token(&self, session: &mut Session) -> u32 {
        let mut logits = self.prepared().next_logits(session.last, &mut session.state);
        session.sampling.penalize(&mut logits, session.generated.iter().copied());
        let id = session.sampling.draw(&logits, Vocabulary::UNKNOWN, &mut session.rng);
        if id != TextCodec::END_OF_LINE {
            session.generated.insert(id);
        }
        session.last = id;
        id
    }
}

/// Converts T token ids to a batch of one row, `[1, T]`.
fn row(ids: &[u32], device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
    Tensor::<1, Int>::from_data(&ids[..], device).unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_strings_or_objects() {
        for json in [r#""the dog""#, r#"{ "prompt": "the dog" }"#] {
            assert_eq!(serde_json::from_str::<Prompt>(json).unwrap(), Prompt::from("the dog"));
        }
        for json in ["7", "{}", r#"{ "prompt": "a", "promt": "b" }"#] {
            assert!(serde_json::from_str::<Prompt>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn options_are_one_flat_object() {
        let json = r#"{ "length": 5, "stop_at_line_end": true, "temperature": 0.5, "top_k": 3, "seed": 18446744073709551615 }"#;
        let options: Generation = serde_json::from_str(json).unwrap();
        let top_k = Some(3.try_into().unwrap());
        let sampling = Sampling { temperature: 0.5, top_k, seed: u64::MAX, ..Sampling::default() };
        let (length, stop_at_line_end) = (Some(5.try_into().unwrap()), true);
        assert_eq!(options, Generation { length, stop_at_line_end, sampling, ..Generation::default() });
        let again: Generation = serde_json::from_str(&serde_json::to_string(&options).unwrap()).unwrap();
        assert_eq!(again, options);
        assert_eq!(serde_json::from_str::<Generation>("{}").unwrap(), Generation::default());
        for json in [r#"{ "lenght": 5 }"#, r#"{ "length": 0 }"#, r#"{ "top_k": 0 }"#] {
            assert!(serde_json::from_str::<Generation>(json).is_err(), "{json}");
        }
    }
}
