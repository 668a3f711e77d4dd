//! Frames of a camera that sees a drawing grow: grey values, as from the hand of a person who writes.

/// The height and the width of a frame in pixels.
pub const SIZE: usize = 28;

/// The distance between the drawing and the edges of a frame, in pixels.
const MARGIN: f32 = 3.0;
/// The width of the line in pixels.
const WIDTH: f32 = 1.5;

/// Renders a drawing as `count` frames, which show the part of the line that is drawn so far, at equal distances in time.
/// The last frame shows the whole drawing.
///
/// `values` is `[steps, 2]`, row by row: `x`, and `y` that points up. The box of the whole drawing is scaled to the frame
/// without change of its proportions. Returns `[count, 28, 28]`, row by row from the top: 0 is background, 255 is the
/// middle of the line, and the pixels at the edges of the line have values between. A value that is not finite ends the
/// line before it, and another one begins after it.
///
/// ```
/// use datasets::recordings::video::{SIZE, frames};
///
/// let corner = [0.0, 0.0, 0.0, 50.0, 50.0, 50.0];
/// let video = frames(&corner, 2);
/// let grey = |frame: usize| video[frame * SIZE * SIZE..][..SIZE * SIZE].iter().map(|value| u32::from(*value)).sum::<u32>();
/// assert!(grey(0) > 0 && grey(1) > grey(0));
/// ```
pub fn frames(values: &[f32], count: usize) -> Vec<u8> {
    let points = placed(values);
    let mut canvas = vec![0; SIZE * SIZE];
    let mut frames = Vec::new();
    let (mut drawn, last) = (0.0, points.len().saturating_sub(1) as f32);
    for frame in 1..=count {
        let now = last * frame as f32 / count as f32;
        draw(&mut canvas, &points, drawn, now);
        frames.extend_from_slice(&canvas);
        drawn = now;
    }
    frames
}

/// The points of a drawing in pixels of a frame, with `y` down; `None` for a point that is not finite.
fn placed(values: &[f32]) -> Vec<Option<[f32; 2]>> {
    let (points, _) = values.as_chunks::<2>();
    let is_finite = |point: &&[f32; 2]| point.iter().all(|value| value.is_finite());
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for point in points.iter().filter(is_finite) {
        low = [low[0].min(point[0]), low[1].min(point[1])];
        high = [high[0].max(point[0]), high[1].max(point[1])];
    }
    // Halves, because the difference of two large values may be infinite.
    let extent = (high[0] / 2.0 - low[0] / 2.0).max(high[1] / 2.0 - low[1] / 2.0);
    let scale = if extent > 0.0 { (SIZE as f32 / 2.0 - MARGIN) / extent } else { 0.0 };
    let place = |point: &[f32; 2]| {
        let from_middle = |axis: usize| {
            let offset = point[axis] - (low[axis] / 2.0 + high[axis] / 2.0);
            (if scale.is_finite() { offset * scale } else { 0.0 }).clamp(-(SIZE as f32), SIZE as f32)
        };
        [SIZE as f32 / 2.0 + from_middle(0), SIZE as f32 / 2.0 - from_middle(1)]
    };
    points.iter().map(|point| is_finite(&point).then(|| place(point))).collect()
}

/// Draws the line between two times, which are counted in steps.
fn draw(canvas: &mut [u8], points: &[Option<[f32; 2]>], from: f32, to: f32) {
    if from == 0.0
        && let Some(Some(first)) = points.first()
    {
        segment(canvas, *first, *first);
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
        segment(canvas, at(from), at(to));
    }
}

/// Draws a straight line with round ends.
fn segment(canvas: &mut [u8], one: [f32; 2], other: [f32; 2]) {
    let reach = WIDTH / 2.0 + 1.0;
    let bounds = |axis: usize| {
        let (low, high) = (one[axis].min(other[axis]) - reach, one[axis].max(other[axis]) + reach);
        low.max(0.0) as usize..(high.max(0.0).ceil() as usize).min(SIZE)
    };
    for row in bounds(1) {
        for column in bounds(0) {
            let distance = distance([column as f32 + 0.5, row as f32 + 0.5], one, other);
            let cover = (WIDTH / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = &mut canvas[row * SIZE + column];
            *pixel = (*pixel).max((cover * 255.0).round() as u8);
        }
    }
}

/// The distance of a point from a straight line between two points.
fn distance(point: [f32; 2], one: [f32; 2], other: [f32; 2]) -> f32 {
    let (along, to) = ([other[0] - one[0], other[1] - one[1]], [point[0] - one[0], point[1] - one[1]]);
    let square = along[0] * along[0] + along[1] * along[1];
    let share = if square > 0.0 { ((to[0] * along[0] + to[1] * along[1]) / square).clamp(0.0, 1.0) } else { 0.0 };
    (to[0] - share * along[0]).hypot(to[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(video: &[u8], index: usize) -> &[u8] {
        &video[index * SIZE * SIZE..][..SIZE * SIZE]
    }

    #[test]
    fn frames_grow_to_the_whole_drawing() {
        // A square in 16 steps, from the upper left corner.
        let values: Vec<f32> = [[0.0, 8.0], [8.0, 8.0], [8.0, 0.0], [0.0, 0.0], [0.0, 8.0]].as_flattened().to_vec();
        let video = frames(&values, 4);
        assert_eq!(video.len(), 4 * SIZE * SIZE);
        for (index, before) in (1..4).zip(0..) {
            assert!(frame(&video, index).iter().zip(frame(&video, before)).all(|(now, before)| now >= before));
        }
        assert_eq!(frame(&video, 3), frames(&values, 1));
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
        let video = frames(&[0.0, 0.0, 100.0, 3.0], 1);
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
        assert_eq!(frames(&values, 5), frames(&other, 5));
    }

    #[test]
    fn any_values_are_rendered() {
        assert!(frames(&[], 3).iter().all(|value| *value == 0));
        assert_eq!(frames(&[1.0, 2.0], 0), []);
        let dot = frames(&[7.0, 7.0], 1);
        assert!(dot[14 * SIZE + 14] > 0 && dot[0] == 0);
        for wild in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE] {
            let values = [0.0, 0.0, wild, 1.0, -f32::MAX, 3.0, 1.0];
            assert_eq!(frames(&values, 3).len(), 3 * SIZE * SIZE);
        }
    }
}
