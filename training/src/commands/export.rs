//! `export`: the best weights of a run as a package for others.

use std::io::ErrorKind;
use std::path::Path;

use super::{print_json, print_line};
use crate::cli::Export;
use crate::error::{Result, TrainingError};
use crate::package::Package;
use crate::task::{Context, Task};

pub(super) fn run<T: Task>(args: Export, context: &Context) -> Result<()> {
    let package = Package::<T>::open(&args.choice.dir::<T>(None)?, &context.device)?;
    check_target(&args.to, &package)?;
    package.export(&args.to, args.precision)?;
    if context.json {
        return print_json(&serde_json::json!({ "package": args.to, "recipe": package.config.recipe.name }));
    }
    print_line(&format!("{} is in {}", package.config.recipe.name, args.to.display()))
}

/// Refuses a folder that holds anything but files which a package has, for they will be replaced.
fn check_target<T: Task>(to: &Path, package: &Package<T>) -> Result<()> {
    let entries = match std::fs::read_dir(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(TrainingError::io("export to", to))?,
    };
    let entries: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let is_package = Package::<T>::read_config(to).is_ok();
    match entries.iter().find(|name| !is_package || !package.dir.join(name).is_file()) {
        Some(name) => Err(TrainingError::NotAPackage { path: to.to_path_buf(), holds: name.display().to_string() }),
        None => Ok(()),
    }
}
