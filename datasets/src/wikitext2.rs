//! WikiText-2 ([Merity et al. 2017](https://arxiv.org/abs/1609.07843)): articles that Wikipedia's editors have rated
//! "good" or "featured", with a vocabulary of 33,277 words and `<eos>`.

use crate::corpus::{Corpus, published};
use crate::error::Result;
use crate::source::{Form, Locator, PublishedFile, Source};

/// Describes the file of one part of the corpus: training, validation or test. The file is downloaded from PyTorch's
/// examples, because the authors' archive has moved more than once. A local copy of the authors' archive is also
/// accepted.
macro_rules! part {
    ($name:literal, $remote:literal, $sha256:literal) => {
        PublishedFile {
            name: $name,
            sha256: Some($sha256),
            forms: &[
                Form::plain($name).at(concat!(
                    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/",
                    "word_language_model/data/wikitext-2/",
                    $remote
                )),
                Form::gzip(concat!($name, ".gz")),
                Form::member("wikitext-2-v1.zip", concat!("wikitext-2/", $name)),
            ],
        }
    };
}

/// The published files of the training, validation and test part of WikiText-2.
pub const SOURCE: Source = Source {
    name: "WikiText-2",
    folder: "wikitext-2",
    files: &[
        part!("wiki.train.tokens", "train.txt", "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f"),
        part!("wiki.valid.tokens", "valid.txt", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"),
        part!("wiki.test.tokens", "test.txt", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"),
    ],
    licence: "CC BY-SA",
    citation: "https://arxiv.org/abs/1609.07843",
};

/// The numbers of tokens in the training, validation and test part, including one `<eos>` per line.
const TOKENS: [usize; 3] = [2_088_628, 217_646, 245_569];

/// Loads the training, validation and test part: 2,088,628 / 217,646 / 245,569 tokens, including one `<eos>` per line.
pub fn load(locator: &Locator) -> Result<Corpus> {
    published(&SOURCE, TOKENS, locator)
}
