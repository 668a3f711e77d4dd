//! Recipes: small TOML files that say all there is to say about a training run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::average::Averaging;
use crate::clip::Clip;
use crate::error::{Result, TrainingError};
use crate::optimizer::{OptimizerConfig, OptimizerKind};
use crate::schedule::ScheduleConfig;
use crate::settings::{Count, Positive};

/// One training run: which data, which model, how it is trained, and what it should reach.
///
/// `D` and `M` are the application's own tables, `[data]` and `[model]`. Unknown keys are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "D: Serialize + DeserializeOwned, M: Serialize + DeserializeOwned")]
pub struct Recipe<D, M> {
    /// The name on the command line and of the run folder.
    pub name: String,
    /// One line for `recipes`.
    pub about: String,
    /// Seed of everything random.
    pub seed: u64,
    /// The shipped model whose weights training starts from, instead of random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<String>,
    /// Data set and preprocessing.
    pub data: D,
    /// Architecture.
    pub model: M,
    /// Length and rhythm of training.
    pub training: TrainingConfig,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// The learning rate over time.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Test metrics that this recipe reached here, by name, and how far off another run may be.
    #[serde(default)]
    pub expected: BTreeMap<String, Expected>,
}

/// `[training]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the training part; 0 to train nothing and only fit what is not learned by gradient.
    pub epochs: u32,
    /// Items a batch.
    pub batch_size: Count,
    /// Batches whose gradients are averaged into one optimiser step.
    #[serde(default = "one")]
    pub accumulate: Count,
    /// Largest global gradient norm; absent for no such clipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<Positive>,
    /// Largest size of any value of a gradient; absent for no such clipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<Positive>,
    /// The average that is measured, chosen and kept in place of the weights; absent for the weights themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Averaging>,
    /// Epochs without a better validation metric after which training stops; absent to run all epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<Count>,
}

impl<D, M> Recipe<D, M> {
    /// Refuses settings of the trainer that do not go together.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(TrainingError::Settings { recipe: self.name.clone(), message });
        if self.training.clip_norm.is_some() && self.training.clip_value.is_some() {
            return refuse("training.clip_norm and training.clip_value exclude each other; remove one".to_owned());
        }
        if self.optimizer.momentum.get() > 0.0 && self.optimizer.kind != OptimizerKind::Sgd {
            return refuse("optimizer.momentum belongs to the kind sgd; remove it".to_owned());
        }
        self.schedule.check().or_else(refuse)
    }
}

impl TrainingConfig {
    /// What is done to gradients that are too large.
    pub fn clip(&self) -> Option<Clip> {
        let norm = self.clip_norm.map(|norm| Clip::Norm(norm.get()));
        norm.or_else(|| self.clip_value.map(|value| Clip::Value(value.get())))
    }
}

/// A metric's value and how far from it a measurement may lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The value.
    pub value: f64,
    /// Largest allowed distance from it.
    pub tolerance: f64,
}

impl Expected {
    /// Whether `measured` is within the tolerance.
    pub fn holds(self, measured: f64) -> bool {
        (measured - self.value).abs() <= self.tolerance
    }
}

fn one() -> Count {
    Count::ONE
}

/// The text of a recipe, and the name under which errors speak of it.
#[derive(Clone, Debug)]
pub struct RecipeText {
    origin: String,
    text: String,
}

impl RecipeText {
    /// One of the `embedded` recipes by its name, or a file by its path.
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

    /// A recipe that is part of the program.
    pub fn embedded(text: &str) -> Self {
        Self { origin: declared_name(text), text: text.to_owned() }
    }

    /// The recipe in a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(TrainingError::io("read", path))?;
        Ok(Self { origin: path.display().to_string(), text })
    }

    /// The TOML text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Applies `key=value` settings, dots in keys naming tables. The value is TOML; what is not TOML is a string; nothing takes
    /// the setting away.
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
        Ok(Self { origin: format!("{} with --set", self.origin), text })
    }

    /// Reads the text as a `T`, usually a [`Recipe`].
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

/// The `name` of a recipe's text; empty where there is none, which its parsing will report.
fn declared_name(text: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    toml::from_str::<Named>(text).map(|named| named.name).unwrap_or_default()
}

fn set(root: &mut toml::Table, given: &str) -> std::result::Result<(), String> {
    let (key, value) = given.split_once('=').ok_or("there is no `=`")?;
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
            .ok_or_else(|| format!("`{name}` is not a table"))?;
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
    use crate::damage::try_damaged;

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
    fn reads_back_what_it_writes() {
        let recipe = parse(TEXT, &[]).unwrap();
        let text = toml::to_string(&recipe).unwrap();
        let again: Recipe<Data, Model> = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), text);
    }

    #[test]
    fn overrides_reach_into_tables_and_may_be_bare_words() {
        let recipe = parse(TEXT, &["optimizer.lr=0.5", "data.set=imdb", "schedule.kind=cosine"]).unwrap();
        assert_eq!(recipe.optimizer.lr.get(), 0.5);
        assert_eq!(recipe.data.set, "imdb");
        assert!(parse(TEXT, &["training.patience=3", "training.patience="]).unwrap().training.patience.is_none());
        assert_eq!(recipe.schedule.kind, crate::schedule::ScheduleKind::Cosine);
    }

    #[test]
    fn errors_name_recipe_line_text_and_reason() {
        for (from, to, parts) in [
            ("lr = 0.01", "lr = -0.01", ["line 18", "`lr = -0.01`", "greater than 0"]),
            ("lr = 0.01", "lr = \"fast\"", ["line 18", "fast", "f64"]),
            ("batch_size = 4", "batch_size = 0", ["line 14", "batch_size = 0", "1 to 1000000"]),
            ("hidden_size = 8", "hidden_size = 8\nhiden = 3", ["line 11", "`hiden = 3`", "unknown field"]),
            ("kind = \"adam\"", "kind = \"adom\"", ["line 17", "adom", "unknown variant"]),
        ] {
            let error = parse(&TEXT.replace(from, to), &[]).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{part} is not in: {error}");
            }
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn settings_that_exclude_each_other_are_refused() {
        for (given, part) in [
            (&["training.clip_norm=1.0", "training.clip_value=1.0"][..], "exclude each other"),
            (&["optimizer.momentum=0.9"], "belongs to the kind sgd"),
            (&["schedule.floor=0.1"], "schedule.floor"),
        ] {
            let error = parse(TEXT, given).unwrap().check().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{error}");
        }
        let error = parse(TEXT, &["training.average=often"]).unwrap_err().to_string();
        assert!(error.contains("average = { after = EPOCHS }"), "{error}");
    }

    #[test]
    fn overrides_that_cannot_be_applied_say_so() {
        for (given, part) in [("optimizer.lr", "no `=`"), ("name.x=1", "`name` is not a table")] {
            let error = parse(TEXT, &[given]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = parse(TEXT, &["optimizer.lr=-1"]).unwrap_err().to_string();
        assert!(error.contains("tiny with --set") && error.contains("`lr = -1`"), "{error}");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = RecipeText::find("huge", &[TEXT]).unwrap_err();
        assert!(error.is_usage());
        assert!(error.to_string().contains("the recipes are tiny"), "{error}");
    }

    #[test]
    fn damaged_recipes_and_overrides_are_errors() {
        try_damaged(TEXT.as_bytes(), |bytes| {
            let _ = parse(&String::from_utf8_lossy(bytes), &[]).and_then(|recipe| recipe.check());
        });
        try_damaged(b"schedule.kind=cosine", |bytes| drop(parse(TEXT, &[&String::from_utf8_lossy(bytes)])));
    }
}
