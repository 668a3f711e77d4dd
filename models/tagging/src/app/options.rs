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
        changes.set_name_or_file("data.vectors", "--vectors", self.vectors.as_deref(), &["glove"])?;
        Ok(changes)
    }
}

/// The options that change settings of the data: see [`Application::DATA_OPTIONS`](cli::Application::DATA_OPTIONS).
pub const DATA_OPTIONS: &[(&str, &str)] = &[("columns", "--columns"), ("scheme", "--scheme")];

#[cfg(test)]
mod tests {
    use cli::args::parse_options;

    use super::*;

    fn changes(words: &[&str]) -> Changes {
        parse_options::<DataOptions>(words).unwrap().changes().unwrap()
    }

    #[test]
    fn options_stand_for_settings() {
        let line = ["--conll", "/a", "--columns", "token,tag", "--scheme", "bio2"];
        let Changes { recipe, settings } = changes(&line);
        assert_eq!(recipe, Some("own-columns"));
        let expected = [
            r#"data.set="conll""#,
            r#"data.file="/a""#,
            r#"data.format.columns=["token", "tag"]"#,
            r#"data.format.scheme="bio2""#,
        ];
        assert_eq!(settings, expected);
        assert_eq!(changes(&["--vectors", "glove"]).settings, [r#"data.vectors="glove""#]);
    }

    #[test]
    fn options_that_need_others_are_refused_alone() {
        for line in [["--columns", "token,tag"], ["--valid-file", "a"]] {
            assert!(parse_options::<DataOptions>(&line).is_err(), "{line:?}");
        }
    }
}
