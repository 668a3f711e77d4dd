//! The model card of a package (the files of a trained model) and the report of a training run, both in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use inference::weights::Precision;

use crate::metric::{Metric, decimal};
use crate::package::{Finished, Outcome};
use crate::recipe::{Keep, RecipeText};
use crate::task::{RecipeOf, Task, application};

/// Returns the Markdown text of the model card, `README.md` in a package.
pub(crate) fn text<T: Task>(
    recipe: &RecipeOf<T>,
    parameters: usize,
    precision: Precision,
    finished: Option<&Finished>,
) -> String {
    let mut card = format!("# {}\n\n{}\n\n", recipe.name, recipe.about);
    if parameters > 0 {
        let bits = precision.bits();
        let _ = writeln!(card, "{parameters} parameters, stored with {bits} bits each under PyTorch's names.\n");
    }
    if let Some(finished) = finished {
        card += &body::<T>(recipe, finished);
    }
    format!("{card}\n{}", T::CARD)
}

/// Returns the Markdown text of the report of a finished run, `report.md` in the run folder.
pub(crate) fn report<T: Task>(recipe: &RecipeOf<T>, finished: &Finished, parameters: usize) -> String {
    let mut report = format!("# {}: a run\n\n{}\n\n", recipe.name, recipe.about);
    report += &body::<T>(recipe, finished);
    let _ = writeln!(report, "- parameters: {parameters}");
    report += "- all settings: [recipe.toml](recipe.toml)\n";
    let test = finished.outcome.test.flat();
    for (name, expected) in &recipe.expected {
        let measured = test.get(name).copied().unwrap_or(f64::NAN);
        let verdict = if expected.holds(measured) { "as expected" } else { "NOT as expected" };
        let _ = writeln!(report, "- {name}: {verdict} (expected: {} ± {})", expected.value, expected.tolerance);
    }
    report
}

/// Returns the Markdown text that the model card and the report have in common: results, demonstration, training curves
/// and provenance.
fn body<T: Task>(recipe: &RecipeOf<T>, Finished { outcome, demonstration, curves }: &Finished) -> String {
    let mut body = results(outcome, recipe.training.keep);
    if !demonstration.lines.is_empty() {
        let _ = writeln!(body, "```text\n{}\n```\n", demonstration.lines.join("\n").trim_matches('\n'));
    }
    for (name, picture) in [("demonstration", &demonstration.picture), ("curves", curves)] {
        if picture.is_some() {
            let _ = writeln!(body, "![{name}]({name}.svg)\n");
        }
    }
    body + &provenance::<T>(recipe, outcome)
}

/// Returns the table of test results, with one row per metric, and one column for the model and for each baseline. A
/// sentence about the validation metrics and the chosen epoch follows the table.
fn results(outcome: &Outcome, keep: Keep) -> String {
    let baselines = &outcome.baselines;
    let head = baselines.keys().map(|name| format!(" {name} |")).collect::<String>();
    let mut table = format!("| test | **this model** |{head}\n|---|---|{}\n", "---|".repeat(baselines.len()));
    for Metric { name, value, interval, unit, .. } in &outcome.test.metrics {
        let others = baselines
            .values()
            .map(|measured| measured.get(name).map_or(" – |".to_owned(), |value| format!(" {} |", decimal(value))));
        let unit = unit.as_ref().map_or(String::new(), |unit| format!(" {unit}"));
        let interval = interval.filter(|_| value.is_finite()).map(|bounds| bounds.map(decimal));
        let interval = interval.map_or(String::new(), |[low, high]| format!(" ({low} to {high})"));
        let _ = writeln!(table, "| {name} | {}{unit}{interval} |{}", decimal(*value), others.collect::<String>());
    }
    let chosen = match outcome.best_epoch {
        0 => String::new(),
        epoch if keep == Keep::Last => format!(" The weights are from the last epoch, {epoch}."),
        epoch => format!(" The weights are from epoch {epoch}, which was the best on the validation part."),
    };
    format!("{table}\nOn the validation part: {}.{chosen}\n\n", outcome.valid.list())
}

fn provenance<T: Task>(recipe: &RecipeOf<T>, outcome: &Outcome) -> String {
    let provenance = &outcome.provenance;
    let memory = provenance.peak_memory.map_or("not measured".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    let speed = provenance.items.map_or(String::new(), |items| {
        let speed = items as f64 / provenance.seconds;
        format!(", {items} {} at {speed:.0} per second, including the time for evaluation", T::ITEMS)
    });
    format!(
        "- reproduce: {}\n- backend: {}, {} threads\n- time: {}{speed}\n- peak memory: {memory}\n- data: {}\n\
         - program: {} {}\n",
        command::<T>(recipe),
        provenance.start.backend,
        provenance.start.threads,
        duration(provenance.seconds),
        provenance.start.data,
        application::<T>(),
        provenance.start.version,
    )
}

/// Returns the command line that trains the same model again, in Markdown. The command contains the name of the recipe,
/// the seed, and the settings that differ from the recipe of this name that is compiled into the program. If there is
/// no such compiled-in recipe, returns a text that says so.
fn command<T: Task>(recipe: &RecipeOf<T>) -> String {
    let embedded = RecipeText::find(&recipe.name, T::RECIPES).and_then(|text| text.parse::<RecipeOf<T>>());
    let Ok(embedded) = embedded.map(|recipe| settings(&recipe)) else {
        return "from a custom recipe".to_owned();
    };
    let mut command =
        format!("cargo run -p {} -- train --recipe {} --seed {}", application::<T>(), recipe.name, recipe.seed);
    for (key, value) in settings(recipe).iter().filter(|(key, value)| embedded.get(*key) != Some(value)) {
        let _ = write!(command, " --set '{key}={value}'");
    }
    format!("`{command}`")
}

/// Returns the settings of a recipe by their keys, such as `optimizer.lr`, without the seed, the description and the
/// expected results.
fn settings(recipe: &impl serde::Serialize) -> BTreeMap<String, serde_json::Value> {
    fn collect(key: String, value: serde_json::Value, into: &mut BTreeMap<String, serde_json::Value>) {
        match value {
            serde_json::Value::Object(table) => {
                for (name, value) in table {
                    collect(if key.is_empty() { name } else { format!("{key}.{name}") }, value, into);
                }
            }
            value => {
                into.insert(key, value);
            }
        }
    }
    let mut settings = BTreeMap::new();
    collect(String::new(), serde_json::to_value(recipe).unwrap_or_default(), &mut settings);
    settings.retain(|key, _| !["seed", "about"].contains(&key.as_str()) && !key.starts_with("expected."));
    settings
}

/// Formats a time in seconds as text: `12.3 s`, `4 min 05 s`, `1 h 02 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
