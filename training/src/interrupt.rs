//! A handle that stops a training on request of a signal handler, a button, or another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::TaskError;

/// A handle that stops a training. Its clones stop the same training; handles that were created separately are
/// independent.
///
/// After a request, training stops at the end of the current optimizer step and writes a checkpoint. Evaluation stops
/// at the next call of [`check`](Self::check) by the task. [`Training::resume`](crate::Training::resume) continues the
/// run.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Requests a stop. Returns whether a stop had been requested before.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Returns whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns [`TaskError::Interrupted`] if a stop was requested. Call this function in long loops.
    pub fn check(&self) -> Result<(), TaskError> {
        if self.is_requested() { Err(TaskError::Interrupted) } else { Ok(()) }
    }
}
