//! The trait [`Application`]: the options, verbs (subcommands) and help texts that one application adds to the
//! shared command line.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;
use training::Task;

use crate::context::Context;
use crate::error::{CliError, Result};

/// Changes of the recipe (a TOML file of training settings) that the command-line options of an application, such as
/// `--text FILE`, cause. The options can select another recipe, and they can override settings of the recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The name of the recipe to use if the option `--recipe` is absent.
    pub recipe: Option<&'static str>,
    /// Overrides of recipe settings in the form of the option `--set`: `KEY=VALUE`, such as `optimizer.lr=0.001`.
    pub settings: Vec<String>,
}

impl Changes {
    /// Adds an override of a recipe setting, such as `data.horizon`, if the user has given a value.
    pub fn set(&mut self, key: &str, value: Option<impl Serialize>) -> Result<()> {
        if let Some(value) = value {
            let value = toml::Value::try_from(value).map_err(|error| CliError::Usage(format!("{key}: {error}")))?;
            self.settings.push(format!("{key}={value}"));
        }
        Ok(())
    }

    /// Adds an override that sets the setting `key` to the absolute path of `file`. Does nothing if `file` is `None`.
    /// `option` is the command-line option with which the user gave the file. Error messages name this option.
    pub fn set_file(&mut self, key: &str, option: &str, file: Option<&Path>) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let usage = |reason: &str| CliError::Usage(format!("{option} {}: {reason}", file.display()));
        let path = std::path::absolute(file).map_err(|error| usage(&error.to_string()))?;
        self.set(key, Some(path.to_str().ok_or_else(|| usage("the path is not UTF-8; rename the file or folder"))?))
    }

    /// Adds an override that sets the setting `key` to `value`, if `value` is one of `names`, and otherwise does the
    /// same as [`set_file`](Self::set_file).
    pub fn set_name_or_file(&mut self, key: &str, option: &str, value: Option<&str>, names: &[&str]) -> Result<()> {
        match value {
            Some(name) if names.contains(&name) => self.set(key, value),
            file => self.set_file(key, option, file.map(Path::new)),
        }
    }
}

/// The command-line program of an application, such as `sentiment`. The name of the application is the constant
/// [`APPLICATION`](inference::Predictor::APPLICATION) of its predictor.
pub trait Application: 'static {
    /// The task that trains and evaluates the models of the application.
    type Task: Task;
    /// Options of the verbs `train` and `find-rate` that change settings of a recipe, such as `--text FILE`;
    /// [`NoOptions`](crate::args::NoOptions) if there are no options.
    type Options: Args + Clone + Default + std::fmt::Debug;
    /// The verbs (subcommands) that this application has in addition to the shared verbs, such as `predict`;
    /// [`NoVerbs`](crate::args::NoVerbs) if it has none.
    type Verb: Subcommand;

    /// One sentence about the application, which `--help` displays.
    const ABOUT: &'static str;
    /// The name of the shipped model that `bench`, `serve` and this application's own verbs open if the option
    /// `--model` is absent; `None` if the option is required.
    const DEFAULT_MODEL: Option<&'static str> = None;
    /// The names of this application's own verbs that read a data set, and so use the option `--data-dir`.
    const DATA_VERBS: &'static [&'static str] = &[];
    /// The command-line options that change settings of the data. Each pair contains the name of a setting, as
    /// [`DataError::setting`](datasets::DataError::setting) returns it, and its option, such as
    /// `("date_format", "--date-format")`. If a setting does not match the data, the error message names its option.
    const DATA_OPTIONS: &'static [(&'static str, &'static str)] = &[];
    /// The commands that the verb `train` suggests after training. Each pair contains the arguments of a command and
    /// its purpose. In the arguments, `RUN` is replaced by the run folder.
    const NEXT: &'static [(&'static str, &'static str)] = &[];

    /// Converts the application's own options, such as `--text FILE`, to a recipe name and overrides of settings.
    fn changes(_options: &Self::Options) -> Result<Changes> {
        Ok(Changes::default())
    }

    /// Returns the ONNX graphs of a model, which `export --format onnx` writes.
    ///
    /// # Errors
    ///
    /// [`OnnxError`](onnx::OnnxError) if the model cannot be written as an ONNX graph, or if
    /// [`lengths`](onnx::Options::lengths) is true and has no effect on the model.
    fn to_onnx(
        _model: &<Self::Task as Task>::Predictor,
        _options: &onnx::Options,
    ) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        Err(onnx::OnnxError::NoGraph {
            model: "this application",
            reason: "the application does not implement the export to ONNX; use --format package",
        })
    }

    /// Runs `verb`, one of the application's own verbs, such as `predict`.
    fn run(verb: Self::Verb, cx: &mut Context) -> Result<()>;
}
