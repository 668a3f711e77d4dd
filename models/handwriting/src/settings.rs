//! Settings of a trained model, which are stored in `manifest.json`, one of the files of its package.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::model::NetworkConfig;

/// The settings of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The architecture of the network.
    pub model: NetworkConfig,
    /// The names of the classes, in the order of their embeddings.
    pub classes: Vec<String>,
    /// The number by which offsets are divided before the network reads them: the root mean square of the x and y
    /// offsets in the training part, where each drawing is scaled so that its larger side is 1.
    pub scale: f32,
}

impl Settings {
    /// Checks that there is at least one class, that no class is listed twice, and that the scale is a finite number
    /// above 0.
    ///
    /// # Errors
    ///
    /// A message that tells which of these conditions is not met.
    pub fn check(&self) -> Result<(), String> {
        let Self { classes, scale, .. } = self;
        if classes.is_empty() {
            return Err("the list of classes is empty; the model needs at least one class".to_owned());
        }
        let mut seen = HashSet::new();
        if let Some(name) = classes.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format!("the class `{name}` is listed twice; list each class once"));
        }
        if !(scale.is_normal() && *scale > 0.0) {
            return Err(format!("scale = {scale} is out of range; it must be a finite number above 0"));
        }
        Ok(())
    }
}
