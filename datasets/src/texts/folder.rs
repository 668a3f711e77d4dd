//! Texts in folders: one folder for each class, with one file per text.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Spellings, Text, TextParts, Texts};
use crate::error::{DataError, Result};
use crate::source::described;
use crate::text_file;

impl Texts {
    /// Reads one text from each `.txt` file in the folders in `dir` and in their subfolders, sorted by path. The name
    /// of a folder in `dir` is the class of its files. Other files, and files and folders with names that begin with a
    /// dot, are skipped.
    ///
    /// # Errors
    ///
    /// [`DataError::Io`], [`DataError::NotText`], [`DataError::Empty`] for a folder without texts and for a file
    /// without a visible character, and [`TextError::TwoSpellings`](crate::TextError::TwoSpellings) if the names of two
    /// folders differ only in case or blanks.
    pub fn from_folder(dir: &Path) -> Result<Self> {
        let (mut texts, mut hash, mut spellings) = (Vec::new(), Sha256::new(), Spellings::new(dir));
        for (number, folder) in subfolders(dir)?.into_iter().enumerate() {
            let label = folder.file_name().unwrap_or_default().to_string_lossy().trim().to_owned();
            spellings.check(&label, number + 1)?;
            let (mut files, before) = (Vec::new(), texts.len());
            collect(&folder, &mut files)?;
            files.sort_unstable();
            for file in files {
                let bytes = text_file::read(&file)?;
                let text = text_file::text(&bytes, &file)?.into_owned();
                if text.trim().is_empty() {
                    return Err(DataError::Empty { path: file, what: "text" });
                }
                hash.update(label.as_bytes());
                hash.update([0]);
                hash.update(&bytes);
                hash.update([0]);
                texts.push(Text { text, label: label.clone() });
            }
            if texts.len() == before {
                return Err(DataError::Empty { path: folder, what: "files that end in .txt" });
            }
        }
        if texts.is_empty() {
            return Err(DataError::Empty { path: dir.to_path_buf(), what: "folders of classes" });
        }
        Ok(Self { texts, source: described(dir, "SHA-256 of the texts", &hash.finalize()) })
    }
}

impl TextParts {
    /// Reads a folder of texts: `dir/train/CLASS/*.txt` and, if they exist, `dir/valid/…` and `dir/test/…`. Without a
    /// folder `train`, the folders in `dir` are the classes, and all texts are in the training part.
    ///
    /// # Errors
    ///
    /// The errors of [`Texts::from_folder`].
    pub fn from_folder(dir: &Path) -> Result<Self> {
        let train = dir.join("train");
        if !train.is_dir() {
            return Ok(Self { train: Texts::from_folder(dir)?, valid: None, test: None });
        }
        let part = |name: &str| {
            let part = dir.join(name);
            part.is_dir().then(|| Texts::from_folder(&part)).transpose()
        };
        Ok(Self { train: Texts::from_folder(&train)?, valid: part("valid")?, test: part("test")? })
    }
}

/// Returns the paths in a folder in alphabetical order, without files and folders whose names begin with a dot.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(DataError::io("read", dir))? {
        let entry = entry.map_err(DataError::io("read", dir))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn subfolders(dir: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Adds the paths of the `.txt` files in a folder and in its subfolders to `files`.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(dir)? {
        // Symbolic links are not followed, because a link to a parent folder would give an endless recursion.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.is_file() && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("txt")) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TextError;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn folders_are_classes() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &[("spam/2.txt", "buy"), ("spam/more/1.TXT", "win"), ("ham/1.txt", "hello"), ("ham/.a.txt", "x")],
        );
        write(dir.path(), &[("README.md", "about"), ("ham/notes.md", "x")]);
        let parts = TextParts::from_folder(dir.path()).unwrap();
        let pairs: Vec<_> = parts.train.texts.iter().map(|text| (text.label.as_str(), text.text.as_str())).collect();
        assert_eq!(pairs, [("ham", "hello"), ("spam", "buy"), ("spam", "win")]);
        assert!(parts.valid.is_none() && parts.test.is_none());
    }

    #[test]
    fn folders_may_have_parts() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[("train/a/1.txt", "x"), ("train/b/1.txt", "y"), ("test/a/1.txt", "z")]);
        let parts = TextParts::from_folder(dir.path()).unwrap();
        assert_eq!((parts.train.texts.len(), parts.test.unwrap().texts.len()), (2, 1));
        assert!(parts.valid.is_none());
    }

    #[test]
    fn wrong_folders_are_named() {
        let error = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), files);
            TextParts::from_folder(dir.path()).unwrap_err()
        };
        assert!(matches!(error(&[("a.txt", "x")]), DataError::Empty { what: "folders of classes", .. }));
        let found = error(&[("a/1.txt", "x"), ("b/1.md", "y")]);
        assert!(matches!(&found, DataError::Empty { path, .. } if path.ends_with("b")), "{found}");
        let found = error(&[("a/1.txt", "x"), ("b/1.txt", " \n")]);
        assert!(matches!(&found, DataError::Empty { path, .. } if path.ends_with("b/1.txt")), "{found}");
        let found = error(&[("good/1.txt", "x"), ("Good /1.txt", "y")]);
        assert!(matches!(&found, DataError::Texts(TextError::TwoSpellings { .. })), "{found}");
    }
}
