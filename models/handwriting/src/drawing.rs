//! The types of the JSON interface (command line, HTTP and browser): the input, the options and the result of drawing.
//! Also the points that the network reads.

use inference::PredictError;
use inference::settings::Count;
use serde::{Deserialize, Serialize};

/// The largest valid temperature.
pub const MAX_TEMPERATURE: f32 = 10.0;
/// The default of [`Options::max_points`]: few drawings of the data sets have more points.
const MAX_POINTS: u64 = 300;

/// What to draw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The name of a class, such as a character. The settings of a model list its classes.
    pub class: String,
}

impl From<&str> for Request {
    fn from(class: &str) -> Self {
        Self { class: class.to_owned() }
    }
}

/// The options for drawing: how the points are sampled, and their largest number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How much a drawing differs from the most probable one, from 0 to [`MAX_TEMPERATURE`]; 0.5 by default. The logits
    /// of the Gaussians and of the pen are divided by the temperature, and the standard deviations are multiplied by
    /// its square root. 1 samples from the unchanged distribution of the model; 0 always takes the mean of the most
    /// probable Gaussian of the mixture.
    pub temperature: f32,
    /// The seed of the random generator for sampling, 1 by default. Equal seeds give equal drawings.
    pub seed: u64,
    /// The largest number of points of a drawing. A drawing that has not ended after this number of points is cut off;
    /// 300 by default.
    pub max_points: Count,
}

impl Default for Options {
    fn default() -> Self {
        // The number is within the bounds of a `Count`.
        let max_points = Count::try_from(MAX_POINTS).unwrap_or(Count::ONE);
        Self { temperature: 0.5, seed: 1, max_points }
    }
}

impl Options {
    /// Checks that the temperature is a number from 0 to [`MAX_TEMPERATURE`].
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for the field `temperature`.
    pub fn check(&self) -> Result<(), PredictError> {
        let Self { temperature, .. } = *self;
        if (0.0..=MAX_TEMPERATURE).contains(&temperature) {
            return Ok(());
        }
        let reason = format!("{temperature} is out of range; use a number from 0 to {MAX_TEMPERATURE}");
        Err(PredictError::bad_input("temperature", reason))
    }
}

/// The points of a stroke, each as x and y. The y axis points up.
pub type Stroke = Vec<[f32; 2]>;

/// A drawing that the model made: its class and its strokes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// The name of the class.
    pub class: String,
    /// The strokes in the order in which they are drawn; the pen is up between two strokes. The first point is the
    /// origin, and the y axis points up. The unit is that of the training data, where the larger side of each
    /// drawing's bounding box is 1.
    pub strokes: Vec<Stroke>,
}

/// A point of a drawing that is generated point by point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// The x coordinate relative to the first point, in the unit of [`Drawing::strokes`]. The x axis points right.
    pub x: f32,
    /// The y coordinate relative to the first point, in the unit of [`Drawing::strokes`]. The y axis points up.
    pub y: f32,
    /// The state of the pen after the point. The last point of a drawing has [`Pen::End`].
    pub pen: Pen,
}

/// The state of the pen after a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pen {
    /// The stroke goes on: a line leads to the next point.
    Down,
    /// The stroke ends: the pen is lifted, and the next point begins another stroke.
    Up,
    /// The drawing ends.
    End,
}

impl Pen {
    /// All states, in the order of their logits.
    pub const ALL: [Self; 3] = [Self::Down, Self::Up, Self::End];
}

/// A point as the network reads and predicts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The difference from the previous point in x and y, divided by the [scale](crate::settings::Settings::scale) of
    /// the model. The offset of the first point of a drawing is 0.
    pub offset: [f32; 2],
    /// The state of the pen after the point.
    pub pen: Pen,
}

impl Point {
    /// The number of [features](Self::features).
    pub const FEATURES: usize = 2 + Pen::ALL.len();
    /// The input of the network before the first point of a drawing: a point with the offset 0 and the pen state
    /// [`Pen::End`].
    pub const START: Self = Self { offset: [0.0; 2], pen: Pen::End };

    /// The features that the network reads: the offset, and a one-hot vector of the state of the pen.
    pub fn features(&self) -> [f32; Self::FEATURES] {
        let [x, y] = self.offset;
        let [down, up, end] = Pen::ALL.map(|pen| f32::from(u8::from(pen == self.pen)));
        [x, y, down, up, end]
    }
}

/// Divides points into strokes. A stroke ends at each point after which the pen is not [`Pen::Down`].
pub fn strokes(points: &[Piece]) -> Vec<Stroke> {
    let stroke = |points: &[Piece]| points.iter().map(|point| [point.x, point.y]).collect();
    points.split_inclusive(|point| point.pen != Pen::Down).map(stroke).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifted_pen_divides_strokes() {
        let piece = |x: f32, pen| Piece { x, y: -x, pen };
        let points = [piece(0.0, Pen::Down), piece(1.0, Pen::Up), piece(2.0, Pen::Up), piece(3.0, Pen::End)];
        assert_eq!(strokes(&points), [vec![[0.0, 0.0], [1.0, -1.0]], vec![[2.0, -2.0]], vec![[3.0, -3.0]]]);
        assert!(strokes(&[]).is_empty());
    }

    #[test]
    fn options_are_checked() {
        let options: Options = serde_json::from_str(r#"{ "temperature": 0, "seed": 7 }"#).unwrap();
        assert_eq!(options, Options { temperature: 0.0, seed: 7, ..Options::default() });
        assert!(options.check().is_ok() && Options::default().check().is_ok());
        for temperature in [-0.1, 10.5, f32::NAN, f32::INFINITY] {
            let error = Options { temperature, ..options }.check().unwrap_err();
            assert!(matches!(error, PredictError::BadInput { field: "temperature", .. }), "{error}");
        }
        for json in [r#"{ "max_points": 0 }"#, r#"{ "heat": 1 }"#] {
            assert!(serde_json::from_str::<Options>(json).is_err(), "{json}");
        }
    }
}
