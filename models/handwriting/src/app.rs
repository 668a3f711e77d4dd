//! The command line: the help texts, and the subcommand `generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cli::args::{ModelArgs, NoOptions};
use cli::output::{print_json, print_line, printable};
use cli::{Application, Context, Result};
use inference::settings::Count;
use serde::Serialize;

use crate::drawing::{Drawing, Options, Request};
use crate::predictor::Writer;
use crate::svg::{Cell, grid};
use crate::train::HandwritingTask;

/// The file name of the picture if the option `--out` is absent.
const PICTURE: &str = "handwriting.svg";
/// The largest number of drawings in a row of the picture.
const COLUMNS: usize = 12;
/// The color of the strokes in the picture.
const COLOR: &str = "#222";

/// The description of the application `handwriting` for the crate `cli`: training task, help texts and subcommands.
pub struct App;

impl Application for App {
    type Task = HandwritingTask;
    type Options = NoOptions;
    type Verb = Verb;

    const ABOUT: &'static str = "Draw handwriting: characters and symbols, point by point.";
    const DEFAULT_MODEL: Option<&'static str> = Some("omniglot");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("generate --model RUN", "draw every class with this model"),
        ("export --model RUN --out my-model", "write a package (the model's files) for other programs"),
        ("train --recipe omniglot", "train on characters that people drew, downloaded once (3 MB)"),
    ];

    fn to_onnx(model: &Writer, options: &onnx::Options) -> std::result::Result<onnx::Export, onnx::OnnxError> {
        onnx::ToOnnx::to_onnx(model, options)
    }

    fn run(verb: Verb, cx: &mut Context) -> Result<()> {
        let Verb::Generate(generate) = verb;
        generate.run(cx)
    }
}

/// The subcommands that only `handwriting` has, in addition to the shared subcommands of all applications.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Draw one class (a character or symbol) or all classes, and write the drawings as an SVG picture
    #[command(after_help = "Examples:
  generate                                       a drawing of every class, by the model omniglot
  generate --class Greek/character01 --count 8   eight drawings of one character
  generate --count 4 --out characters.svg        four drawings of every class
  generate --temperature 0.2 --seed 7            more regular drawings, from another seed
  generate --class circle --model RUN --json     the strokes as JSON")]
    Generate(Generate),
}

/// Command-line arguments of the subcommand `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Class to draw [default: every class of the model]
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Number of drawings of each class. The first drawing uses the seed --seed, and each further drawing uses the next
    /// seed
    #[arg(long, value_name = "N", default_value_t = Count::ONE)]
    count: Count,
    /// SVG picture to write [default: handwriting.svg; none with --json]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Sampling temperature T: the logits are divided by T, and the standard deviations of the Gaussians are multiplied
    /// by the square root of T. A value below 1 gives more regular drawings
    #[arg(long, value_name = "T", default_value_t = Options::default().temperature, allow_negative_numbers = true,
        help_heading = "Sampling")]
    temperature: f32,
    /// Seed of the random numbers for sampling
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, help_heading = "Sampling")]
    seed: u64,
    /// Largest number of points of a drawing; a drawing that has not ended by then is cut off
    #[arg(long, value_name = "N", default_value_t = Options::default().max_points, help_heading = "Sampling")]
    max_points: Count,
    #[command(flatten)]
    model: ModelArgs,
}

/// A drawing, and the seed from which it was sampled.
#[derive(Serialize)]
struct Seeded {
    seed: u64,
    #[serde(flatten)]
    drawing: Drawing,
}

impl Generate {
    fn run(self, cx: &Context) -> Result<()> {
        let options = |seed| Options { temperature: self.temperature, seed, max_points: self.max_points };
        options(self.seed).check()?;
        let model: Writer = cx.open(&self.model, App::DEFAULT_MODEL)?;
        let classes = self.class.map_or_else(|| model.settings().classes.clone(), |class| vec![class]);
        let mut drawings = Vec::with_capacity(classes.len());
        for class in classes {
            let request = Request { class };
            for number in 0..self.count.get() as u64 {
                let seed = self.seed.wrapping_add(number);
                let drawn = Seeded { seed, drawing: model.draw(&request, &options(seed))? };
                print(cx.json, &drawn)?;
                drawings.push(drawn.drawing);
            }
        }
        let Some(picture) = cx.plot(self.out.as_deref(), PICTURE) else { return Ok(()) };
        let cells: Vec<Cell> =
            drawings.iter().map(|Drawing { class, strokes }| Cell { caption: class, strokes, color: COLOR }).collect();
        let columns = if self.count == Count::ONE { COLUMNS } else { self.count.get().min(COLUMNS) };
        picture.write(&grid(&cells, columns))
    }
}

fn print(json: bool, drawn: &Seeded) -> Result<()> {
    if json {
        return print_json(drawn);
    }
    let Seeded { seed, drawing: Drawing { class, strokes } } = drawn;
    let points: usize = strokes.iter().map(Vec::len).sum();
    print_line(&format!("{}: strokes {}, points {points}, seed {seed}", printable(class), strokes.len()))
}
