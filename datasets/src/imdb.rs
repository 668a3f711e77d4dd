//! The IMDB large movie review set ([Maas et al. 2011](https://aclanthology.org/P11-1015/)): 25,000 training and 25,000
//! test reviews. In each part, half of the reviews are positive (rated 7 to 10), and half are negative (rated 1 to 4).
//!
//! 123 texts occur in both parts, which is a known property of the set.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::own_reviews::own_reviews;
use crate::review::{Review, Reviews};
use crate::source::{Form, Found, Locator, Packing, PublishedFile, Source, hex};
use crate::text_file::utf8;

/// The number of reviews of each label in the training part, and also in the test part.
const EACH: usize = 12_500;

/// The folders of the data set, one for each label in the training and in the test part.
pub(crate) const FOLDERS: [&str; 4] = ["train/pos", "train/neg", "test/pos", "test/neg"];

const REVIEWS: PublishedFile = PublishedFile {
    name: "aclImdb",
    // The loader compares the checksum of the reviews with `CONTENT` instead, which is the same for the folder and the
    // archives.
    sha256: None,
    forms: &[
        Form { name: "aclImdb", packing: Packing::Folder, packed: None, url: None },
        // An archive that has only the labelled reviews.
        Form {
            name: "aclImdb_train_test.tar.gz",
            packing: Packing::TarGz,
            packed: Some((28_063_867, "13aae681a8c1704c6ce6bc6a8bf912112b13e3f1eec5c070b13452be96076c43")),
            url: None,
        },
        // The publishers give no SHA-256. This is the value that TensorFlow Datasets checks.
        Form {
            name: "aclImdb_v1.tar.gz",
            packing: Packing::TarGz,
            packed: Some((84_125_825, "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe")),
            url: Some("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"),
        },
    ],
};

/// The published data set: the unpacked folder `aclImdb`, or one of two archives.
pub const SOURCE: Source = Source {
    name: "the IMDB review set",
    folder: "imdb",
    files: &[REVIEWS],
    licence: "no formal licence; for research, cite the paper",
    citation: "https://aclanthology.org/P11-1015/",
};

/// The SHA-256 of the ids and texts of all reviews, computed by [`content_sha256`]. This value is the same for the
/// folder and the archives.
const CONTENT: &str = "62b693fa8f9bd10028c06021ffeb1f367f69f38efb754794d63ac1471830148a";

/// Loads the IMDB reviews, sorted by [`Review::id`].
///
/// If the caller gave `locator` a data folder that has folders such as `train/pos`, but another number of reviews than
/// the published set, these reviews are read as the user's [own reviews](own_reviews).
pub fn load(locator: &Locator) -> Result<Reviews> {
    let Found { path, packing } = match (locator.find(&SOURCE, &REVIEWS), locator.data_dir()) {
        (Err(DataError::NotFound { .. }), Some(dir)) if dir.join("train").is_dir() => return own_reviews(dir),
        (found, _) => found?,
    };
    let reviews = match packing {
        Packing::Folder => from_folder(&path)?,
        _ => from_archive(&path)?,
    };
    let reviews = match split(reviews, &path, EACH) {
        Err(DataError::Count { .. }) if packing == Packing::Folder && locator.data_dir().is_some() => {
            return own_reviews(&path);
        }
        reviews => reviews?,
    };
    let found = content_sha256(&reviews);
    if found != CONTENT {
        let (wanted, url) = (CONTENT.to_owned(), REVIEWS.url().map(str::to_owned));
        return Err(DataError::Checksum { path, kind: "SHA-256 of the texts", found, wanted, url });
    }
    Ok(Reviews { source: format!("{} (SHA-256 of the texts {found})", SOURCE.name), ..reviews })
}

fn from_archive(path: &Path) -> Result<Vec<Review>> {
    let damaged = DataError::unpack(path);
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut reviews = Vec::new();
    for entry in archive.entries().map_err(&damaged)? {
        let mut entry = entry.map_err(&damaged)?;
        let name = entry.path().map_err(&damaged)?.to_string_lossy().into_owned();
        let Some(id) = review_id(&name) else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(&damaged)?;
        reviews.push(review(id, bytes, &path.join(&name))?);
    }
    Ok(reviews)
}

fn from_folder(dir: &Path) -> Result<Vec<Review>> {
    let mut reviews = Vec::new();
    for folder in FOLDERS {
        let path = dir.join(folder);
        let entries = match std::fs::read_dir(&path) {
            // The function `split` counts the reviews, and returns an error if reviews are missing.
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

/// Returns the identifier of a review from the path of its file, such as `train/pos/123_9` for
/// `aclImdb/train/pos/123_9.txt`; `None` for a file that is not a labelled review.
fn review_id(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.rsplitn(4, '/').collect();
    let [file, label @ ("pos" | "neg"), part @ ("train" | "test"), ..] = parts.as_slice() else { return None };
    let id = file.strip_suffix(".txt")?;
    let (number, rating) = id.split_once('_')?;
    number.parse::<u32>().ok().zip(rating.parse::<u8>().ok())?;
    Some(format!("{part}/{label}/{id}"))
}

fn review(id: String, bytes: Vec<u8>, path: &Path) -> Result<Review> {
    let text = utf8(bytes, path)?;
    let rating = id.rsplit_once('_').and_then(|(_, rating)| rating.parse().ok());
    let positive = id.contains("/pos/");
    Ok(Review { id, rating, text, positive })
}

/// Sorts the reviews by identifier, and separates the training part from the test part. Returns [`DataError::Count`] if
/// one of the [`FOLDERS`] does not have exactly `each` reviews.
fn split(mut reviews: Vec<Review>, path: &Path, each: usize) -> Result<Reviews> {
    reviews.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    for folder in FOLDERS {
        let found = reviews.iter().filter(|review| review.id.starts_with(folder)).count();
        if found != each {
            let what = format!("reviews in {folder}");
            return Err(DataError::Count { path: path.to_path_buf(), what, found, wanted: each });
        }
    }
    let (train, test) = reviews.into_iter().partition(|review| review.id.starts_with("train/"));
    Ok(Reviews { train, test, source: String::new(), own: false })
}

/// Computes the SHA-256 of the identifiers and texts of all reviews. Each identifier and each text is followed by a
/// zero byte. The reviews are in the order of the identifiers, in which the test part comes first.
pub(crate) fn content_sha256(reviews: &Reviews) -> String {
    let mut hash = Sha256::new();
    for review in reviews.test.iter().chain(&reviews.train) {
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
        ("aclImdb/train/pos/notes.txt", "other"),
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
        let ids: Vec<_> = packed.train.iter().map(|review| review.id.as_str()).collect();
        assert_eq!(ids, ["train/neg/2_1", "train/pos/7_9"]);
        assert_eq!((packed.train[1].rating, packed.train[1].positive), (Some(9), true));
        assert_eq!(packed.test[0].text, "weak");
    }

    #[test]
    fn missing_reviews_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        std::fs::write(&path, bytes()).unwrap();
        let error = split(from_archive(&path).unwrap(), &path, 2).unwrap_err();
        assert!(
            matches!(&error, DataError::Count { found: 1, wanted: 2, what, .. } if what.ends_with("train/pos")),
            "{error}"
        );
    }

    #[test]
    fn a_missing_folder_counts_as_empty() {
        let dir = tempfile::tempdir().unwrap();
        let reviews = from_folder(dir.path()).unwrap();
        let error = split(reviews, dir.path(), EACH).unwrap_err();
        assert!(matches!(error, DataError::Count { found: 0, wanted: EACH, .. }), "{error}");
    }

    #[test]
    fn a_truncated_archive_and_text_that_is_not_utf8_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        let whole = bytes();
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            from_archive(&path).unwrap_err()
        };
        for content in [&whole[..whole.len() - 20], b"no archive"] {
            assert!(matches!(read(content), DataError::Unpack { path: named, .. } if named == path));
        }
        let error = read(&archive(&[("aclImdb/train/pos/7_9.txt", b"\xff\xfe")]));
        assert!(
            matches!(&error, DataError::NotUtf8 { path, .. } if path.ends_with("a.tar.gz/aclImdb/train/pos/7_9.txt"))
        );
    }

    /// Damages the archive before it is compressed, because gzip's checksum would find later damage.
    #[test]
    fn damaged_archives_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        let mut tar = Vec::new();
        GzDecoder::new(&bytes()[..]).read_to_end(&mut tar).unwrap();
        test_support::try_damaged(&tar, |bytes| {
            let mut file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
            std::io::Write::write_all(&mut file, bytes).unwrap();
            file.finish().unwrap();
            let _ = from_archive(&path).and_then(|reviews| split(reviews, &path, 1));
        });
    }
}
