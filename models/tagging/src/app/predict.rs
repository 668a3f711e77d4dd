//! The verb (subcommand) `predict`: finds named entities in texts, and prints them or writes an HTML page.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use cli::args::ModelArgs;
use cli::input::TextArgs;
use cli::output::{Numbered, has_colors, print_json, print_line};
use cli::{Application, CliError, Context, Result};
use inference::Predictor;
use training::files::NewFile;

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
        self.texts.shard().check(cx.json)?;
        let folder = cx.model_folder::<Tagger>(&self.model, App::DEFAULT_MODEL)?;
        let model: Tagger = cx.open_in(&folder)?;
        let options = Options { min_confidence: self.min_confidence };
        let renderer = Renderer { kinds: model.labels().kinds() };
        let mut page = self.html.as_deref().map(|path| Page::create(path, self.texts.file())).transpose()?;
        let color = has_colors();
        let list = self.texts.for_each_batch(BATCH, |lines, texts| {
            let predictions = model.predict(&texts, &options)?;
            lines.into_iter().zip(&predictions).try_for_each(|(line, prediction)| match &mut page {
                Some(page) => page.write(&renderer.paragraph(prediction)),
                None if cx.json => print_json(&Numbered { line, answer: prediction }),
                None => print_line(&renderer.terminal(prediction, color)),
            })
        })?;
        self.texts.shard().finish(&folder, list, &options)?;
        page.map_or(Ok(()), Page::finish)
    }
}

/// An HTML page that is being written. An existing file at `path` is replaced only when the page is finished. If an
/// error occurs before, the existing file stays unchanged.
struct Page<'a> {
    path: &'a Path,
    file: NewFile,
}

impl<'a> Page<'a> {
    /// Starts an HTML page that will be written to `path`. Returns an error if `input`, the file with the input texts,
    /// is the same file.
    fn create(path: &'a Path, input: Option<&Path>) -> Result<Self> {
        let same = |input: &Path| path.canonicalize().is_ok_and(|path| input.canonicalize().is_ok_and(|it| it == path));
        if input.is_some_and(same) {
            return Err(CliError::Usage(format!(
                "--html {} would overwrite the input; choose another file for the page",
                path.display()
            )));
        }
        let mut page = Self { path, file: NewFile::create(path)? };
        page.write(render::PAGE_START)?;
        Ok(page)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|source| CliError::Io { action: "write", path: self.path.to_path_buf(), source })
    }

    fn finish(self) -> Result<()> {
        self.file.finish()?;
        print_line(&format!("wrote {}", self.path.display()))
    }
}
