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
    /// Checks that there are classes with different names, and that the scale is a number above 0.
    ///
    /// # Errors
    ///
    /// A message that names the setting and its value.
    pub fn check(&self) -> Result<(), String> {
        let Self { classes, scale, .. } = self;
        if classes.is_empty() {
            return Err("there are no classes".to_owned());
        }
        let mut seen = HashSet::new();
        if let Some(name) = classes.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format!("the class `{name}` is listed twice"));
        }
        if !(scale.is_normal() && *scale > 0.0) {
            return Err(format!("scale = {scale} is not a number above 0"));
        }
        Ok(())
    }
}
