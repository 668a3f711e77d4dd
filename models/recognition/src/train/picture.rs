//! The picture of a demonstration, which is shown when training ends: drawings with their predicted classes, and the
//! confusion matrix.

use std::fmt::Write;

use inference::largest;
use inference::markup::escaped;
use training::TaskResult;
use training::classes::{confusion_map, stacked};
use training::plot::{HeatMap, heat_map};

use crate::settings::Settings;
use crate::train::data::Example;
use crate::train::evaluation::answers;

/// The largest number of drawings in the picture.
const SHOWN: usize = 24;
/// The number of drawings per row.
const ROW: usize = 8;
/// The width and height of the square for one drawing, in pixels.
const SIZE: f32 = 100.0;
/// The height of the text below a drawing, in pixels.
const TEXT: f32 = 20.0;
/// The margin between a drawing and the border of its square, in pixels.
const MARGIN: f32 = 12.0;

/// Returns a picture in SVG format: the confusion matrix and, if the sequences have two channels, some test sequences
/// above it, drawn as strokes of a pen.
pub fn draw(examples: &[Example], probabilities: &[Vec<f32>], settings: &Settings) -> TaskResult<String> {
    let classes = &settings.classes;
    let matrix = heat_map(&HeatMap {
        title: "Recognised class (column) of each true class (row)".to_owned(),
        caption: format!(
            "{} test sequences. The darker a cell, the larger its share of the sequences in the row. Red drawings: the \
             recognised class is wrong.",
            examples.len()
        ),
        ..confusion_map(&answers(examples, probabilities), classes)
    })?;
    if settings.channels.len() != 2 {
        return Ok(matrix);
    }
    let shown = spread(examples.len(), SHOWN);
    let rows = shown.len().div_ceil(ROW);
    let (width, top) = (SIZE * ROW as f32, (SIZE + TEXT) * rows as f32);
    let mut svg = String::new();
    for (place, index) in shown.into_iter().enumerate() {
        let (left, top) = (SIZE * (place % ROW) as f32, (SIZE + TEXT) * (place / ROW) as f32);
        let (points, class) = (path(&examples[index].samples), largest(&probabilities[index]));
        let color = if class == examples[index].class { "#1f6fb4" } else { "#c0392b" };
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<g transform=\"translate({left} {top})\"><polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" \
             stroke-width=\"2.5\" stroke-linejoin=\"round\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"{color}\">{}</text></g>",
            SIZE / 2.0,
            SIZE + 8.0,
            escaped(&classes[class]),
        );
    }
    let height = top + MARGIN;
    let drawings = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         {svg}</svg>"
    );
    Ok(stacked(&[drawings, matrix]))
}

/// Chooses `count` of `all` examples, and returns their indices. The chosen examples are far apart, because
/// neighbouring examples are often of the same person or class.
pub fn spread(all: usize, count: usize) -> Vec<usize> {
    const PRIME: usize = 7937;
    (0..count.min(all)).map(|place| place * PRIME % all).collect()
}

/// Returns the value of the attribute `points` of an SVG polyline that draws `samples`, `[samples, 2]`. The drawing is
/// scaled to a square with sides of [`SIZE`]. The second channel (y) points up, unlike in SVG.
fn path(samples: &[f32]) -> String {
    let (points, _) = samples.as_chunks::<2>();
    let bounds = |axis: usize| {
        let all = points.iter().map(|point| point[axis]);
        (all.clone().fold(f32::INFINITY, f32::min), all.fold(f32::NEG_INFINITY, f32::max))
    };
    let [(left, right), (bottom, top)] = [bounds(0), bounds(1)];
    let scale = (SIZE - 2.0 * MARGIN) / (right - left).max(top - bottom).max(f32::MIN_POSITIVE);
    let place = |[x, y]: &[f32; 2]| {
        let (x, y) = (x - (left + right) / 2.0, (bottom + top) / 2.0 - y);
        format!("{:.1},{:.1}", SIZE / 2.0 + x * scale, SIZE / 2.0 + y * scale)
    };
    points.iter().map(place).collect::<Vec<_>>().join(" ")
}
