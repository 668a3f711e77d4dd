//! `eval`: a trained model measured on a part of the data.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::{print_json, print_line};
use crate::cli::{Eval, Split};
use crate::error::Result;
use crate::package::Package;
use crate::progress::table;
use crate::task::{Context, Task};

pub(super) fn run<T: Task>(args: Eval, context: &Context) -> Result<()> {
    let started = Instant::now();
    let package = Package::<T>::open(&args.choice.dir::<T>(None)?, &context.device)?;
    let raw = T::load(&package.config.recipe.data, context.data_dir.as_deref())?;
    let splits = package.task.encode(raw)?;
    let (name, set) = match args.split {
        Split::Valid => ("valid", &splits.valid),
        Split::Test => ("test", &splits.test),
    };
    let metrics = package.task.evaluate(&package.model, set, &context.device);
    // Baselines are defined on the test part.
    let baselines = if args.split == Split::Test { package.task.baselines(&splits)? } else { BTreeMap::new() };
    if context.json {
        return print_json(&json!({
            "recipe": package.config.recipe.name, "run": package.dir, "split": name, "metrics": metrics,
            "baselines": baselines, "seconds": started.elapsed().as_secs_f64(),
        }));
    }
    print_line(&format!("{}\n{}", package.config.recipe.name, table(name, &metrics, &baselines)))
}
