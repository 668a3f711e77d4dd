//! The command line of the program `sentiment`: help texts, the options of `train` for the user's own texts, and the
//! subcommands `predict` and `crossval`.

mod options;

use clap::{Args, Subcommand};
use cli::args::ModelArgs;
use cli::crossval::Crossval;
use cli::input::TextArgs;
use cli::output::{Numbered, print_json, print_line};
use cli::shard::Merge;
use cli::{Application, Changes, Context, Result};
use inference::Predictor;

use crate::network::BATCH;
use crate::prediction::{Contribution, Options, Prediction};
use crate::predictor::Sentiment;
use crate::train::SentimentTask;
use crate::train::crossval::crossval;
use options::OwnData;

/// The number of texts that `predict` reads from a file at a time. It then classifies these texts, in batches of texts
/// of similar length.
const READ: usize = 16 * BATCH;
/// The largest number of words that `--explain` prints for a text.
const SHOWN: usize = 8;

/// The description of the application `sentiment` for the crate `cli`: how its models are trained, and its options,
/// help texts and subcommands.
pub struct App;

impl Application for App {
    type Task = SentimentTask;
    type Options = OwnData;
    type Verb = Verb;

    const ABOUT: &'static str = "Classify texts: film reviews as positive or negative, or your own texts in any classes; recurrent networks and n-grams.";
    const DATA_OPTIONS: &'static [(&'static str, &'static str)] = options::DATA_OPTIONS;
    const DEFAULT_MODEL: Option<&'static str> = Some("short-reviews");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        (
            "predict --model RUN --explain \"The cast is warm, but the plot is not clever.\"",
            "classify a text, and print the words that decide",
        ),
        ("export --model RUN --out my-model", "write a package (the model's files) for other programs"),
        ("train --recipe imdb-lstm", "train on the IMDB reviews, downloaded once (84 MB)"),
        ("train --csv FILE --text COLUMN --label COLUMN", "train on your own texts"),
    ];

    const DATA_VERBS: &'static [&'static str] = &["crossval"];

    fn changes(options: &OwnData) -> Result<Changes> {
        options.changes()
    }

    fn to_onnx(model: &Sentiment, options: &onnx::Options) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        match verb {
            Verb::Predict(predict) => predict.run(cx),
            Verb::Merge(merge) => merge.run(),
            Verb::Crossval(verb) => verb.run::<Self>(cx, crossval),
        }
    }
}

/// The subcommands that only `sentiment` has, in addition to the shared subcommands of all applications.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Classify texts: print the class of each text and the probability of this class (if the classes are negative and
    /// positive: the probability of positive)
    #[command(after_help = "Examples:
  predict \"Wonderfully acted.\"               one text, by the model short-reviews
  predict --explain \"Not a dull moment.\"     and the words that decided
  predict --json --file reviews.txt          one text per line; `-` is standard input")]
    Predict(Predict),
    /// Join the outputs of `predict --shard` (one per shard) into the output of one run without `--shard`
    Merge(Merge),
    /// Cross-validation: divide the texts into folds, and test on each fold a model that was not trained on it
    #[command(after_help = "Examples:
  crossval --recipe rt-polarity --folds 10 --out runs/rt-polarity
  crossval --csv FILE --text COLUMN --label COLUMN")]
    Crossval(Box<Crossval<OwnData>>),
}

/// Command-line arguments of the subcommand `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    #[command(flatten)]
    texts: TextArgs,
    /// Print the words that contribute most to the logit of the positive label or, with other classes, of the predicted
    /// class. For a network, the contribution is the decrease of the logit when the token for unknown words replaces
    /// the word (occlusion); for n-grams, it is computed from the weights
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl Predict {
    fn run(self, cx: &Context) -> Result<()> {
        self.texts.shard().check(cx.json)?;
        let folder = cx.model_folder::<Sentiment>(&self.model, App::DEFAULT_MODEL)?;
        let model: Sentiment = cx.open_in(&folder)?;
        let options = Options { explain: self.explain };
        let list = self.texts.for_each_batch(READ, |lines, texts| {
            let predictions = model.predict(&texts, &options)?;
            lines.into_iter().zip(predictions).try_for_each(|(line, prediction)| print(line, prediction, cx))
        })?;
        self.texts.shard().finish(&folder, list, &options)
    }
}

/// Prints the prediction for one text. `line`, the line number of the text, is printed only in JSON.
fn print(line: usize, prediction: Prediction, cx: &Context) -> Result<()> {
    if cx.json {
        return print_json(&Numbered { line, answer: &prediction });
    }
    print_line(&prediction.to_string())?;
    for Contribution { word, contribution } in strongest(prediction.words.unwrap_or_default()) {
        print_line(&format!("    {contribution:+.2}  {word}"))?;
    }
    Ok(())
}

/// Returns the words with the largest absolute contributions, at most [`SHOWN`], largest first.
fn strongest(mut words: Vec<Contribution>) -> Vec<Contribution> {
    words.sort_by(|one, other| other.contribution.abs().total_cmp(&one.contribution.abs()));
    words.truncate(SHOWN);
    words
}
