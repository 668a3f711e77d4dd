//! The packages (the files of trained models) that the fuzzer damages: the shipped packages, copies of them with
//! a reduced vocabulary, and packages of format version 1.

use std::collections::BTreeMap;
use std::path::Path;

use inference::catalog::checkout_models;
use inference::{MemoryFiles, PackageError};
use serde_json::{Value, json};

use crate::mutate::sign;
use crate::tensors;

/// The files of a package, by name.
pub type FileMap = BTreeMap<String, Vec<u8>>;

/// A valid package, and an input for which its model predicts an output.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The name of the application and the name of the package's folder, such as `tagging/wnut17`. The name of a copy
    /// with a reduced vocabulary ends in ` (small)`.
    pub name: String,
    /// The files that inference reads.
    pub files: FileMap,
    /// The size of all files in bytes.
    pub bytes: usize,
    /// An input for which the model predicts an output.
    pub input: Value,
    /// The options of the prediction. For a model that generates text, they keep the text short.
    pub options: Value,
}

/// The number of words that remain in the vocabulary of a small package.
const WORDS: usize = 200;

/// Reads all packages of the checkout. Adds copies with a reduced vocabulary of the packages with a large vocabulary.
/// Returns all of them in ascending order of size.
///
/// # Errors
///
/// Returns an error if an undamaged package cannot be opened, or if its model cannot predict.
pub fn read() -> Result<Vec<Seed>, PackageError> {
    let mut all = Vec::new();
    for entry in zoo::APPLICATIONS.0 {
        let shipped = checkout_models(entry.application);
        let folders = std::fs::read_dir(&shipped).into_iter().flatten().flatten().map(|folder| folder.path());
        for folder in folders.chain([shipped.with_file_name("tests").join("format-1")]) {
            let files = files_of(&folder);
            if files.is_empty() {
                continue;
            }
            let name = format!("{}/{}", entry.application, folder.file_name().unwrap_or_default().display());
            all.extend(small(&files).map(|files| Seed::new(format!("{name} (small)"), files)).transpose()?);
            all.push(Seed::new(name, files)?);
        }
    }
    all.sort_by_key(|package| package.bytes);
    Ok(all)
}

/// Returns the files in `folder` that inference reads; an empty map if there is no such folder.
fn files_of(folder: &Path) -> FileMap {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let is_read = |name: &str| {
        let ending = Path::new(name)
            .extension()
            .is_some_and(|ending| ["json", "txt", "safetensors"].iter().any(|known| ending == *known));
        ending && !["training.json", "forecasts.json", "predictions.json"].contains(&name)
    };
    named.filter(|(name, _)| is_read(name)).filter_map(|(name, path)| Some((name, std::fs::read(path).ok()?))).collect()
}

/// Returns a copy of the package that keeps only the first [`WORDS`] words of the vocabulary. Returns `None` if the
/// package has no vocabulary or a small one. Also returns `None` if the package has a file of n-grams: this file
/// contains a checksum of its tensors, which [`sign`] does not update.
fn small(files: &FileMap) -> Option<FileMap> {
    let vocabulary = std::str::from_utf8(files.get("vocab.txt")?).ok()?;
    let words = vocabulary.lines().count();
    if words <= 2 * WORDS || files.contains_key("ngrams.safetensors") {
        return None;
    }
    let kept: String = vocabulary.lines().take(WORDS).flat_map(|line| [line, "\n"]).collect();
    let mut small = files.clone();
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".safetensors")) {
        small.insert(name.clone(), tensors::with_rows(content, words, WORDS)?);
    }
    small.insert("vocab.txt".to_owned(), kept.into_bytes());
    sign(&mut small);
    Some(small)
}

impl Seed {
    fn new(name: String, files: FileMap) -> Result<Self, PackageError> {
        let mut named = MemoryFiles::default();
        files.iter().for_each(|(name, content)| named.insert(name.clone(), content.clone()));
        let predictor = zoo::from_files(&named)?.predictor;
        let options = match &predictor.schemas().options["properties"]["length"] {
            Value::Null => Value::Null,
            _ => json!({ "length": 4, "seed": 1 }),
        };
        let input = predictor.example().map_err(|error| PackageError::invalid(&name, error.to_string()))?;
        let bytes = files.values().map(Vec::len).sum();
        // The first prediction allocates the buffers that the kernels keep for the next ones.
        let answered = predictor.predict_json(vec![input.clone()], options.clone());
        answered.map_err(|error| PackageError::invalid(&name, error.to_string()))?;
        Ok(Self { name, files, bytes, input, options })
    }
}
