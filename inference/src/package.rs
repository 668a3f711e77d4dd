//! Packages: the files of one trained model, listed in `manifest.json`.
//!
//! | file | contents |
//! |---|---|
//! | `manifest.json` | [`Manifest`]: application, settings for inference, size and SHA-256 of every other file |
//! | `model.safetensors` | weights with PyTorch's names and layouts, if the model has a network |
//! | files of the application | vocabulary, scaler, n-grams, … |
//! | `training.json` | training settings (the recipe), results and provenance; inference does not read this file |
//! | `README.md` | model card |
//!
//! Older packages, of format 1, have `config.json` instead of `manifest.json` and `training.json`. They can still be
//! opened.

use std::borrow::Cow;
use std::collections::BTreeMap;

use burn::module::Module;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::PackageError;
use crate::files::Files;
use crate::weights::{self, Precision, WeightNames};

/// The version of the package layout that this crate writes.
pub const FORMAT: u32 = 2;
/// The name of the manifest file in a package.
pub const MANIFEST: &str = "manifest.json";
/// The name of the weight file in a package.
pub const WEIGHTS: &str = "model.safetensors";
/// The name of the file that takes the place of the manifest in packages of format 1.
const CONFIG: &str = "config.json";

/// `manifest.json`: the description of a package for inference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the package layout: 1 or 2.
    pub format: u32,
    /// The name of the application, such as `sentiment`.
    pub application: String,
    /// The name of the model.
    pub name: String,
    /// One sentence that describes the model.
    pub about: String,
    /// The number of trained parameters.
    pub parameters: usize,
    /// The settings that the application needs for inference, such as the architecture of the network.
    pub settings: serde_json::Value,
    /// The sizes and checksums of all other files of the package, by file name.
    pub files: BTreeMap<String, FileEntry>,
}

/// The size and the checksum of one file in a [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file's content, in lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileEntry {
    /// Creates the entry of a file from its content: size and SHA-256.
    pub fn new(content: &[u8]) -> Self {
        Self { bytes: content.len() as u64, sha256: sha256(content) }
    }
}

/// Computes the SHA-256 of `content`, in lower-case hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An opened package: the files of one trained model, and their manifest.
pub struct Package<'a> {
    /// The source from which the files are read.
    files: &'a dyn Files,
    /// The manifest. For a package of format 1, this crate derives the manifest from `config.json`.
    pub manifest: Manifest,
}

/// The fields of the manifest that all versions of the package format have.
#[derive(Deserialize)]
struct Header {
    format: u32,
    application: String,
}

/// The fields of `config.json`, in a package of format 1, that inference needs.
#[derive(Deserialize)]
struct Format1 {
    format: u32,
    application: String,
    parameters: usize,
    weights_sha256: String,
    /// The training settings (the recipe), whose tables `data` and `model` contain the settings that inference needs.
    recipe: serde_json::Value,
}

impl<'a> Package<'a> {
    /// Reads the manifest of a package, which must contain a model of `application`.
    ///
    /// # Errors
    ///
    /// [`PackageError::Missing`] if there is no manifest, [`PackageError::Invalid`] if the manifest cannot be parsed,
    /// [`PackageError::Application`] if the package belongs to another application, and [`PackageError::Format`] if the
    /// program is too old for the format of the package.
    pub fn open(files: &'a dyn Files, application: &'static str) -> Result<Self, PackageError> {
        Self::read_manifest(files, Some(application))
    }

    /// Reads the manifest of a package of any application: see [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// The errors of [`open`](Self::open), except [`PackageError::Application`].
    pub(crate) fn of_any(files: &'a dyn Files) -> Result<Self, PackageError> {
        Self::read_manifest(files, None)
    }

    fn read_manifest(files: &'a dyn Files, expected: Option<&'static str>) -> Result<Self, PackageError> {
        let (name, content) = match files.read(MANIFEST) {
            Ok(content) => (MANIFEST, content),
            Err(missing @ PackageError::Missing { .. }) => match files.read(CONFIG) {
                Ok(content) => (CONFIG, content),
                Err(PackageError::Missing { .. }) => return Err(missing),
                Err(other) => return Err(other),
            },
            Err(other) => return Err(other),
        };
        let file = files.display(name);
        // The header is parsed first, because a later format may have other fields.
        let header: Header = parse(&content, &file)?;
        match expected {
            Some(expected) if header.application != expected => {
                return Err(PackageError::Application { file, found: header.application, expected });
            }
            _ if header.format > FORMAT => {
                return Err(PackageError::Format { file, found: header.format, supported: FORMAT });
            }
            _ => {}
        }
        let manifest = if name == CONFIG { upgrade(parse(&content, &file)?) } else { parse(&content, &file)? };
        Ok(Self { files, manifest })
    }

    /// Parses the settings of the application from the manifest.
    pub fn settings<S: DeserializeOwned>(&self) -> Result<S, PackageError> {
        serde_json::from_value(self.manifest.settings.clone()).map_err(|error| self.invalid_settings(error.to_string()))
    }

    /// Parses the settings of the application from the manifest, and checks them. `check` returns a message about the
    /// first invalid setting.
    pub fn checked_settings<S: DeserializeOwned>(
        &self,
        check: impl FnOnce(&S) -> Result<(), String>,
    ) -> Result<S, PackageError> {
        let settings = self.settings()?;
        check(&settings).map_err(|message| self.invalid_settings(message))?;
        Ok(settings)
    }

    /// Reads a file of the package, and checks that its SHA-256 equals the SHA-256 in the manifest. In packages of
    /// format 1, only the weights have a SHA-256.
    ///
    /// # Errors
    ///
    /// [`PackageError::Missing`] or [`PackageError::Io`] if the file cannot be read, [`PackageError::Checksum`] if its
    /// content has changed, and [`PackageError::Invalid`] if the manifest does not list the file.
    pub fn read(&self, name: &str) -> Result<Cow<'a, [u8]>, PackageError> {
        let content = self.files.read(name)?;
        match self.manifest.files.get(name) {
            Some(entry) if entry.sha256 != sha256(&content) => Err(PackageError::Checksum {
                file: self.files.display(name),
                found: sha256(&content),
                expected: entry.sha256.clone(),
            }),
            // Format 1 has no SHA-256 of files other than the weights.
            None if self.manifest.format > 1 => Err(PackageError::invalid(
                self.files.display(MANIFEST),
                format!("the list of files does not contain `{name}`"),
            )),
            _ => Ok(content),
        }
    }

    /// Reads a text file of the package, which must be valid UTF-8.
    pub fn text(&self, name: &str) -> Result<String, PackageError> {
        String::from_utf8(self.read(name)?.into_owned()).map_err(|_| self.invalid(name, "the text is not UTF-8"))
    }

    /// Reads a JSON file of the package, and parses it.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, PackageError> {
        parse(&self.read(name)?, &self.files.display(name))
    }

    /// Builds a network, and loads its weights from `model.safetensors`. `parameters` is the number of parameters of
    /// the network that `init` builds from the settings of the package. `names` maps the names in the file to the
    /// network's parameter names.
    ///
    /// # Errors
    ///
    /// The errors of [`read`](Self::read); [`PackageError::Invalid`] if the file does not have exactly `parameters`
    /// values, if a value is NaN or infinite, or if the name or the shape of a tensor does not match the network. The
    /// number of values is checked before the network is built, so that damaged settings cannot allocate more memory
    /// than the weights need. `parameters` is a floating-point number, because the product of damaged settings can
    /// be larger than any `usize`.
    pub fn load_network<M: Module>(
        &self,
        parameters: f64,
        init: impl FnOnce() -> M,
        names: WeightNames,
    ) -> Result<M, PackageError> {
        let content = self.read(WEIGHTS)?;
        let invalid = |message| self.invalid(WEIGHTS, message);
        let values = weights::count(&content).map_err(invalid)?;
        if parameters != values as f64 {
            return Err(invalid(format!(
                "the file has {values} values, but the settings of the package describe a network with {parameters} \
                 parameters"
            )));
        }
        let mut network = init();
        self.load(&mut network, content, names)?;
        Ok(network)
    }

    /// Loads `model.safetensors` into a module. `names` maps the names in the file to the module's parameter names. The
    /// names and shapes of all tensors must match the module.
    pub fn load_weights<M: Module>(&self, module: &mut M, names: WeightNames) -> Result<(), PackageError> {
        self.load(module, self.read(WEIGHTS)?, names)
    }

    fn load<M: Module>(&self, module: &mut M, content: Cow<[u8]>, names: WeightNames) -> Result<(), PackageError> {
        weights::load(module, content.into_owned(), names).map_err(|message| self.invalid(WEIGHTS, message))
    }

    /// Returns the precision of the weights in `model.safetensors`.
    pub fn precision(&self) -> Result<Precision, PackageError> {
        weights::precision(&self.read(WEIGHTS)?).map_err(|message| self.invalid(WEIGHTS, message))
    }

    /// Creates the error for a file of this package whose content is not valid.
    pub fn invalid(&self, name: &str, message: impl Into<String>) -> PackageError {
        PackageError::invalid(self.files.display(name), message)
    }

    /// Creates the error for settings that are not valid. The error names the file with the settings: `manifest.json`,
    /// or `config.json` for format 1.
    pub fn invalid_settings(&self, message: impl Into<String>) -> PackageError {
        self.invalid(if self.manifest.format == 1 { CONFIG } else { MANIFEST }, message)
    }
}

fn parse<T: DeserializeOwned>(content: &[u8], file: &str) -> Result<T, PackageError> {
    serde_json::from_slice(content).map_err(|error| PackageError::Invalid {
        file: file.to_owned(),
        line: Some(error.line()),
        message: error.to_string(),
    })
}

fn upgrade(old: Format1) -> Manifest {
    let text = |key: &str| old.recipe.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let weights = FileEntry { bytes: 0, sha256: old.weights_sha256 };
    Manifest {
        name: text("name"),
        about: text("about"),
        format: old.format,
        application: old.application,
        parameters: old.parameters,
        settings: old.recipe,
        files: BTreeMap::from([(WEIGHTS.to_owned(), weights)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    const APPLICATION: &str = "echo";

    fn manifest(format: u32, application: &str) -> Manifest {
        Manifest {
            format,
            application: application.to_owned(),
            name: "tiny".to_owned(),
            about: "A package for tests.".to_owned(),
            parameters: 3,
            settings: serde_json::json!({ "size": 3 }),
            files: BTreeMap::from([("vocab.txt".to_owned(), FileEntry::new(b"a\n"))]),
        }
    }

    fn files(manifest: &Manifest) -> MemoryFiles<'static> {
        let mut files = MemoryFiles::default();
        files.insert(MANIFEST, serde_json::to_vec(manifest).unwrap());
        files.insert("vocab.txt", b"a\n".to_vec());
        files.insert("extra.txt", b"b\n".to_vec());
        files
    }

    #[test]
    fn files_are_compared_with_their_checksums() {
        let mut files = files(&manifest(FORMAT, APPLICATION));
        let package = Package::open(&files, APPLICATION).unwrap();
        assert_eq!(package.text("vocab.txt").unwrap(), "a\n");
        assert_eq!(package.settings::<serde_json::Value>().unwrap()["size"], 3);
        assert!(
            matches!(package.read("extra.txt"), Err(PackageError::Invalid { .. })),
            "the manifest does not list it"
        );
        assert!(matches!(package.read("none.txt"), Err(PackageError::Missing { .. })));
        files.insert("vocab.txt", b"c\n".to_vec());
        let package = Package::open(&files, APPLICATION).unwrap();
        assert!(matches!(package.read("vocab.txt"), Err(PackageError::Checksum { .. })));
    }

    #[test]
    fn other_applications_newer_formats_and_invalid_manifests_are_errors() {
        let other = files(&manifest(FORMAT, "other"));
        assert!(matches!(Package::open(&other, APPLICATION), Err(PackageError::Application { .. })));
        let newer = files(&manifest(FORMAT + 1, APPLICATION));
        assert!(matches!(Package::open(&newer, APPLICATION), Err(PackageError::Format { found: 3, .. })));
        assert!(matches!(Package::open(&MemoryFiles::default(), APPLICATION), Err(PackageError::Missing { .. })));
        let broken = MemoryFiles::from([(MANIFEST, &b"{"[..])]);
        assert!(matches!(Package::open(&broken, APPLICATION), Err(PackageError::Invalid { line: Some(1), .. })));
    }

    #[test]
    fn packages_of_format_1_have_the_recipe_as_settings() {
        let config = serde_json::json!({
            "format": 1, "application": APPLICATION, "parameters": 3, "weights_sha256": "00", "outcome": null,
            "recipe": { "name": "old", "about": "An old one.", "model": { "size": 3 } },
        });
        let mut files = MemoryFiles::default();
        files.insert(CONFIG, config.to_string().into_bytes());
        files.insert("vocab.txt", b"a\n".to_vec());
        files.insert(WEIGHTS, Vec::new());
        let package = Package::open(&files, APPLICATION).unwrap();
        assert_eq!((package.manifest.format, package.manifest.name.as_str()), (1, "old"));
        assert_eq!(package.settings::<serde_json::Value>().unwrap()["model"]["size"], 3);
        assert_eq!(package.text("vocab.txt").unwrap(), "a\n", "format 1 has no checksum of this file");
        assert!(matches!(package.read(WEIGHTS), Err(PackageError::Checksum { .. })));
    }
}
