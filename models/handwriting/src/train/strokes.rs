//! Converts the strokes of a drawing to the points that the network reads.

use crate::drawing::{Pen, Point, Stroke};

/// Scales a drawing so that the larger side of its bounding box is 1. If both sides are 0, the drawing is not changed.
pub fn scaled(strokes: &[Stroke]) -> Vec<Stroke> {
    let points = || strokes.iter().flatten();
    let side = |axis: usize| {
        let values = || points().map(|point| point[axis]);
        values().fold(f32::NEG_INFINITY, f32::max) - values().fold(f32::INFINITY, f32::min)
    };
    let size = side(0).max(side(1));
    let scale = if size > 0.0 { 1.0 / size } else { 1.0 };
    strokes.iter().map(|stroke| stroke.iter().map(|point| point.map(|value| value * scale)).collect()).collect()
}

/// Resamples a stroke to points at equal distances along its path. The distance is as close to `spacing` as the length
/// of the stroke allows. The first and the last point are kept. If the stroke has length 0, the result is its first
/// point.
pub fn resampled(stroke: &[[f32; 2]], spacing: f32) -> Stroke {
    let (Some(first), Some(last)) = (stroke.first(), stroke.last()) else { return Stroke::new() };
    let length = |pair: &[[f32; 2]]| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
    let whole: f32 = stroke.windows(2).map(length).sum();
    if whole == 0.0 {
        return vec![*first];
    }
    let steps = (whole / spacing).round().max(1.0);
    let mut points = vec![*first];
    let mut before = 0.0; // the length of the path before a pair of points
    for pair in stroke.windows(2) {
        let part = length(pair);
        while part > 0.0 && (points.len() as f32) < steps && before + part >= whole * points.len() as f32 / steps {
            let share = (whole * points.len() as f32 / steps - before) / part;
            points.push([0, 1].map(|axis| pair[0][axis] + (pair[1][axis] - pair[0][axis]) * share));
        }
        before += part;
    }
    points.push(*last);
    points
}

/// Converts the strokes of a drawing to points. The offset of a point is its difference from the previous point,
/// divided by `scale`. The first point has the offset 0.
pub fn points(strokes: &[Stroke], scale: f32) -> Vec<Point> {
    let mut points = Vec::with_capacity(strokes.iter().map(Vec::len).sum());
    let mut before = None;
    for stroke in strokes {
        for point in stroke {
            let [x, y] = before.unwrap_or(*point);
            points.push(Point { offset: [(point[0] - x) / scale, (point[1] - y) / scale], pen: Pen::Down });
            before = Some(*point);
        }
        if let Some(last) = points.last_mut() {
            last.pen = Pen::Up;
        }
    }
    if let Some(last) = points.last_mut() {
        last.pen = Pen::End;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An L: 3 down and 4 to the right, with points at unequal distances.
    fn corner() -> Stroke {
        let down = (0..=30).map(|step| [0.0, 3.0 - step as f32 / 10.0]);
        down.chain([[1.0, 0.0], [1.0, 0.0], [4.0, 0.0]]).collect()
    }

    #[test]
    fn points_have_equal_distances_along_the_path() {
        let found = resampled(&corner(), 1.6); // 7 / 1.6 rounded is 4 parts
        let expected = [[0.0, 3.0], [0.0, 1.25], [0.5, 0.0], [2.25, 0.0], [4.0, 0.0]];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            approx::assert_abs_diff_eq!(*found, *expected, epsilon = 1e-5);
        }
        assert_eq!(resampled(&corner(), 100.0), [[0.0, 3.0], [4.0, 0.0]]);
        assert_eq!(resampled(&corner(), 0.01).len(), 701);
        assert_eq!(resampled(&[[1.0, 2.0]; 3], 0.1), [[1.0, 2.0]]);
        assert!(resampled(&[], 0.1).is_empty());
    }

    #[test]
    fn the_larger_side_of_a_scaled_drawing_is_1() {
        let strokes = [corner(), vec![[8.0, 1.0]]];
        let found = scaled(&strokes);
        assert_eq!((found[0][0], found[1][0]), ([0.0, 0.375], [1.0, 0.125]));
        assert_eq!(scaled(&[vec![[5.0, 5.0]]]), [vec![[5.0, 5.0]]]);
        assert!(scaled(&[]).is_empty());
    }

    #[test]
    fn offsets_sum_to_the_points_and_states_divide_the_strokes() {
        let strokes = [vec![[1.0, 1.0], [2.0, 0.5]], vec![[0.0, 3.0]], vec![[4.0, 4.0], [5.0, 4.5], [5.0, 6.0]]];
        let points = points(&strokes, 0.5);
        let pens: Vec<Pen> = points.iter().map(|point| point.pen).collect();
        assert_eq!(pens, [Pen::Down, Pen::Up, Pen::Up, Pen::Down, Pen::Down, Pen::End]);
        assert_eq!(points[0].offset, [0.0; 2]);
        let mut position = strokes[0][0];
        for (point, expected) in points.iter().zip(strokes.iter().flatten()) {
            position = [0, 1].map(|axis| position[axis] + 0.5 * point.offset[axis]);
            assert_eq!(position, *expected);
        }
    }
}
