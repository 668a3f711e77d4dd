//! Settings of a trained model, as the file `manifest.json` of its package (the files of the model) stores them.

use serde::{Deserialize, Serialize};

use crate::model::NetworkConfig;

/// The settings of a model. The settings do not include the vocabulary, because the package stores the vocabulary in
/// `vocab.txt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The architecture of the network.
    pub model: NetworkConfig,
    /// Whether the package has pretrained word vectors, in `vectors.safetensors`. If not, the network has learned word
    /// embeddings.
    pub pretrained: bool,
    /// The kinds of entities, in the order of their label ids.
    pub kinds: Vec<String>,
    /// The characters that the network knows, in the order of their ids.
    pub characters: String,
    /// The number that the model subtracts from the score of the label "outside" (`O`) of every token. If few training
    /// tokens are in entities, a model finds too few entities; with a larger number, the model finds more entities.
    /// Training chooses the number that gives the highest F1 on the validation part.
    #[serde(default)]
    pub outside_penalty: f32,
}
