//! Ctrl-C and termination: asked to stop, training ends at the next step with a checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress::say;

static STOP: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Takes over Ctrl-C, SIGTERM, and the SIGHUP of a terminal that is closed: training is asked to stop. A second Ctrl-C or
/// SIGTERM ends the program at once; a second SIGHUP does not, as a shell and the system both send it.
///
/// Where there are no such signals, Ctrl-C ends the program, and the last checkpoint remains.
pub fn listen() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let hang_up = (!ignores_hang_up()).then_some(SIGHUP);
        // Fails only for signals that cannot be taken over.
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up)) else {
            return;
        };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if !STOP.swap(true, Ordering::SeqCst) {
                    say("stopping at the next step; press Ctrl-C again to stop at once");
                } else if signal != SIGHUP {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    }
}

/// Whether the program was started by `nohup`, and is to go on when its terminal is closed.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Whether somebody asked to stop.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}
