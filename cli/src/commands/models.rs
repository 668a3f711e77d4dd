//! `models`: lists the trained models with size, metric and folder, or copies the shipped models to a folder.

use std::path::{Path, PathBuf};

use inference::catalog::{checkout_models, user_models};
use inference::{Catalog, Predictor};
use serde::Serialize;
use training::package::record_in;
use training::{Task, files};

use crate::application::Application;
use crate::args::Models;
use crate::error::{CliError, Result};
use crate::output::{columns, print_json, print_line};

/// One entry in the list of models: a trained model with its size and test metric.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The application of the model, such as `sentiment`.
    application: &'static str,
    /// The name of the model, such as `imdb-lstm`.
    name: String,
    /// The size of all files in `folder`, in bytes.
    bytes: u64,
    /// The name of the metric that chooses the best epoch in training, such as `perplexity`.
    metric: &'static str,
    /// The value of `metric` on the test part; `None` if the files of the model do not record it.
    value: Option<f64>,
    /// The folder with the files of the model.
    folder: PathBuf,
}

/// Lists the trained models of an application that are found on this computer.
pub fn list<A: Application>() -> Vec<Listed> {
    let catalog = Catalog::of::<<A::Task as Task>::Predictor>();
    let listed = |(name, folder): (String, PathBuf)| {
        let outcome = record_in::<A::Task>(&folder).ok().and_then(|record| record.outcome);
        let metric = A::Task::MONITOR.metric;
        Listed {
            application: <A::Task as Task>::Predictor::APPLICATION,
            bytes: files_in(&folder).filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum(),
            value: outcome.and_then(|outcome| outcome.test.get(metric)),
            metric,
            name,
            folder,
        }
    };
    catalog.list().into_iter().map(listed).collect()
}

/// Prints the models of the given applications. With the option `--install`, copies the shipped models of these
/// applications to a folder instead. `all` has the name and the models of each application.
pub fn run(args: &Models, all: Vec<(&'static str, Vec<Listed>)>, json: bool) -> Result<()> {
    if let Some(to) = &args.install {
        let default = || {
            user_models().ok_or_else(|| {
                CliError::Usage(
                    "this system has no data folder for users; give a folder: `models --install DIR`".to_owned(),
                )
            })
        };
        let to = to.clone().map_or_else(default, Ok)?;
        let mut installed = 0;
        for (application, _) in &all {
            installed += install(application, &to, json)?;
        }
        if installed == 0 {
            let searched = join(all.iter().map(|(application, _)| checkout_models(application)));
            let advice = "run this command on the machine on which the program was built, or copy the models by hand";
            return Err(CliError::Usage(format!("no models to install were found in {searched}; {advice}")));
        }
        return Ok(());
    }
    let searched =
        join(all.iter().map(|entry| entry.0).flat_map(|application| Catalog::named(application).roots().to_vec()));
    let models: Vec<Listed> = all.into_iter().flat_map(|(_, models)| models).collect();
    if json {
        return models.iter().try_for_each(print_json);
    }
    if models.is_empty() {
        return print_line(&format!(
            "no models found; searched: {searched}; set RNN_ZOO_MODELS to a folder of models, or run `models --install`"
        ));
    }
    let mut rows = vec![["application", "model", "size", "test metric", "folder"].map(str::to_owned)];
    rows.extend(models.iter().map(|model| {
        let value = model.value.map_or("–".to_owned(), |value| format!("{} {value:.4}", model.metric));
        let size = format!("{:.1} MB", model.bytes as f64 / 1e6);
        [model.application.to_owned(), model.name.clone(), size, value, tidy(&model.folder)]
    }));
    columns(&rows).iter().try_for_each(|line| print_line(line))
}

/// Resolves `..` and symbolic links in the path of an existing folder. Other paths are returned unchanged.
fn tidy(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

fn join(paths: impl Iterator<Item = PathBuf>) -> String {
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Copies the models of an application from the source checkout to the folder `to`. Returns the number of copied
/// models.
fn install(application: &str, to: &Path, json: bool) -> Result<usize> {
    let from = checkout_models(application);
    let entries = match std::fs::read_dir(&from) {
        // The application has no shipped models.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(|source| CliError::Io { action: "read", path: from.clone(), source })?,
    };
    let mut installed = 0;
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        let target = to.join(application).join(entry.file_name());
        files::replace_dir(&target, |dir| {
            for path in files_in(&entry.path()) {
                let content = std::fs::read(&path).map_err(training::TrainingError::io("read", &path))?;
                files::write(&dir.join(path.file_name().unwrap_or_default()), &content)?;
            }
            Ok(())
        })?;
        match json {
            true => print_json(&serde_json::json!({ "application": application, "installed": target }))?,
            false => print_line(&format!("installed {}", target.display()))?,
        }
        installed += 1;
    }
    Ok(installed)
}

fn files_in(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_file())
}
