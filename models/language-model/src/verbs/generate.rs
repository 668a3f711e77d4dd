//! `generate`: writing on from a prompt.

use std::io::{BufRead, IsTerminal, Write, stdin};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use training::cli::Choice;
use training::settings::Count;
use training::{Context, Package, TaskResult, print_line, print_text, say};

use crate::sampling::Sampling;
use crate::task::LanguageModel;
use crate::verbs::{DEFAULT, text};
use crate::writer::Writer;

/// `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// What the text begins with; `-` reads standard input [default: the beginning of a line]
    #[arg(value_name = "PROMPT", default_value = "", hide_default_value = true, conflicts_with = "file")]
    prompt: String,
    /// Read what the text begins with from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many tokens to write [default: 60 words, 600 characters]
    #[arg(long, value_name = "N")]
    length: Option<Count>,
    #[command(flatten)]
    sampling: Sampling,
    /// Complete each line that is typed, up to its end
    #[arg(long, conflicts_with_all = ["prompt", "file"])]
    interactive: bool,
    #[command(flatten)]
    choice: Choice,
}

impl Generate {
    /// Runs the verb.
    pub fn run(self, context: &Context) -> TaskResult<()> {
        let dir = self.choice.dir::<LanguageModel>(Some(DEFAULT))?;
        let package = Package::<LanguageModel>::open(&dir, &context.device)?;
        match self.interactive {
            true => self.complete_lines(&package, context),
            false => self.write_on(&package, context),
        }
    }

    fn write_on(&self, package: &Package<LanguageModel>, context: &Context) -> TaskResult<()> {
        let given = text::read(self.file.as_deref(), &self.prompt)?;
        // The end of a file, or of what `echo` writes, begins no line of its own; one that was typed does.
        let typed = self.file.is_none() && self.prompt != "-";
        let prompt = if typed { &given } else { given.strip_suffix('\n').unwrap_or(&given) };
        let mut writer = self.begin(package, prompt, context);
        let mut text = String::new();
        if !context.json {
            print_text(package.task.before_a_word(prompt))?;
        }
        for _ in 0..self.length.map_or(package.task.usual_length(), Count::get) {
            let piece = writer.write();
            match context.json {
                true => text += &piece,
                false => print_text(&piece)?,
            }
        }
        match context.json {
            true => print_line(&json!({ "prompt": prompt, "text": text, "seed": self.sampling.seed }).to_string())?,
            false => print_line("")?,
        }
        Ok(())
    }

    fn complete_lines(&self, package: &Package<LanguageModel>, context: &Context) -> TaskResult<()> {
        let ask = || {
            if stdin().is_terminal() {
                let _ = write!(std::io::stderr(), "> ");
            }
        };
        ask();
        for line in stdin().lock().lines() {
            let prompt = line.map_err(|error| format!("cannot read standard input: {error}"))?;
            let mut writer = self.begin(package, &prompt, context);
            let length = self.length.map_or(package.task.usual_length(), Count::get);
            let pieces = (0..length).map(|_| writer.write()).take_while(|piece| piece != "\n");
            let text: String = pieces.collect();
            match context.json {
                true => print_line(&json!({ "prompt": prompt, "text": text, "seed": self.sampling.seed }).to_string())?,
                false => print_line(&format!("{}{text}", package.task.before_a_word(&prompt)))?,
            }
            ask();
        }
        Ok(())
    }

    fn begin<'a>(&'a self, package: &'a Package<LanguageModel>, prompt: &str, context: &Context) -> Writer<'a> {
        let (writer, unknown) = Writer::new(&package.task, &package.model, prompt, &self.sampling, &context.device);
        if !unknown.is_empty() {
            say(&format!("words that the model does not know, read as <unk>: {}", unknown.join(", ")));
        }
        writer
    }
}
