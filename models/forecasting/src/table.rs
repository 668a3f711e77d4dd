//! CSV tables as the input of a forecaster: the JSON of a [`History`] is either an object with the fields of the
//! struct, or `{"table": TEXT}`, where TEXT is the content of a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use datasets::{CsvFormat, DataError, Roles, Series, TableSeries};
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::history::{Future, History};

/// A CSV table as a JSON object.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The content of a CSV file with a time column.
    table: String,
    /// The names of the columns to read; if empty, all columns of numbers except indices of the rows.
    #[serde(default)]
    columns: Vec<String>,
    /// The names of the columns whose future values are known.
    #[serde(default)]
    known: Vec<String>,
}

impl Table {
    /// Reads the first series of the table. The rules are the same as for a CSV file on the command line.
    fn history(self) -> Result<History, DataError> {
        let format = CsvFormat { columns: self.columns, ..CsvFormat::default() };
        let roles = Roles { known: self.known, ..Roles::default() };
        let path = Path::new("table");
        let series = TableSeries::from_bytes(self.table.as_bytes(), path, &format, &roles)?;
        let nothing = || DataError::Empty { path: path.to_path_buf(), what: "rows" };
        series.first().map(history).ok_or_else(nothing)
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.get("table") {
            Some(_) => Table::deserialize(value).map_err(D::Error::custom)?.history().map_err(D::Error::custom),
            None => History::deserialize(value).map_err(D::Error::custom),
        }
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        History::serialize(self, serializer)
    }
}

/// Converts a loaded series to a [`History`], the input of the predictor.
pub fn history(series: &TableSeries) -> History {
    let TableSeries { id, past, future } = series;
    let future = Future { times: future.times.clone(), columns: by_name(future) };
    History { series: id.clone(), future, ..past_of(past) }
}

/// Converts the rows of a series to a [`History`] without an identifier of the series and without future values.
pub(crate) fn past_of(series: &Series) -> History {
    let Series { times, numbered, clock, .. } = series;
    let (times, clock) = (times.clone(), clock.clone());
    History { times, numbered: *numbered, clock, columns: by_name(series), ..History::default() }
}

fn by_name(series: &Series) -> BTreeMap<String, Vec<f64>> {
    let width = series.columns.len();
    let column = |(index, name): (usize, &String)| {
        let values = series.values.iter().skip(index).step_by(width).copied().collect();
        (name.clone(), values)
    };
    series.columns.iter().enumerate().map(column).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<History, serde_json::Error> {
        serde_json::from_value(value.clone())
    }

    #[test]
    fn a_table_is_read_as_its_columns_are() {
        let table = "time,load,other\n2024-01-01T00:00,1.5,7\n2024-01-01T01:00,2.5,8\n";
        let rows =
            json!({ "times": ["2024-01-01T00:00:00", "2024-01-01T01:00:00"], "columns": { "load": [1.5, 2.5] } });
        let history = read(&json!({ "table": table, "columns": ["load"] })).unwrap();
        assert_eq!(serde_json::to_value(&history).unwrap(), rows);
        assert_eq!(read(&rows).unwrap(), history);
        assert_eq!(read(&json!({ "table": table })).unwrap().columns["other"], [7.0, 8.0]);
    }

    #[test]
    fn tables_that_cannot_be_read_are_errors() {
        for bad in [json!({ "table": "" }), json!({ "table": "a" }), json!({ "table": 3 }), json!({ "times": [] })] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        assert!(read(&json!({ "table": "time,load\n2024-01-01,1\n", "columns": ["wind"] })).is_err());
    }
}
