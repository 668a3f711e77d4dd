//! `verify`: every shipped model measured again and compared with its card.

use serde_json::json;

use super::{print_json, print_line};
use crate::cli::Verify;
use crate::error::{Result, TrainingError};
use crate::package::Package;
use crate::progress::say;
use crate::task::{Context, Task};

pub(super) fn run<T: Task>(args: Verify, context: &Context) -> Result<()> {
    let names = if args.names.is_empty() { Package::<T>::shipped() } else { args.names };
    if names.is_empty() {
        return Err(TrainingError::NothingToVerify { name: format!("{} (no package)", T::PRETRAINED) });
    }
    // All names are checked first: measuring takes minutes.
    for name in &names {
        let config = Package::<T>::read_config(&Package::<T>::find(name)?)?;
        if config.expected(T::MONITOR.metric).is_empty() {
            return Err(TrainingError::NothingToVerify { name: name.clone() });
        }
    }
    let (mut failed, mut total) = (0, 0);
    for name in names {
        say(&format!("measuring {name}"));
        for (metric, expected, measured) in measure::<T>(&name, context)? {
            let ok = expected.holds(measured);
            total += 1;
            failed += usize::from(!ok);
            let (value, tolerance) = (expected.value, expected.tolerance);
            if context.json {
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
    if failed > 0 { Err(TrainingError::Unverified { failed, total }) } else { Ok(()) }
}

fn measure<T: Task>(name: &str, context: &Context) -> Result<Vec<(String, crate::recipe::Expected, f64)>> {
    let package = Package::<T>::open(&Package::<T>::find(name)?, &context.device)?;
    let raw = T::load(&package.config.recipe.data, context.data_dir.as_deref())?;
    let splits = package.task.encode(raw)?;
    let measured = package.task.evaluate(&package.model, &splits.test, &context.device);
    let expected = package.config.expected(T::MONITOR.metric).into_iter();
    Ok(expected
        .map(|(metric, expected)| {
            let value = measured.get(&metric).copied().unwrap_or(f64::NAN);
            (metric, expected, value)
        })
        .collect())
}
