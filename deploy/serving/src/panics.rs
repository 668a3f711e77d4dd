//! The log of panics. The log omits the message of a panic, because the message may quote the text of a user.

use std::panic;
use std::thread;

/// Installs a panic hook that logs the location of a panic, and not its message. Panics of the calling thread still go
/// to the previous hook, because this thread reads no text of users.
pub(crate) fn log_locations_alone() {
    let (caller, previous) = (thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == caller {
            return previous(info);
        }
        // Models also compute in threads of rayon. If such a thread panics, rayon passes the panic on to the thread of
        // the model.
        let location = info.location().map(ToString::to_string);
        tracing::error!(location, "panic");
    }));
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_has_the_location_of_a_panic_and_not_its_message() {
        let (printed, log) = (Log::default(), Log::default());
        let hook = printed.clone();
        std::panic::set_hook(Box::new(move |info| drop(write!(hook.clone(), "{info}"))));
        super::log_locations_alone();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let panics = move || tracing::subscriber::with_default(subscriber, || panic!("the text of a user"));
        std::thread::spawn(panics).join().unwrap_err();
        let text = |log: &Log| String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text(&log).contains("panics.rs:") && !text(&log).contains("user"), "{}", text(&log));
        assert_eq!(text(&printed), "");
    }
}
