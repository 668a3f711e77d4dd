//! `score`: how surprising a text is.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use training::cli::Choice;
use training::{Context, Package, TaskResult, print_line};

use crate::perplexity::{Reading, costs, mean};
use crate::task::LanguageModel;
use crate::verbs::{DEFAULT, text};

/// `score`.
#[derive(Debug, Args)]
pub struct Score {
    /// The text; `-`, or none, reads standard input
    #[arg(value_name = "TEXT", conflicts_with = "file", default_value = "-", hide_default_value = true)]
    text: String,
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
        let (tokens, words) = task.read_text(&text::read(self.file.as_deref(), &self.text)?);
        if words.is_empty() {
            return Err("there is no text to score: it is empty".into());
        }
        let costs = costs(&model, &tokens, Reading::default(), &context.device);
        let perplexity = mean(&costs).exp();
        let unknown = words.iter().filter(|word| task.is_unknown(word)).count();
        let bits = || costs.iter().map(|cost| f64::from(*cost) / std::f64::consts::LN_2);
        if context.json {
            let mut answer = json!({ "perplexity": perplexity, "tokens": tokens.len(), "unknown": unknown });
            if !self.brief {
                answer["surprise"] = words
                    .iter()
                    .zip(bits())
                    .map(|(word, bits)| json!({ "token": word, "unknown": task.is_unknown(word), "bits": bits }))
                    .collect();
            }
            return Ok(print_line(&answer.to_string())?);
        }
        if !self.brief {
            print_line(" bits")?;
            for (word, bits) in words.iter().zip(bits()) {
                let unknown = if task.is_unknown(word) { "  <unk>" } else { "" };
                print_line(&format!("{bits:5.1}  {word}{unknown}"))?;
            }
        }
        let unknown = if unknown > 0 { format!(", {unknown} of them not known: read as <unk>") } else { String::new() };
        Ok(print_line(&format!("perplexity {perplexity:.2} over {} tokens{unknown}", tokens.len()))?)
    }
}
