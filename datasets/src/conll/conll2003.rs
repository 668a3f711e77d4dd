//! CoNLL-2003 in English ([Tjong Kim Sang and De Meulder 2003](https://aclanthology.org/W03-0419/)): newswire with the
//! entity types `PER`, `LOC`, `ORG` and `MISC`. The columns of the files are token, part of speech, chunk and tag.
//!
//! The texts are from the Reuters Corpus, which NIST gives to research groups on request, and must not be
//! redistributed. Put the three files into the folder `conll2003` of the data folder.

use super::{TaggedParts, published};
use crate::error::{DataError, Result};
use crate::source::{Form, Locator, PublishedFile, Source};

/// Describes one part of the data set. Its file may have one of two names: the name in the shared task (tags in the
/// scheme IOB1), or the name that many copies of the data have (tags in the scheme BIO2).
macro_rules! part {
    ($name:literal, $copy:literal) => {
        PublishedFile {
            name: $name,
            sha256: None,
            forms: &[
                Form::plain($name),
                Form::gzip(concat!($name, ".gz")),
                Form::plain($copy),
                Form::gzip(concat!($copy, ".gz")),
            ],
        }
    };
}

/// The page of the shared task, which says how to obtain the texts.
const PAGE: &str = "https://www.clips.uantwerpen.be/conll2003/ner/";

/// The files of the training, validation and test part. The files cannot be downloaded, because the texts must not be
/// redistributed.
pub const SOURCE: Source = Source {
    name: "CoNLL-2003",
    folder: "conll2003",
    files: &[part!("eng.train", "train.txt"), part!("eng.testa", "valid.txt"), part!("eng.testb", "test.txt")],
    licence: "Reuters Corpus: for research, by agreement with NIST",
    citation: "https://aclanthology.org/W03-0419/",
};

/// Loads the data set. The files of the shared task have 14,041 sentences for training, 3,250 for validation and 3,453
/// for testing. These numbers are not checked, because copies of these files differ.
///
/// # Errors
///
/// [`DataError::NotFound`] with the URL of the page of the shared task, and the errors of [`parse`](super::parse).
pub fn load(locator: &Locator) -> Result<TaggedParts> {
    published(&SOURCE, locator).map_err(|mut error| {
        if let DataError::NotFound { url, .. } = &mut error {
            *url = Some(PAGE.to_owned());
        }
        error
    })
}
