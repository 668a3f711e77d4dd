//! Backtest: the test part is divided into folds, and each fold is forecast by a model that was trained on all data
//! before the fold.

use std::path::Path;

use datasets::TableSeries;
use inference::settings::Count;
use training::{Fitted, RecipeOf, Session, Task, TaskError, Training, TrainingError};

use super::data::DataConfig;
use super::measure::Losses;
use super::task::{Forecasting, losses};
use crate::settings::Split;

/// Trains one model per fold in `dir/fold-1`, `dir/fold-2`, …, and measures each model on its fold. If an earlier call
/// has already trained the model of a fold, this model is only measured. `each` is called with the result of every
/// training in this call. `is_included` receives the index of a fold, counted from 0. Only folds for which it returns
/// `true` are trained and measured, so that several processes can share the work.
///
/// Returns the losses over the included folds, one item per metric; `None` if the training was interrupted. A call with
/// the same arguments then resumes the backtest.
pub fn backtest(
    recipe: &RecipeOf<Forecasting>,
    folds: usize,
    is_included: impl Fn(usize) -> bool,
    dir: &Path,
    session: &mut Session,
    mut each: impl FnMut(&Fitted<Forecasting>) -> Result<(), TrainingError>,
) -> Result<Option<Vec<Losses>>, TrainingError> {
    let series = session.load::<Forecasting>(&recipe.data)?;
    let mut all: Option<Vec<Losses>> = None;
    let splits = splits(&recipe.data, rows(&series)?, folds)?;
    for (fold, split) in splits.into_iter().enumerate().filter(|(fold, _)| is_included(*fold)) {
        let mut recipe = recipe.clone();
        recipe.data.split = split;
        // The recipe's expected metrics are for its whole test part, so they are not compared with the metrics of a
        // fold.
        recipe.expected.clear();
        let place = dir.join(format!("fold-{}", fold + 1));
        let training = Training::<Forecasting>::new(recipe.clone()).in_folder_or_resume(&place)?;
        let Some(predictor) = training.fit_or_open(session, &mut each)? else { return Ok(None) };
        let task = Forecasting::of_trained(&recipe, &predictor)?;
        let windows = session.encode(&task, series.clone())?.test;
        let forecasts = match predictor.forecasts(&windows, || session.interrupt.check()) {
            Err(TaskError::Interrupted) => return Ok(None),
            forecasts => forecasts?,
        };
        let losses = losses(predictor.likelihood(), &forecasts, &windows);
        all = Some(match all {
            None => losses,
            Some(all) => all.into_iter().zip(losses).map(|(all, later)| all.and(later)).collect(),
        });
    }
    Ok(Some(all.unwrap_or_default()))
}

/// Returns the number of rows of each series, which must be the same for all series, so that the folds cover the same
/// times.
fn rows(series: &[TableSeries]) -> Result<usize, TaskError> {
    let first = series.first().map_or(0, |series| series.past.len());
    match series.iter().find(|series| series.past.len() != first) {
        Some(other) => {
            let (name, rows) = (&series[0].id, other.past.len());
            let message = format!(
                "a backtest needs series with the same number of rows, but series `{name}` has {first} rows, and \
                 series `{}` has {rows}; give all series the same number of rows",
                other.id
            );
            Err(TaskError::setting("data.id", message))
        }
        None => Ok(first),
    }
}

/// Returns the split of the series for each of `count` folds. The test part is the fold. The validation part ends where
/// the fold begins, and is as long as in the recipe. The training part is all rows before the validation part.
fn splits(data: &DataConfig, rows: usize, count: usize) -> Result<Vec<Split>, TaskError> {
    let (horizon, stride) = (data.horizon.get(), data.stride.get());
    let [train, valid, test] = data.split.bounds(rows);
    // A fold is a whole number of strides long, so that its windows have the same origins as the recipe's windows.
    let length = (test - valid) / count.max(1) / stride * stride;
    if length < horizon {
        let rows = test - valid;
        let message = format!(
            "{rows} test rows are too few for {count} folds: each fold would be shorter than the horizon of {horizon} \
             rows; choose fewer folds"
        );
        return Err(TaskError::setting("folds", message));
    }
    // The test rows that remain after the division into folds extend the training part.
    let first = train + (test - valid) - count * length;
    let rows = |fold: usize| -> Result<Split, String> {
        let [train, valid, length] =
            [first + fold * length, valid - train, length].map(|size| Count::try_from(size as u64));
        Ok(Split::Rows([train?, valid?, length?]))
    };
    Ok((0..count).map(rows).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fold_trains_on_everything_before_it() {
        let data = |stride: usize| -> DataConfig {
            let text = "set = 'csv'\nlook_back = 6\nhorizon = 5\nsplit = [0.5, 0.1, 0.4]\nstride = ";
            toml::from_str(&format!("{text}{stride}")).unwrap()
        };
        let bounds = |data: &DataConfig| -> Vec<_> {
            splits(data, 100, 4).unwrap().into_iter().map(|split| split.bounds(100)).collect()
        };
        assert_eq!(bounds(&data(1)), [[50, 60, 70], [60, 70, 80], [70, 80, 90], [80, 90, 100]]);
        assert_eq!(bounds(&data(8)), [[58, 68, 76], [66, 76, 84], [74, 84, 92], [82, 92, 100]]);
        assert!(matches!(splits(&data(1), 100, 9), Err(TaskError::Setting { .. })));
    }
}
