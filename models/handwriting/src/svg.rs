//! Drawings as pictures in SVG format.

use std::fmt::Write;

use inference::markup::escaped;

use crate::drawing::Stroke;

/// The width and height of the square for one drawing, in pixels. The caption is below the square.
const SIZE: f32 = 120.0;
/// The margin between a drawing and the border of its square, in pixels.
const MARGIN: f32 = 12.0;
/// The height of the caption below a drawing, in pixels.
const TEXT: f32 = 18.0;
/// The lower bound of the size of a drawing when its scale is computed, so that a drawing of size 0 does not give
/// infinite coordinates.
const SMALLEST: f32 = 1e-30;

/// A drawing in a [`grid`].
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The text below the drawing.
    pub caption: &'a str,
    /// The strokes; y points up.
    pub strokes: &'a [Stroke],
    /// The color of the lines in the syntax of SVG, such as `#222`.
    pub color: &'a str,
}

/// Returns a picture in SVG format: a grid of drawings with captions, filled row by row. The larger side of every
/// drawing has the same length.
pub fn grid(cells: &[Cell<'_>], columns: usize) -> String {
    let columns = columns.clamp(1, cells.len().max(1));
    let rows = cells.len().div_ceil(columns);
    let (width, height) = (SIZE * columns as f32, (SIZE + TEXT) * rows as f32);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    );
    for (place, cell) in cells.iter().enumerate() {
        let (left, top) = (SIZE * (place % columns) as f32, (SIZE + TEXT) * (place / columns) as f32);
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<g transform=\"translate({left} {top})\"><path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.2\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" \
             font-family=\"sans-serif\" font-size=\"8\" fill=\"#555\">{}</text></g>",
            path(cell.strokes),
            escaped(cell.color),
            SIZE / 2.0,
            SIZE + 8.0,
            escaped(cell.caption),
        );
    }
    svg + "</svg>\n"
}

/// Returns the SVG path of a drawing, scaled to the square for one drawing. Each stroke begins with a line of length 0,
/// so that a stroke of one point is drawn as a dot.
fn path(strokes: &[Stroke]) -> String {
    let points = || strokes.iter().flatten();
    let [left, bottom] = [0, 1].map(|axis| points().map(|point| point[axis]).fold(f32::INFINITY, f32::min));
    let [right, top] = [0, 1].map(|axis| points().map(|point| point[axis]).fold(f32::NEG_INFINITY, f32::max));
    let scale = (SIZE - 2.0 * MARGIN) / (right - left).max(top - bottom).max(SMALLEST);
    let middle = [left / 2.0 + right / 2.0, bottom / 2.0 + top / 2.0];
    let mut path = String::new();
    for stroke in strokes {
        for (index, [x, y]) in stroke.iter().enumerate() {
            let (x, y) = (SIZE / 2.0 + (x - middle[0]) * scale, SIZE / 2.0 - (y - middle[1]) * scale);
            let command = if index == 0 { format!("M{x:.1} {y:.1}") } else { String::new() };
            let _ = write!(path, "{command}L{x:.1} {y:.1}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_scaled_to_their_places_and_y_points_up() {
        let strokes = [vec![[5.0, 5.0], [5.0, 7.0]], vec![[6.0, 5.0]]];
        let cell = Cell { caption: "a", strokes: &strokes, color: "#222" };
        let svg = grid(&[cell; 3], 2);
        // The margins are 12, and the larger side of a drawing is 120 − 2 · 12 pixels.
        assert!(svg.contains("d=\"M36.0 108.0L36.0 108.0L36.0 12.0M84.0 108.0L84.0 108.0\""), "{svg}");
        assert!(svg.contains("width=\"240\" height=\"276\"") && svg.contains("translate(0 138)"), "{svg}");
        assert_eq!(svg.matches("<path").count(), 3);
    }

    #[test]
    fn captions_are_escaped_and_any_drawing_has_finite_numbers() {
        for strokes in [vec![], vec![vec![]], vec![vec![[1.0, 1.0]]], vec![vec![[-3e38, 0.0], [3e38, 0.0]]]] {
            let svg = grid(&[Cell { caption: "<b>&\"", strokes: &strokes, color: "\"/>" }], 4);
            assert!(svg.contains("&lt;b&gt;&amp;&quot;") && !svg.contains("<b>"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert!(grid(&[], 0).ends_with("</svg>\n"));
    }
}
