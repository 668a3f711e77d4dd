//! The demonstration of a trained model: generated drawings beside drawings by persons.

use training::{Demonstration, TaskResult};

use crate::drawing::{Drawing, Options, Request, Stroke};
use crate::predictor::Writer;
use crate::svg::{Cell, grid};
use crate::train::data::{Example, Part};

/// The largest number of classes in the picture.
const CLASSES: usize = 12;
/// The number of drawings in each row of the picture.
const COLUMNS: usize = 10;
/// The largest number of drawings by persons in each row of the picture; the other drawings are generated.
const BY_PERSONS: usize = 4;
/// The color of drawings by persons.
const PERSON: &str = "#1f6fb4";
/// The color of drawings that the model generates.
const MODEL: &str = "#222";

/// Makes a picture with one row per class, for at most `CLASSES` classes. Each row shows drawings by persons from the
/// test part, and then generated drawings. The lines of text list the number of strokes of each drawing.
pub fn demonstrate(model: &Writer, test: &Part) -> TaskResult<Demonstration> {
    let classes = &model.settings().classes;
    let (mut lines, mut rows) = (vec![String::new()], Vec::new());
    for class in spread(classes.len(), CLASSES) {
        let examples: Vec<&Example> = test.examples.iter().filter(|example| example.class == class).collect();
        let chosen = spread(examples.len(), BY_PERSONS);
        let persons: Vec<&[Stroke]> = chosen.map(|index| examples[index].strokes.as_slice()).collect();
        let request = Request { class: classes[class].clone() };
        let generated = (1..=(COLUMNS - persons.len()) as u64)
            .map(|seed| model.draw(&request, &Options { seed, ..Options::default() }))
            .collect::<Result<Vec<Drawing>, _>>()?;
        let by_persons = numbers(persons.iter().map(|strokes| strokes.len()));
        let by_model = numbers(generated.iter().map(|drawing| drawing.strokes.len()));
        lines.push(format!(
            "{}: strokes of each drawing by a person: {by_persons}; of each generated drawing: {by_model}",
            request.class
        ));
        rows.push((request.class, persons, generated));
    }
    let cells = rows.iter().flat_map(|(caption, persons, generated)| {
        let persons = persons.iter().map(|strokes| Cell { caption, strokes, color: PERSON });
        persons.chain(generated.iter().map(|drawing| Cell { caption, strokes: &drawing.strokes, color: MODEL }))
    });
    Ok(Demonstration { lines, picture: Some(grid(&cells.collect::<Vec<_>>(), COLUMNS)) })
}

/// Chooses at most `count` items of a list of length `all`, evenly spaced. Returns the indices of the chosen items.
fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |place| place * all / count)
}

fn numbers(counts: impl Iterator<Item = usize>) -> String {
    counts.map(|count| count.to_string()).collect::<Vec<_>>().join(" ")
}
