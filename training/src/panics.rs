//! Converts panics to errors, so that a failure of a GPU driver does not end the program.
//!
//! burn and CubeCL panic when a device cannot be opened, is lost or has too little memory. The panic may begin in a
//! thread of the device. The caller then gets a second panic, whose message is less clear than the message of the first
//! panic.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The largest length of a message in characters. Longer messages are cut.
const LONGEST: usize = 300;

/// The state that all running calls of [`caught`] share with the panic hook.
struct Listening {
    /// The number of calls of [`caught`] that are running now.
    calls: usize,
    /// The message of the first panic that no call of [`caught`] has returned yet; `None` if there is no such panic. A
    /// call resets it to `None` at its start if no other call is running.
    first: Option<String>,
}

static LISTENING: Mutex<Listening> = Mutex::new(Listening { calls: 0, first: None });

fn listening() -> MutexGuard<'static, Listening> {
    LISTENING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `work`. If `work` panics, returns the message of the first panic that occurred in any thread while `work` ran,
/// as one line.
///
/// Panics print nothing while `work` runs.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install();
    {
        let mut listening = listening();
        if listening.calls == 0 {
            listening.first = None;
        }
        listening.calls += 1;
    }
    // A panic may leave a value half changed only if `work` borrows this value from the caller. The caller accepts
    // this.
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    let mut listening = listening();
    listening.calls -= 1;
    done.map_err(|_| listening.first.take().unwrap_or_else(|| "an unknown failure".to_owned()))
}

/// Sets a panic hook that stores the panic message for [`caught`]. If no call of `caught` is running, the previous
/// panic hook runs instead.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let mut listening = listening();
            if listening.calls > 0 {
                let message = info.payload_as_str().unwrap_or("a panic without a message");
                listening.first.get_or_insert_with(|| one_line(message));
                return;
            }
            drop(listening);
            previous(info);
        }));
    });
}

/// Shortens a message to one line, without the backtrace that burn and CubeCL append.
pub fn one_line(message: &str) -> String {
    let text = message.split_once("Backtrace").map_or(message, |(text, _)| text).replace("\\n", " ");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.trim_end_matches([',', '"', '(', '{', ' ']).to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_panic_is_returned_although_it_begins_in_another_thread() {
        let failed = caught(|| {
            let device = std::thread::spawn(|| panic!("out of memory\n  in a buffer\nBacktrace:\n0: main"));
            device.join().unwrap();
        });
        assert_eq!(failed.unwrap_err(), "out of memory in a buffer");
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| caught(|| panic!("{}", 1)).unwrap_err()), Ok("1".to_owned()));
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(one_line(&"ß ".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
