//! `forecast`: what comes next.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use datasets::Series;
use jiff::civil::DateTime;
use serde_json::json;
use training::cli::Choice;
use training::{Context, Package, TaskResult, print_line, say};

use crate::data::{apart, places};
use crate::forecast::{FEWEST, Forecast};
use crate::frame::{Frame, Windows};
use crate::head::Head;
use crate::options::TableOptions;
use crate::picture::{self, written_alike};
use crate::task::Forecasting;

/// The model that is taken if none is named.
pub(super) const DEFAULT: &str = "weather-temperature-24h";

/// `forecast`.
#[derive(Debug, Args)]
pub struct ForecastVerb {
    /// Go on from this CSV file, with the columns that the model was trained on [default: the model's own data]
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    table: TableOptions,
    /// The first time to forecast, such as 2020-12-01 or 2020-12-01T06:00 [default: after the last row]
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime>,
    /// Where to draw; chances of a rise are not drawn
    #[arg(long, value_name = "FILE", default_value = "forecast.svg")]
    plot: PathBuf,
    #[command(flatten)]
    choice: Choice,
}

impl ForecastVerb {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        let dir = self.choice.dir::<Forecasting>(Some(DEFAULT))?;
        let Package { task, model, .. } = Package::<Forecasting>::open(&dir, &context.device)?;
        say(&format!("model: {}", dir.display()));
        let data = match &self.csv {
            Some(file) => task.data.of_file(file.clone(), &task.scaler.columns, &self.table)?,
            None => task.data.clone(),
        };
        let series = data.series(context.data_dir.as_deref())?;
        series.notes.iter().for_each(|note| say(&format!("data: {note}")));
        // Months are of several lengths.
        let differs = |step: &i64| (step - series.step()).abs() > step / 7;
        if let Some(step) = task.scaler.step.filter(differs) {
            let steps = [series.step(), step].map(apart);
            return Err(
                format!("rows are {} apart, and the model was trained on rows {} apart", steps[0], steps[1]).into()
            );
        }
        let (windows, origin) = self.window(&task, series)?;
        let over = windows.before().len();
        if over < FEWEST && task.architecture.loss.has_intervals() {
            say(&format!(
                "intervals are the network's own: {over} windows that are over are too few to calibrate them"
            ));
        }
        let forecast = task.forecasts(&model, &windows, &context.device);
        match context.json {
            true => print_line(&as_json(&task, &windows, origin, &forecast).to_string())?,
            false => print_table(&task, &windows, origin, &forecast)?,
        }
        if task.architecture.loss == Head::Direction {
            return Ok(());
        }
        let svg = picture::of_window(&windows, origin, &forecast, task.architecture.loss)?;
        std::fs::write(&self.plot, svg).map_err(|error| format!("cannot write {}: {error}", self.plot.display()))?;
        if !context.json {
            print_line(&format!("\ndrawn in {}", self.plot.display()))?;
        }
        Ok(())
    }

    /// The window to forecast, which may end beyond the series.
    fn window(&self, task: &Forecasting, series: Series) -> TaskResult<(Windows, usize)> {
        let (look_back, horizon) = (task.data.look_back.get(), task.data.horizon.get());
        let known = series.len();
        let origin = self.at.map_or(known, |at| series.times.partition_point(|time| *time < at));
        if origin < look_back {
            let message =
                format!("{look_back} steps have to be known before the first that is forecast, and there are {origin}");
            return Err(format!("{message}; give more rows, or a later --at").into());
        }
        let series = series.extended((origin + horizon).saturating_sub(known));
        if let (Some(at), Some(next)) = (self.at, series.times.get(known))
            && at > *next
        {
            return Err(format!("--at {at} is after {next}, the first step that is not known; leave it out").into());
        }
        // By their names: a table of one's own may have them in another order, and others beside them.
        let columns = places(&series, &task.scaler.columns)?;
        let targets = columns.len() - task.data.covariates.len();
        let [train, valid, _] = task.data.split.ends(known);
        let frame = Frame::new(&series, &columns, targets, task.scaler.clone());
        let frame = Arc::new(frame.with_parts(train, valid - train, task.data.season(&series)));
        Ok((Windows { frame, origins: vec![origin], look_back, horizon, stride: task.data.stride.get() }, origin))
    }
}

/// A forecast value in its own units, its intervals, and what came, if that is known.
struct Row {
    time: DateTime,
    point: f64,
    /// From the lowest.
    ends: [f64; 4],
    truth: Option<f64>,
}

fn rows(task: &Forecasting, windows: &Windows, origin: usize, forecast: &Forecast, target: usize) -> Vec<Row> {
    let frame = &windows.frame;
    let head = task.architecture.loss;
    let shown = |value: f32| head.shown(&frame.scaler, target, value);
    let row = |step: usize| {
        let place = step * frame.targets + target;
        let truth = frame.value(origin + step, target);
        let truth = match head {
            Head::Direction => f64::from(u8::from(frame.scaler.restore(target, truth) > 0.0)),
            _ => shown(truth),
        };
        Row {
            time: frame.times[origin + step],
            point: shown(forecast.points[place]),
            ends: forecast.ends[place].map(shown),
            truth: (!frame.value(origin + step, target).is_nan()).then_some(truth),
        }
    };
    (0..windows.horizon).map(row).collect()
}

/// Behind the point, of numbers of which the largest is this.
fn digits(largest: f64) -> usize {
    match largest {
        0.0 => 1,
        _ if largest < 1.0 => (2.0 - largest.log10().floor()) as usize,
        _ if largest < 10.0 => 3,
        _ if largest < 1000.0 => 1,
        _ => 0,
    }
}

fn print_table(task: &Forecasting, windows: &Windows, origin: usize, forecast: &Forecast) -> TaskResult<()> {
    let head = task.architecture.loss;
    for target in 0..windows.frame.targets {
        let rows = rows(task, windows, origin, forecast, target);
        let are_known = rows.iter().flat_map(|row| row.ends).all(f64::is_finite);
        let digits = digits(rows.iter().map(|row| row.point.abs()).fold(0.0, f64::max));
        print_line(&format!("{}{}", if target > 0 { "\n" } else { "" }, head.name(&task.scaler, target)))?;
        let intervals = if are_known { "      80 % interval            95 % interval" } else { "" };
        let observed = if are_known { "      observed" } else { "  observed" };
        print_line(&format!("{:16}  forecast{intervals}{observed}", "time"))?;
        let times = written_alike(&rows.iter().map(|row| row.time).collect::<Vec<_>>());
        for (time, Row { point, ends: [lowest, low, high, highest], truth, .. }) in times.iter().zip(rows) {
            let truth = truth.map_or("–".to_owned(), |truth| format!("{truth:.digits$}"));
            let intervals = match are_known {
                true => format!("  {low:>9.digits$} to {high:>9.digits$}  {lowest:>9.digits$} to {highest:>9.digits$}"),
                false => String::new(),
            };
            print_line(&format!("{time:16}  {point:>8.digits$}{intervals}  {truth:>8}"))?;
        }
    }
    Ok(())
}

fn as_json(task: &Forecasting, windows: &Windows, origin: usize, forecast: &Forecast) -> serde_json::Value {
    let column = |target: usize| {
        let rows = rows(task, windows, origin, forecast, target);
        let of = |value: fn(&Row) -> serde_json::Value| rows.iter().map(value).collect::<Vec<_>>();
        let values = json!({
            "time": of(|row| json!(row.time.to_string())),
            "forecast": of(|row| json!(row.point)),
            "low_80": of(|row| json!(row.ends[1])),
            "high_80": of(|row| json!(row.ends[2])),
            "low_95": of(|row| json!(row.ends[0])),
            "high_95": of(|row| json!(row.ends[3])),
            "observed": of(|row| json!(row.truth)),
        });
        (task.architecture.loss.name(&task.scaler, target).to_owned(), values)
    };
    (0..windows.frame.targets).map(column).collect::<serde_json::Map<_, _>>().into()
}
