//! The IMDB large movie review set ([Maas et al. 2011](https://aclanthology.org/P11-1015/)): 25,000 reviews to learn
//! from and 25,000 to test on, half of each positive (rated 7 to 10), half negative (1 to 4).
//!
//! No formal licence; for research, citing the paper. 123 texts stand in both parts, a known property of the set.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::review::{Review, ReviewSet, Reviews};
use crate::source::{DataFile, DataSet, Found, Locator, hex};

/// Reviews of each sign in each part.
const EACH: usize = 12_500;

const IMDB: DataSet = DataSet {
    name: "the IMDB review set",
    folder: "imdb",
    unpacked: "aclImdb",
    files: &[
        // The same reviews without the unlabelled ones.
        DataFile {
            name: "aclImdb_train_test.tar.gz",
            bytes: 28_063_867,
            sha256: "13aae681a8c1704c6ce6bc6a8bf912112b13e3f1eec5c070b13452be96076c43",
            url: None,
        },
        // Its publishers give no SHA-256; this is the one that TensorFlow Datasets checks.
        DataFile {
            name: "aclImdb_v1.tar.gz",
            bytes: 84_125_825,
            sha256: "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            url: Some("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"),
        },
    ],
};

/// What all reviews hash to, whatever form they come in: see [`content_sha256`].
const CONTENT: &str = "62b693fa8f9bd10028c06021ffeb1f367f69f38efb754794d63ac1471830148a";

/// Finds and reads the reviews, ordered by [`Review::id`] whatever the order on disk.
pub fn load(locator: &Locator) -> Result<Reviews> {
    let (path, reviews) = match locator.find(&IMDB)? {
        Found::Folder(path) => (path.clone(), from_folder(&path)?),
        Found::Archive(path) => (path.clone(), from_archive(&path)?),
    };
    let reviews = split(reviews, &path, EACH)?;
    let found = content_sha256(&reviews);
    if found != CONTENT {
        let wanted = CONTENT.to_owned();
        return Err(DataError::Checksum {
            path,
            kind: "SHA-256 of the texts",
            found,
            wanted,
            address: IMDB.address().map(str::to_owned),
        });
    }
    Ok(Reviews { source: format!("{} (SHA-256 of the texts {found})", IMDB.name), ..reviews })
}

fn from_archive(path: &Path) -> Result<Vec<Review>> {
    let damaged = |error: std::io::Error| DataError::parse(path, None, format!("is not a whole .tar.gz ({error})"));
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut reviews = Vec::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        let Some(id) = review_id(&name) else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        reviews.push(review(id, bytes, &path.join(&name))?);
    }
    Ok(reviews)
}

fn from_folder(dir: &Path) -> Result<Vec<Review>> {
    let mut reviews = Vec::new();
    for folder in ["train/pos", "train/neg", "test/pos", "test/neg"] {
        let path = dir.join(folder);
        let entries = match std::fs::read_dir(&path) {
            // The counts will tell.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(DataError::io("read", &path))?,
        };
        for entry in entries {
            let file = entry.map_err(DataError::io("read", &path))?.path();
            let name = format!("{folder}/{}", file.file_name().unwrap_or_default().display());
            let Some(id) = review_id(&name) else { continue };
            let bytes = std::fs::read(&file).map_err(DataError::io("read", &file))?;
            reviews.push(review(id, bytes, &file)?);
        }
    }
    Ok(reviews)
}

/// `train/pos/123_9` of a path that ends in `train/pos/123_9.txt`; `None` for other files.
fn review_id(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.rsplitn(4, '/').collect();
    let [file, sign @ ("pos" | "neg"), part @ ("train" | "test"), ..] = parts.as_slice() else { return None };
    let id = file.strip_suffix(".txt")?;
    let (number, rating) = id.split_once('_')?;
    number.parse::<u32>().ok().zip(rating.parse::<u8>().ok())?;
    Some(format!("{part}/{sign}/{id}"))
}

fn review(id: String, bytes: Vec<u8>, path: &Path) -> Result<Review> {
    let text =
        String::from_utf8(bytes).map_err(|error| DataError::parse(path, None, format!("is not UTF-8 ({error})")))?;
    let rating = id.rsplit_once('_').and_then(|(_, rating)| rating.parse().ok());
    let positive = id.contains("/pos/");
    Ok(Review { id, rating, text, positive })
}

fn split(mut reviews: Vec<Review>, path: &Path, each: usize) -> Result<Reviews> {
    reviews.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    for folder in ["train/pos", "train/neg", "test/pos", "test/neg"] {
        let found = reviews.iter().filter(|review| review.id.starts_with(folder)).count();
        if found != each {
            let what = format!("reviews in {folder}");
            return Err(DataError::Count { path: path.to_path_buf(), what, found, wanted: each });
        }
    }
    let (train, test) = reviews.into_iter().partition(|review| review.id.starts_with("train/"));
    Ok(Reviews { train: ReviewSet(train), test: ReviewSet(test), source: String::new() })
}

/// Of the names and texts in the order of their names, which puts those to test on first, each ended by a zero byte.
fn content_sha256(reviews: &Reviews) -> String {
    let mut hash = Sha256::new();
    for review in reviews.test.0.iter().chain(&reviews.train.0) {
        for part in [&review.id, &review.text] {
            hash.update(part);
            hash.update([0]);
        }
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    const FILES: [(&str, &str); 8] = [
        ("aclImdb/test/neg/1_2.txt", "weak"),
        ("aclImdb/train/pos/7_9.txt", "fine<br />film"),
        ("aclImdb/train/unsup/3_0.txt", "unlabelled"),
        ("aclImdb/test/pos/5_10.txt", "superb"),
        ("aclImdb/train/neg/2_1.txt", "awful"),
        ("aclImdb/README", "about"),
        ("aclImdb/train/pos/notes.txt", "the user's own"),
        ("aclImdb/train/pos/._7_9.txt", "left by macOS"),
    ];

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn bytes() -> Vec<u8> {
        archive(&FILES.map(|(name, text)| (name, text.as_bytes())))
    }

    #[test]
    fn folder_and_archive_give_the_same_reviews() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        std::fs::write(&path, bytes()).unwrap();
        for (name, text) in FILES {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let packed = split(from_archive(&path).unwrap(), &path, 1).unwrap();
        let unpacked = split(from_folder(&dir.path().join("aclImdb")).unwrap(), &path, 1).unwrap();
        assert_eq!(packed, unpacked);
        let ids: Vec<_> = packed.train.0.iter().map(|review| review.id.as_str()).collect();
        assert_eq!(ids, ["train/neg/2_1", "train/pos/7_9"]);
        assert_eq!((packed.train.0[1].rating, packed.train.0[1].positive), (Some(9), true));
        assert_eq!(packed.test.0[0].text, "weak");
    }

    #[test]
    fn missing_reviews_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        std::fs::write(&path, bytes()).unwrap();
        let error = split(from_archive(&path).unwrap(), &path, 2).unwrap_err().to_string();
        assert!(error.contains("1 reviews in train/pos") && error.contains("has 2"), "{error}");
    }

    #[test]
    fn a_missing_folder_counts_as_empty() {
        let dir = tempfile::tempdir().unwrap();
        let reviews = from_folder(dir.path()).unwrap();
        let error = split(reviews, dir.path(), EACH).unwrap_err().to_string();
        assert!(error.contains("0 reviews in train/pos") && error.contains("--data-dir"), "{error}");
    }

    #[test]
    fn a_cut_archive_and_text_that_is_not_utf8_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        let whole = bytes();
        for (content, part) in [
            (whole[..whole.len() - 20].to_vec(), "whole .tar.gz"),
            (b"no archive".to_vec(), "whole .tar.gz"),
            (archive(&[("aclImdb/train/pos/7_9.txt", b"\xff\xfe")]), "7_9.txt"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = from_archive(&path).unwrap_err().to_string();
            assert!(error.contains("a.tar.gz") && error.contains(part), "{error}");
        }
    }

    /// Damaged before it is compressed: after that, a checksum of gzip would find it.
    #[test]
    fn damaged_archives_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        let mut tar = Vec::new();
        GzDecoder::new(&bytes()[..]).read_to_end(&mut tar).unwrap();
        crate::damage::try_damaged(&tar, |bytes| {
            let mut file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
            std::io::Write::write_all(&mut file, bytes).unwrap();
            file.finish().unwrap();
            let _ = from_archive(&path).and_then(|reviews| split(reviews, &path, 1));
        });
    }
}
