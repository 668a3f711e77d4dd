//! The verb (subcommand) `predict`: finds named entities in texts, and prints them or writes an HTML page.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use cli::args::ModelArgs;
use cli::input::TextArgs;
use cli::output::{Numbered, print_json, print_line};
use cli::{Application, CliError, Context, Result};
use inference::Predictor;

use super::App;
use super::render::{self, Renderer};
use crate::prediction::Options;
use crate::predictor::{BATCH, Tagger};

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    #[command(flatten)]
    texts: TextArgs,
    /// Leave out entities whose confidence is lower than P, a number from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_confidence: f32,
    /// Write an HTML page with marked entities to this file, instead of lines to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Predict {
    /// Finds the entities of the input texts batch by batch, and prints or writes the predictions in the order of the
    /// texts. The input may be larger than the memory.
    pub fn run(self, cx: &Context) -> Result<()> {
        let model: Tagger = cx.open(&self.model, App::DEFAULT_MODEL)?;
        let options = Options { min_confidence: self.min_confidence };
        let renderer = Renderer { kinds: model.labels().kinds() };
        let mut page = self.html.as_deref().map(Page::create).transpose()?;
        let color = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        self.texts.for_each_batch(BATCH, |lines, texts| {
            let predictions = model.predict(&texts, &options)?;
            lines.into_iter().zip(&predictions).try_for_each(|(line, prediction)| match &mut page {
                Some(page) => page.write(&renderer.paragraph(prediction)),
                None if cx.json => print_json(&Numbered { line, answer: prediction }),
                None => print_line(&renderer.terminal(prediction, color)),
            })
        })?;
        page.map_or(Ok(()), Page::finish)
    }
}

/// An HTML page that is being written to a file.
struct Page<'a> {
    path: &'a Path,
    file: BufWriter<File>,
}

impl<'a> Page<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        let file = File::create(path).map_err(|source| unwritable(path, source))?;
        let mut page = Self { path, file: BufWriter::new(file) };
        page.write(render::PAGE_START)?;
        Ok(page)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|source| unwritable(self.path, source))
    }

    fn finish(mut self) -> Result<()> {
        self.file.flush().map_err(|source| unwritable(self.path, source))?;
        print_line(&format!("wrote {}", self.path.display()))
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> CliError {
    CliError::Io { action: "write", path: path.to_path_buf(), source }
}
