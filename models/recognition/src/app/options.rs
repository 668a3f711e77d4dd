//! Options of `train` for the user's own recordings.

use std::path::PathBuf;

use clap::Args;
use cli::{Changes, Result};
use datasets::recordings::TimeUnit;

/// The options of `train` that select the data. They override settings in the table `[data]` of the recipe.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// Train on this CSV file, whose rows are the samples of all recordings. Without --recipe, the recipe
    /// own-recordings is used
    #[arg(long, value_name = "FILE", requires_all = ["id", "label"])]
    csv: Option<PathBuf>,
    /// Train on this folder, which has a folder per class with a CSV file per recording. Without --recipe, the recipe
    /// own-recordings is used
    #[arg(long, value_name = "DIR", conflicts_with = "csv")]
    folder: Option<PathBuf>,
    /// Train on this file in the format .ts of the UEA archive. Without --recipe, the recipe own-recordings is used
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "folder"])]
    ts: Option<PathBuf>,
    /// Train on the videos in this folder, which has a folder per class with a folder of PNG files per video. Without
    /// --recipe, the recipe own-videos is used
    #[arg(long, value_name = "DIR", conflicts_with_all = ["csv", "folder", "ts"])]
    videos: Option<PathBuf>,
    /// The file in the format .ts with the test part [default: recordings of --ts, held out]
    #[arg(long, value_name = "FILE", requires = "ts")]
    test_ts: Option<PathBuf>,
    /// Columns of --csv that together identify a recording
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    id: Vec<String>,
    /// Column of --csv with the class
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    label: Option<String>,
    /// Columns with the channels [default: all columns of numbers that no other option names]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    channels: Vec<String>,
    /// Column with the person of each recording. All recordings of a person are in the same part of the data (training,
    /// validation or test)
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    group: Option<String>,
    /// Column with the time of each sample
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Unit of the times: s, ms, us or ns [default: detected from the column name or the values, otherwise s]
    #[arg(long, value_name = "UNIT", requires = "time")]
    time_unit: Option<TimeUnit>,
    /// Resample all recordings to this number of samples per second
    #[arg(long, value_name = "HZ")]
    resample: Option<f64>,
}

impl DataOptions {
    /// Converts the options to the name of a recipe and to overrides of recipe settings.
    pub fn changes(&self) -> Result<Changes> {
        let mut changes = Changes::default();
        let sources = [
            ("table", "--csv", &self.csv),
            ("folder", "--folder", &self.folder),
            ("ts", "--ts", &self.ts),
            ("videos", "--videos", &self.videos),
        ];
        for (set, option, file) in sources {
            if let Some(file) = file {
                changes.recipe = Some(if set == "videos" { "own-videos" } else { "own-recordings" });
                changes.set("data.set", Some(set))?;
                changes.set_file("data.file", option, Some(file))?;
            }
        }
        let some = |names: &'_ [String]| (!names.is_empty()).then(|| names.to_vec());
        changes.set_file("data.test_file", "--test-ts", self.test_ts.as_deref())?;
        changes.set("data.id", some(&self.id))?;
        changes.set("data.label", self.label.as_ref())?;
        changes.set("data.format.channels", some(&self.channels))?;
        changes.set("data.format.group", self.group.as_ref())?;
        changes.set("data.format.time", self.time.as_ref())?;
        changes.set("data.format.time_unit", self.time_unit)?;
        match &self.csv.as_ref().or(self.folder.as_ref()) {
            Some(_) => changes.set("data.format.resample", self.resample)?,
            None => changes.set("data.rate", self.resample)?,
        }
        Ok(changes)
    }
}

/// The options that change settings of the data: see [`Application::DATA_OPTIONS`](cli::Application::DATA_OPTIONS).
pub const DATA_OPTIONS: &[(&str, &str)] = &[
    ("resample", "--resample"),
    ("channels", "--channels"),
    ("time", "--time"),
    ("time_unit", "--time-unit"),
    ("group", "--group"),
    ("id", "--id"),
    ("label", "--label"),
];

#[cfg(test)]
mod tests {
    use cli::args::parse_options;

    use super::*;

    fn changes(words: &[&str]) -> Changes {
        parse_options::<DataOptions>(words).unwrap().changes().unwrap()
    }

    #[test]
    fn options_stand_for_settings() {
        let line = ["--csv", "/a", "--id", "day,run", "--label", "what", "--resample", "50"];
        let Changes { recipe, settings } = changes(&line);
        assert_eq!(recipe, Some("own-recordings"));
        let expected = [
            r#"data.set="table""#,
            r#"data.file="/a""#,
            r#"data.id=["day", "run"]"#,
            r#"data.label="what""#,
            "data.format.resample=50.0",
        ];
        assert_eq!(settings, expected);
        let videos = changes(&["--videos", "/a"]);
        assert_eq!(videos.recipe, Some("own-videos"));
        assert!(parse_options::<DataOptions>(&["--csv", "/a"]).is_err());
        assert!(parse_options::<DataOptions>(&["--csv", "/a", "--folder", "/b"]).is_err());
    }
}
