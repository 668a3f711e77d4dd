//! `score`: how surprising a text is.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use training::cli::Choice;
use training::{Context, Package, TaskResult, print_line};

use crate::perplexity::{Reading, costs, mean};
use crate::task::LanguageModel;
use crate::verbs::DEFAULT;

/// `score`.
#[derive(Debug, Args)]
pub struct Score {
    /// The text; `-`, or none, reads standard input
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,
    /// Read the text from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Give the text's perplexity alone
    #[arg(long)]
    brief: bool,
    #[command(flatten)]
    choice: Choice,
}

impl Score {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        let dir = self.choice.dir::<LanguageModel>(Some(DEFAULT))?;
        let Package { task, model, .. } = Package::<LanguageModel>::open(&dir, &context.device)?;
        let (tokens, words) = task.read_text(&self.text()?);
        if words.is_empty() {
            return Err("there is no text to score: it is empty".into());
        }
        let costs = costs(&model, &tokens, Reading::default(), &context.device);
        let perplexity = mean(&costs).exp();
        let bits = || costs.iter().map(|cost| f64::from(*cost) / std::f64::consts::LN_2);
        if context.json {
            let mut answer = json!({ "perplexity": perplexity, "tokens": tokens.len() });
            if !self.brief {
                answer["surprise"] =
                    words.iter().zip(bits()).map(|(word, bits)| json!({ "token": word, "bits": bits })).collect();
            }
            return Ok(print_line(&answer.to_string())?);
        }
        if !self.brief {
            print_line(" bits")?;
            for (word, bits) in words.iter().zip(bits()) {
                print_line(&format!("{bits:5.1}  {word}"))?;
            }
        }
        Ok(print_line(&format!("perplexity {perplexity:.2} over {} tokens", tokens.len()))?)
    }

    fn text(&self) -> TaskResult<String> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        match (&self.file, &self.text) {
            (Some(path), _) => Ok(read(path)?),
            (None, Some(text)) if text != "-" => Ok(text.clone()),
            _ => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|error| format!("cannot read standard input: {error}"))?;
                Ok(text)
            }
        }
    }
}
