//! `export`: writes a trained model as a package, which this program opens, or as ONNX graphs for other runtimes.

use std::path::Path;

use serde_json::json;
use training::package::Opened;
use training::{Task, files};

use crate::application::Application;
use crate::args::{Bits, Export, Format};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::{print_json, print_line};

pub fn run<A: Application>(args: &Export, cx: &mut Context) -> Result<()> {
    if args.lengths && args.format != Format::Onnx {
        return Err(CliError::Usage(
            "--lengths is only valid with --format onnx; add --format onnx, or remove --lengths".to_owned(),
        ));
    }
    if args.precision == Bits::Int8 && args.format == Format::Onnx {
        let message = "the ONNX export does not support 8-bit weights; use --precision half, and quantize the graph \
                       with your runtime";
        return Err(CliError::Usage(message.to_owned()));
    }
    let dir = cx.model_folder::<<A::Task as Task>::Predictor>(&args.model, None)?;
    let opened = Opened::<A::Task>::open(&dir, &cx.session.device)?;
    let name = &opened.record.recipe.name;
    let key = match args.format {
        Format::Package => {
            opened.export(&args.out, args.precision.into())?;
            "package"
        }
        Format::Onnx => {
            let options = onnx::Options { precision: args.precision.into(), lengths: args.lengths };
            write_graphs(&args.out, &A::to_onnx(&opened.predictor, &options)?.files(name)?)?;
            "onnx"
        }
    };
    match cx.json {
        true => print_json(&json!({ key: args.out, "recipe": name })),
        false => print_line(&format!("exported {name} to {}", args.out.display())),
    }
}

/// Writes the files of an export to the folder `to`. The folder must be new or empty, or hold an earlier export.
fn write_graphs(to: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let entries = std::fs::read_dir(to).into_iter().flatten().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    // A folder with only a README.md is not an export, because the README.md may belong to another project.
    let is_export = names.iter().any(|name| name.ends_with(".onnx"));
    let other = names.iter().find(|name| !is_export || *name != "README.md" && !name.ends_with(".onnx"));
    if let Some(other) = other {
        let to = to.display();
        return Err(CliError::Usage(format!(
            "--out {to}: the folder contains `{other}`, which is not a file of an earlier ONNX export; choose a new or \
             empty folder"
        )));
    }
    let fill = |dir: &Path| files.iter().try_for_each(|(name, content)| files::write(&dir.join(name), content));
    Ok(files::replace_dir(to, fill)?)
}
