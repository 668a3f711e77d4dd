//! Options and result of a prediction. The types are serialized to JSON on the command line, over HTTP and in the
//! browser.

use serde::{Deserialize, Serialize};

/// The options of a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The lowest [confidence](Entity::confidence), from 0 to 1, of the entities that are returned. Entities with a
    /// lower confidence are left out.
    pub min_confidence: f32,
}

/// A text and its named entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The input text, unchanged.
    pub text: String,
    /// The entities of the text, in ascending order of their offsets. The entities do not overlap.
    pub entities: Vec<Entity>,
}

/// A named entity in a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The kind of the entity, such as `person`.
    pub kind: String,
    /// The part of the input text that is the entity.
    pub text: String,
    /// The offset in bytes of the entity's first byte in the input text, which is UTF-8.
    pub start: usize,
    /// One past the offset in bytes of the entity's last byte.
    pub end: usize,
    /// The offset of the entity's first character in the input text, counted in Unicode code points as in Python.
    pub char_start: usize,
    /// One past the offset of the entity's last character, counted in Unicode code points.
    pub char_end: usize,
    /// The model's probability, from 0 to 1, that exactly the tokens of this entity form an entity of this kind in the
    /// sentence. The confidence is computed from scores that include
    /// [`outside_penalty`](crate::settings::Settings::outside_penalty).
    pub confidence: f32,
}
