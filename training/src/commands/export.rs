//! `export`: the best weights of a run as a package for others.

use super::{Setting, print_json, print_line};
use crate::cli::Export;
use crate::error::{Result, TrainingError};
use crate::package::Package;
use crate::task::Task;

pub(super) fn run<T: Task>(args: Export, setting: &Setting) -> Result<()> {
    let package = Package::<T>::open(&args.choice.dir::<T>(None)?, setting.device())?;
    let in_use = std::fs::read_dir(&args.to).is_ok_and(|mut entries| entries.next().is_some());
    if in_use && !args.to.join("config.json").is_file() {
        return Err(TrainingError::RunExists { path: args.to });
    }
    package.export(&args.to, args.precision)?;
    if setting.context.json {
        return print_json(&serde_json::json!({ "package": args.to, "recipe": package.config.recipe.name }));
    }
    print_line(&format!("{} is in {}", package.config.recipe.name, args.to.display()))
}
