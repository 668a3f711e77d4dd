//! `export`: writes a trained model as a package, a folder that other programs can open.

use serde_json::json;
use training::Task;
use training::package::Opened;

use crate::application::Application;
use crate::args::Export;
use crate::context::Context;
use crate::error::Result;
use crate::output::{print_json, print_line};

pub fn run<A: Application>(args: &Export, cx: &mut Context) -> Result<()> {
    let dir = cx.model_folder::<<A::Task as Task>::Predictor>(&args.model, None)?;
    let opened = Opened::<A::Task>::open(&dir, &cx.session.device)?;
    opened.export(&args.out, args.precision.into())?;
    let name = &opened.record.recipe.name;
    match cx.json {
        true => print_json(&json!({ "package": args.out, "recipe": name })),
        false => print_line(&format!("exported {name} to {}", args.out.display())),
    }
}
