//! `eval`: measures a trained model on a part of the data.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use training::package::Opened;
use training::{Task, TaskError};

use crate::application::Application;
use crate::args::{Eval, Part};
use crate::context::Context;
use crate::error::Result;
use crate::output::{log, print_json, print_line, table};

pub fn run<A: Application>(args: &Eval, cx: &mut Context) -> Result<()> {
    let started = Instant::now();
    let dir = cx.model_folder::<<A::Task as Task>::Predictor>(&args.model, None)?;
    let opened = Opened::<A::Task>::open(&dir, &cx.session.device)?;
    let recipe = &opened.record.recipe;
    let raw = cx.session.load::<A::Task>(&recipe.data)?;
    let data = A::Task::fingerprint(&raw);
    let task = A::Task::of_trained(recipe, &opened.predictor)?;
    let splits = cx.session.encode(&task, raw)?;
    let interrupt = &cx.session.interrupt;
    let (name, set) = match args.split {
        Part::Valid => ("valid", &splits.valid),
        Part::Test => ("test", &splits.test),
    };
    let measured = task.evaluate(&opened.predictor, set, interrupt)?;
    let baselines = match (args.split, &opened.record.outcome) {
        // Baselines are measured on the test part only.
        (Part::Valid, _) => BTreeMap::new(),
        (Part::Test, Some(outcome)) if outcome.provenance.start.has_data(&data) => outcome.baselines.clone(),
        (Part::Test, _) => match task.baselines(&splits, interrupt) {
            Err(error @ TaskError::Memory { .. }) => {
                log(&format!("the baselines were not measured: {error}"));
                BTreeMap::new()
            }
            other => other?,
        },
    };
    if cx.json {
        let baselines: BTreeMap<_, _> = baselines.iter().map(|(name, measured)| (name, measured.flat())).collect();
        return print_json(&json!({
            "recipe": recipe.name, "run": dir, "split": name, "metrics": measured.flat(),
            "baselines": baselines, "seconds": started.elapsed().as_secs_f64(),
        }));
    }
    print_line(&format!("{}\n{}", recipe.name, table(name, &measured, &baselines)))
}
