//! WikiText-2 ([Merity et al. 2017](https://arxiv.org/abs/1609.07843)): good and featured articles of Wikipedia, 33,277 words and
//! `<eos>`. CC BY-SA.

use crate::corpus::{Corpus, Part, Published};
use crate::error::Result;
use crate::source::Locator;

const WIKITEXT_2: Published = Published {
    name: "WikiText-2",
    folder: "wikitext-2",
    // The same files, in the examples of PyTorch; the authors' archive has moved more than once.
    address: "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/",
    archive: "wikitext-2-v1.zip",
    parts: [
        Part {
            name: "wiki.train.tokens",
            sha256: "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            remote: "train.txt",
            member: "wikitext-2/wiki.train.tokens",
            tokens: 2_088_628,
        },
        Part {
            name: "wiki.valid.tokens",
            sha256: "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            remote: "valid.txt",
            member: "wikitext-2/wiki.valid.tokens",
            tokens: 217_646,
        },
        Part {
            name: "wiki.test.tokens",
            sha256: "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            remote: "test.txt",
            member: "wikitext-2/wiki.test.tokens",
            tokens: 245_569,
        },
    ],
};

/// Finds and reads the set.
pub fn load(locator: &Locator) -> Result<Corpus> {
    WIKITEXT_2.load(locator)
}
