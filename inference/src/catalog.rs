//! The folders that are searched for trained models.

use std::path::{Path, PathBuf};

use crate::error::PackageError;
use crate::package::MANIFEST;
use crate::predictor::Predictor;

/// The name of the environment variable with the path of a folder of models. The folder has one subfolder per
/// application, and one subfolder per model in each of them.
pub const MODELS_VARIABLE: &str = "RNN_ZOO_MODELS";

/// The folders that are searched for trained models of one application. The model NAME of the application APPLICATION
/// is searched in this order:
///
/// 1. `$RNN_ZOO_MODELS/APPLICATION/NAME`
/// 2. relative to the folder of the program: `../share/rnn-zoo/models/APPLICATION/NAME`, and `models/APPLICATION/NAME`
/// 3. the user's data folder: `rnn-zoo/models/APPLICATION/NAME`
/// 4. the checkout that the program was built from: `models/APPLICATION/pretrained/NAME`
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The name of the application, such as `sentiment`.
    application: &'static str,
    /// The folders to search, each with one subfolder per model.
    roots: Vec<PathBuf>,
}

impl Catalog {
    /// Creates the catalog of the application of the predictor `P`: [`Predictor::APPLICATION`].
    pub fn of<P: Predictor>() -> Self {
        Self::named(P::APPLICATION)
    }

    /// Creates the catalog of the application with this name.
    pub fn named(application: &'static str) -> Self {
        let variable = std::env::var_os(MODELS_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let program = std::env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent);
        let beside =
            beside.into_iter().flat_map(|dir| ["../share/rnn-zoo/models", "models"].map(|name| dir.join(name)));
        let shared = variable.into_iter().chain(beside).chain(user_models());
        let mut roots: Vec<_> = shared.map(|root| root.join(application)).collect();
        roots.push(checkout_models(application));
        Self { application, roots }
    }

    /// Creates a catalog that searches only the given folders, each with one subfolder per model.
    pub fn with_roots(application: &'static str, roots: Vec<PathBuf>) -> Self {
        Self { application, roots }
    }

    /// Returns the folders with one subfolder per model, in the order in which they are searched.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Finds the folder of a model. `name` is the path of the folder, or the name of a model in one of the
    /// [folders](Self::roots).
    ///
    /// # Errors
    ///
    /// [`PackageError::NotFound`] with all searched folders; [`PackageError::NotAFolder`] for the path of a file.
    pub fn find(&self, name: &str) -> Result<PathBuf, PackageError> {
        let given = Path::new(name);
        if is_package(given) {
            return Ok(given.to_path_buf());
        }
        if given.is_file() {
            return Err(PackageError::NotAFolder { path: given.to_path_buf() });
        }
        // A name with path separators or `..` is not searched in the folders, because it could lead out of these
        // folders.
        let is_name = given.components().count() == 1 && given.file_name().is_some();
        let mut found = self.roots.iter().map(|root| root.join(name)).filter(|_| is_name);
        found.find(|dir| is_package(dir)).ok_or_else(|| PackageError::NotFound {
            application: self.application,
            name: name.to_owned(),
            searched: [given.to_path_buf()].into_iter().chain(self.roots.iter().filter(|_| is_name).cloned()).collect(),
        })
    }

    /// Returns the name and the folder of every model, sorted by name. If two folders have a model with the same name,
    /// only the model in the folder that is searched first is listed.
    pub fn list(&self) -> Vec<(String, PathBuf)> {
        let mut models: Vec<(String, PathBuf)> = Vec::new();
        for root in &self.roots {
            for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if is_package(&entry.path()) && !models.iter().any(|(other, _)| *other == name) {
                    models.push((name, entry.path()));
                }
            }
        }
        models.sort();
        models
    }
}

/// Returns the folder for models in the user's data folder; `None` if the system has no data folder for users.
pub fn user_models() -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("rnn-zoo/models"))
}

/// Returns the folder of an application's models in the source checkout that the program was built from.
pub fn checkout_models(application: &str) -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    checkout.join("models").join(application).join("pretrained")
}

fn is_package(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file() || dir.join("config.json").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_name_and_path_and_the_first_folder_wins() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
        for (root, name, file) in
            [(&first, "one", MANIFEST), (&second, "one", MANIFEST), (&second, "two", "config.json")]
        {
            std::fs::create_dir_all(root.join(name)).unwrap();
            std::fs::write(root.join(name).join(file), "{}").unwrap();
        }
        let catalog = Catalog::with_roots("echo", vec![first.clone(), second.clone(), dir.path().join("absent")]);
        assert_eq!(catalog.find("one").unwrap(), first.join("one"));
        assert_eq!(catalog.find(second.join("one").to_str().unwrap()).unwrap(), second.join("one"));
        let listed: Vec<_> = catalog.list();
        assert_eq!(listed, [("one".to_owned(), first.join("one")), ("two".to_owned(), second.join("two"))]);
        let Err(PackageError::NotFound { searched, .. }) = catalog.find("three") else { panic!("found") };
        assert_eq!(searched.len(), 4, "the path and three folders");
        assert!(matches!(catalog.find("../second/two"), Err(PackageError::NotFound { .. })));
        let file = second.join("two/config.json");
        assert!(matches!(catalog.find(file.to_str().unwrap()), Err(PackageError::NotAFolder { path }) if path == file));
    }
}
