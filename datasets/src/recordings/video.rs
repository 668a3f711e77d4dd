//! Videos: recordings in which each sample is an image. The values of a video have the shape `[steps, side²]`: each
//! step has the grey values of one image of `side` × `side` pixels, row by row from the top.
//!
//! A video is either rendered from a drawing, so that it shows how the drawing is made, or read from a folder of PNG
//! files ([`Recordings::from_videos`]).

use super::{Recording, Recordings};

/// The distance between the drawing and the edges of an image, as a fraction of the side of the image.
const MARGIN: f32 = 3.0 / 28.0;
/// The width of the drawn line, as a fraction of the side of an image.
const WIDTH: f32 = 1.5 / 28.0;

/// Returns the names of the channels of videos with images of `side` × `side` pixels: `row 1, column 1` and so on.
pub fn channels(side: usize) -> Vec<String> {
    let row = |row: usize| (1..=side).map(move |column| format!("row {row}, column {column}"));
    (1..=side).flat_map(row).collect()
}

/// Renders each drawing as a video of `count` images of `side` × `side` pixels: see [`frames`].
///
/// # Panics
///
/// If the number of channels is not 2. The first channel is read as `x`, and the second channel as `y`.
pub fn render(drawings: &Recordings, side: usize, count: usize) -> Recordings {
    assert_eq!(drawings.channels.len(), 2, "a drawing must have two channels, x and y");
    let video = |drawing: &Recording| Recording {
        values: frames(&drawing.values, side, count).into_iter().map(f32::from).collect(),
        ..drawing.clone()
    };
    Recordings {
        channels: channels(side),
        rate: None,
        recordings: drawings.recordings.iter().map(video).collect(),
        notes: drawings.notes.clone(),
        source: format!("{}, as videos of {count} images of {side} × {side} pixels", drawings.source),
    }
}

/// Renders a drawing as `count` images of `side` × `side` pixels at equal time steps. Each image shows the part of the
/// line that is drawn so far. The last image shows the whole drawing.
///
/// `values` is `[steps, 2]`, row by row: the coordinates `x` and `y` of each point, with `y` upwards. The bounding box
/// of the whole drawing is scaled to the image, and its proportions are kept. Returns `[count, side, side]`, row by row
/// from the top: 0 is background, 255 is the middle of the line, and the pixels at the edges of the line have values
/// between. A point that is not finite ends a line, and the next finite point begins a new line.
///
/// ```
/// use datasets::recordings::video::frames;
///
/// let corner = [0.0, 0.0, 0.0, 50.0, 50.0, 50.0];
/// let video = frames(&corner, 28, 2);
/// let grey = |image: usize| video[image * 28 * 28..][..28 * 28].iter().map(|value| u32::from(*value)).sum::<u32>();
/// assert!(grey(0) > 0 && grey(1) > grey(0));
/// ```
pub fn frames(values: &[f32], side: usize, count: usize) -> Vec<u8> {
    let points = placed(values, side as f32);
    let mut canvas = Canvas { side, pixels: vec![0; side * side] };
    let mut frames = Vec::with_capacity(count * side * side);
    let (mut drawn, last) = (0.0, points.len().saturating_sub(1) as f32);
    for frame in 1..=count {
        let now = last * frame as f32 / count as f32;
        canvas.draw(&points, drawn, now);
        frames.extend_from_slice(&canvas.pixels);
        drawn = now;
    }
    frames
}

/// Converts the points of a drawing to pixel coordinates of an image, with `y` downwards. A point that is not finite
/// becomes `None`.
fn placed(values: &[f32], side: f32) -> Vec<Option<[f32; 2]>> {
    let (points, _) = values.as_chunks::<2>();
    let is_finite = |point: &&[f32; 2]| point.iter().all(|value| value.is_finite());
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for point in points.iter().filter(is_finite) {
        low = [low[0].min(point[0]), low[1].min(point[1])];
        high = [high[0].max(point[0]), high[1].max(point[1])];
    }
    // The values are halved before the subtraction, because the difference of two large values may be infinite.
    let extent = (high[0] / 2.0 - low[0] / 2.0).max(high[1] / 2.0 - low[1] / 2.0);
    let scale = if extent > 0.0 { (side / 2.0 - MARGIN * side) / extent } else { 0.0 };
    let place = |point: &[f32; 2]| {
        let from_middle = |axis: usize| {
            let offset = point[axis] - (low[axis] / 2.0 + high[axis] / 2.0);
            (if scale.is_finite() { offset * scale } else { 0.0 }).clamp(-side, side)
        };
        [side / 2.0 + from_middle(0), side / 2.0 - from_middle(1)]
    };
    points.iter().map(|point| is_finite(&point).then(|| place(point))).collect()
}

/// The image on which a line is drawn.
struct Canvas {
    side: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Draws the part of the line between the times `from` and `to`, which are in steps: point `i` is at time `i`.
    fn draw(&mut self, points: &[Option<[f32; 2]>], from: f32, to: f32) {
        if from == 0.0
            && let Some(Some(first)) = points.first()
        {
            self.segment(*first, *first);
        }
        for step in from as usize..points.len().saturating_sub(1) {
            if step as f32 >= to {
                break;
            }
            let (Some(one), Some(other)) = (points[step], points[step + 1]) else { continue };
            let at = |time: f32| {
                let share = (time - step as f32).clamp(0.0, 1.0);
                [one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])]
            };
            self.segment(at(from), at(to));
        }
    }

    /// Draws a straight line with round ends.
    fn segment(&mut self, one: [f32; 2], other: [f32; 2]) {
        let radius = WIDTH * self.side as f32 / 2.0;
        let bounds = |axis: usize| {
            let (low, high) = (one[axis].min(other[axis]), one[axis].max(other[axis]));
            let [low, high] = [low - radius - 1.0, high + radius + 1.0];
            low.max(0.0) as usize..(high.max(0.0).ceil() as usize).min(self.side)
        };
        for row in bounds(1) {
            for column in bounds(0) {
                let distance = distance([column as f32 + 0.5, row as f32 + 0.5], one, other);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = &mut self.pixels[row * self.side + column];
                *pixel = (*pixel).max((cover * 255.0).round() as u8);
            }
        }
    }
}

/// Returns the distance of `point` from the line segment between `one` and `other`.
fn distance(point: [f32; 2], one: [f32; 2], other: [f32; 2]) -> f32 {
    let (along, to) = ([other[0] - one[0], other[1] - one[1]], [point[0] - one[0], point[1] - one[1]]);
    let square = along[0] * along[0] + along[1] * along[1];
    let share = if square > 0.0 { ((to[0] * along[0] + to[1] * along[1]) / square).clamp(0.0, 1.0) } else { 0.0 };
    (to[0] - share * along[0]).hypot(to[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 28;

    fn frame(video: &[u8], index: usize) -> &[u8] {
        &video[index * SIZE * SIZE..][..SIZE * SIZE]
    }

    #[test]
    fn frames_grow_to_the_whole_drawing() {
        // A square in 16 steps, from the upper left corner.
        let values: Vec<f32> = [[0.0, 8.0], [8.0, 8.0], [8.0, 0.0], [0.0, 0.0], [0.0, 8.0]].as_flattened().to_vec();
        let video = frames(&values, SIZE, 4);
        assert_eq!(video.len(), 4 * SIZE * SIZE);
        for (index, before) in (1..4).zip(0..) {
            assert!(frame(&video, index).iter().zip(frame(&video, before)).all(|(now, before)| now >= before));
        }
        assert_eq!(frame(&video, 3), frames(&values, SIZE, 1));
        let at = |index: usize, row: usize, column: usize| frame(&video, index)[row * SIZE + column];
        // The first frame shows the upper side: y points up, and rows are counted from the top.
        assert!(at(0, 3, 14) > 100 && at(0, 24, 14) == 0 && at(0, 14, 24) == 0);
        assert!(at(1, 14, 24) > 100 && at(1, 24, 14) == 0);
        assert!(at(3, 24, 14) > 100 && at(3, 14, 3) > 100 && at(3, 14, 14) == 0);
        // Nothing is drawn in the margin, apart from half of the width of the line.
        assert!((0..SIZE).all(|place| at(3, 1, place) == 0 && at(3, place, 26) == 0));
    }

    #[test]
    fn the_line_is_smooth_and_about_one_and_a_half_pixels_wide() {
        let video = frames(&[0.0, 0.0, 100.0, 3.0], SIZE, 1);
        for column in 6..22 {
            let sum: u32 = (0..SIZE).map(|row| u32::from(video[row * SIZE + column])).sum();
            assert!((330..440).contains(&sum), "{column}: {sum}");
        }
        assert!(video.iter().any(|value| (1..255).contains(value)));
    }

    #[test]
    fn the_place_and_the_size_of_a_drawing_do_not_matter() {
        let values = [1.0, 2.0, 5.0, 3.0, 4.0, 7.0];
        let other: Vec<f32> = values.iter().map(|value| 16.0 * value - 64.0).collect();
        assert_eq!(frames(&values, SIZE, 5), frames(&other, SIZE, 5));
    }

    #[test]
    fn any_values_are_rendered() {
        assert!(frames(&[], SIZE, 3).iter().all(|value| *value == 0));
        assert_eq!(frames(&[1.0, 2.0], SIZE, 0), []);
        let dot = frames(&[7.0, 7.0], SIZE, 1);
        assert!(dot[14 * SIZE + 14] > 0 && dot[0] == 0);
        for wild in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE] {
            let values = [0.0, 0.0, wild, 1.0, -f32::MAX, 3.0, 1.0];
            assert_eq!(frames(&values, SIZE, 3).len(), 3 * SIZE * SIZE);
        }
    }
}
