//! [`RecognitionTask`]: how the models are trained and measured.

use std::collections::BTreeMap;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use datasets::recordings::Recordings;
use inference::weights::WeightNames;
use inference::{Predictor, largest};
use rand::rngs::ChaCha8Rng;
use rnn::Rows;
use training::classes::{accuracy, best_temperature};
use training::collective::Share;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Metric, Monitor, Outcome,
    Pretrained, RecipeOf, Splits, StepContext, Task, TaskError, TaskResult, bucketed,
};

use crate::features::drawing;
use crate::model::{Batch, Network, NetworkConfig, WEIGHT_NAMES};
use crate::predictor::{BATCH, Recognizer, softmax};
use crate::settings::{Features, Settings};
use crate::train::data::{DataConfig, Example, Part};
use crate::train::dtw::NearestNeighbor;
use crate::train::kernels::RandomKernels;
use crate::train::{evaluation, picture};

/// The number of points to which a drawing is resampled for the baselines.
const DRAWN: usize = 32;
/// The height and the width, in pixels, to which images are reduced for the baselines.
const COARSE: usize = 7;
/// The largest number of test sequences that the demonstration lists with their classes.
const SHOWN: usize = 8;

/// Trains and evaluates [`Recognizer`] models. The task holds what is computed from the training part before the
/// network is trained: the classes, and the mean and the standard deviation of the features.
pub struct RecognitionTask {
    data: DataConfig,
    settings: Settings,
}

impl Task for RecognitionTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/gestures.toml"),
        include_str!("../../recipes/pendigits.toml"),
        include_str!("../../recipes/pen-video.toml"),
        include_str!("../../recipes/japanese-vowels.toml"),
        include_str!("../../recipes/basic-motions.toml"),
        include_str!("../../recipes/watch-exercises.toml"),
        include_str!("../../recipes/omniglot.toml"),
        include_str!("../../recipes/ecg5000.toml"),
        include_str!("../../recipes/own-recordings.toml"),
        include_str!("../../recipes/own-videos.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "loss", higher_is_better: false };
    const ITEMS: &'static str = "sequences";
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;
    const PATHS: &'static [&'static str] = &["data.file", "data.test_file"];

    type Predictor = Recognizer;
    type Data = DataConfig;
    type Architecture = NetworkConfig;
    type Raw = Splits<Recordings>;
    type Set = Part;
    type Model = Network;
    /// The indices of the sequences in a batch, counted from 0 in their part.
    type Items = Vec<usize>;
    /// The features of the sequences, their classes, and which rows of the whole batch they are, if several processes
    /// share the batch (data parallelism).
    type Batch = (Batch, Tensor<1, Int>, Rows);

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<Splits<Recordings>> {
        data.load(cx)
    }

    fn fingerprint(raw: &Splits<Recordings>) -> String {
        raw.fingerprint(Recordings::fingerprint)
    }

    fn fit(recipe: &RecipeOf<Self>, raw: &Splits<Recordings>, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        Pretrained::refuse_start(start)?;
        let (data, Recordings { channels, rate, .. }) = (recipe.data.clone(), &raw.train);
        let classes = raw.train.classes();
        if classes.len() < 2 {
            let message = format!(
                "the training part has only the class `{}`; a recognizer needs at least two classes",
                classes.join("")
            );
            return Err(TaskError::setting("data", message));
        }
        let video = data.video.map(|video| video.side);
        recipe.model.check_images(video).map_err(|message| TaskError::setting("model", message))?;
        let channels = if video.is_some() { Vec::new() } else { channels.clone() };
        let values = raw.train.recordings.iter().map(|recording| recording.values.as_slice());
        // All pixels of a video have one mean and one standard deviation.
        let features = Features::fit([data.relative, data.deltas], values, channels.len().max(1));
        let (rate, model, drawing, window) = (*rate, recipe.model.clone(), data.drawing, data.window);
        let settings = Settings { model, channels, video, classes, rate, drawing, features, window, temperature: 1.0 };
        settings.check().map_err(|message| TaskError::setting("data", message))?;
        Ok(Self { data, settings })
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Recognizer) -> TaskResult<Self> {
        Ok(Self { data: recipe.data.clone(), settings: predictor.settings().clone() })
    }

    fn encode(&self, raw: Splits<Recordings>, _: &mut LoadContext) -> TaskResult<Splits<Part>> {
        let part = |part: Recordings| -> TaskResult<Part> {
            let part = if self.settings.video.is_some() { part } else { part.select(&self.settings.channels)? };
            Ok(Part { examples: self.data.examples(&part, &self.settings.classes) })
        };
        Ok(Splits { train: part(raw.train)?, valid: part(raw.valid)?, test: part(raw.test)? })
    }

    fn num_params(&self) -> f64 {
        self.settings.model.num_params(self.settings.features(), self.settings.classes.len())
    }

    fn init(&self, device: &Device) -> Option<Network> {
        Some(self.settings.model.init(self.settings.features(), self.settings.classes.len(), device))
    }

    fn plan(&self, part: &Part, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = part.examples.iter().map(|example| example.samples.len()).collect();
        bucketed(&lengths, size, rng)
    }

    fn collate(&self, part: &Part, items: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<Self::Batch> {
        let Settings { features, channels, model, .. } = &self.settings;
        let values = self.settings.values();
        let deviations: Vec<f32> = features.deviation.iter().cycle().take(values).copied().collect();
        let (mut sequences, mut classes) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for index in items {
            let Example { samples, class, .. } = &part.examples[*index];
            let samples = self.data.augmentation.apply(samples, channels, &deviations, cx.rng);
            sequences.push(features.of_samples(&samples, values));
            classes.push(*class as i32);
        }
        let sequences: Vec<&[f32]> = sequences.iter().map(Vec::as_slice).collect();
        let batch = Batch::new(&sequences, self.settings.features(), model.frame.get(), cx.device);
        let count = classes.len();
        Ok((batch, Tensor::from_data(TensorData::new(classes, [count]), cx.device), Rows::all(count)))
    }

    fn part(&self, (batch, classes, rows): Self::Batch, share: Share) -> TaskResult<Option<Self::Batch>> {
        Ok(share.own_rows(rows.of).map(|own| {
            let classes = classes.narrow(0, own.start, own.len());
            (batch.rows(own.clone()), classes, rows.part(own))
        }))
    }

    /// Computes the mean cross-entropy of the classes in nats, with label smoothing.
    fn loss(&self, network: &Network, (batch, classes, rows): Self::Batch, _: &mut StepContext) -> TaskResult<Loss> {
        let count = batch.lengths.len();
        let scores = log_softmax(rows.within(|| network.forward(batch)), 1); // [B, K]
        let own = scores.clone().gather(1, classes.reshape([count, 1])).mean();
        let smoothing = self.data.label_smoothing.get();
        let all = if smoothing > 0.0 { scores.mean().mul_scalar(smoothing) } else { Tensor::zeros_like(&own) };
        Ok(Loss { mean: (own.mul_scalar(1.0 - smoothing) + all).neg(), count })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<Recognizer> {
        let network = network.ok_or_else(TaskError::without_network)?;
        Ok(Recognizer::new(network, self.settings.clone(), device.clone()))
    }

    fn contents(predictor: &Recognizer) -> TaskResult<Contents<'_, Network>> {
        Contents::new(predictor.settings(), predictor.network(), Vec::new())
    }

    fn validate(&self, predictor: &Recognizer, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        let measured = self.evaluate(predictor, part, interrupt)?;
        let is_shown = |metric: &Metric| matches!(metric.name.as_str(), "accuracy" | "loss");
        Ok(measured.metrics.into_iter().filter(is_shown).collect::<Vec<_>>().into())
    }

    fn evaluate(&self, predictor: &Recognizer, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        let mut measured = evaluation::measure(&part.examples, &probabilities(predictor, &part.examples, interrupt)?);
        if predictor.streaming().is_some() {
            let halves: Vec<Example> = part.examples.iter().map(|example| self.first_half(example)).collect();
            let found = probabilities(predictor, &halves, interrupt)?;
            let right = accuracy(&evaluation::answers(&halves, &found));
            measured.metrics.push(Metric::higher("half_accuracy", right));
        }
        Ok(measured)
    }

    fn baselines(&self, splits: &Splits<Part>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        let Splits { train, test, .. } = splits;
        let channels = self.settings.video.map_or(self.settings.values(), |_| COARSE * COARSE);
        // Drawings of a pen, `x` and `y`, are scaled, images are made coarser, and other sequences are standardised.
        let plain = Features { relative: false, deltas: false, ..self.settings.features.clone() };
        let is_drawn = self.settings.channels == ["x", "y"];
        let prepared = |samples: &[f32]| match self.settings.video {
            Some(side) => coarse(samples, side.get()),
            None if is_drawn => drawing(samples, DRAWN),
            None => plain.of_samples(samples, channels),
        };
        let standardised = |part: &Part| -> Vec<(Vec<f32>, usize)> {
            part.examples.iter().map(|example| (prepared(&example.samples), example.class)).collect()
        };
        let (train, known) = (standardised(train), standardised(test));
        let train: Vec<(&[f32], usize)> = train.iter().map(|(samples, class)| (samples.as_slice(), *class)).collect();
        let accuracy = |predict: &dyn Fn(&[f32]) -> TaskResult<usize>| -> TaskResult<Measured> {
            let mut right = 0;
            for (samples, class) in &known {
                right += usize::from(predict(samples)? == *class);
            }
            Ok(vec![Metric::higher("accuracy", right as f64 / known.len() as f64)].into())
        };
        let mut counts = vec![0.0; self.settings.classes.len()];
        train.iter().for_each(|(_, class)| counts[*class] += 1.0);
        let majority = largest(&counts);
        let neighbor = NearestNeighbor::fit(train.iter().copied(), channels);
        let kernels = RandomKernels::fit(&train, channels, self.settings.classes.len(), interrupt)?;
        Ok(BTreeMap::from([
            ("most frequent class".to_owned(), accuracy(&|_| Ok(majority))?),
            ("nearest neighbour (DTW)".to_owned(), accuracy(&|samples| neighbor.predict(samples, interrupt))?),
            ("random kernels".to_owned(), accuracy(&|samples| Ok(kernels.predict(samples)))?),
        ]))
    }

    /// Chooses the temperature that gives the lowest cross-entropy on the validation part.
    fn finish(&self, predictor: &mut Recognizer, valid: &Part, interrupt: &Interrupt) -> TaskResult<()> {
        predictor.set_temperature(1.0);
        let plain = probabilities(predictor, &valid.examples, interrupt)?;
        let logits: Vec<Vec<f32>> = plain
            .iter()
            .map(|probabilities| probabilities.iter().map(|value| value.max(f32::MIN_POSITIVE).ln()).collect())
            .collect();
        let loss = |temperature: f64| {
            let scaled: Vec<Vec<f32>> = logits.iter().map(|logits| softmax(logits, temperature as f32)).collect();
            evaluation::cross_entropy(&valid.examples, &scaled)
        };
        predictor.set_temperature(best_temperature(loss) as f32);
        Ok(())
    }

    /// Shows test sequences with their true and their predicted class, and a picture.
    fn demonstrate(&self, predictor: &Recognizer, _: &Outcome, test: &Part) -> TaskResult<Demonstration> {
        let Settings { classes, .. } = &self.settings;
        let found = probabilities(predictor, &test.examples, &Interrupt::default())?;
        let line = |index: usize| {
            let (example, class) = (&test.examples[index], largest(&found[index]));
            let truth = classes.get(example.class).map_or("unknown", String::as_str);
            format!("{truth}: recognised as {} ({:.0} %)", classes[class], 100.0 * found[index][class])
        };
        let lines =
            [String::new()].into_iter().chain(picture::spread(test.examples.len(), SHOWN).into_iter().map(line));
        Ok(Demonstration {
            lines: lines.collect(),
            picture: Some(picture::draw(&test.examples, &found, &self.settings)?),
        })
    }
}

impl RecognitionTask {
    /// Returns the first half of the samples of an example.
    fn first_half(&self, example: &Example) -> Example {
        let values = self.settings.values();
        let half = (example.samples.len() / values).div_ceil(2) * values;
        Example { samples: example.samples[..half].to_vec(), ..example.clone() }
    }
}

/// Reduces images of `side` × `side` pixels to [`COARSE`] × [`COARSE`] pixels, `[images, COARSE²]`. Each new pixel is
/// the mean of a block of pixels, divided by 255.
fn coarse(pixels: &[f32], side: usize) -> Vec<f32> {
    let bounds = |block: usize| block * side / COARSE..((block + 1) * side).div_ceil(COARSE);
    let mean = |image: &[f32], block: usize| {
        let (rows, columns) = (bounds(block / COARSE), bounds(block % COARSE));
        let count = (rows.len() * columns.len()) as f32 * 255.0;
        rows.map(|row| image[row * side..][columns.clone()].iter().sum::<f32>()).sum::<f32>() / count
    };
    let blocks = |image| (0..COARSE * COARSE).map(move |block| mean(image, block));
    pixels.chunks_exact(side * side).flat_map(blocks).collect()
}

/// Returns the probabilities of the classes of each example.
pub(super) fn probabilities(
    predictor: &Recognizer,
    examples: &[Example],
    interrupt: &Interrupt,
) -> TaskResult<Vec<Vec<f32>>> {
    let mut all = Vec::with_capacity(examples.len());
    for part in examples.chunks(BATCH * 16) {
        interrupt.check()?;
        let samples: Vec<&[f32]> = part.iter().map(|example| example.samples.as_slice()).collect();
        all.extend(predictor.probabilities(&samples).into_iter().map(|(probabilities, _)| probabilities));
    }
    Ok(all)
}
