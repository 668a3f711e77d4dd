//! Published data sets of short texts with class labels.

use std::path::{Path, PathBuf};

use super::{Text, TextParts, Texts};
use crate::error::{DataError, Result, TextError};
use crate::source::{Form, Locator, PublishedFile, Source};
use crate::text_file;

/// The questions of TREC with six coarse classes, such as `LOC` (location) and `NUM` (number).
const TREC: Source = Source {
    name: "TREC questions",
    folder: "questions",
    files: &[
        PublishedFile {
            name: "train_5500.label",
            sha256: Some("f96f211c9d180d3fa25b1841febd9be6f0a6fc65e5b6a99344b5946163b35009"),
            forms: &[Form::plain("train_5500.label").at("https://cogcomp.seas.upenn.edu/Data/QA/QC/train_5500.label")],
        },
        PublishedFile {
            name: "TREC_10.label",
            sha256: Some("033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e"),
            forms: &[Form::plain("TREC_10.label").at("https://cogcomp.seas.upenn.edu/Data/QA/QC/TREC_10.label")],
        },
    ],
    licence: "research use; cite the paper",
    citation: "https://aclanthology.org/C02-1150/",
};

/// Sentences of film reviews, version 1.0 of the sentence polarity data set.
const RT_POLARITY: Source = Source {
    name: "the sentence polarity set",
    folder: "reviews",
    files: &[
        PublishedFile {
            name: "rt-polarity.pos",
            sha256: Some("2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0"),
            forms: &[Form::gzip("rt-polarity.pos.gz"), Form::plain("rt-polarity.pos")],
        },
        PublishedFile {
            name: "rt-polarity.neg",
            sha256: Some("4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca"),
            forms: &[Form::gzip("rt-polarity.neg.gz"), Form::plain("rt-polarity.neg")],
        },
    ],
    licence: "no formal licence; for research, cite the paper",
    citation: "https://aclanthology.org/P05-1015/",
};

/// Sentences of IMDb film reviews, each with a clearly positive or negative sentiment.
const IMDB_SENTENCES: Source = Source {
    name: "the labelled IMDb sentences",
    folder: "reviews",
    files: &[PublishedFile {
        name: "imdb_labelled.txt",
        sha256: Some("c662b9360c1652babb990d164835af12aa105db7991f1fdb19038115f0e93de8"),
        forms: &[Form::plain("imdb_labelled.txt")],
    }],
    licence: "CC BY 4.0",
    citation: "https://doi.org/10.1145/2783258.2783380",
};

/// Loads the questions of TREC ([Li & Roth 2002](https://aclanthology.org/C02-1150/)): 5,452 questions for training and
/// 500 for testing. The classes are the types of the answers: abbreviation (`ABBR`), description (`DESC`), entity
/// (`ENTY`), human (`HUM`), location (`LOC`) and number (`NUM`).
///
/// # Errors
///
/// The errors of [`Locator::read`], and [`TextError::NoClass`].
pub fn trec(locator: &Locator) -> Result<TextParts> {
    let mut parts = Vec::with_capacity(2);
    for file in TREC.files {
        let path: PathBuf = [TREC.folder, file.name].iter().collect();
        let bytes = locator.read(&TREC, file)?;
        let text = text_file::decode(&bytes);
        let texts = text.lines().zip(1..).map(|(line, number)| question(line, number, &path)).collect::<Result<_>>()?;
        parts.push(Texts { texts, source: source(&TREC, file) });
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(TextParts { train: next(), valid: None, test: Some(next()) })
}

/// Parses a line such as `LOC:city What is the capital of Yugoslavia ?`: the label is `LOC`, and the text is the
/// question. The fine class `city` is ignored.
fn question(line: &str, number: usize, path: &Path) -> Result<Text> {
    let parts = line.split_once(' ').and_then(|(class, text)| Some((class.split_once(':')?.0, text)));
    match parts {
        Some((label, text)) => Ok(Text { text: text.to_owned(), label: label.to_owned() }),
        None => Err(TextError::NoClass { path: path.to_path_buf(), line: number, text: line.to_owned() }.into()),
    }
}

/// Loads the sentence polarity set, version 1.0 ([Pang & Lee 2005](https://aclanthology.org/P05-1015/)): 5,331 positive
/// and 5,331 negative sentences of film reviews, in lower case. The labels are `positive` and `negative`. The data set
/// has no published training and test parts; the literature usually uses ten-fold cross-validation.
///
/// # Errors
///
/// The errors of [`Locator::read`].
pub fn rt_polarity(locator: &Locator) -> Result<Texts> {
    let mut texts = Vec::new();
    for (file, label) in RT_POLARITY.files.iter().zip(["positive", "negative"]) {
        let bytes = locator.read(&RT_POLARITY, file)?;
        let text = |line: &str| Text { text: line.trim().to_owned(), label: label.to_owned() };
        texts.extend(text_file::decode(&bytes).lines().map(text));
    }
    Ok(Texts { texts, source: source(&RT_POLARITY, &RT_POLARITY.files[0]) })
}

/// Loads 1,000 sentences of film reviews, each with a clear sentiment ([Kotzias et al.
/// 2015](https://doi.org/10.1145/2783258.2783380)). 500 sentences have the label `positive`, and 500 have the label
/// `negative`.
///
/// # Errors
///
/// The errors of [`Locator::read`], and [`TextError::NoClass`].
pub fn imdb_sentences(locator: &Locator) -> Result<Texts> {
    let file = &IMDB_SENTENCES.files[0];
    let path: PathBuf = [IMDB_SENTENCES.folder, file.name].iter().collect();
    let bytes = locator.read(&IMDB_SENTENCES, file)?;
    let text = |(line, number): (&str, usize)| match line.rsplit_once('\t') {
        Some((text, label @ ("0" | "1"))) => {
            let label = if label == "1" { "positive" } else { "negative" };
            Ok(Text { text: text.trim().to_owned(), label: label.to_owned() })
        }
        _ => Err(DataError::from(TextError::NoClass { path: path.clone(), line: number, text: line.to_owned() })),
    };
    let texts = text_file::decode(&bytes).lines().zip(1..).map(text).collect::<Result<_>>()?;
    Ok(Texts { texts, source: source(&IMDB_SENTENCES, file) })
}

fn source(source: &Source, file: &PublishedFile) -> String {
    format!("{} (SHA-256 of {} {})", source.name, file.name, file.sha256.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_a_coarse_class() {
        let path = Path::new("questions");
        let found = question("LOC:city What is the capital of Yugoslavia ?", 1, path).unwrap();
        assert_eq!((found.label.as_str(), found.text.as_str()), ("LOC", "What is the capital of Yugoslavia ?"));
        for line in ["", "LOC What", "LOC:city"] {
            let error = question(line, 7, path).unwrap_err();
            assert!(matches!(&error, DataError::Texts(TextError::NoClass { line: 7, .. })), "{error}");
        }
    }
}
