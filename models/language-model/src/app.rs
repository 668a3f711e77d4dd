//! The command line: the help texts, the options of `train`, and the verbs (subcommands) `generate` and `score`.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cli::args::ModelArgs;
use cli::input::TextArg;
use cli::output::{log, print_json, print_line, print_text};
use cli::{Application, Changes, CliError, Context, Result};
use inference::settings::Count;
use inference::{Sampling, Streaming};

use crate::generate::{Generation, Session};
use crate::predictor::LanguageModel;
use crate::train::LanguageModelTask;

/// The largest vocabulary size for the option `--text` with `--level word`.
const MAX_WORDS: usize = 20_000;
/// The number of times that a word must occur to be in the vocabulary, with `--level word`. Other words are read as
/// `<unk>`.
const MIN_COUNT: usize = 2;
const WORD: &str = "word";

/// The application `language-model` of the command line.
pub struct App;

impl Application for App {
    type Task = LanguageModelTask;
    type Options = TextOptions;
    type Verb = Verb;

    const ABOUT: &'static str = "Generate and score text: recurrent language models.";
    const DEFAULT_MODEL: Option<&'static str> = Some("ptb-awd");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("generate --model RUN \"the\"", "generate text with this model"),
        ("score --model RUN --file FILE", "see how well this model predicts each word of a text"),
        ("train --recipe ptb-lstm-small", "train on the Penn Treebank, downloaded once (6 MB)"),
    ];

    fn changes(options: &TextOptions) -> Result<Changes> {
        options.changes()
    }

    fn to_onnx(model: &LanguageModel, options: &onnx::Options) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        match verb {
            Verb::Generate(generate) => generate.run(cx),
            Verb::Score(score) => score.run(cx),
        }
    }
}

/// Options of `train` and `find-rate` for training on a text file of the user.
#[derive(Clone, Debug, Default, Args)]
pub struct TextOptions {
    /// Train on this UTF-8 text file, with the recipe char-lstm unless --recipe names another recipe
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    text: Option<PathBuf>,
    /// Whether a token is a word or a character; if absent, the recipe decides. With `word`, words that occur only once
    /// in the training text are read as the unknown word `<unk>`
    #[arg(long, value_parser = [WORD, "character"], requires = "text", value_name = "LEVEL", help_heading = "Data")]
    level: Option<String>,
}

impl TextOptions {
    fn changes(&self) -> Result<Changes> {
        if self.text.is_none() {
            return Ok(Changes::default());
        }
        let mut changes = Changes { recipe: Some("char-lstm"), ..Changes::default() };
        changes.set("data.set", Some("text"))?;
        changes.set_file("data.file", "--text", self.text.as_deref())?;
        changes.set("data.level", self.level.as_ref())?;
        if self.level.as_deref() == Some(WORD) {
            changes.set("data.vocabulary", Some(MAX_WORDS))?;
            changes.set("data.min_count", Some(MIN_COUNT))?;
        }
        Ok(changes)
    }
}

/// The verbs (subcommands) that this application adds to the shared verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Generate text after a prompt; without a prompt, from the beginning of a line
    #[command(after_help = "Examples:
  generate \"the chairman said\"                    60 words from the model ptb-awd
  generate --temperature 0.7 --seed 3 \"the\"       more likely words, another seed
  generate --until sentence \"the\"                one sentence
  generate --repetition-penalty 1.2 \"the\"        fewer repetitions
  generate --model RUN --interactive              complete each line that is typed")]
    Generate(Generate),
    /// Measure how well a model predicts a text, in bits per token and as perplexity. If no text is given, the text is
    /// read from standard input
    #[command(after_help = "Examples:
  score \"the chairman said he would resign\"       with the model ptb-awd
  score --brief --file text.txt                   only the perplexity")]
    Score(Score),
}

/// Arguments of the verb `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    #[command(flatten)]
    prompt: TextArg,
    /// Read beginnings of lines from standard input, and generate the rest of each line
    #[arg(long, conflicts_with_all = ["text", "escaped", "file"])]
    interactive: bool,
    /// Largest number of tokens to generate [default: 60 words or 600 characters]
    #[arg(long, value_name = "N", help_heading = "Sampling")]
    length: Option<Count>,
    /// Stop before the first TEXT in the generated text; case-sensitive. This option may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Sampling")]
    stop: Vec<String>,
    /// Stop at the end of the first line or of the first sentence, but after --length tokens at the latest
    #[arg(long, value_enum, value_name = "END", conflicts_with = "interactive", help_heading = "Sampling")]
    until: Option<Until>,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    model: ModelArgs,
}

/// Where a generated text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Stop at the end of a line.
    Line,
    /// Stop at the end of a sentence.
    Sentence,
}

/// Options for sampling tokens.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Sampling")]
struct SamplingArgs {
    /// Divide the logits by T. A value below 1 makes likely tokens more likely; with 0, the most likely token is always
    /// taken
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature, allow_negative_numbers = true)]
    temperature: f32,
    /// Sample only from the K most likely tokens
    #[arg(long, value_name = "K")]
    top_k: Option<Count>,
    /// Sample from the smallest set of most likely tokens whose total probability is at least P
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Lower the probability of tokens that were already generated: divide their positive logits by X, and multiply
    /// their negative logits by X. 1 means no penalty; a usual value is 1.2
    #[arg(long, value_name = "X", default_value_t = Sampling::default().repetition_penalty, allow_negative_numbers = true)]
    repetition_penalty: f32,
    /// Seed of the random numbers for sampling
    #[arg(long, value_name = "N", default_value_t = Sampling::default().seed)]
    seed: u64,
}

impl From<SamplingArgs> for Sampling {
    fn from(SamplingArgs { temperature, top_k, top_p, repetition_penalty, seed }: SamplingArgs) -> Self {
        Self { temperature, top_k, top_p, repetition_penalty, seed }
    }
}

impl Generate {
    fn run(&self, cx: &Context) -> Result<()> {
        let options = Generation {
            length: self.length,
            stop_at_line_end: self.interactive || self.until == Some(Until::Line),
            stop_at_sentence_end: self.until == Some(Until::Sentence),
            stop: self.stop.clone(),
            sampling: self.sampling.into(),
        };
        options.sampling.check()?;
        let model: LanguageModel = cx.open(&self.model, App::DEFAULT_MODEL)?;
        if self.interactive {
            return complete_lines(&model, &options, cx.json);
        }
        let given = self.prompt.read("")?;
        // A line end at the end of a file or of standard input is removed. At the end of a prompt that is given as an
        // argument, a line end is kept, and the generated text begins a new line.
        let whole = if self.prompt.is_file() { given.strip_suffix('\n') } else { None };
        let prompt = whole.unwrap_or(&given);
        answer(&model, prompt, &options, cx.json)
    }
}

/// Reads prompts from standard input, one per line. For each prompt, generates the rest of the line, and prints the
/// prompt and the generated text.
fn complete_lines(model: &LanguageModel, options: &Generation, json: bool) -> Result<()> {
    let ask = || {
        if stdin().is_terminal() {
            let _ = write!(stderr(), "> ");
        }
    };
    ask();
    for line in stdin().lock().lines() {
        let prompt = line.map_err(|source| CliError::Io { action: "read", path: "standard input".into(), source })?;
        answer(model, &prompt, options, json)?;
        ask();
    }
    Ok(())
}

/// Generates text after a prompt. Prints the prompt, and then the generated text piece by piece. If `json` is true,
/// prints one JSON object at the end instead.
fn answer(model: &LanguageModel, prompt: &str, options: &Generation, json: bool) -> Result<()> {
    let warn = |unknown: &[String]| {
        if !unknown.is_empty() {
            log(&format!("prompt tokens not in the vocabulary, read as <unk>: {}", unknown.join(", ")));
        }
    };
    if json {
        let generated = model.generate(&prompt.into(), options)?;
        warn(&generated.unknown);
        return print_json(&generated);
    }
    let mut session: Session = model.begin(&prompt.into(), options)?;
    warn(session.unknown());
    print_text(model.codec().trim_prompt(prompt))?;
    while let Some(piece) = model.next(&mut session)? {
        print_text(&piece.text)?;
    }
    print_line("")
}

/// Arguments of the verb `score`.
#[derive(Debug, Args)]
pub struct Score {
    #[command(flatten)]
    text: TextArg,
    /// Print only the perplexity, not the bits of each token
    #[arg(long, help_heading = "Output")]
    brief: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl Score {
    fn run(&self, cx: &Context) -> Result<()> {
        let model: LanguageModel = cx.open(&self.model, App::DEFAULT_MODEL)?;
        let mut score = model.score(&self.text.read("-")?)?;
        if self.brief {
            score.surprise.clear();
        }
        if cx.json {
            return print_json(&score);
        }
        if !self.brief {
            print_line(" bits")?;
        }
        for token in &score.surprise {
            let unknown = if token.unknown { "  <unk>" } else { "" };
            print_line(&format!("{:5.1}  {}{unknown}", token.bits, token.token))?;
        }
        let unknown = match score.unknown {
            0 => String::new(),
            count => {
                let percent = 100.0 * count as f64 / score.tokens as f64;
                format!(", {count} of them ({percent:.1} %) unknown and read as <unk>")
            }
        };
        print_line(&format!("perplexity {:.2} over {} tokens{unknown}", score.perplexity, score.tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_text_changes_the_settings_of_the_data() {
        let options = |level: Option<&str>| TextOptions {
            text: Some("/a/it's [mine] = 1.txt".into()),
            level: level.map(str::to_owned),
        };
        let file = r#"data.file="/a/it's [mine] = 1.txt""#;
        let settings = |level| options(level).changes().unwrap().settings;
        assert_eq!(settings(None), [r#"data.set="text""#, file]);
        assert_eq!(settings(Some("character")), [r#"data.set="text""#, file, r#"data.level="character""#]);
        assert_eq!(
            settings(Some("word")),
            [r#"data.set="text""#, file, r#"data.level="word""#, "data.vocabulary=20000", "data.min_count=2"]
        );
        assert_eq!(TextOptions::default().changes().unwrap(), Changes::default());
    }
}
