//! The command line: texts of the help, and the verb `predict`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cli::args::{ModelArgs, NoOptions};
use cli::output::{print_json, print_line};
use cli::{Application, Context, Result, input};
use inference::{PredictError, Predictor};
use serde::Serialize;

use crate::network::BATCH;
use crate::prediction::{Contribution, Options, Prediction};
use crate::predictor::Sentiment;
use crate::train::SentimentTask;

/// The number of words that `--explain` prints.
const SHOWN: usize = 8;

/// The application `sentiment`.
pub struct App;

impl Application for App {
    type Task = SentimentTask;
    type Options = NoOptions;
    type Verb = Verb;

    const ABOUT: &'static str = "Classify film reviews as positive or negative: recurrent networks and n-grams.";
    const DEFAULT_MODEL: Option<&'static str> = Some("imdb-hybrid");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("predict --model RUN --explain \"The cast is warm, but the plot is not clever.\"", "ask this model, and why"),
        ("export --model RUN --out my-model", "make a package for others"),
        ("train --recipe imdb-lstm", "train on the IMDB reviews, downloaded once (84 MB)"),
    ];

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        let Verb::Predict(predict) = verb;
        predict.run(cx)
    }
}

/// The verbs of this application.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Classify texts; the number is the probability of the positive label
    #[command(after_help = "Examples:
  predict \"Wonderfully acted.\"               one text, by the model imdb-hybrid
  predict --explain \"Not a dull moment.\"     and the words that decided
  predict --json --file reviews.txt          one text per line")]
    Predict(Predict),
}

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Texts; `-`, or none, reads one per line from standard input
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    texts: Vec<String>,
    /// Read one text per line from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show the contribution of each word to the logit. For a network by occlusion (the unknown word replaces the
    /// word), for n-grams by their weights
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// An answer with the number of its line or argument, from 1. Empty lines get no answer.
#[derive(Serialize)]
struct Numbered<'a> {
    line: usize,
    #[serde(flatten)]
    prediction: &'a Prediction,
}

impl Predict {
    fn run(self, cx: &Context) -> Result<()> {
        let model: Sentiment = cx.open(&self.model, App::DEFAULT_MODEL)?;
        // Lines of standard input are answered one by one, as they come.
        let interactive = self.file.is_none() && matches!(&self.texts[..], [] | [_]);
        let size = if interactive { 1 } else { BATCH };
        let (mut batch, mut answered) = (Vec::new(), false);
        for line in input::texts(self.file.as_deref(), &self.texts)? {
            match line {
                Ok((_, text)) if text.trim().is_empty() => continue,
                Ok(line) => batch.push(line),
                Err(error) => {
                    self.answer(&model, &mut batch, cx)?;
                    return Err(error);
                }
            }
            answered = true;
            if batch.len() == size {
                self.answer(&model, &mut batch, cx)?;
            }
        }
        self.answer(&model, &mut batch, cx)?;
        match answered {
            true => Ok(()),
            false => Err(PredictError::bad_input("text", "all lines are empty; give a text with words").into()),
        }
    }

    /// Prints the answers to a batch of texts, and empties the batch.
    fn answer(&self, model: &Sentiment, batch: &mut Vec<(usize, String)>, cx: &Context) -> Result<()> {
        let (lines, texts): (Vec<usize>, Vec<String>) = std::mem::take(batch).into_iter().unzip();
        for (line, prediction) in lines.into_iter().zip(model.predict(&texts, &Options { explain: self.explain })?) {
            if cx.json {
                print_json(&Numbered { line, prediction: &prediction })?;
                continue;
            }
            print_line(&prediction.to_string())?;
            for Contribution { word, contribution } in strongest(prediction.words.unwrap_or_default()) {
                print_line(&format!("    {contribution:+.2}  {word}"))?;
            }
        }
        Ok(())
    }
}

/// The words with the largest absolute contributions.
fn strongest(mut words: Vec<Contribution>) -> Vec<Contribution> {
    words.sort_by(|one, other| other.contribution.abs().total_cmp(&one.contribution.abs()));
    words.truncate(SHOWN);
    words
}
