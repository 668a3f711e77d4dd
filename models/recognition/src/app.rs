//! The command line of the program `recognition`: the options of `train` for the user's own recordings, and the verbs
//! (subcommands) `predict` and `crossval`.

mod options;
mod predict;

use clap::Subcommand;
use cli::application::Changes;
use cli::crossval::Crossval;
use cli::{Application, Context, Result};

use crate::train::RecognitionTask;
use crate::train::crossval::crossval;
use options::DataOptions;
use predict::Predict;

/// The application `recognition`, as the crate `cli` needs it for a command-line program.
pub struct App;

impl Application for App {
    type Task = RecognitionTask;
    type Options = DataOptions;
    type Verb = Verb;

    const ABOUT: &'static str = "Recognise sequences: pen strokes, gestures, motions and voices.";
    const DATA_OPTIONS: &'static [(&'static str, &'static str)] = options::DATA_OPTIONS;
    const DEFAULT_MODEL: Option<&'static str> = Some("gestures");
    const DATA_VERBS: &'static [&'static str] = &["crossval"];
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("predict --model RUN --csv FILE --id COLUMN", "recognise your own recordings"),
        ("export --model RUN --out my-model", "write a package (the model's files) for other programs"),
        ("train --recipe pendigits", "train on handwritten digits"),
    ];

    fn changes(options: &DataOptions) -> Result<Changes> {
        options.changes()
    }

    fn to_onnx(
        model: &crate::Recognizer,
        options: &onnx::Options,
    ) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        match verb {
            Verb::Predict(predict) => predict.run(cx),
            Verb::Crossval(verb) => verb.run::<Self>(cx, crossval),
        }
    }
}

/// The verbs (subcommands) that this application adds to the shared verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Predict the class of each recording in a CSV file, or of each video
    #[command(after_help = "Examples:
  predict --csv strokes.csv                    one recording, with the model gestures
  predict --csv week.csv --id recording --json one JSON object per recording
  predict --csv strokes.csv --stream           the class after every sample")]
    Predict(Predict),
    /// Run a cross-validation by person: for each fold, train a model on the persons of the other folds, and test the
    /// model on the persons of this fold
    #[command(after_help = "Examples:
  crossval --recipe watch-exercises --folds 5 --out runs/crossval")]
    Crossval(Box<Crossval<DataOptions>>),
}
