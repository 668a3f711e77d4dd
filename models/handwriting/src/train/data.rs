//! Loads the drawings of the training, validation and test parts, according to the table `[data]` of a recipe.

use datasets::recordings::{Recording, Recordings, TrainTest, gestures, omniglot, pendigits};
use inference::settings::{Fraction, Positive};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use training::{LoadContext, Splits, TaskError, TaskResult};

use crate::drawing::{Point, Stroke};
use crate::train::strokes::{points, resampled, scaled};

/// The smallest valid value of the setting `spacing`. It limits a stroke to a few thousand points.
const LEAST_SPACING: f64 = 0.001;

/// The table `[data]` of a recipe (the TOML file of a training run), which selects the drawings and their
/// preprocessing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// The distance between neighbouring points after strokes are resampled, as a fraction of the larger side of the
    /// drawing. If absent, strokes keep the points that the data set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing: Option<Positive>,
    /// The share of the training part that is held out for validation, from 0 to 1. All drawings of a person are in the
    /// same part, if the data set names the persons. Must be absent or 0 for the set `gestures`, which has a separate
    /// validation part, and above 0 for the other sets.
    #[serde(default)]
    pub valid: Fraction,
    /// The share of the drawings that is held out as the test part, from 0 to 1. All drawings of a person are in the
    /// same part. Must be above 0 for the set `omniglot`, which has no published test part, and absent or 0 for the
    /// other sets.
    #[serde(default)]
    pub test: Fraction,
    /// The seed of the random choice of the drawings that are held out for validation and test.
    #[serde(default)]
    pub split_seed: u64,
    /// The strength of the random distortion of training drawings. [`distorted`](Self::distorted) multiplies the
    /// coordinates by a 2×2 matrix: the identity plus random numbers, whose largest absolute value is this setting. 0
    /// means no distortion.
    #[serde(default)]
    pub distortion: Fraction,
}

/// The data set of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Pen gestures of one stroke each, which the program generates with a fixed seed.
    Gestures,
    /// Characters of five alphabets of the data set Omniglot (Lake et al. 2015).
    Omniglot,
    /// Pen-based digits (UCI). Each digit is eight points, without information on where the pen was lifted.
    Pendigits,
}

/// The training, validation or test part.
#[derive(Debug)]
pub struct Part {
    /// The drawings of the part.
    pub examples: Vec<Example>,
}

/// A drawing with its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The index of the class.
    pub class: usize,
    /// The strokes as they were recorded.
    pub original: Vec<Stroke>,
    /// The strokes, scaled so that the larger side of the drawing is 1, and resampled if `spacing` is set.
    pub strokes: Vec<Stroke>,
    /// The points of the strokes, as the network reads them.
    pub points: Vec<Point>,
}

impl DataConfig {
    /// Loads the drawings, and divides them into training, validation and test part. The channels of each point are
    /// `x`, `y` (the y axis points up), and for some data sets `pen_up`, which is 1 at the last point of each stroke.
    pub fn load(&self, cx: &LoadContext) -> TaskResult<Splits<Recordings>> {
        self.check()?;
        let (train, test) = match self.set {
            Set::Gestures => {
                let gestures::Gestures { train, valid, test } = gestures::load();
                return Ok(Splits { train, valid, test });
            }
            Set::Pendigits => {
                let TrainTest { train, test } = pendigits::load(&cx.locator)?;
                (train, test)
            }
            Set::Omniglot => {
                let channels = ["x", "y", "pen_up"].map(str::to_owned);
                let all = omniglot::load(&cx.locator)?.recordings().select(&channels)?;
                all.hold_out_groups(self.test.get(), self.split_seed)?
            }
        };
        let (train, valid) = train.hold_out_groups(self.valid.get(), self.split_seed.wrapping_add(1))?;
        Ok(Splits { train, valid, test })
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`TaskError::Setting`] if `valid` or `test` is above 0 although the data set has this part, if `valid` or `test`
    /// is absent or 0 although the data set lacks this part, or if `spacing` is too small.
    fn check(&self) -> TaskResult<()> {
        let (valid, test) = (self.set != Set::Gestures, self.set == Set::Omniglot);
        for (setting, share, is_needed) in [("data.valid", self.valid, valid), ("data.test", self.test, test)] {
            match (is_needed, share.get() > 0.0) {
                (true, false) => {
                    return Err(TaskError::setting(
                        setting,
                        "the setting is missing or 0; set it to the share of the drawings to hold out, such as 0.1",
                    ));
                }
                (false, true) => {
                    return Err(TaskError::setting(
                        setting,
                        "the data set already has this part, so no drawings are held out for it; remove this setting",
                    ));
                }
                _ => {}
            }
        }
        match self.spacing.map(Positive::get) {
            Some(spacing) if spacing < LEAST_SPACING => {
                let message = format!("{spacing} is too small; set it to at least {LEAST_SPACING}");
                Err(TaskError::setting("data.spacing", message))
            }
            _ => Ok(()),
        }
    }

    /// Scales a drawing so that its larger side is 1. If `spacing` is set, also resamples its strokes.
    fn prepared(&self, strokes: &[Stroke]) -> Vec<Stroke> {
        let resample = |stroke: Stroke| match self.spacing {
            Some(spacing) => resampled(&stroke, spacing.get() as f32),
            None => stroke,
        };
        scaled(strokes).into_iter().map(resample).collect()
    }

    /// Computes the scale of the offsets: the root mean square of the x and y offsets of the training part.
    pub fn scale(&self, train: &Recordings) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for recording in &train.recordings {
            let points = points(&self.prepared(&strokes(recording, train.channels.len())), 1.0);
            // The offset of the first point is always 0.
            for value in points.iter().skip(1).flat_map(|point| point.offset) {
                sum += f64::from(value * value);
                count += 1.0;
            }
        }
        let scale = f64::sqrt(sum / f64::max(count, 1.0)) as f32;
        if scale.is_normal() { scale } else { 1.0 }
    }

    /// Prepares the drawings of a part for the network. The offsets are divided by `scale`.
    ///
    /// # Errors
    ///
    /// [`TaskError::Setting`] if the part has a class that is not in `classes`.
    pub fn part(&self, recordings: &Recordings, classes: &[String], scale: f32) -> TaskResult<Part> {
        let example = |recording: &Recording| -> TaskResult<Example> {
            let label = &recording.label;
            let class = classes.iter().position(|class| class == label).ok_or_else(|| {
                let message = format!(
                    "no drawing of the class `{label}` is left for training; reduce data.valid or data.test, or use \
                     another seed"
                );
                TaskError::setting("data.split_seed", message)
            })?;
            let original = strokes(recording, recordings.channels.len());
            let strokes = self.prepared(&original);
            let points = points(&strokes, scale);
            Ok(Example { class, original, strokes, points })
        };
        let examples = recordings.recordings.iter().map(example).collect::<TaskResult<_>>()?;
        Ok(Part { examples })
    }

    /// Distorts a training drawing at random, and returns its points, with offsets divided by `scale`. The coordinates
    /// are multiplied by a 2×2 matrix: the identity plus uniform random numbers from −`distortion` to `distortion`.
    /// This scales, shears and rotates the drawing a little. Then the drawing is scaled and resampled like every
    /// drawing.
    pub fn distorted(&self, example: &Example, scale: f32, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let most = self.distortion.get() as f32;
        if most == 0.0 {
            return example.points.clone();
        }
        let map = [[1.0, 0.0], [0.0, 1.0]].map(|row| row.map(|value| value + rng.random_range(-most..=most)));
        let point = |[x, y]: &[f32; 2]| map.map(|[of_x, of_y]: [f32; 2]| of_x * x + of_y * y);
        let distorted: Vec<Stroke> = example.original.iter().map(|stroke| stroke.iter().map(point).collect()).collect();
        points(&self.prepared(&distorted), scale)
    }
}

/// Returns the strokes of a recording. `channels` is the number of channels: 2 for `x` and `y`, or 3 with `pen_up`.
fn strokes(recording: &Recording, channels: usize) -> Vec<Stroke> {
    let rows: Vec<&[f32]> = recording.values.chunks_exact(channels).collect();
    let is_last = |row: &&[f32]| row.get(2).is_some_and(|pen_up| *pen_up > 0.0);
    let stroke = |rows: &[&[f32]]| rows.iter().map(|row| [row[0], row[1]]).collect();
    rows.split_inclusive(is_last).map(stroke).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::drawing::Pen;

    fn config(spacing: Option<f64>) -> DataConfig {
        let mut config: DataConfig = serde_json::from_str(r#"{ "set": "gestures", "distortion": 0.1 }"#).unwrap();
        config.spacing = spacing.map(|spacing| spacing.try_into().unwrap());
        config
    }

    fn recordings(labels: &[&str]) -> Recordings {
        let recording = |label: &&str| Recording {
            label: (*label).to_owned(),
            values: vec![0.0, 0.0, 0.0, 3.0, 0.0, 1.0, 3.0, 6.0, 0.0, 0.0, 6.0, 1.0],
            ..Recording::default()
        };
        Recordings {
            channels: ["x", "y", "pen_up"].map(str::to_owned).to_vec(),
            recordings: labels.iter().map(recording).collect(),
            ..Recordings::default()
        }
    }

    #[test]
    fn the_pen_divides_strokes_and_the_scale_is_that_of_the_offsets() {
        let recordings = recordings(&["a"]);
        let strokes = strokes(&recordings.recordings[0], 3);
        assert_eq!(strokes, [vec![[0.0, 0.0], [3.0, 0.0]], vec![[3.0, 6.0], [0.0, 6.0]]]);
        let plain = config(None).prepared(&strokes);
        assert_eq!(plain, [vec![[0.0, 0.0], [0.5, 0.0]], vec![[0.5, 1.0], [0.0, 1.0]]]);
        let finer = config(Some(0.25)).prepared(&strokes);
        assert_eq!(finer.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        // The offsets are (0.5, 0), (0, 1) and (−0.5, 0).
        let scale = config(None).scale(&recordings);
        approx::assert_relative_eq!(scale, 0.5, max_relative = 1e-6);
        let part = config(None).part(&recordings, &["a".to_owned()], scale).unwrap();
        let Example { class: 0, points, .. } = &part.examples[0] else { panic!("{part:?}") };
        assert_eq!(points[2], Point { offset: [0.0, 2.0], pen: Pen::Down });
    }

    #[test]
    fn classes_without_training_drawings_and_wrong_shares_are_refused() {
        let part = config(None).part(&recordings(&["a", "b"]), &["a".to_owned()], 1.0);
        assert!(matches!(part, Err(TaskError::Setting { .. })));
        for (json, wrong) in [
            (r#"{ "set": "omniglot", "valid": 0.1 }"#, "data.test"),
            (r#"{ "set": "omniglot", "test": 0.1 }"#, "data.valid"),
            (r#"{ "set": "pendigits", "valid": 0.1, "test": 0.1 }"#, "data.test"),
            (r#"{ "set": "gestures", "valid": 0.1 }"#, "data.valid"),
        ] {
            let config: DataConfig = serde_json::from_str(json).unwrap();
            match config.check() {
                Err(TaskError::Setting { setting, .. }) => assert_eq!(setting, wrong),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn distorted_drawings_are_similar_and_prepared_as_all_drawings() {
        let config = config(Some(0.1));
        let part = config.part(&recordings(&["a"]), &["a".to_owned()], 0.1).unwrap();
        let (example, mut rng) = (&part.examples[0], ChaCha8Rng::seed_from_u64(1));
        let distorted: Vec<_> = (0..50).map(|_| config.distorted(example, 0.1, &mut rng)).collect();
        assert!(distorted.iter().all(|points| *points != example.points));
        for points in distorted {
            // Along a stroke, all distances are equal, and close to the spacing.
            let length = |point: &Point| point.offset[0].hypot(point.offset[1]);
            let first = length(&points[1]);
            assert!((first - 1.0).abs() < 0.15, "{first}");
            let end = points.iter().position(|point| point.pen == Pen::Up).unwrap();
            assert!(points[1..=end].iter().all(|point| (length(point) - first).abs() < 1e-3), "{points:?}");
            // The first stroke leads to the right, with an angle of at most atan(0.1 / 0.9).
            assert!(points[1].offset[1].abs() <= 0.112 * points[1].offset[0]);
        }
        let plain = DataConfig { distortion: Fraction::default(), ..config };
        assert_eq!(plain.distorted(example, 0.1, &mut rng), example.points);
    }
}
