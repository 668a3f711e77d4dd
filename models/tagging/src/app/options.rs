//! Options of `train` for the user's own files in CoNLL-style columns.

use std::path::PathBuf;

use clap::Args;
use cli::{Changes, Result};

/// The options of `train` that select the data. They override settings in the table `[data]` of the recipe.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct DataOptions {
    /// Train on this file: each line has one token and its tag, and an empty line ends a sentence. Without --recipe,
    /// the recipe own-columns is used
    #[arg(long, value_name = "FILE")]
    conll: Option<PathBuf>,
    /// Names of all columns of the file in their order, such as token,pos,tag; columns other than token and tag are
    /// ignored [default: the first column is the token, and the last column is the tag]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "conll")]
    columns: Vec<String>,
    /// Tagging scheme of the tags in the file [default: recognized from the tags]
    #[arg(long, value_name = "SCHEME", requires = "conll", value_parser = ["iob1", "bio2", "bioes"])]
    scheme: Option<String>,
    /// File with the validation part [default: the next-to-last tenth of the sentences of --conll]
    #[arg(long, value_name = "FILE", requires = "conll", requires = "test_file")]
    valid_file: Option<PathBuf>,
    /// File with the test part [default: the last tenth of the sentences of --conll]
    #[arg(long, value_name = "FILE", requires = "conll", requires = "valid_file")]
    test_file: Option<PathBuf>,
    /// Pretrained word vectors: glove, or a file in GloVe's text format
    #[arg(long, value_name = "glove|FILE")]
    vectors: Option<String>,
}

impl DataOptions {
    /// Converts the options to the name of a recipe and to overrides of recipe settings.
    pub fn changes(&self) -> Result<Changes> {
        let mut changes = Changes::default();
        if let Some(file) = &self.conll {
            changes.recipe = Some("own-columns");
            changes.set("data.set", Some("conll"))?;
            changes.set_file("data.file", "--conll", Some(file))?;
        }
        changes.set_file("data.valid_file", "--valid-file", self.valid_file.as_deref())?;
        changes.set_file("data.test_file", "--test-file", self.test_file.as_deref())?;
        changes.set("data.format.columns", Some(&self.columns).filter(|columns| !columns.is_empty()))?;
        changes.set("data.format.scheme", self.scheme.as_ref())?;
        match self.vectors.as_deref() {
            Some("glove") => changes.set("data.vectors", Some("glove"))?,
            file => changes.set_file("data.vectors", "--vectors", file.map(AsRef::as_ref))?,
        }
        Ok(changes)
    }
}

/// Returns the command-line option for the setting that a [`DataError`](datasets::DataError::setting) names, such as
/// `--columns` for `columns`; `None` if there is no such option.
pub fn data_option(setting: &str) -> Option<&'static str> {
    match setting {
        "columns" => Some("--columns"),
        "scheme" => Some("--scheme"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: DataOptions,
    }

    #[test]
    fn options_stand_for_settings() {
        let cli =
            Cli::try_parse_from(["train", "--conll", "/a", "--columns", "token,tag", "--scheme", "bio2"]).unwrap();
        let Changes { recipe, settings } = cli.options.changes().unwrap();
        assert_eq!(recipe, Some("own-columns"));
        let expected = [
            r#"data.set="conll""#,
            r#"data.file="/a""#,
            r#"data.format.columns=["token", "tag"]"#,
            r#"data.format.scheme="bio2""#,
        ];
        assert_eq!(settings, expected);
        let cli = Cli::try_parse_from(["train", "--vectors", "glove"]).unwrap();
        assert_eq!(cli.options.changes().unwrap().settings, [r#"data.vectors="glove""#]);
    }

    #[test]
    fn options_that_need_others_are_refused_alone() {
        for line in [["train", "--columns", "token,tag"], ["train", "--valid-file", "a"]] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
