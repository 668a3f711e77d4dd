//! WNUT-17: emerging and rare entities in user-generated text
//! ([Derczynski et al. 2017](https://aclanthology.org/W17-4418/)).
//!
//! The training part has tweets. The validation and test parts have later texts from several sources, such as comments
//! from YouTube, Reddit and StackExchange. There are six entity types: `person`, `location`, `corporation`, `group`,
//! `product` and `creative-work`. Most names of the test part do not occur in the training part.

use super::{TaggedParts, published};
use crate::error::{DataError, Result};
use crate::source::{Form, Locator, PublishedFile, Source};

/// Describes one part of the data set: a file in the GitHub repository of the shared task.
macro_rules! part {
    ($name:literal, $sha256:literal) => {
        PublishedFile {
            name: $name,
            sha256: Some($sha256),
            forms: &[
                Form::plain($name).at(concat!(
                    "https://raw.githubusercontent.com/leondz/emerging_entities_17/",
                    "e52a2d2a71ac1a051ca2d532eef28653c5c02603/",
                    $name
                )),
                Form::gzip(concat!($name, ".gz")),
            ],
        }
    };
}

/// The published files of the training, validation and test part. The test file contains the tags with which the shared
/// task evaluated the submitted predictions.
pub const SOURCE: Source = Source {
    name: "WNUT-17",
    folder: "ner",
    files: &[
        part!("wnut17train.conll", "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"),
        part!("emerging.dev.conll", "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"),
        part!("emerging.test.annotated", "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"),
    ],
    licence: "CC BY 4.0",
    citation: "https://aclanthology.org/W17-4418/",
};

/// The number of sentences in each part.
const SENTENCES: [usize; 3] = [3394, 1009, 1287];

/// Loads the data set: 3,394 / 1,009 / 1,287 sentences for training, validation and testing.
pub fn load(locator: &Locator) -> Result<TaggedParts> {
    let parts = published(&SOURCE, locator)?;
    for ((part, file), wanted) in [&parts.train, &parts.valid, &parts.test].into_iter().zip(SOURCE.files).zip(SENTENCES)
    {
        if part.len() != wanted {
            let (path, what) = ([SOURCE.folder, file.name].iter().collect(), "sentences".to_owned());
            return Err(DataError::Count { path, what, found: part.len(), wanted });
        }
    }
    Ok(parts)
}
