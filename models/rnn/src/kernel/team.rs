//! Threads that work on one layer together.

use std::hint::spin_loop;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;

/// One of the threads that run a job.
pub(crate) struct Member<'a> {
    index: usize,
    count: usize,
    barrier: &'a Barrier,
}

impl Member<'_> {
    /// Whether it works alone.
    pub fn alone(&self) -> bool {
        self.count == 1
    }

    /// Returns when all members have called it: then each sees what the others wrote before.
    pub fn wait(&self) {
        if !self.alone() {
            self.barrier.wait(self.count);
        }
    }

    /// This member's part of `0..length`.
    pub fn part(&self, length: usize) -> Range<usize> {
        length * self.index / self.count..length * (self.index + 1) / self.count
    }
}

/// Runs `job` on at most `most` threads of rayon's pool at once, and returns when all have ended.
///
/// Members wait for each other, so that all must run at the same time. Two teams could each hold a thread that the other
/// waits for: where a team runs already, or the caller is a thread of the pool, the job has one member.
pub(crate) fn run(most: usize, job: impl Fn(&Member) + Sync) {
    static RUNNING: Mutex<()> = Mutex::new(());
    let barrier = Barrier::default();
    let count = most.min(rayon::current_num_threads());
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

/// How often to look before leaving the core to others. Miri takes minutes for so many looks.
const SPINS: usize = if cfg!(miri) { 1 } else { 10_000 };

/// Spins, as a step of a layer is over in microseconds.
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
                yield_now(); // a member may be waiting for this thread's core
            }
        }
    }
}
