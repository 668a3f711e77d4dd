//! Recipes: TOML files with all settings of a training run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::average::Averaging;
use crate::clip::Clip;
use crate::error::{Result, TrainingError};
use crate::optimizer::{OptimizerConfig, OptimizerKind};
use crate::schedule::ScheduleConfig;
use inference::settings::{Count, Positive};

/// The settings of a training run: data, model, training, optimizer, schedule and expected results.
///
/// `D` and `M` are the tables `[data]` and `[model]`, which each application defines. Unknown keys are errors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "D: Serialize + DeserializeOwned, M: Serialize + DeserializeOwned")]
pub struct Recipe<D, M> {
    /// The name of the recipe, on the command line and in the path of the run folder.
    pub name: String,
    /// A description in one line.
    pub about: String,
    /// The seed from which all random numbers are derived.
    pub seed: u64,
    /// The name or folder of a trained model whose weights are the initial weights; absent for random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<String>,
    /// The data set and its preprocessing.
    pub data: D,
    /// The architecture of the model.
    pub model: M,
    /// The training loop: number of epochs, batch size, gradient clipping, weight averaging and early stopping.
    pub training: TrainingConfig,
    /// The optimizer and its settings.
    pub optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// The test metrics that a model trained with this recipe should reach, by name.
    #[serde(default)]
    pub expected: BTreeMap<String, Expected>,
}

/// The table `[training]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The number of passes over the training part; 0 for models without a network.
    pub epochs: u32,
    /// The number of items per batch, such as sentences or sequences.
    pub batch_size: Count,
    /// Gradient accumulation: the number of batches per optimizer step.
    #[serde(default = "one")]
    pub accumulate: Count,
    /// The largest global norm of the gradients, for gradient clipping by norm. If absent, gradients are not clipped by
    /// norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<Positive>,
    /// The largest absolute value of a gradient element, for gradient clipping by value. If absent, gradients are not
    /// clipped by value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<Positive>,
    /// Weight averaging: the averaged weights are validated and stored instead of the last weights. If absent, weights
    /// are not averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Averaging>,
    /// The patience of early stopping: training stops when the validation metric has not improved for this number of
    /// epochs. If absent, all epochs are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<Count>,
    /// Which epoch's weights are stored as the trained model: those of the best or of the last epoch.
    #[serde(default, skip_serializing_if = "Keep::is_best")]
    pub keep: Keep,
}

/// The epoch whose weights are stored as the trained model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The epoch with the best validation metric.
    #[default]
    Best,
    /// The last epoch. This is better if the validation part is so small, such as the recordings of one person, that
    /// chance determines the best epoch. Use it with a learning-rate schedule that ends at zero.
    Last,
}

impl Keep {
    fn is_best(&self) -> bool {
        *self == Self::Best
    }
}

impl<D, M> Recipe<D, M> {
    /// Checks that the settings in `[training]`, `[optimizer]` and `[schedule]` can be used together.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(TrainingError::Settings { recipe: self.name.clone(), message });
        if self.training.clip_norm.is_some() && self.training.clip_value.is_some() {
            return refuse(
                "training.clip_norm and training.clip_value cannot be used together; remove one of these settings"
                    .to_owned(),
            );
        }
        if self.training.patience.is_some() && self.training.keep == Keep::Last {
            return refuse(
                "training.patience and training.keep = \"last\" cannot be used together; remove one of these settings"
                    .to_owned(),
            );
        }
        if self.optimizer.momentum.get() > 0.0 && self.optimizer.kind != OptimizerKind::Sgd {
            return refuse(
                "optimizer.momentum is only valid with optimizer.kind = \"sgd\"; remove optimizer.momentum".to_owned(),
            );
        }
        self.schedule.check().or_else(refuse)
    }
}

impl TrainingConfig {
    /// Returns the gradient clipping that `clip_norm` or `clip_value` sets; `None` for no clipping.
    pub(crate) fn clip(&self) -> Option<Clip> {
        let norm = self.clip_norm.map(|norm| Clip::Norm(norm.get()));
        norm.or_else(|| self.clip_value.map(|value| Clip::Value(value.get())))
    }
}

/// The expected value of a metric, with a tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The expected value of the metric.
    pub value: f64,
    /// The largest allowed difference from the expected value.
    pub tolerance: f64,
}

impl Expected {
    /// Returns whether a measured value differs from the expected value by at most the tolerance.
    pub fn holds(self, measured: f64) -> bool {
        (measured - self.value).abs() <= self.tolerance
    }
}

fn one() -> Count {
    Count::ONE
}

/// The text of a recipe, and the name or file of the recipe for error messages.
#[derive(Clone, Debug)]
pub struct RecipeText {
    origin: String,
    text: String,
}

impl RecipeText {
    /// Finds one of the `embedded` recipes by its name, or reads a file by its path.
    pub fn find(name: &str, embedded: &[&str]) -> Result<Self> {
        let found = embedded.iter().find(|text| declared_name(text) == name);
        match found {
            Some(text) => Ok(Self::embedded(text)),
            None if name.ends_with(".toml") || Path::new(name).is_file() => Self::read(Path::new(name)),
            None => {
                let known = embedded.iter().map(|text| declared_name(text)).collect::<Vec<_>>().join(", ");
                Err(TrainingError::UnknownRecipe { name: name.to_owned(), known })
            }
        }
    }

    /// Creates a `RecipeText` from the TOML text of a recipe that is compiled into the program.
    pub fn embedded(text: &str) -> Self {
        Self { origin: declared_name(text), text: text.to_owned() }
    }

    /// Reads the text of a recipe from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(TrainingError::io("read", path))?;
        Ok(Self { origin: path.display().to_string(), text })
    }

    /// Returns the text of the recipe, in TOML.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Applies overrides such as `optimizer.lr=0.001`. A dot separates a table from its key. A value that is not valid
    /// TOML, such as a word without quotes, is read as a string. An override without a value, such as
    /// `training.patience=`, removes the key.
    pub fn with_overrides(self, overrides: &[String]) -> Result<Self> {
        if overrides.is_empty() {
            return Ok(self);
        }
        let mut root = self.parse::<toml::Table>()?;
        for given in overrides {
            set(&mut root, given).map_err(|message| TrainingError::Override { given: given.clone(), message })?;
        }
        let text = toml::to_string(&root)
            .map_err(|error| TrainingError::Override { given: overrides.join(" "), message: error.to_string() })?;
        Ok(Self { origin: format!("{} with overrides", self.origin), text })
    }

    /// Parses the TOML text as a `T`, usually a [`Recipe`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(self.text.len()));
            let line = self.text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            TrainingError::Recipe {
                origin: self.origin.clone(),
                line: line + 1,
                text: self.text.lines().nth(line).unwrap_or_default().trim().to_owned(),
                message: error.message().replace('\n', " "),
            }
        })
    }
}

/// Returns the value of the key `name` in the TOML text of a recipe; an empty text if the key is missing or the TOML is
/// not valid. Such a recipe causes an error later, when it is parsed.
fn declared_name(text: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    toml::from_str::<Named>(text).map(|named| named.name).unwrap_or_default()
}

fn set(root: &mut toml::Table, given: &str) -> std::result::Result<(), String> {
    let (key, value) = given.split_once('=').ok_or("`=` is missing")?;
    let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let (tables, leaf) = key.rsplit_once('.').map_or((None, key), |(tables, leaf)| (Some(tables), leaf));
    let mut table = root;
    for name in tables.into_iter().flat_map(|tables| tables.split('.')) {
        table = table
            .entry(name)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| format!("`{name}` is a single value and has no settings below it"))?;
    }
    match given.ends_with('=') {
        true => drop(table.remove(leaf)),
        false => drop(table.insert(leaf.to_owned(), value)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::try_damaged;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Data {
        set: String,
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Model {
        hidden_size: Count,
    }

    const TEXT: &str = r#"
name = "tiny"
about = "A recipe for tests."
seed = 1

[data]
set = "sample"

[model]
hidden_size = 8

[training]
epochs = 2
batch_size = 4

[optimizer]
kind = "adam"
lr = 0.01
"#;

    fn parse(text: &str, overrides: &[&str]) -> Result<Recipe<Data, Model>> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        RecipeText::find("tiny", &[text])?.with_overrides(&overrides)?.parse()
    }

    #[test]
    fn recipes_are_written_and_read_without_changes() {
        let recipe = parse(TEXT, &[]).unwrap();
        let text = toml::to_string(&recipe).unwrap();
        let again: Recipe<Data, Model> = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), text);
    }

    #[test]
    fn overrides_change_keys_of_tables_and_may_be_bare_strings() {
        let recipe = parse(TEXT, &["optimizer.lr=0.5", "data.set=imdb", "schedule.kind=cosine"]).unwrap();
        assert_eq!(recipe.optimizer.lr.get(), 0.5);
        assert_eq!(recipe.data.set, "imdb");
        assert!(parse(TEXT, &["training.patience=3", "training.patience="]).unwrap().training.patience.is_none());
        assert_eq!(recipe.schedule.kind, crate::schedule::ScheduleKind::Cosine);
    }

    #[test]
    fn errors_have_the_line_and_its_text() {
        for (from, to, expected) in [
            ("lr = 0.01", "lr = -0.01", (18, "lr = -0.01")),
            ("lr = 0.01", "lr = \"fast\"", (18, "lr = \"fast\"")),
            ("batch_size = 4", "batch_size = 0", (14, "batch_size = 0")),
            ("hidden_size = 8", "hidden_size = 8\nhiden = 3", (11, "hiden = 3")),
            ("kind = \"adam\"", "kind = \"adom\"", (17, "kind = \"adom\"")),
        ] {
            let error = parse(&TEXT.replace(from, to), &[]).unwrap_err();
            let TrainingError::Recipe { line, text, message, .. } = &error else { panic!("{error}") };
            assert_eq!((*line, text.as_str()), expected);
            assert!(!message.contains('\n'), "{error}");
        }
    }

    #[test]
    fn settings_that_exclude_each_other_are_refused() {
        for given in [
            &["training.clip_norm=1.0", "training.clip_value=1.0"][..],
            &["optimizer.momentum=0.9"],
            &["schedule.floor=0.1"],
        ] {
            let error = parse(TEXT, given).unwrap().check().unwrap_err();
            assert!(matches!(error, TrainingError::Settings { .. }), "{error}");
        }
        assert!(matches!(parse(TEXT, &["training.average=often"]), Err(TrainingError::Recipe { .. })));
    }

    #[test]
    fn overrides_that_cannot_be_applied_are_errors() {
        for given in ["optimizer.lr", "name.x=1"] {
            assert!(matches!(parse(TEXT, &[given]), Err(TrainingError::Override { .. })), "{given}");
        }
        let error = parse(TEXT, &["optimizer.lr=-1"]).unwrap_err();
        let TrainingError::Recipe { origin, text, .. } = &error else { panic!("{error}") };
        assert_eq!((origin.as_str(), text.as_str()), ("tiny with overrides", "lr = -1"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let Err(TrainingError::UnknownRecipe { known, .. }) = RecipeText::find("huge", &[TEXT]) else { panic!() };
        assert_eq!(known, "tiny");
    }

    #[test]
    fn damaged_recipes_and_overrides_are_errors() {
        try_damaged(TEXT.as_bytes(), |bytes| {
            let _ = parse(&String::from_utf8_lossy(bytes), &[]).and_then(|recipe| recipe.check());
        });
        try_damaged(b"schedule.kind=cosine", |bytes| drop(parse(TEXT, &[&String::from_utf8_lossy(bytes)])));
    }
}
