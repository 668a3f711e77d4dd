//! The verb (subcommand) `predict`: recognises the recordings in a CSV file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use cli::args::ModelArgs;
use cli::output::{print_json, print_line, printable};
use cli::{Application, Context, Result};
use datasets::recordings::{Recording, RecordingFormat, Recordings, TimeUnit};
use inference::{Predictor, Streaming};
use serde::Serialize;

use super::App;
use crate::prediction::{Options, Sequence};
use crate::predictor::{BATCH, Recognizer};

/// Arguments of the verb `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// CSV file with the samples; its columns are matched to the channels of the model by their names
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Columns that together identify a recording [default: the file is one recording]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    id: Vec<String>,
    /// Column with the time of each sample; other sampling rates than that of the model are resampled
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Unit of the times: s, ms, us or ns [default: recognised]
    #[arg(long, value_name = "UNIT", requires = "time")]
    time_unit: Option<TimeUnit>,
    /// Print the class after every sample, as a stream gives it
    #[arg(long)]
    stream: bool,
    /// For --stream: at how many more samples a class must be the most probable before it is reported
    #[arg(long, value_name = "SAMPLES", default_value_t = 0, requires = "stream")]
    delay: usize,
    #[command(flatten)]
    model: ModelArgs,
}

/// An answer with the identifier of its recording.
#[derive(Serialize)]
struct Identified<'a, A> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(flatten)]
    answer: &'a A,
}

impl Predict {
    /// Prints the class of each recording, in their order in the file.
    pub fn run(self, cx: &Context) -> Result<()> {
        let model: Recognizer = cx.open(&self.model, App::DEFAULT_MODEL)?;
        let format = RecordingFormat {
            channels: model.settings().channels.clone(),
            time: self.time.clone(),
            time_unit: self.time_unit,
            resample: self.time.as_ref().and(model.settings().rate),
            ..RecordingFormat::default()
        };
        let found = Recordings::from_csv(&cx.session.locator.own_file(&self.csv), &self.id, None, &format)?;
        found.notes.iter().for_each(|note| cli::output::log(&format!("data: {note}")));
        let options = Options { delay: self.delay };
        for recordings in found.recordings.chunks(BATCH) {
            cx.session.interrupt.check()?;
            let sequences: Vec<Sequence> =
                recordings.iter().map(|recording| sequence(recording, &found.channels)).collect();
            if self.stream {
                for (recording, sequence) in recordings.iter().zip(&sequences) {
                    let mut session = model.begin(sequence, &options)?;
                    while let Some(reading) = model.next(&mut session)? {
                        let label = reading.label.as_deref().unwrap_or("–");
                        let line = format!("{} {} {:.3}", reading.samples, printable(label), reading.probability);
                        print(cx.json, &recording.id, &reading, line)?;
                    }
                }
                continue;
            }
            for (recording, prediction) in recordings.iter().zip(model.predict(&sequences, &options)?) {
                let line = format!("{} {:.3}", printable(&prediction.label), prediction.probability);
                print(cx.json, &recording.id, &prediction, line)?;
            }
        }
        Ok(())
    }
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
    Sequence { channels: columns.collect::<BTreeMap<_, _>>(), rate: None }
}
