//! Error handling for a GPU that fails during training: burn panics, and the panic is converted to an error.

use crate::checkpoint::Checkpoints;
use crate::error::{Result, TrainingError};
use crate::observer::Event;
use crate::panics::caught;
use crate::run::Run;
use crate::session::Session;

/// Calls `train`, which trains on the session's device. Converts a panic on a GPU to an error.
///
/// # Errors
///
/// The errors of `train`; [`TrainingError::Device`] if `train` panics on a GPU. On the CPU, a panic is a mistake in the
/// code, and stays a panic.
pub fn guarded<R>(session: &mut Session, run: &Run, train: impl FnOnce(&mut Session) -> Result<R>) -> Result<R> {
    if session.backend.is_cpu() {
        return train(session);
    }
    caught(|| train(session)).unwrap_or_else(|message| {
        session.observer.observe(&Event::Stopped);
        let checkpoint = match Checkpoints::new(run.checkpoints()).newest()? {
            Some(path) => format!("the last checkpoint is {}", path.display()),
            None => "there is no checkpoint yet".to_owned(),
        };
        Err(TrainingError::Device { backend: session.backend.name(), message, checkpoint })
    })
}
