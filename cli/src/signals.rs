//! Ctrl-C and termination signals: one listener for the whole process.

use std::sync::OnceLock;

use training::Interrupt;

use crate::output::log;

/// The exit code of a program that a second Ctrl-C ends at once.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

/// Returns the interrupt handle of the process. Ctrl-C, SIGTERM, and SIGHUP (the terminal was closed) request a stop
/// through this handle. A second Ctrl-C or SIGTERM ends the process at once. A second SIGHUP does not, because the
/// shell and the system each send a SIGHUP.
///
/// Every call returns a clone of the same handle, and only the first call starts the listener for signals. On systems
/// other than Unix, Ctrl-C ends the process at once, and the last checkpoint remains.
pub fn interrupt() -> Interrupt {
    static LISTENING: OnceLock<Interrupt> = OnceLock::new();
    LISTENING
        .get_or_init(|| {
            let interrupt = Interrupt::default();
            listen(interrupt.clone());
            interrupt
        })
        .clone()
}

#[cfg(unix)]
fn listen(interrupt: Interrupt) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let hang_up = (!ignores_hang_up()).then_some(SIGHUP);
    // An error occurs only for signals that cannot be handled, such as SIGKILL.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up)) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if !interrupt.request() {
                log("stopping; press Ctrl-C again to stop at once");
            } else if signal != SIGHUP {
                std::process::exit(INTERRUPTED);
            }
        }
    });
}

#[cfg(not(unix))]
fn listen(_: Interrupt) {
    let _ = log;
}

/// Returns whether the program was started by `nohup`, which keeps it running when the terminal is closed.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
