//! The lines of the symbols, in coordinates from -1 to 1 with `y` upwards.

use std::f64::consts::{PI, TAU};

/// The names of the symbols, in alphabetical order.
pub const SYMBOLS: [&str; 12] = [
    "arrow",
    "check mark",
    "circle",
    "cross",
    "heart",
    "infinity",
    "question mark",
    "spiral",
    "square",
    "star",
    "triangle",
    "zigzag",
];

/// The number of points that [`curve`] returns.
const CURVE: usize = 64;

pub(super) type Point = [f64; 2];

/// How a person draws a symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    /// A number from 0 to 1. For a closed symbol, it selects one of the usual starting points of the symbol; for a
    /// spiral, it is the starting angle as a fraction of a turn.
    pub start: f64,
    /// For a closed symbol, the distance along the line from the starting point that `start` selects to the point where
    /// the pen begins, as a fraction of the length of the line.
    pub offset: f64,
    /// Whether the line is drawn from its end to its start.
    pub reversed: bool,
    /// Whether the symbol is mirrored. This has an effect only on the spiral, which people draw clockwise or
    /// anticlockwise.
    pub mirrored: bool,
    /// A number from 0 to 1 that determines the variant of the symbol, such as the number of teeth of a zigzag.
    pub form: f64,
    /// The fraction of a closed symbol that is drawn: below 1, a gap is left; above 1, the ends overlap.
    pub closure: f64,
    /// Low-frequency deviations from the line, which are the same in all drawings of the symbol by the person.
    pub waves: Waves,
}

/// Deviations along the two axes. The deviation along each axis is the sum of three waves.
pub(super) type Waves = [[Wave; 3]; 2];

/// A sinusoidal deviation from a line: the deviation is a sine of the position along the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    /// The amplitude.
    pub size: f64,
    /// The number of periods along the whole line.
    pub count: f64,
    /// The phase in radians.
    pub phase: f64,
}

impl Wave {
    /// Returns the deviation at a position on the line. `share` is the position as a fraction of the line, from 0 to 1.
    pub fn at(&self, share: f64) -> f64 {
        self.size * (TAU * self.count * share + self.phase).sin()
    }
}

/// Returns the line of a symbol, as a person with the given habit draws it, but without the deviations `habit.waves`.
/// `symbol` is the index in [`SYMBOLS`].
pub(super) fn line(symbol: usize, habit: &Habit) -> Vec<Point> {
    let form = habit.form;
    let mut line = match SYMBOLS[symbol] {
        "circle" => closed(&curve(0.0, TAU, |t| [t.sin(), t.cos()]), &[0, 56, 32, 8, 48], habit),
        "heart" => closed(&curve(0.0, TAU, heart), &[0, 32], habit),
        "infinity" => closed(&curve(PI / 2.0, PI * 2.5, lemniscate), &[0, 48, 16], habit),
        "square" => closed(&[[-0.85, 0.85], [0.85, 0.85], [0.85, -0.85], [-0.85, -0.85]], &[0, 1, 3, 2], habit),
        "star" => closed(&[0.0, 1.0, 2.0, 3.0, 4.0].map(|k| polar(PI * (0.5 - 0.8 * k), 1.0)), &[4, 0, 2], habit),
        "triangle" => closed(&[[0.0, 1.0], [0.95, -0.75], [-0.95, -0.75]], &[0, 2, 1], habit),
        "arrow" => {
            let (back, half) = (0.25 + 0.35 * form, 0.35 + 0.3 * form);
            vec![[-1.0, 0.0], [0.95, 0.0], [back, half], [0.95, 0.0], [back, -half]]
        }
        "check mark" => vec![[-0.9, 0.3 * form - 0.1], [-0.35 + 0.2 * form, -0.8], [0.95, 0.9]],
        "cross" if form < 0.6 => vec![[-0.8, 0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, -0.8]],
        "cross" => vec![[-0.8, 0.8], [0.8, -0.8], [-0.8, -0.8], [0.8, 0.8]],
        "question mark" => {
            let (open, end) = (PI * (1.0 + 0.1 * form), -PI * 0.45);
            let mut line = curve(0.0, 1.0, |u| {
                let [x, y] = polar(open + (end - open) * u, 0.55);
                [x, y + 0.45]
            });
            line.extend([[0.0, -0.25], [0.0, -1.0]]);
            line
        }
        "spiral" => {
            let turns = 1.7 + 1.2 * form;
            curve(0.0, 1.0, |u| polar(TAU * (habit.start + turns * u), 0.05 + 0.95 * u))
        }
        // The zigzag.
        _ => {
            let teeth = 4 + (form * 3.99) as usize;
            let point = |index: usize| {
                let side = if index.is_multiple_of(2) { -0.6 } else { 0.6 };
                [2.0 * index as f64 / teeth as f64 - 1.0, side]
            };
            (0..=teeth).map(point).collect()
        }
    };
    if habit.mirrored && SYMBOLS[symbol] == "spiral" {
        line.iter_mut().for_each(|point| point[0] = -point[0]);
    }
    if habit.reversed {
        line.reverse();
    }
    line
}

/// Returns [`CURVE`] points of the parametric curve `point`, at equally spaced parameter values from `start` (included)
/// to `end` (excluded). A closed curve therefore has no point twice.
fn curve(start: f64, end: f64, point: impl Fn(f64) -> Point) -> Vec<Point> {
    (0..CURVE).map(|index| point(start + (end - start) * index as f64 / CURVE as f64)).collect()
}

fn polar(angle: f64, radius: f64) -> Point {
    [radius * angle.cos(), radius * angle.sin()]
}

fn heart(t: f64) -> Point {
    let y = 13.0 * t.cos() - 5.0 * (2.0 * t).cos() - 2.0 * (3.0 * t).cos() - (4.0 * t).cos();
    [t.sin().powi(3), (y + 2.5) / 15.0]
}

fn lemniscate(t: f64) -> Point {
    let scale = 1.0 / (1.0 + t.sin().powi(2));
    [t.cos() * scale, 1.3 * t.sin() * t.cos() * scale]
}

/// Returns the line that a person with the given habit draws along a closed outline. `starts` holds the points of
/// `outline` at which people usually start, as indices in `outline`. The most usual starting point is the first.
fn closed(outline: &[Point], starts: &[usize], habit: &Habit) -> Vec<Point> {
    // About half of the persons, those with `start` up to 0.5, begin at the most usual point.
    let place = ((habit.start * 2.0 - 1.0).max(0.0) * starts.len() as f64) as usize;
    let begin = starts[place.min(starts.len() - 1)];
    let ring: Vec<Point> = (0..=outline.len()).map(|step| outline[(begin + step) % outline.len()]).collect();
    let rounds: Vec<Point> = [&ring[..], &ring[1..], &ring[1..]].concat();
    let whole = length(&ring);
    let start = whole * (1.0 + habit.offset);
    cut(&rounds, start, start + whole * habit.closure)
}

/// Returns the length of a line.
pub(super) fn length(line: &[Point]) -> f64 {
    line.windows(2).map(|pair| distance(pair[0], pair[1])).sum()
}

pub(super) fn distance(one: Point, other: Point) -> f64 {
    ((one[0] - other[0]).powi(2) + (one[1] - other[1]).powi(2)).sqrt()
}

pub(super) fn mix(one: Point, other: Point, share: f64) -> Point {
    [one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])]
}

/// Returns the part of a line between two places on it. `from` and `to` are the distances of these places from the
/// start, measured along the line.
fn cut(line: &[Point], from: f64, to: f64) -> Vec<Point> {
    let (mut part, mut walked) = (Vec::new(), 0.0);
    for pair in line.windows(2) {
        let step = distance(pair[0], pair[1]);
        let at = |place: f64| mix(pair[0], pair[1], (place - walked) / step);
        if walked <= from && from < walked + step {
            part.push(at(from));
        } else if from < walked && walked < to {
            part.push(pair[0]);
        }
        if walked < to && to <= walked + step {
            part.push(at(to));
        }
        walked += step;
    }
    part
}

/// Returns `count` points at equal distances along a line of at least two points, including the first and the last
/// point of the line.
pub(super) fn spaced(line: &[Point], count: usize) -> Vec<Point> {
    let step = length(line) / (count - 1) as f64;
    let (mut points, mut walked) = (Vec::with_capacity(count), 0.0);
    for pair in line.windows(2) {
        let whole = distance(pair[0], pair[1]);
        while points.len() < count && points.len() as f64 * step <= walked + whole {
            let share = if whole > 0.0 { (points.len() as f64 * step - walked) / whole } else { 0.0 };
            points.push(mix(pair[0], pair[1], share));
        }
        walked += whole;
    }
    // Rounding may leave the last point out.
    points.resize(count, line.last().copied().unwrap_or_default());
    points
}
