//! The model card of a package and the report of a run, both Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::package::{Config, Finished, Outcome};
use crate::progress::{duration, list, own};
use crate::recipe::RecipeText;
use crate::task::{RecipeOf, Task};
use crate::weights::Precision;

/// The model card of a package.
pub fn text<T: Task>(
    config: &Config<T::Data, T::Architecture>,
    precision: Precision,
    finished: Option<&Finished>,
) -> String {
    let Config { recipe, parameters, .. } = config;
    let bits = if precision == Precision::Half { 16 } else { 32 };
    let mut card = format!("# {}\n\n{}\n\n", recipe.name, recipe.about);
    let _ = writeln!(card, "{parameters} parameters, stored with {bits} bits each under PyTorch's names.\n");
    if let Some(finished) = finished {
        card += &body::<T>(recipe, finished);
    }
    format!("{card}\n{}", T::CARD)
}

/// The report of a finished run.
pub fn report<T: Task>(recipe: &RecipeOf<T>, finished: &Finished, parameters: usize) -> String {
    let mut report = format!("# {}: a run\n\n{}\n\n", recipe.name, recipe.about);
    report += &body::<T>(recipe, finished);
    let _ = writeln!(report, "- parameters: {parameters}");
    report += "- every setting: [recipe.toml](recipe.toml)\n";
    for (name, expected) in &recipe.expected {
        let measured = finished.outcome.test.get(name).copied().unwrap_or(f64::NAN);
        let verdict = if expected.holds(measured) { "as expected" } else { "NOT as expected" };
        let _ = writeln!(report, "- {name}: {verdict} ({} ± {})", expected.value, expected.tolerance);
    }
    report
}

/// Results, the model at work, its curves and its circumstances.
fn body<T: Task>(recipe: &RecipeOf<T>, Finished { outcome, demonstration, curves }: &Finished) -> String {
    let mut body = results(outcome);
    if !demonstration.lines.is_empty() {
        let _ = writeln!(body, "```text\n{}\n```\n", demonstration.lines.join("\n").trim_matches('\n'));
    }
    for (name, picture) in [("demonstration", &demonstration.picture), ("curves", curves)] {
        if picture.is_some() {
            let _ = writeln!(body, "![{name}]({name}.svg)\n");
        }
    }
    body + &circumstances::<T>(recipe, outcome)
}

/// The results table: a row a metric, the model and its baselines as columns.
fn results(outcome: &Outcome) -> String {
    let baselines = &outcome.baselines;
    let head = baselines.keys().map(|name| format!(" {name} |")).collect::<String>();
    let mut table = format!("| test | **this model** |{head}\n|---|---|{}\n", "---|".repeat(baselines.len()));
    for (name, value) in &own(&outcome.test, baselines) {
        let others = baselines
            .values()
            .map(|metrics| metrics.get(name).map_or(" – |".to_owned(), |value| format!(" {value:.4} |")));
        let _ = writeln!(table, "| {name} | {value:.4} |{}", others.collect::<String>());
    }
    let valid = list(&own(&outcome.valid, baselines));
    let chosen = match outcome.best_epoch {
        0 => String::new(),
        epoch => format!(" The weights are those of epoch {epoch}, chosen by validation."),
    };
    format!("{table}\nOn the validation part: {valid}.{chosen}\n\n")
}

fn circumstances<T: Task>(recipe: &RecipeOf<T>, outcome: &Outcome) -> String {
    let provenance = &outcome.provenance;
    let memory = provenance.peak_memory.map_or("not measured".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    let speed = provenance.items.map_or(String::new(), |items| {
        let rate = items as f64 / provenance.seconds;
        format!(", {items} {} at {rate:.0} a second, with all that was measured on the way", T::ITEMS)
    });
    format!(
        "- repeat it: {}\n- backend: {}, {} threads\n- time: {}{speed}\n- peak memory: {memory}\n- data: {}\n- program: {} {}\n",
        repetition::<T>(recipe),
        provenance.start.backend,
        provenance.start.threads,
        duration(provenance.seconds),
        provenance.start.data,
        T::PACKAGE,
        provenance.start.version,
    )
}

/// The command that trains the same model again: a recipe of the program by its name, and what was changed of it.
fn repetition<T: Task>(recipe: &RecipeOf<T>) -> String {
    let embedded = RecipeText::find(&recipe.name, T::RECIPES).and_then(|text| text.parse::<RecipeOf<T>>());
    let Ok(embedded) = embedded.map(|recipe| settings(&recipe)) else {
        return "by a recipe of one's own, of which every setting was kept".to_owned();
    };
    let mut command = format!("cargo run -p {} -- train --recipe {} --seed {}", T::PACKAGE, recipe.name, recipe.seed);
    for (key, value) in settings(recipe).iter().filter(|(key, value)| embedded.get(*key) != Some(value)) {
        let _ = write!(command, " --set '{key}={value}'");
    }
    format!("`{command}`")
}

/// All settings that bear on the result, by their dotted keys.
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
    settings.retain(|key, _| key != "seed" && !key.starts_with("expected."));
    settings
}
