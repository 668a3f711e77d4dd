//! Teams of threads that compute one layer together.

use std::hint::spin_loop;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;

/// One thread of a team of threads that compute a layer together.
pub(crate) struct Member<'a> {
    index: usize,
    count: usize,
    barrier: &'a Barrier,
}

impl Member<'_> {
    /// Whether this thread is the only one of its team.
    pub fn alone(&self) -> bool {
        self.count == 1
    }

    /// Waits at a barrier: returns when all threads of the team have called it. Writes before the barrier are visible
    /// after it.
    pub fn wait(&self) {
        if !self.alone() {
            self.barrier.wait(self.count);
        }
    }

    /// The part of `0..length` that this thread of the team computes.
    pub fn part(&self, length: usize) -> Range<usize> {
        length * self.index / self.count..length * (self.index + 1) / self.count
    }
}

/// Runs `job` on at most `max_threads` threads of rayon's pool, and returns when all have finished.
///
/// The threads wait for each other at barriers, so all of them must run at the same time. Two teams at once could
/// deadlock, each with a thread that the other needs. The job therefore runs on one thread if a team is running
/// already, or if the caller is a thread of the pool.
pub(crate) fn run(max_threads: usize, job: impl Fn(&Member) + Sync) {
    static RUNNING: Mutex<()> = Mutex::new(());
    let barrier = Barrier::default();
    let count = max_threads.min(available_threads());
    if count > 1
        && rayon::current_thread_index().is_none()
        && let Ok(_running) = RUNNING.try_lock()
    {
        rayon::broadcast(|thread| {
            if thread.index() < count {
                job(&Member { index: thread.index(), count, barrier: &barrier });
            }
        });
    } else {
        job(&Member { index: 0, count: 1, barrier: &barrier });
    }
}

/// The number of threads of rayon's pool. On wasm it is always 1, because the main thread of a browser must not block
/// at a barrier.
fn available_threads() -> usize {
    if cfg!(target_family = "wasm") { 1 } else { rayon::current_num_threads() }
}

/// The number of times that a waiting thread checks the barrier before it yields its core. Under the slow interpreter
/// Miri it is 1.
const SPINS: usize = if cfg!(miri) { 1 } else { 10_000 };

/// A barrier at which waiting threads check a counter in a loop instead of sleeping, because a step of a layer takes
/// only microseconds.
#[derive(Default)]
struct Barrier {
    arrived: AtomicUsize,
    round: AtomicUsize,
}

impl Barrier {
    fn wait(&self, members: usize) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == members {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.round.load(Ordering::Acquire) == round {
            if spins < SPINS {
                spins += 1;
                spin_loop();
            } else {
                yield_now(); // another thread of the team may need this core
            }
        }
    }
}
