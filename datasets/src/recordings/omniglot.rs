//! Omniglot ([Lake et al. 2015](https://doi.org/10.1126/science.aab3050)): handwritten characters of many alphabets, as
//! the strokes of the pen. This module reads the "small background set 1", which has five of the alphabets.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Recording, Recordings};
use crate::error::{DataError, RecordingError, Result};
use crate::source::{Form, Locator, PublishedFile, Source, hex};
use crate::text_file::utf8;

/// The published archive, which [`load`] reads.
pub const SOURCE: Source = Source {
    name: "Omniglot (small background set 1)",
    folder: "handwriting",
    files: &[PublishedFile {
        name: "omniglot-strokes-background-small1.zip",
        sha256: Some("8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2"),
        forms: &[
            Form::plain("omniglot-strokes-background-small1.zip").at(
                "https://raw.githubusercontent.com/brendenlake/omniglot/057f034baf2ecb8530bc5710e5a23584d2a519cc/python/strokes_background_small1.zip",
            ),
            Form::plain("strokes_background_small1.zip"),
        ],
    }],
    licence: "MIT",
    citation: "https://doi.org/10.1126/science.aab3050",
};

/// The number of drawings: 136 characters by 20 persons each.
const DRAWINGS: usize = 2720;
/// The largest number of bytes that is read from a file in the archive.
const MOST_BYTES: u64 = 1 << 20;

/// A point of a stroke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The horizontal position, from 0 at the left edge to 105 at the right edge of the sheet. Some strokes leave the
    /// sheet.
    pub x: f32,
    /// The vertical position, from -105 at the lower edge to 0 at the upper edge of the sheet.
    pub y: f32,
    /// The time in seconds since the start of the drawing. In seven drawings the time decreases once, by up to 0.022 s.
    pub time: f32,
}

/// A drawing of a character.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The alphabet, the character and the file name without `.txt`, such as `Greek/character01/0394_05`.
    pub id: String,
    /// The name of the alphabet.
    pub alphabet: String,
    /// The name of the character in its alphabet, such as `character01`.
    pub character: String,
    /// The number of the person, `01` to `20`. The same number in two alphabets may refer to two different persons.
    pub drawer: String,
    /// The points of each stroke, in the order in which they were drawn. The pen is up between two strokes. No stroke
    /// is empty. The points are not equally spaced in time.
    pub strokes: Vec<Vec<Point>>,
}

/// Drawings of characters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawings {
    /// The drawings, sorted by their identifiers.
    pub drawings: Vec<Drawing>,
    /// The name and the checksum of the data.
    pub source: String,
}

/// Loads 2,720 drawings: 136 characters of the alphabets Balinese, Early Aramaic, Greek, Korean and Latin, by 20
/// persons each. There are no published training and test parts; use [`Recordings::folds`] or
/// [`Recordings::hold_out_groups`] for a split by person.
///
/// # Errors
///
/// The errors of [`Locator::read`], [`DataError::Unpack`], [`DataError::NotUtf8`], [`RecordingError::Stroke`],
/// [`DataError::Empty`] for a file without points, and [`DataError::Count`].
pub fn load(locator: &Locator) -> Result<Drawings> {
    let path: PathBuf = [SOURCE.folder, SOURCE.files[0].name].iter().collect();
    let bytes = locator.read(&SOURCE, &SOURCE.files[0])?;
    let source = format!("{} (SHA-256 {})", SOURCE.name, hex(&Sha256::digest(&bytes)));
    let drawings = unpack(&path, bytes)?;
    match drawings.len() {
        DRAWINGS => Ok(Drawings { drawings, source }),
        found => Err(DataError::Count { path, what: "drawings".to_owned(), found, wanted: DRAWINGS }),
    }
}

impl Drawings {
    /// Returns the drawings as recordings, with one step for each point and the channels `x`, `y`, `time` (seconds) and
    /// `pen_up`, which is 1 at the last point of each stroke and 0 at all other points.
    ///
    /// The class is the character with its alphabet, such as `Greek/character01`. The group is the alphabet with the
    /// number of the person, such as `Greek/05`, because each alphabet numbers its persons separately. The rate is
    /// `None`, because the points are not equally spaced in time.
    pub fn recordings(&self) -> Recordings {
        let recording = |drawing: &Drawing| {
            let points = |stroke: &Vec<Point>| {
                let last = stroke.len() - 1;
                let row = move |(index, point): (usize, &Point)| {
                    [point.x, point.y, point.time, if index == last { 1.0 } else { 0.0 }]
                };
                stroke.iter().enumerate().flat_map(row).collect::<Vec<f32>>()
            };
            Recording {
                id: drawing.id.clone(),
                group: Some(format!("{}/{}", drawing.alphabet, drawing.drawer)),
                label: format!("{}/{}", drawing.alphabet, drawing.character),
                values: drawing.strokes.iter().flat_map(points).collect(),
            }
        };
        Recordings {
            channels: ["x", "y", "time", "pen_up"].map(str::to_owned).to_vec(),
            recordings: self.drawings.iter().map(recording).collect(),
            source: self.source.clone(),
            ..Recordings::default()
        }
    }
}

/// Reads all drawings of a zip archive. Each drawing is a file `ALPHABET/CHARACTER/NUMBER_DRAWER.txt` in any folder;
/// `DRAWER` is the number of the person. Other files, such as those that macOS adds, are skipped.
fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<Drawing>> {
    let damaged = |error: zip::result::ZipError| DataError::unpack(path)(error.into());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut drawings = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(damaged)?;
        let name = file.name().map_err(damaged)?.into_owned();
        let Some((alphabet, character, file_name)) = parts(&name) else { continue };
        let drawer = file_name.rsplit_once('_').map_or("", |(_, drawer)| drawer);
        let mut text = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut text).map_err(DataError::unpack(path))?;
        let member = path.join(&name);
        drawings.push(Drawing {
            id: format!("{alphabet}/{character}/{file_name}"),
            alphabet: alphabet.to_owned(),
            character: character.to_owned(),
            drawer: drawer.to_owned(),
            strokes: parse(&member, &utf8(text, &member)?)?,
        });
    }
    drawings.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(drawings)
}

/// Splits the path of a file in the archive. Returns the alphabet, the character, and the name of the file without its
/// ending; `None` for a file that is not a drawing.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.strip_suffix(".txt")?.rsplit('/');
    let (file, character, alphabet) = (parts.next()?, parts.next()?, parts.next()?);
    (!file.starts_with('.') && !name.starts_with("__MACOSX")).then_some((alphabet, character, file))
}

/// Parses the text of a drawing, and returns its strokes. The text has the line `START`, one line `x,y,milliseconds`
/// for each point, and the line `BREAK` after each stroke.
fn parse(path: &Path, text: &str) -> Result<Vec<Vec<Point>>> {
    let (mut strokes, mut stroke) = (Vec::new(), Vec::new());
    for (text, line) in text.lines().map(str::trim).zip(1..) {
        match text {
            "" | "START" => {}
            "BREAK" => strokes.push(std::mem::take(&mut stroke)),
            _ => stroke.push(point(text).ok_or_else(|| RecordingError::Stroke {
                path: path.to_path_buf(),
                line,
                text: text.to_owned(),
            })?),
        }
    }
    strokes.push(stroke);
    strokes.retain(|stroke| !stroke.is_empty());
    match strokes.is_empty() {
        true => Err(DataError::Empty { path: path.to_path_buf(), what: "points" }),
        false => Ok(strokes),
    }
}

fn point(text: &str) -> Option<Point> {
    let mut numbers = text.split(',').map(|text| text.trim().parse().ok().filter(|value: &f32| value.is_finite()));
    let [x, y, time] = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(Point { x, y, time: time / 1000.0 })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const DRAWING: &str = "START\n23.5,-55.25,0\n24,-53,184\nBREAK\r\n1e1,-5,900\nBREAK\n";

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn drawings_are_read_from_an_archive() {
        let files = [
            ("set/Latin/character02/0002_20.txt", "5,-6,7"),
            ("set/Greek/character01/0394_05.txt", DRAWING),
            ("set/Greek/.DS_Store", "\0"),
            ("__MACOSX/set/Greek/character01/._0394_05.txt", "\0"),
        ];
        let drawings = unpack(Path::new("own.zip"), archive(&files)).unwrap();
        let [greek, latin] = &drawings[..] else { panic!("{drawings:?}") };
        assert_eq!(
            [&greek.id, &greek.alphabet, &greek.character, &greek.drawer],
            ["Greek/character01/0394_05", "Greek", "character01", "05"]
        );
        assert_eq!(greek.strokes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(greek.strokes[0][1], Point { x: 24.0, y: -53.0, time: 0.184 });
        assert_eq!(latin.strokes, [[Point { x: 5.0, y: -6.0, time: 0.007 }]]);

        let all = Drawings { drawings, source: String::new() }.recordings();
        let [first, _] = &all.recordings[..] else { panic!() };
        assert_eq!((first.label.as_str(), first.group.as_deref()), ("Greek/character01", Some("Greek/05")));
        assert_eq!(first.values, [23.5, -55.25, 0.0, 0.0, 24.0, -53.0, 0.184, 1.0, 10.0, -5.0, 0.9, 1.0]);
    }

    #[test]
    fn malformed_files_are_named() {
        for line in ["1,2", "1,2,3,4", "1,x,3", "1,2,inf", "END"] {
            let name = "set/Greek/character01/0394_05.txt";
            let found = unpack(Path::new("own.zip"), archive(&[(name, &format!("{DRAWING}{line}"))])).unwrap_err();
            assert!(
                matches!(&found, DataError::Recordings(RecordingError::Stroke { line: 7, text, path })
                    if text == line && path.ends_with(name)),
                "{found}"
            );
        }
        let empty = unpack(Path::new("own.zip"), archive(&[("a/b/c.txt", "START\nBREAK\n")])).unwrap_err();
        assert!(matches!(empty, DataError::Empty { what: "points", .. }), "{empty}");
        assert!(matches!(unpack(Path::new("own.zip"), b"PK".to_vec()), Err(DataError::Unpack { .. })));
    }

    #[test]
    fn damaged_files_are_strokes_or_errors() {
        test_support::try_damaged(DRAWING.as_bytes(), |bytes| {
            for stroke in parse(Path::new("own"), &String::from_utf8_lossy(bytes)).into_iter().flatten() {
                assert!(
                    stroke.iter().all(|point| (point.x + point.y + point.time).is_finite() || point.x.abs() > 1e30)
                );
            }
        });
        test_support::try_damaged(&archive(&[("a/b/c_01.txt", DRAWING)]), |bytes| {
            let _ = unpack(Path::new("own.zip"), bytes.to_vec());
        });
    }
}
