//! `backtest`: the test part in folds, each forecast by a model that learned all that came before it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use training::cli::ChangedRecipe;
use training::progress::key;
use training::rules::Rules;
use training::settings::Count;
use training::{Context, Metrics, Package, Task, TaskResult, print_line, quoted, train};

use crate::data::{DataConfig, Split};
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
        let folds = folds(&recipe.data, series.len(), self.folds.get())?;
        for (fold, split) in folds.into_iter().enumerate() {
            let mut recipe = recipe.clone();
            recipe.data.split = split;
            // Of other days.
            recipe.expected.clear();
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
fn folds(data: &DataConfig, rows: usize, count: usize) -> TaskResult<Vec<Split>> {
    let (horizon, stride) = (data.horizon.get(), data.stride.get());
    let [train, valid, test] = data.split.ends(rows);
    // Of whole strides, so that windows begin where those of the recipe do.
    let length = (test - valid) / count / stride * stride;
    if length < horizon {
        let message = format!(
            "{count} folds of the {} rows of the test part are shorter than the horizon of {horizon}",
            test - valid
        );
        return Err(format!("{message}; give fewer --folds").into());
    }
    // What is left over is learned from.
    let first = train + (test - valid) - count * length;
    let rows = |fold: usize| -> Result<Split, String> {
        let [train, valid, length] =
            [first + fold * length, valid - train, length].map(|size| Count::try_from(size as u64));
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
        let data = |stride: usize| -> DataConfig {
            let text = "set = 'csv'\nlook_back = 6\nhorizon = 5\nsplit = [0.5, 0.1, 0.4]\nstride = ";
            toml::from_str(&format!("{text}{stride}")).unwrap()
        };
        let ends = |data: &DataConfig| -> Vec<_> {
            folds(data, 100, 4).unwrap().into_iter().map(|split| split.ends(100)).collect()
        };
        assert_eq!(ends(&data(1)), [[50, 60, 70], [60, 70, 80], [70, 80, 90], [80, 90, 100]]);
        assert_eq!(ends(&data(8)), [[58, 68, 76], [66, 76, 84], [74, 84, 92], [82, 92, 100]]);
        assert!(folds(&data(1), 100, 9).unwrap_err().to_string().contains("--folds"));
    }
}
