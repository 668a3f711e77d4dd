//! Recordings in folders: one folder for each class, with one CSV file for each recording.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::table::{Drafts, RecordingFormat};
use super::{RecordingNote, Recordings};
use crate::error::{DataError, Result};
use crate::source::hex;
use crate::text_file;

/// The endings of the names of CSV files that are not compressed.
const ENDINGS: [&str; 3] = [".csv", ".tsv", ".txt"];
/// The endings of compressed files, which may follow the ending of a CSV file, as in `a.csv.gz`.
const PACKED: [&str; 2] = [".gz", ".zst"];

/// The file of a recording.
struct Member {
    /// The path of the file.
    path: PathBuf,
    /// The class: the name of the folder that holds the files of the class.
    label: String,
    /// The name of the folder between the folder of the class and the file, if there is one.
    group: Option<String>,
}

impl Recordings {
    /// Reads one recording from each CSV file in the subfolders of `dir`. The names of the files end in `.csv`, `.tsv`
    /// or `.txt`, and the files may be compressed, as in `a.csv.gz` or `a.csv.zst`. The name of a subfolder is the
    /// class of its files. If a folder of a class has subfolders, their names are the groups of the files in them:
    ///
    /// ```text
    /// walk/a.csv         class walk
    /// run/ada/1.csv      class run, group ada
    /// ```
    ///
    /// The rows of a file are the samples. All files must have the columns of the channels, which are found by name.
    /// The channels are the names in [`RecordingFormat::channels`] or, if this list is empty, the names of all columns
    /// of numbers of the first file. The identifier of a recording is the path of its file, relative to `dir`.
    ///
    /// # Errors
    ///
    /// [`DataError::Io`], [`DataError::Empty`] if there are no subfolders, or no CSV files in one of these subfolders,
    /// and the errors of [`from_csv`](Self::from_csv), each with the path of the file.
    pub fn from_folder(dir: &Path, format: &RecordingFormat) -> Result<Self> {
        let (members, skipped) = members(dir)?;
        let (mut all, mut hash) = (Drafts { channels: format.channels.clone(), ..Drafts::default() }, Sha256::new());
        for Member { path, label, group } in members {
            let bytes = text_file::read(&path)?;
            let id = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            hash.update(&id);
            hash.update([0]);
            hash.update(Sha256::digest(&bytes));
            let text = text_file::text(&bytes, &path)?;
            let file = Drafts::read(&path, &text, &[], None, format, &all.channels)?;
            all.channels = file.channels;
            for note in file.notes {
                if !all.notes.contains(&note) {
                    all.notes.push(note);
                }
            }
            for mut draft in file.drafts {
                let recording = &mut draft.recording;
                recording.group = recording.group.take().or_else(|| group.clone());
                (recording.id, recording.label) = (id.clone(), label.clone());
                all.drafts.push(draft);
            }
        }
        let mut recordings = all.finish(format)?;
        let count = recordings.recordings.len();
        recordings.source = format!("{count} recordings in folders (SHA-256 of the files {})", hex(&hash.finalize()));
        recordings.notes.extend(skipped);
        recordings.note_single_members();
        Ok(recordings)
    }
}

/// Returns the files of the recordings, class by class, and a note on skipped files and folders if there are any.
fn members(dir: &Path) -> Result<(Vec<Member>, Option<RecordingNote>)> {
    let (mut members, mut skipped) = (Vec::new(), Vec::new());
    let (classes, others) = entries(dir)?;
    skipped.extend(others);
    if classes.is_empty() {
        return Err(DataError::Empty {
            path: dir.to_path_buf(),
            what: "class folders (one per class, with CSV files)",
        });
    }
    for class in classes {
        let before = members.len();
        let (groups, files) = entries(&class)?;
        let mut found: Vec<(PathBuf, Option<String>)> = files.into_iter().map(|file| (file, None)).collect();
        for group in groups {
            let (folders, files) = entries(&group)?;
            found.extend(files.into_iter().map(|file| (file, Some(name(&group)))));
            skipped.extend(folders);
        }
        for (path, group) in found {
            match is_table(&path) {
                true => members.push(Member { path, label: name(&class), group }),
                false => skipped.push(path),
            }
        }
        if members.len() == before {
            return Err(DataError::Empty { path: class, what: "files that end in .csv, .tsv or .txt" });
        }
    }
    let note = skipped.first().map(|first| RecordingNote::FilesSkipped { files: skipped.len(), example: name(first) });
    Ok((members, note))
}

/// Returns the folders and the files in a folder, sorted by name, without hidden files and folders.
pub(super) fn entries(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(DataError::io("read", dir))? {
        paths.push(entry.map_err(DataError::io("read", dir))?.path());
    }
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort_unstable();
    Ok(paths.into_iter().partition(|path| path.is_dir()))
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns whether a file name has one of the [`ENDINGS`] of CSV files, which an ending in [`PACKED`] may follow.
fn is_table(path: &Path) -> bool {
    let name = name(path).to_lowercase();
    let name = PACKED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}
