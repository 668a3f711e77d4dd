//! `verify`: measures shipped models again and compares the results with the recorded metrics.

use std::collections::BTreeMap;

use inference::{Catalog, Predictor};
use serde_json::json;
use training::package::{Opened, Record, record_in};
use training::recipe::Expected;
use training::{Task, TrainingError};

use crate::application::Application;
use crate::args::{Bits, Verify};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{log, print_json, print_line};

pub fn run<A: Application>(args: Verify, cx: &mut Context) -> Result<()> {
    let catalog = Catalog::of::<<A::Task as Task>::Predictor>();
    let names = match args.names.is_empty() {
        true => catalog.list().into_iter().map(|(name, _)| name).collect(),
        false => args.names,
    };
    if names.is_empty() {
        return Err(CliError::NoModel { application: <A::Task as Task>::Predictor::APPLICATION });
    }
    // Recorded metrics are looked up for all models first, because measuring one model takes minutes.
    for name in &names {
        if expected(&record_in::<A::Task>(&catalog.find(name)?)?, A::Task::MONITOR.metric, args.precision).is_empty() {
            return Err(TrainingError::NothingToVerify { name: name.clone() }.into());
        }
    }
    let (mut failed, mut total) = (0, 0);
    for name in names {
        log(&format!("measuring the model {name} on the test part"));
        for (metric, expected, measured) in measure::<A>(&catalog, &name, args.precision, cx)? {
            let ok = expected.holds(measured);
            total += 1;
            failed += usize::from(!ok);
            let Expected { value, tolerance } = expected;
            if cx.json {
                print_json(&json!({
                    "model": name, "metric": metric, "expected": value, "tolerance": tolerance, "measured": measured,
                    "ok": ok,
                }))?;
            } else {
                let verdict = if ok { "ok" } else { "NOT OK" };
                print_line(&format!(
                    "{name} {metric}: {measured:.4}, expected {value:.4} ± {tolerance:.4}: {verdict}"
                ))?;
            }
        }
    }
    if failed > 0 { Err(CliError::Unverified { failed, total }) } else { Ok(()) }
}

/// Returns the recorded value and the tolerance of each metric to verify, by name of the metric. If the recipe has no
/// table `[expected]`, the only metric to verify is `monitor`.
fn expected<D, M>(record: &Record<D, M>, monitor: &str, precision: Option<Bits>) -> BTreeMap<String, Expected> {
    match precision {
        Some(Bits::Int8) => record.expected_int8(monitor),
        _ => record.expected(monitor),
    }
}

/// Returns the name, the expected value and the measured value of each metric of a model. If `precision` is given, the
/// model is first exported with this precision, and the exported model is measured.
fn measure<A: Application>(
    catalog: &Catalog,
    name: &str,
    precision: Option<Bits>,
    cx: &mut Context,
) -> Result<Vec<(String, Expected, f64)>> {
    let mut opened = Opened::<A::Task>::open(&catalog.find(name)?, &cx.session.device)?;
    if let Some(precision) = precision {
        let folder = tempfile::tempdir().map_err(TrainingError::io("export to", &std::env::temp_dir()))?;
        let to = folder.path().join("model");
        opened.export(&to, precision.into())?;
        opened = Opened::open(&to, &cx.session.device)?;
    }
    let recipe = &opened.record.recipe;
    let raw = cx.session.load::<A::Task>(&recipe.data)?;
    let task = A::Task::of_trained(recipe, &opened.predictor)?;
    let splits = cx.session.encode(&task, raw)?;
    let measured = task.evaluate(&opened.predictor, &splits.test, &cx.session.interrupt)?.flat();
    Ok(expected(&opened.record, A::Task::MONITOR.metric, precision)
        .into_iter()
        .map(|(metric, expected)| {
            let value = measured.get(&metric).copied().unwrap_or(f64::NAN);
            (metric, expected, value)
        })
        .collect())
}
