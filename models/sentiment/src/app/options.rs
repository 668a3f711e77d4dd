//! Options of `train` for the user's own texts.

use std::path::PathBuf;

use clap::Args;
use cli::{Changes, Result};

/// The name of the recipe (TOML file of training settings) for the user's own texts.
const RECIPE: &str = "own-texts";

/// The options of `train` that select the data. They override settings in the table `[data]` of the recipe, which is a
/// TOML file with the settings of a training.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct OwnData {
    /// Train on this table: CSV, TSV, or JSON lines (.jsonl). Without --recipe, the recipe own-texts is used
    #[arg(long, value_name = "FILE", requires_all = ["text", "label"])]
    csv: Option<PathBuf>,
    /// Column of --csv with the texts
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    text: Option<String>,
    /// Column of --csv with the classes
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    label: Option<String>,
    /// Table with the texts for validation [default: random texts of --csv, held out]
    #[arg(long, value_name = "FILE", requires = "csv")]
    valid_csv: Option<PathBuf>,
    /// Table with the texts for the test [default: random texts of --csv, held out]
    #[arg(long, value_name = "FILE", requires = "csv")]
    test_csv: Option<PathBuf>,
    /// Train on the texts in this folder, which has one subfolder per class: CLASS/*.txt, or train/CLASS/*.txt with
    /// optional valid/CLASS/*.txt and test/CLASS/*.txt
    #[arg(long, value_name = "DIR", conflicts_with = "csv")]
    folder: Option<PathBuf>,
    /// Pretrained word vectors: glove (published GloVe vectors), or a file in the format of GloVe or word2vec (text or
    /// binary)
    #[arg(long, value_name = "FILE")]
    vectors: Option<String>,
    /// Use the hidden states of this trained language model as additional features of each word (contextual word
    /// vectors): the folder of the model, such as runs/film-language/best (recipe film-language)
    #[arg(long, value_name = "DIR")]
    contextual: Option<PathBuf>,
}

impl OwnData {
    /// Converts the options to the name of a recipe and to overrides of recipe settings.
    pub fn changes(&self) -> Result<Changes> {
        let mut changes = Changes::default();
        for (set, option, file) in [("table", "--csv", &self.csv), ("folder", "--folder", &self.folder)] {
            if let Some(file) = file {
                changes.recipe = Some(RECIPE);
                changes.set("data.set", Some(set))?;
                changes.set_file("data.file", option, Some(file))?;
            }
        }
        changes.set_file("data.valid_file", "--valid-csv", self.valid_csv.as_deref())?;
        changes.set_file("data.test_file", "--test-csv", self.test_csv.as_deref())?;
        changes.set("data.text", self.text.as_ref())?;
        changes.set("data.label", self.label.as_ref())?;
        changes.set_name_or_file("data.vectors", "--vectors", self.vectors.as_deref(), &["glove"])?;
        changes.set_file("data.contextual", "--contextual", self.contextual.as_deref())?;
        Ok(changes)
    }
}

/// The options that change settings of the data: see [`Application::DATA_OPTIONS`](cli::Application::DATA_OPTIONS).
pub const DATA_OPTIONS: &[(&str, &str)] = &[("text", "--text"), ("label", "--label"), ("folds", "--folds")];

#[cfg(test)]
mod tests {
    use cli::args::parse_options;

    use super::*;

    fn changes(words: &[&str]) -> Changes {
        parse_options::<OwnData>(words).unwrap().changes().unwrap()
    }

    #[test]
    fn options_stand_for_settings() {
        let line = ["--csv", "/a", "--text", "review", "--label", "stars", "--test-csv", "/t", "--vectors", "glove"];
        let Changes { recipe, settings } = changes(&line);
        assert_eq!(recipe, Some(RECIPE));
        let expected = [
            r#"data.set="table""#,
            r#"data.file="/a""#,
            r#"data.test_file="/t""#,
            r#"data.text="review""#,
            r#"data.label="stars""#,
            r#"data.vectors="glove""#,
        ];
        assert_eq!(settings, expected);
        let folder = changes(&["--folder", "/a", "--vectors", "/v"]);
        assert_eq!(folder.settings, [r#"data.set="folder""#, r#"data.file="/a""#, r#"data.vectors="/v""#]);
        for wrong in [&["--csv", "/a"][..], &["--text", "a"], &["--folder", "/a", "--text", "b"]] {
            assert!(parse_options::<OwnData>(wrong).is_err(), "{wrong:?}");
        }
    }
}
