//! Grid search: one training for every combination of the given seeds and the given values of recipe settings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};
use crate::recipe::RecipeText;

/// The values to combine in a grid search: a list of values for each of several recipe settings, and a list of seeds.
/// Usually they are read from a TOML file. Each combination is one training run.
///
/// ```
/// use training::grid::Grid;
///
/// let text = r#"
///     seeds = [1, 2, 3]
///
///     [settings]
///     "model.hidden_size" = [64, 128]
///     "optimizer.lr" = [0.001, 0.003]
/// "#;
/// let points = Grid::parse("grid.toml", text)?.points();
/// assert_eq!(points.len(), 12);
/// assert_eq!(points[0].name, "hidden_size=64,lr=0.001,seed=1");
/// assert_eq!(points[0].settings, ["model.hidden_size=64", "optimizer.lr=0.001", "seed=1"]);
/// # Ok::<(), training::TrainingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The seeds. If the list is empty, all trainings use the seed of the recipe.
    #[serde(default)]
    seeds: Vec<u64>,
    /// The values of each setting, by the key of the setting, such as `optimizer.lr`.
    #[serde(default)]
    settings: BTreeMap<String, Vec<toml::Value>>,
}

/// The largest number of combinations in a grid.
const MOST_POINTS: usize = 10_000;
/// The largest length of a [`Point::name`] in bytes. Most file systems allow 255 bytes, so a file ending can be added.
const MOST_BYTES: usize = 200;

/// One combination of the settings and seeds of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// A name that no other point of the grid has, and that is valid as the name of a folder.
    pub name: String,
    /// The overrides of the recipe's settings and seed, such as `optimizer.lr=0.001`.
    pub settings: Vec<String>,
}

impl Grid {
    /// Reads a grid from a TOML file.
    ///
    /// # Errors
    ///
    /// [`TrainingError::Io`] and the errors of [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(&RecipeText::read(path)?, &path.display().to_string())
    }

    /// Parses the TOML text of a grid. `origin` names the text in error messages.
    ///
    /// # Errors
    ///
    /// [`TrainingError::Recipe`] if the text is not TOML, has unknown keys, or has values of wrong types.
    /// [`TrainingError::Settings`] if a setting has no values, if a value or seed is listed twice, if `settings`
    /// contains the key `seed`, if there are too many combinations, or if there are neither settings nor seeds.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        Self::of(&RecipeText::embedded(text), origin)
    }

    fn of(text: &RecipeText, origin: &str) -> Result<Self> {
        let grid: Self = text.parse()?;
        let refuse = |message| Err(TrainingError::Settings { recipe: origin.to_owned(), message });
        for (key, values) in &grid.settings {
            if values.is_empty() {
                return refuse(format!("the setting `{key}` has no values; list some, such as [64, 128]"));
            }
            if let Some(value) = repeated(values) {
                return refuse(format!("the setting `{key}` has the value {value} twice; list each value once"));
            }
        }
        if let Some(seed) = repeated(&grid.seeds) {
            return refuse(format!("the seed {seed} is listed twice; list each seed once"));
        }
        if grid.settings.contains_key("seed") {
            return refuse("the setting `seed` belongs to the list `seeds`; move its values there".to_owned());
        }
        let sizes = grid.settings.values().map(Vec::len).chain([grid.seeds.len().max(1)]);
        if sizes.fold(1, usize::saturating_mul) > MOST_POINTS {
            return refuse(format!("there are more than {MOST_POINTS} combinations; list fewer values"));
        }
        if grid.settings.is_empty() && grid.seeds.is_empty() {
            return refuse("the grid has neither seeds nor [settings]; add at least one of them".to_owned());
        }
        Ok(grid)
    }

    /// Returns all combinations of the settings and seeds. From one combination to the next, the seed changes fastest,
    /// then the last setting in alphabetical order of the keys.
    pub fn points(&self) -> Vec<Point> {
        let seeds = || self.seeds.iter().map(|seed| toml::Value::Integer(seed.cast_signed())).collect::<Vec<_>>();
        let seeds = (!self.seeds.is_empty()).then(|| ("seed", seeds()));
        let mut combinations: Vec<Vec<(&str, toml::Value)>> = vec![Vec::new()];
        for (key, values) in self.settings.iter().map(|(key, values)| (key.as_str(), values.clone())).chain(seeds) {
            let with = |before: &Vec<_>, value: &toml::Value| [before.as_slice(), &[(key, value.clone())]].concat();
            combinations = combinations
                .iter()
                .flat_map(|before| values.iter().map(|value| with(before, value)).collect::<Vec<_>>())
                .collect();
        }
        let mut points: Vec<Point> = Vec::with_capacity(combinations.len());
        for combination in combinations {
            let plain = self.name(&combination);
            let is_taken = |name: &String| points.iter().any(|point| point.name == *name);
            let numbered = (2..).map(|number| format!("{plain}-{number}"));
            let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default();
            let settings = combination.iter().map(|(key, value)| format!("{key}={value}")).collect();
            points.push(Point { name, settings });
        }
        points
    }

    /// Returns the settings of a combination as the name of a folder. Each key is shortened to the part after its last
    /// dot, unless another key of the grid has the same last part.
    fn name(&self, combination: &[(&str, toml::Value)]) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let short = |key: &str| match self.settings.keys().filter(|other| last(other) == last(key)).count() {
            0 | 1 => last(key),
            _ => key.to_owned(),
        };
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let plain = |text: String| -> String {
            text.trim_matches('"').chars().map(|letter| if is_plain(letter) { letter } else { '_' }).take(40).collect()
        };
        let pairs =
            combination.iter().map(|(key, value)| format!("{}={}", plain(short(key)), plain(value.to_string())));
        let mut name = pairs.collect::<Vec<_>>().join(",");
        name.truncate(MOST_BYTES); // all characters are ASCII
        name
    }

    /// Whether the grid lists seeds.
    pub fn has_seeds(&self) -> bool {
        !self.seeds.is_empty()
    }
}

/// Returns a value that occurs more than once; `None` if all values are different.
fn repeated<V: PartialEq>(values: &[V]) -> Option<&V> {
    values.iter().enumerate().find(|(index, value)| values[..*index].contains(value)).map(|(_, value)| value)
}

/// Compares recipes. Returns a list for each recipe, with those of its settings that do not have the same value in all
/// recipes. Each setting has the form `KEY=VALUE`. The seed is left out.
///
/// # Errors
///
/// [`TrainingError::Recipe`] if a text is not TOML.
pub fn differences(recipes: &[RecipeText]) -> Result<Vec<Vec<String>>> {
    let mut flat = Vec::with_capacity(recipes.len());
    for recipe in recipes {
        let mut values = BTreeMap::new();
        flatten(String::new(), &toml::Value::Table(recipe.parse()?), &mut values);
        values.remove("seed");
        flat.push(values);
    }
    let differs = |key: &String| flat.iter().any(|other| other.get(key) != flat[0].get(key));
    let keys: Vec<String> = flat.iter().flat_map(BTreeMap::keys).filter(|key| differs(key)).cloned().collect();
    let own = |values: &BTreeMap<String, String>| {
        values.iter().filter(|(key, _)| keys.contains(key)).map(|(key, value)| format!("{key}={value}")).collect()
    };
    Ok(flat.iter().map(own).collect())
}

/// Adds `value` to the map `into`. If `value` is a table, adds all values in it and in its nested tables, with dotted
/// keys such as `optimizer.lr`. `key` is the dotted key of `value`; empty for the root table.
fn flatten(key: String, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    let toml::Value::Table(table) = value else {
        into.insert(key, value.to_string());
        return;
    };
    for (name, value) in table {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        flatten(key, value, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folders_and_unique() {
        let text = r#"
            [settings]
            "data.text" = ["a/b", "a b"]
            "model.size" = [1, 2]
            "data.size" = [[1, 2]]
        "#;
        let points = Grid::parse("grid.toml", text).unwrap().points();
        let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        let expected =
            ["text=a_b,model.size=1", "text=a_b,model.size=2", "text=a_b,model.size=1-2", "text=a_b,model.size=2-2"];
        assert_eq!(names, expected.map(|name| format!("data.size=_1__2_,{name}")));
        assert_eq!(points[2].settings, ["data.size=[1, 2]", "data.text=\"a b\"", "model.size=1"]);
    }

    #[test]
    fn empty_grids_and_unknown_keys_are_refused() {
        let refused = |text: &str| Grid::parse("grid.toml", text).unwrap_err();
        assert!(matches!(refused("settings = { lr = [] }"), TrainingError::Settings { .. }));
        assert!(matches!(refused(""), TrainingError::Settings { .. }));
        assert!(matches!(refused("seeds = [1, 2, 1]"), TrainingError::Settings { .. }));
        assert!(matches!(refused("settings = { lr = [0.1, 0.1] }"), TrainingError::Settings { .. }));
        assert!(matches!(refused("settings = { seed = [1] }"), TrainingError::Settings { .. }));
        let many = (0..101).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
        assert!(matches!(
            refused(&format!("seeds = [{many}]\n[settings]\na = [{many}]")),
            TrainingError::Settings { .. }
        ));
        assert!(matches!(refused("seed = [1]"), TrainingError::Recipe { .. }));
        assert!(matches!(refused("[settings]\nlr = 1"), TrainingError::Recipe { line: 2, .. }));
    }

    #[test]
    fn differences_are_the_settings_that_vary_without_seeds() {
        let texts = ["seed = 1\na = 1\n[b]\nc = 2", "seed = 2\na = 1\n[b]\nc = 3\nd = 4"];
        let found = differences(&texts.map(RecipeText::embedded)).unwrap();
        assert_eq!(found, [vec!["b.c=2"], vec!["b.c=3", "b.d=4"]]);
        assert_eq!(differences(&[]).unwrap(), Vec::<Vec<String>>::new());
    }
}
