//! The generated persons: their drawing habits, and the movement of their pen.

use std::f64::consts::TAU;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::RATE;
use super::shapes::{self, Habit, Point, SYMBOLS, Wave, Waves, distance, length, mix, spaced};

/// The number of points, equally spaced along the line of a drawing, from which the positions of the pen at equal time
/// steps are computed.
const POINTS: usize = 160;
/// The smallest and the largest number of steps of a drawing.
const STEPS: [usize; 2] = [20, 60];
/// A person needs [`Person::seconds`] seconds for a line of this length. The unit is half the size of a symbol.
const USUAL_LENGTH: f64 = 6.0;
/// The middle of the sheet, in pixels.
const MIDDLE: f64 = 200.0;
/// The scale of a person's habitual low-frequency deviations from the ideal line of a symbol. They are the same in all
/// drawings of the symbol by this person. The unit is half the size of a symbol.
const HABITUAL: f64 = 0.07;
/// The probability that a person draws a symbol in another way than usual.
const SLIPS: f64 = 0.1;

/// The habits of a person. The unit of lengths is half the size of a symbol, except where pixels are mentioned.
pub(super) struct Person {
    /// The horizontal shift of a point per unit of its height (shear).
    slant: f64,
    /// The angle by which the drawings are turned, in radians.
    rotation: f64,
    /// The ratio of width to height of the drawings.
    aspect: f64,
    /// Half of the size of a symbol, in pixels.
    size: f64,
    /// The middle of the drawings, in pixels.
    place: Point,
    /// The time in seconds in which the person draws a line of the length [`USUAL_LENGTH`].
    seconds: f64,
    /// How much the pen slows down where the line turns: at a turn of 180°, it needs `1 + slowing` times as long per
    /// unit of length as on a straight line.
    slowing: f64,
    /// How much the pen slows down at both ends of the line: it needs `1 + easing` times as long per unit of length
    /// there as in the middle of the line.
    easing: f64,
    /// A moving average along the line makes corners round. It includes this fraction of all points on each side of a
    /// point.
    rounding: f64,
    /// The scale of low-frequency deviations from the line, which are different in every drawing.
    wobble: f64,
    /// The scale of high-frequency deviations from the line (tremor).
    tremor: f64,
    /// The lengths of the hooks before and after the symbol: short strokes at the start and the end of the line.
    hooks: [f64; 2],
    /// The directions of the hooks, in radians.
    hook_angles: [f64; 2],
    /// The fraction of a closed symbol that the person usually draws: see [`Habit::closure`].
    closure: f64,
    /// The habits for each symbol, in the order of [`SYMBOLS`].
    habits: [Habit; SYMBOLS.len()],
}

/// Returns a random number with the mean 0, the standard deviation 1 and an absolute value of at most 3.5. The number
/// is computed from a sum of uniform random numbers, so that it is the same on all platforms.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let sum: f64 = (0..4).map(|_| rng.random_range(0.0..1.0)).sum();
    (sum - 2.0) * 3.0_f64.sqrt()
}

impl Habit {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            start: rng.random_range(0.0..1.0),
            offset: 0.03 * normal(rng),
            reversed: rng.random_bool(0.3),
            mirrored: rng.random_bool(0.4),
            form: rng.random_range(0.0..1.0),
            closure: 1.0,
            waves: waves(rng),
        }
    }
}

/// Returns random waves for low-frequency deviations from a line. The amplitudes of the waves have the standard
/// deviation 1.
fn waves(rng: &mut ChaCha8Rng) -> Waves {
    let wave = |rng: &mut ChaCha8Rng, index: usize| Wave {
        size: normal(rng),
        count: 0.5 + 0.75 * index as f64,
        phase: rng.random_range(0.0..TAU),
    };
    std::array::from_fn(|_| std::array::from_fn(|index| wave(rng, index)))
}

impl Person {
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let hook = |rng: &mut ChaCha8Rng| if rng.random_bool(0.5) { rng.random_range(0.1..0.6) } else { 0.0 };
        Self {
            slant: 0.25 * normal(rng),
            rotation: 0.2 * normal(rng),
            aspect: (1.0 + 0.25 * normal(rng)).clamp(0.5, 1.8),
            size: (80.0 + 20.0 * normal(rng)).clamp(40.0, 130.0),
            place: [MIDDLE + 25.0 * normal(rng), MIDDLE + 25.0 * normal(rng)],
            seconds: (1.25 + 0.3 * normal(rng)).clamp(0.7, 1.9),
            slowing: rng.random_range(0.5..8.0),
            easing: rng.random_range(0.0..2.0),
            rounding: rng.random_range(0.0..0.03),
            wobble: rng.random_range(0.02..0.05),
            tremor: rng.random_range(0.005..0.04),
            hooks: [hook(rng), hook(rng)],
            hook_angles: [rng.random_range(0.0..TAU), rng.random_range(0.0..TAU)],
            closure: 1.0 + 0.05 * normal(rng),
            habits: std::array::from_fn(|_| Habit::draw(rng)),
        }
    }

    /// Draws a symbol, given by its index in [`SYMBOLS`]. Returns the positions of the pen, `[steps, 2]`, in pixels.
    /// The values are rounded to hundredths, so that small differences of sines and cosines between platforms do not
    /// change them.
    pub fn gesture(&self, symbol: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let slips = rng.random_bool(SLIPS);
        let mut habit = self.habits[symbol];
        if slips {
            habit = Habit { waves: habit.waves, ..Habit::draw(rng) };
        }
        habit.offset += 0.01 * normal(rng);
        habit.form = (habit.form + 0.05 * normal(rng)).clamp(0.0, 1.0);
        habit.closure = self.closure + 0.03 * normal(rng);
        let line = spaced(&self.with_hooks(shapes::line(symbol, &habit), rng), POINTS);
        let line = self.bent(&self.rounded(line), &habit, rng);
        let seconds = self.seconds * (length(&line) / USUAL_LENGTH).sqrt() * (1.0 + 0.1 * normal(rng));
        let steps = ((seconds * RATE).round() as usize + 1).clamp(STEPS[0], STEPS[1]);
        let points = self.moved(self.timed(&line, steps), rng);
        points.into_iter().flatten().map(|value| ((value * 100.0).round() / 100.0) as f32).collect()
    }

    /// Adds a hook before and after a line.
    fn with_hooks(&self, mut line: Vec<Point>, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let mut end = |index: usize, from: Point| {
            let hook = self.hooks[index] * (1.0 + 0.3 * normal(rng)).max(0.0);
            let angle = self.hook_angles[index] + 0.3 * normal(rng);
            [from[0] + hook * angle.cos(), from[1] + hook * angle.sin()]
        };
        let (first, last) = (line[0], line[line.len() - 1]);
        let (before, after) = (end(0, first), end(1, last));
        line.insert(0, before);
        line.push(after);
        line
    }

    /// Averages neighbouring points, which makes corners round.
    fn rounded(&self, mut line: Vec<Point>) -> Vec<Point> {
        let reach = (self.rounding * POINTS as f64).round() as usize;
        for _ in 0..2 {
            let mean = |index: usize| {
                // The mean uses the same number of points on both sides, so that the ends of the line do not move.
                let reach = reach.min(index).min(POINTS - 1 - index);
                let near = &line[index - reach..=index + reach];
                [0, 1].map(|axis| near.iter().map(|point| point[axis]).sum::<f64>() / near.len() as f64)
            };
            line = (0..POINTS).map(mean).collect();
        }
        line
    }

    /// Adds low-frequency deviations to a line: the deviations that the person repeats (`habit.waves`), and random
    /// deviations for this drawing.
    fn bent(&self, line: &[Point], habit: &Habit, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let waves = waves(rng);
        let deviation = |axis: usize, share: f64| {
            let of = |waves: &Waves| waves[axis].iter().map(|wave| wave.at(share)).sum::<f64>();
            HABITUAL * of(&habit.waves) + self.wobble * of(&waves)
        };
        let bent = |(index, point): (usize, &Point)| {
            let share = index as f64 / POINTS as f64;
            [point[0] + deviation(0, share), point[1] + deviation(1, share)]
        };
        line.iter().enumerate().map(bent).collect()
    }

    /// Returns the positions of the pen at `steps` equally spaced times. The pen is slower where the line turns, and at
    /// both ends of the line.
    fn timed(&self, line: &[Point], steps: usize) -> Vec<Point> {
        let mut times = vec![0.0];
        for (index, pair) in line.windows(2).enumerate() {
            let turn = line.get(index + 2).map_or(0.0, |next| turn(pair[0], pair[1], *next));
            let share = index as f64 / POINTS as f64;
            let near_end = (1.0 - share.min(1.0 - share) / 0.12).max(0.0);
            let pace = 1.0 + self.slowing * turn + self.easing * near_end;
            times.push(times[index] + distance(pair[0], pair[1]) * pace + 1e-9);
        }
        let whole = times[times.len() - 1];
        let mut index = 0;
        let at = |step: usize| {
            let time = whole * step as f64 / (steps - 1) as f64;
            while index + 2 < times.len() && times[index + 1] < time {
                index += 1;
            }
            let share = ((time - times[index]) / (times[index + 1] - times[index])).clamp(0.0, 1.0);
            mix(line[index], line[index + 1], share)
        };
        (0..steps).map(at).collect()
    }

    /// Slants, rotates and scales the points, moves them to the person's place on the sheet, and adds the tremor.
    fn moved(&self, points: Vec<Point>, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let size = self.size * (1.0 + 0.1 * normal(rng));
        let slant = self.slant + 0.05 * normal(rng);
        let (sine, cosine) = (self.rotation + 0.06 * normal(rng)).sin_cos();
        let wide = self.aspect * (1.0 + 0.07 * normal(rng));
        let place = self.place.map(|axis| axis + 8.0 * normal(rng));
        let mut shake = [0.0; 2];
        let mut moved = |[x, y]: Point| {
            shake = shake.map(|shake| 0.6 * shake + self.tremor * normal(rng));
            let (x, y) = (wide * x + slant * y, y);
            let turned = [cosine * x - sine * y, sine * x + cosine * y];
            [0, 1].map(|axis| place[axis] + size * (turned[axis] + shake[axis]))
        };
        points.into_iter().map(&mut moved).collect()
    }
}

/// Returns how much the line through three points turns at the second point: 0 if the line goes straight on, 1 if it
/// goes back.
fn turn(one: Point, two: Point, three: Point) -> f64 {
    let (a, b) = ([two[0] - one[0], two[1] - one[1]], [three[0] - two[0], three[1] - two[1]]);
    let lengths = distance(one, two) * distance(two, three);
    if lengths > 0.0 { (1.0 - (a[0] * b[0] + a[1] * b[1]) / lengths) / 2.0 } else { 0.0 }
}
