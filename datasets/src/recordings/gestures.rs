//! Embedded recordings: pen gestures from a seeded generator. Each of 90 simulated persons draws 12 symbols,
//! each symbol in one stroke.
//!
//! A person has habits: the slant, rotation, size, proportions and place of the drawings; the speed of the pen, and how
//! much the speed drops at corners; the roundness of corners; a tremor; and a hook before or after the symbol. For each
//! symbol, a person also has a usual starting point, direction and form, such as the number of teeth of a zigzag. Each
//! drawing varies around the habits, and in some drawings a person draws a symbol in another way.
//!
//! The training, validation and test parts have no person in common. A good result shows that a model recognises
//! symbols of persons who are not in the training part. A baseline for comparison, the nearest neighbour under dynamic
//! time warping after scaling to a common size, has an accuracy of 89 % on the test drawings. A good result does not
//! show that a model recognises real handwriting: real persons vary more than the generated persons.

mod hand;
mod shapes;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::{Recording, Recordings};
use hand::Person;
pub use shapes::SYMBOLS;

const SEED: u64 = 2024;
/// The numbers of persons in the training, validation and test part.
const PERSONS: [usize; 3] = [60, 10, 20];
/// The number of drawings of each symbol by each person.
const DRAWINGS: usize = 5;
/// The number of samples per second.
pub const RATE: f64 = 30.0;

/// The generated gestures.
#[derive(Clone, Debug, PartialEq)]
pub struct Gestures {
    /// The training part: 60 persons, 3,600 drawings.
    pub train: Recordings,
    /// The validation part: 10 other persons, 600 drawings.
    pub valid: Recordings,
    /// The test part: 20 other persons, 1,200 drawings.
    pub test: Recordings,
}

/// Generates the gestures: five drawings of each of the 12 [`SYMBOLS`] by each person. Every call returns the same
/// drawings.
///
/// The channels are `x` and `y` in pixels of a sheet of 400 × 400 pixels, and `y` points up. A drawing has 20 to 60
/// steps at [`RATE`]. The class is the symbol, and the person is the [group](Recording::group).
pub fn load() -> Gestures {
    generate(SEED)
}

fn generate(seed: u64) -> Gestures {
    let mut first = 1;
    let mut part = |persons: usize| {
        let people = first..first + persons;
        first = people.end;
        Recordings {
            channels: ["x", "y"].map(str::to_owned).to_vec(),
            rate: Some(RATE),
            recordings: people.flat_map(|number| of_person(number, seed)).collect(),
            notes: Vec::new(),
            source: format!("the embedded gestures (generator seed {seed})"),
        }
    };
    let [train, valid, test] = PERSONS.map(&mut part);
    Gestures { train, valid, test }
}

/// Returns all drawings of a person. The habits and each drawing have separate streams of random numbers, so that a
/// change in the code of one symbol does not change the drawings of other symbols.
fn of_person(number: usize, seed: u64) -> Vec<Recording> {
    let numbers = |stream: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((number << 16 | stream) as u64);
        rng
    };
    let (name, person) = (format!("person {number}"), Person::draw(&mut numbers(0)));
    let drawing = |symbol: usize, drawing: usize| Recording {
        id: format!("{name}/{}/{drawing}", SYMBOLS[symbol]),
        group: Some(name.clone()),
        label: SYMBOLS[symbol].to_owned(),
        values: person.gesture(symbol, &mut numbers(symbol * DRAWINGS + drawing)),
    };
    let drawings = |symbol: usize| (1..=DRAWINGS).map(move |number| (symbol, number));
    (0..SYMBOLS.len()).flat_map(drawings).map(|(symbol, number)| drawing(symbol, number)).collect()
}

#[cfg(test)]
mod tests;
