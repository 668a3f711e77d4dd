//! Ctrl-C and termination: asked to stop, training ends at the next step with a checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress::say;

static STOP: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Takes over Ctrl-C, SIGTERM and SIGHUP: the first asks training to stop, the second ends the program at once.
pub fn listen() {
    // Fails only if another handler is set; then that one decides.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
        say("stopping at the next step; press Ctrl-C again to stop at once");
    });
}

/// Whether somebody asked to stop.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}
