//! `predict`: the probability that a text is favourable, and which words say so.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use training::cli::{Choice, default_model};
use training::{Context, Package, TaskResult, print_line};

use crate::task::{Opinion, Sentiment};

/// The shipped model that answers when none is chosen.
const DEFAULT_MODEL: &str = "imdb-hybrid";
/// Words shown by `--explain`.
const SHOWN: usize = 8;
/// Characters of a text that are shown.
const EXCERPT: usize = 72;

/// The verbs of this application.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Tell whether texts are favourable: the number is the probability that they are
    #[command(after_help = default_model(DEFAULT_MODEL))]
    Predict(Predict),
}

/// `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The texts; `-`, or none, reads one a line from standard input
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    texts: Vec<String>,
    /// Read one text a line from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Tell how much each word speaks for or against, in log-odds. For the network by occlusion (the word replaced by
    /// an unknown one), for n-grams by their weights
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    choice: Choice,
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        let Self::Predict(predict) = self;
        predict.run(context)
    }
}

impl Predict {
    fn run(self, context: &Context) -> TaskResult<()> {
        let package = Package::<Sentiment>::open(&self.choice.dir::<Sentiment>(Some(DEFAULT_MODEL))?, &context.device)?;
        let mut answered = false;
        for (number, text) in (1..).zip(self.inputs()?) {
            let text = text?;
            if !text.trim().is_empty() {
                answered = true;
                self.answer(&package, number, &text, context)?;
            }
        }
        if answered { Ok(()) } else { Err("there is no text to judge: all lines are empty".into()) }
    }

    fn answer(&self, package: &Package<Sentiment>, number: usize, text: &str, context: &Context) -> TaskResult<()> {
        let opinion = package.task.opinion(&package.model, text, &context.device);
        let words = match self.explain {
            true => package.task.explain(&package.model, text, &context.device),
            false => Vec::new(),
        };
        if context.json {
            return print_json(number, text, &opinion, self.explain.then_some(words));
        }
        print_line(&line(&opinion, text))?;
        for (word, share) in strongest(words) {
            print_line(&format!("    {share:+.2}  {word}"))?;
        }
        Ok(())
    }

    /// The texts, one after the other: a file need not fit into memory.
    fn inputs(&self) -> TaskResult<Box<dyn Iterator<Item = TaskResult<String>> + '_>> {
        match (&self.file, self.texts.as_slice()) {
            (Some(path), _) => {
                let file =
                    std::fs::File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                Ok(lines(path, file))
            }
            (None, []) => Ok(lines(Path::new("standard input"), std::io::stdin())),
            (None, [dash]) if dash == "-" => Ok(lines(Path::new("standard input"), std::io::stdin())),
            (None, texts) => Ok(Box::new(texts.iter().cloned().map(Ok))),
        }
    }
}

fn lines(path: &Path, source: impl Read + 'static) -> Box<dyn Iterator<Item = TaskResult<String>>> {
    let path = path.display().to_string();
    Box::new(BufReader::new(source).split(b'\n').zip(1..).map(move |(line, number)| {
        let line = line.map_err(|error| format!("cannot read {path}: {error}"))?;
        let line = String::from_utf8(line)
            .map_err(|_| format!("{path}, line {number}: is not UTF-8; convert it, for instance with iconv"))?;
        // What Windows puts at the beginning of a file and at the end of a line.
        Ok(line.trim_start_matches('\u{feff}').trim_end_matches('\r').to_owned())
    }))
}

/// `positive 0.980  Wonderfully acted.`
pub(crate) fn line(opinion: &Opinion, text: &str) -> String {
    let (label, probability) = label(opinion);
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    let mut excerpt: String = text.chars().take(EXCERPT).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    format!("{label} {probability:.3}  {excerpt}")
}

fn label(opinion: &Opinion) -> (&'static str, f32) {
    let probability = opinion.probability();
    if probability > 0.5 { ("positive", probability) } else { ("negative", probability) }
}

fn strongest(mut words: Vec<(String, f32)>) -> Vec<(String, f32)> {
    words.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    words.truncate(SHOWN);
    words
}

/// `number` is that of the line, or of the argument, from 1: empty ones get no answer.
fn print_json(number: usize, text: &str, opinion: &Opinion, words: Option<Vec<(String, f32)>>) -> TaskResult<()> {
    let (label, probability) = label(opinion);
    let mut answer = json!({ "line": number, "text": text, "label": label, "probability": probability });
    if let Some(words) = words {
        answer["words"] = words.iter().map(|(word, share)| json!({ "word": word, "contribution": share })).collect();
    }
    Ok(print_line(&answer.to_string())?)
}
