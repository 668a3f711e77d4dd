//! The user's own reviews, in folders with the same names as those of the IMDB set.

use std::path::Path;

use crate::error::{DataError, Result, TextError};
use crate::imdb::{self, FOLDERS};
use crate::review::{Review, Reviews};
use crate::text_file::utf8;

/// Reads the reviews in the folders `train/pos`, `train/neg`, `test/pos` and `test/neg` of `dir`: any number of files
/// with the extension `txt`, one review per file. The reviews are sorted by [`Review::id`].
///
/// # Errors
///
/// [`DataError::Io`] if a folder is missing, [`DataError::Empty`] if a folder has no review, [`TextError::OtherLabel`]
/// for a folder beside `pos` and `neg` (except `unsup`, the unlabelled reviews of the IMDB set), and
/// [`DataError::NotUtf8`].
pub fn own_reviews(dir: &Path) -> Result<Reviews> {
    let mut reviews = Vec::new();
    refuse_other_labels(&dir.join("train"))?;
    refuse_other_labels(&dir.join("test"))?;
    for folder in FOLDERS {
        let (path, before) = (dir.join(folder), reviews.len());
        for entry in std::fs::read_dir(&path).map_err(DataError::io("read", &path))? {
            let file = entry.map_err(DataError::io("read", &path))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let Some(name) = name.strip_suffix(".txt").filter(|name| !name.starts_with('.')) else { continue };
            let text = utf8(std::fs::read(&file).map_err(DataError::io("read", &file))?, &file)?;
            let positive = folder.ends_with("pos");
            reviews.push(Review { id: format!("{folder}/{name}"), rating: None, text, positive });
        }
        if reviews.len() == before {
            return Err(DataError::Empty { path, what: "reviews in files that end in .txt" });
        }
    }
    reviews.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let (train, test) = reviews.into_iter().partition(|review| review.id.starts_with("train/"));
    let reviews = Reviews { train, test, source: String::new(), own: true };
    let (count, sum) = (reviews.train.len() + reviews.test.len(), imdb::content_sha256(&reviews));
    Ok(Reviews { source: format!("{count} reviews in folders (SHA-256 of the texts {sum})"), ..reviews })
}

fn refuse_other_labels(part: &Path) -> Result<()> {
    for entry in std::fs::read_dir(part).map_err(DataError::io("read", part))? {
        let path = entry.map_err(DataError::io("read", part))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !["pos", "neg", "unsup"].contains(&&*name) {
            return Err(TextError::OtherLabel { path }.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Locator;

    /// Writes `count` reviews with the text `text` to every folder.
    fn write(dir: &Path, count: usize, text: &[u8]) {
        for folder in FOLDERS {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
            (0..count).for_each(|number| {
                std::fs::write(dir.join(folder).join(format!("review {number}.txt")), text).unwrap();
            });
            std::fs::write(dir.join(folder).join("._review.txt"), b"\xff").unwrap();
        }
    }

    #[test]
    fn folders_with_any_number_of_reviews_are_read() {
        for (place, given) in [("aclImdb", ""), ("", ""), ("imdb/aclImdb", ""), ("mine/aclImdb", "mine/aclImdb")] {
            let dir = tempfile::tempdir().unwrap();
            write(&dir.path().join(place), 3, b"fine");
            let reviews = imdb::load(&Locator::new(Some(&dir.path().join(given)))).unwrap();
            assert!(reviews.own && reviews.train.len() == 6 && reviews.test.len() == 6, "{place}");
            assert_eq!(reviews.train[5].id, "train/pos/review 2");
            assert_eq!(reviews.train.iter().filter(|review| review.positive).count(), 3);
        }
    }

    #[test]
    fn the_published_set_must_be_complete_where_it_was_not_given() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("aclImdb"), 3, b"fine");
        let found = Locator::with_places(None, Some(dir.path().into()), dir.path().join("cache"));
        assert!(matches!(imdb::load(&found).unwrap_err(), DataError::Count { found: 0, .. }));
    }

    #[test]
    fn the_content_identifies_the_reviews() {
        let source = |count, text| {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), count, text);
            own_reviews(dir.path()).unwrap().source
        };
        assert_eq!(source(2, b"fine"), source(2, b"fine"));
        assert_ne!(source(2, b"fine"), source(2, b"dull"));
        assert_ne!(source(2, b"fine"), source(3, b"fine"));
    }

    #[test]
    fn missing_and_empty_folders_are_errors_that_name_them() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 0, b"");
        let error = own_reviews(dir.path()).unwrap_err();
        assert!(matches!(&error, DataError::Empty { path, .. } if path.ends_with("train/pos")), "{error}");
        std::fs::remove_dir_all(dir.path().join("train/pos")).unwrap();
        let error = own_reviews(dir.path()).unwrap_err();
        assert!(matches!(&error, DataError::Io { path, .. } if path.ends_with("train/pos")), "{error}");
        std::fs::create_dir_all(dir.path().join("test/neutral")).unwrap();
        let error = own_reviews(dir.path()).unwrap_err();
        assert!(
            matches!(&error, DataError::Texts(TextError::OtherLabel { path }) if path.ends_with("test/neutral")),
            "{error}"
        );
        std::fs::remove_dir(dir.path().join("test/neutral")).unwrap();
        write(dir.path(), 1, b"a\xff");
        assert!(matches!(own_reviews(dir.path()).unwrap_err(), DataError::NotUtf8 { .. }));
    }
}
