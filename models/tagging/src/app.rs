//! The command line of the program `tagging`: the options of `train` for data files in CoNLL-style columns, and the
//! verb (subcommand) `predict`.

mod options;
mod predict;
mod render;

use clap::Subcommand;
use cli::application::Changes;
use cli::shard::Merge;
use cli::{Application, Context, Result};

use crate::train::TaggingTask;
use options::DataOptions;
use predict::Predict;

/// The description of the application `tagging` for the crate `cli`: training task, help texts and subcommands.
pub struct App;

impl Application for App {
    type Task = TaggingTask;
    type Options = DataOptions;
    type Verb = Verb;

    const ABOUT: &'static str = "Find named entities in text: a bidirectional LSTM with a conditional random field.";
    const DATA_OPTIONS: &'static [(&'static str, &'static str)] = options::DATA_OPTIONS;
    const DEFAULT_MODEL: Option<&'static str> = Some("wnut17");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("predict --model RUN \"Talk to Dr. Ruth Marlow in Port Ellen.\"", "predict with this model"),
        ("export --model RUN --out my-model", "write a package (the model's files) for other programs"),
        ("train --recipe wnut17", "train on messages of social media, with word vectors"),
    ];

    fn changes(options: &DataOptions) -> Result<Changes> {
        options.changes()
    }

    fn to_onnx(model: &crate::Tagger, options: &onnx::Options) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        match verb {
            Verb::Predict(predict) => predict.run(cx),
            Verb::Merge(merge) => merge.run(),
        }
    }
}

/// The verbs (subcommands) that this application adds to the shared verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Find the named entities of texts
    #[command(after_help = "Examples:
  predict \"Ada Lovelace moved to London.\"      one text, with the model wnut17
  predict --json --file messages.txt           one text per line, one JSON object per line
  predict --html page.html --file article.txt  an HTML page with marked entities")]
    Predict(Predict),
    /// Join the outputs of `predict --shard` for all shards into the output of one run of `predict` without `--shard`
    Merge(Merge),
}
