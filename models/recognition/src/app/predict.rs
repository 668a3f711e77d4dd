//! The verb (subcommand) `predict`: recognises the recordings in a CSV file, or videos.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use cli::args::ModelArgs;
use cli::output::{print_json, print_line, printable};
use cli::{Application, CliError, Context, Result};
use datasets::recordings::{Recording, RecordingFormat, Recordings, TimeUnit, read_video};
use inference::{Predictor, Streaming};
use serde::Serialize;

use super::App;
use crate::prediction::{Options, Sequence};
use crate::predictor::{BATCH, Recognizer};

/// The number of videos that are in memory at the same time.
const VIDEOS: usize = 8;

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// CSV file with the samples; its columns are matched to the channels of the model by their names
    #[arg(long, value_name = "FILE", required_unless_present = "video")]
    csv: Option<PathBuf>,
    /// Folder with the PNG files of a video, in the order of the numbers in their names; may be repeated
    #[arg(long, value_name = "DIR", conflicts_with = "csv")]
    video: Vec<PathBuf>,
    /// Columns that together identify a recording [default: the file is one recording]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "csv")]
    id: Vec<String>,
    /// Column with the time of each sample; samples at another rate than the sampling rate of the model are resampled
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    time: Option<String>,
    /// Unit of the times: s, ms, us or ns [default: detected from the column name or the values, otherwise s]
    #[arg(long, value_name = "UNIT", requires = "time")]
    time_unit: Option<TimeUnit>,
    /// Read the samples one by one, as from a stream, and print the class of the samples so far after every sample
    #[arg(long)]
    stream: bool,
    /// For --stream: report a class when it has been the most probable class at SAMPLES + 1 consecutive samples
    #[arg(long, value_name = "SAMPLES", default_value_t = 0, requires = "stream")]
    delay: usize,
    #[command(flatten)]
    model: ModelArgs,
}

/// A JSON object of the output: the identifier of a recording, and its prediction or, with `--stream`, the class after
/// one of its samples.
#[derive(Serialize)]
struct Identified<'a, A> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(flatten)]
    answer: &'a A,
}

/// The identifier of a recording, and its sequence.
type Input = (String, Sequence);

impl Predict {
    /// Prints the class of each recording, in the order of the file, or of each video.
    pub fn run(self, cx: &Context) -> Result<()> {
        let model: Recognizer = cx.open(&self.model, App::DEFAULT_MODEL)?;
        match &self.csv {
            Some(file) => {
                self.recordings(file, &model, cx)?.chunks(BATCH).try_for_each(|part| self.answer(part, &model, cx))
            }
            None => {
                let answer = |dirs: &[PathBuf]| self.answer(&self.videos(dirs, &model, cx)?, &model, cx);
                self.video.chunks(VIDEOS).try_for_each(answer)
            }
        }
    }

    /// Prints the class of each sequence or, with `--stream`, a class after each sample.
    fn answer(&self, inputs: &[Input], model: &Recognizer, cx: &Context) -> Result<()> {
        let options = Options { delay: self.delay };
        if self.stream {
            return inputs.iter().try_for_each(|input| stream(input, model, &options, cx.json));
        }
        let (ids, sequences): (Vec<String>, Vec<Sequence>) = inputs.iter().cloned().unzip();
        for (id, prediction) in ids.iter().zip(model.predict(&sequences, &options)?) {
            let line = format!("{} {:.3}", printable(&prediction.label), prediction.probability);
            print(cx.json, id, &prediction, line)?;
        }
        Ok(())
    }

    fn recordings(&self, file: &Path, model: &Recognizer, cx: &Context) -> Result<Vec<Input>> {
        if model.settings().video.is_some() {
            return Err(CliError::Usage("this model reads videos; give --video DIR".to_owned()));
        }
        let format = RecordingFormat {
            channels: model.settings().channels.clone(),
            time: self.time.clone(),
            time_unit: self.time_unit,
            resample: self.time.as_ref().and(model.settings().rate),
            ..RecordingFormat::default()
        };
        let found = Recordings::from_csv(&cx.session.locator.own_file(file), &self.id, None, &format)?;
        found.notes.iter().for_each(|note| cli::output::log(&format!("data: {note}")));
        let input = |recording: &Recording| (recording.id.clone(), sequence(recording, &found.channels));
        Ok(found.recordings.iter().map(input).collect())
    }

    fn videos(&self, dirs: &[PathBuf], model: &Recognizer, cx: &Context) -> Result<Vec<Input>> {
        let Some(side) = model.settings().video else {
            let channels = model.settings().channels.join(", ");
            return Err(CliError::Usage(format!(
                "this model reads no videos; give --csv FILE with columns {channels}"
            )));
        };
        let input = |dir: &PathBuf| {
            let pixels = read_video(&cx.session.locator.own_file(dir), side.get())?;
            let images = pixels.chunks(side.get() * side.get()).map(<[f32]>::to_vec).collect();
            let id = if self.video.len() > 1 { dir.display().to_string() } else { String::new() };
            Ok((id, Sequence::video(images)))
        };
        dirs.iter().map(input).collect()
    }
}

/// Prints the class of a sequence after each of its samples.
fn stream((id, sequence): &Input, model: &Recognizer, options: &Options, json: bool) -> Result<()> {
    let mut session = model.begin(sequence, options)?;
    while let Some(reading) = model.next(&mut session)? {
        let label = reading.label.as_deref().unwrap_or("–");
        let line = format!("{} {} {:.3}", reading.samples, printable(label), reading.probability);
        print(json, id, &reading, line)?;
    }
    Ok(())
}

fn print<A: Serialize>(json: bool, id: &str, answer: &A, line: String) -> Result<()> {
    match (json, id) {
        (true, id) => print_json(&Identified { id, answer }),
        (false, "") => print_line(&line),
        (false, id) => print_line(&format!("{}: {line}", printable(id))),
    }
}

fn sequence(recording: &Recording, channels: &[String]) -> Sequence {
    let column = |channel: usize| {
        recording.values.iter().skip(channel).step_by(channels.len()).map(|value| Some(*value)).collect::<Vec<_>>()
    };
    let columns = channels.iter().enumerate().map(|(channel, name)| (name.clone(), column(channel)));
    Sequence { channels: columns.collect::<BTreeMap<_, _>>(), ..Sequence::default() }
}
