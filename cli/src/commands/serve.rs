//! `serve`: serves trained models over HTTP until the user stops the program.

use std::time::Duration;

use inference::Folder;
use inference::dynamic::{AnyModel, Registry};
use serving::{Limits, Options};
use training::Task;

use crate::application::Application;
use crate::args::{Serve, ServeOptions};
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::output::log;
use crate::zoo_args::ServeZoo;

/// Serves one model of an application over HTTP, on the device that the user selects with `--backend` and `--device`.
pub fn run<A: Application>(args: Serve, cx: &Context) -> Result<()> {
    let folder = cx.model_folder::<<A::Task as Task>::Predictor>(&args.model, A::DEFAULT_MODEL)?;
    let (manifest, predictor) = cx.open_folder::<<A::Task as Task>::Predictor>(&folder)?;
    serve(vec![AnyModel { manifest, predictor: Box::new(predictor) }], args.options)
}

/// Serves models of any applications over HTTP, on the CPU.
pub fn run_zoo(args: ServeZoo, applications: Registry) -> Result<()> {
    let device = training::backend::Backend::default().device(0)?;
    let open = |name: &String| applications.open(&Folder::new(applications.find(name)?), &device);
    let models = args.models.iter().map(open).collect::<std::result::Result<Vec<_>, _>>()?;
    serve(models, args.options)
}

fn serve(models: Vec<AnyModel>, given: ServeOptions) -> Result<()> {
    let options = options(given)?;
    let started = |address| log(&format!("listening on http://{address}; stop with Ctrl-C"));
    serving::serve(models, options, started).map_err(|error| CliError::Serve(Box::new(error)))
}

fn options(given: ServeOptions) -> Result<Options> {
    let token = given.token_file.map(|path| {
        let content = std::fs::read_to_string(&path);
        content.map_err(|source| CliError::Io { action: "read", path, source })
    });
    let token = token.transpose()?.map(|token| token.trim().to_owned());
    if token.as_deref() == Some("") {
        let message = "the file of --token-file is empty; write a long random text to the file";
        return Err(CliError::Usage(message.to_owned()));
    }
    let limits = Limits {
        batch: given.batch.get(),
        batch_wait: Duration::from_millis(given.batch_wait),
        body: given.max_body.get(),
        text: given.max_text.get(),
        queue: given.max_queue.get(),
        sessions: given.max_sessions.get(),
        session_time: Duration::from_secs(given.session_time),
        answer_time: Duration::from_secs(given.answer_time),
        ..Limits::default()
    };
    Ok(Options { listen: given.listen, token, cors_origin: given.cors_origin, limits })
}
