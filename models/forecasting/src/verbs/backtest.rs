//! `backtest`: the test part in folds, each forecast by a model that learned all that came before it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use training::cli::ChangedRecipe;
use training::progress::key;
use training::rules::Rules;
use training::settings::Count;
use training::{Context, Metrics, Package, Task, TaskResult, print_line, quoted, train};

use crate::data::Split;
use crate::demonstration::verdicts;
use crate::measure::Costs;
use crate::options::SeriesOptions;
use crate::task::Forecasting;

/// `backtest`.
#[derive(Debug, Args)]
pub struct Backtest {
    #[command(flatten)]
    recipe: ChangedRecipe<SeriesOptions>,
    /// How often to learn anew
    #[arg(long, value_name = "N", default_value = "4")]
    folds: Count,
    /// Folder of the runs; those that are finished there are not made again [default: runs/RECIPE-backtest]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

impl Backtest {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        let recipe = self.recipe.read::<Forecasting>()?;
        let dir = self.run.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-backtest", recipe.name)));
        let series = Forecasting::load(&recipe.data, context.data_dir.as_deref())?;
        let again =
            format!("backtest {} --folds {} --run {}", self.recipe.typed::<Forecasting>()?, self.folds, quoted(&dir));
        let mut all: Vec<Costs> = Vec::new();
        let folds = folds(recipe.data.split, series.len(), self.folds.get(), recipe.data.horizon.get())?;
        for (fold, split) in folds.into_iter().enumerate() {
            let mut recipe = recipe.clone();
            recipe.data.split = split;
            let place = dir.join(format!("fold-{}", fold + 1));
            if train::<Forecasting>(recipe, &place, &again, Rules::default(), context)?.is_none() {
                return Err("stopped before all folds were measured".into());
            }
            let Package { task, model, .. } = Package::<Forecasting>::open(&place.join("best"), &context.device)?;
            let windows = task.encode(series.clone())?.test;
            let costs = task.costs(&task.forecasts(&model, &windows, &context.device), &windows);
            all = match all.is_empty() {
                true => costs,
                false => all.into_iter().zip(costs).map(|(all, costs)| all.and(costs)).collect(),
            };
        }
        tell(&recipe.name, &all, context)
    }
}

/// The splits of each fold: a validation part as long as the recipe's ends where the fold begins, and before it is learned from.
fn folds(split: Split, rows: usize, count: usize, horizon: usize) -> TaskResult<Vec<Split>> {
    let [train, valid, test] = split.ends(rows);
    let length = (test - valid) / count;
    if length < horizon {
        let message = format!(
            "{count} folds of the {} rows of the test part are shorter than the horizon of {horizon}",
            test - valid
        );
        return Err(format!("{message}; give fewer --folds").into());
    }
    let rows = |fold: usize| -> Result<Split, String> {
        let [train, valid, length] =
            [train + fold * length, valid - train, length].map(|size| Count::try_from(size as u64));
        Ok(Split::Rows([train?, valid?, length?]))
    };
    Ok((0..count).map(rows).collect::<Result<_, _>>()?)
}

fn tell(recipe: &str, all: &[Costs], context: &Context) -> TaskResult<()> {
    let metrics: Metrics = all.iter().flat_map(|costs| costs.means().into_iter().chain(costs.skills())).collect();
    if context.json {
        return Ok(print_line(&json!({ "recipe": recipe, "split": "backtest", "metrics": metrics }).to_string())?);
    }
    for costs in all {
        let windows = costs.own.len();
        print_line(&format!("\n{recipe}, {} over {windows} windows of all folds:", costs.name))?;
        for (name, value) in costs.means() {
            print_line(&format!("  {name} {value:.4}"))?;
        }
        let yardsticks: Vec<String> = costs.others.keys().map(|name| key(name)).collect();
        let yardsticks: Vec<&str> = yardsticks.iter().map(String::as_str).collect();
        for line in verdicts(&metrics, costs.name, costs.name, &yardsticks) {
            print_line(&format!("  {line}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fold_learns_all_that_came_before_it() {
        let split: Split = serde_json::from_str("[0.5, 0.1, 0.4]").unwrap();
        let ends: Vec<_> = folds(split, 100, 4, 5).unwrap().into_iter().map(|split| split.ends(100)).collect();
        assert_eq!(ends, [[50, 60, 70], [60, 70, 80], [70, 80, 90], [80, 90, 100]]);
        assert!(folds(split, 100, 9, 5).unwrap_err().to_string().contains("--folds"));
    }
}
