//! Teams of threads that compute one layer together.
//!
//! A layer takes microseconds to milliseconds, and a thread that sleeps takes 50 µs to wake on a virtual machine. After
//! a job, the helper threads therefore keep looking for the next job for a short time before they sleep. The caller
//! computes a part of the job itself. If a helper does not start the job soon, because it sleeps or because another
//! program uses its core, the job runs without this helper.

use std::hint::spin_loop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};
use std::thread::{self, Thread, yield_now};
use std::time::{Duration, Instant};

/// One thread of a team of threads that compute a layer together.
pub(crate) struct Member<'a> {
    index: usize,
    count: usize,
    task: Option<&'a Task<'a>>,
}

impl Member<'_> {
    /// Whether this thread is the only one of its team.
    pub fn alone(&self) -> bool {
        self.count == 1
    }

    /// Waits at a barrier: returns when all threads of the team have called this function. What a thread has written
    /// before the barrier is visible to all threads after the barrier.
    pub fn wait(&self) {
        if let Some(task) = self.task {
            task.barrier(self);
        }
    }

    /// The part of `0..length` that this thread of the team computes.
    pub fn part(&self, length: usize) -> Range<usize> {
        length * self.index / self.count..length * (self.index + 1) / self.count
    }
}

/// Runs `job` on at most `max_threads` threads, one of which is the caller, and returns when all threads have finished.
/// The number of threads is never larger than the number of threads in rayon's pool. `work` is the number of
/// multiplications of the whole job.
///
/// The threads wait for each other at barriers, so all of them must run at the same time. The process has only one
/// team: the job runs on the caller's thread alone if the team is busy, or if the caller is a thread of rayon's pool.
pub(crate) fn run(max_threads: usize, work: usize, job: impl Fn(&Member) + Sync) {
    run_within(patience(work), max_threads.min(work / MIN_WORK), job);
}

/// Runs `job` on at most `max_threads` threads. Waits at most the time `patience` for the helper threads to start the
/// job.
fn run_within(patience: Duration, max_threads: usize, job: impl Fn(&Member) + Sync) {
    static HELPERS: Mutex<Vec<&Helper>> = Mutex::new(Vec::new());
    let count = max_threads.min(available_threads());
    if count > 1
        && rayon::current_thread_index().is_none()
        && let Some(mut helpers) = match HELPERS.try_lock() {
            Ok(helpers) => Some(helpers),
            Err(TryLockError::Poisoned(helpers)) => Some(helpers.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    {
        // If the system refuses a new thread, the team is smaller.
        while helpers.len() + 1 < count
            && let Some(helper) = Helper::start()
        {
            helpers.push(helper);
        }
        let helping = helpers.len().min(count - 1);
        Task::new(&job, &helpers[..helping]).run(patience);
    } else {
        job(&Member { index: 0, count: 1, task: None });
    }
}

/// The smallest number of multiplications per thread. With less work per thread, waking another thread takes longer
/// than the time that it saves.
const MIN_WORK: usize = if cfg!(test) { 1 } else { 1 << 17 };

/// The number of threads of rayon's pool. On wasm it is always 1, because the main thread of a browser must not block
/// at a barrier.
fn available_threads() -> usize {
    if cfg!(target_family = "wasm") { 1 } else { rayon::current_num_threads() }
}

/// Returns how long the caller waits for its helper threads to start the job. A second thread saves about one
/// nanosecond per 128 multiplications. The caller waits for a quarter of the saved time. If a sleeping thread needs
/// more time to wake, the caller waits for the waking time, but no longer than half of the saved time. Tests wait until
/// all helpers have started.
fn patience(work: usize) -> Duration {
    const WAKING: u64 = 100_000;
    let saved = work as u64 / 128;
    if cfg!(test) { Duration::MAX } else { Duration::from_nanos((saved / 2).min(WAKING).max(saved / 4)) }
}

/// A job, and the team that runs it.
struct Task<'a> {
    job: &'a (dyn Fn(&Member) + Sync),
    helpers: &'a [&'a Helper],
    /// The number of helpers that have started the job.
    came: AtomicUsize,
    /// The number of threads of the team; 0 until the caller knows how many helpers take part.
    count: AtomicUsize,
    /// The number of threads that have arrived at the current barrier.
    arrived: AtomicUsize,
    /// The number of barriers that all threads have passed.
    passed: AtomicUsize,
    /// Whether a thread of the team has panicked.
    panicked: AtomicBool,
}

impl<'a> Task<'a> {
    fn new(job: &'a (dyn Fn(&Member) + Sync), helpers: &'a [&'a Helper]) -> Self {
        Self {
            job,
            helpers,
            came: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
            passed: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        }
    }

    /// Runs the job with the helper threads that start to work on it within the time `patience`.
    fn run(&self, patience: Duration) {
        /// A guard that waits for the helpers when it is dropped, even if the caller's part of the job panics, because
        /// the helpers borrow the task.
        struct Helping<'a>(&'a Task<'a>);
        impl Drop for Helping<'_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.panicked.store(true, Ordering::Relaxed);
                }
                for helper in self.0.helpers {
                    wait_until(|| helper.next.load(Ordering::Acquire).is_null(), || ());
                }
            }
        }

        let helping = Helping(self);
        self.keep_core();
        for helper in self.helpers {
            helper.next.store(std::ptr::from_ref(self).cast_mut().cast(), Ordering::Release);
            helper.thread.unpark();
        }
        let start = Instant::now();
        while self.came.load(Ordering::Relaxed) < self.helpers.len() && start.elapsed() < patience {
            spin_loop();
        }
        let came = self.helpers.iter().filter(|helper| !helper.dismiss(self)).count();
        let count = came + 1;
        self.count.store(count, Ordering::Release);
        (self.job)(&Member { index: 0, count, task: (count > 1).then_some(self) });
        drop(helping);
        assert!(
            !self.panicked.load(Ordering::Relaxed),
            "rnn: a thread that computed a part of a layer panicked; see its message above"
        );
    }

    /// Makes the helper threads avoid the core of the caller. Only the caller of the job may call this function.
    fn keep_core(&self) {
        let core = cores::current();
        self.helpers.iter().for_each(|helper| helper.avoid(core));
    }

    /// Runs a helper's part of the job.
    fn help(&self) {
        let index = self.came.fetch_add(1, Ordering::Relaxed) + 1;
        wait_until(|| self.count.load(Ordering::Acquire) > 0, || ());
        let member = Member { index, count: self.count.load(Ordering::Relaxed), task: Some(self) };
        if catch_unwind(AssertUnwindSafe(|| (self.job)(&member))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }

    fn barrier(&self, member: &Member) {
        let passed = self.passed.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == member.count {
            self.arrived.store(0, Ordering::Relaxed);
            self.passed.store(passed.wrapping_add(1), Ordering::Release);
            return;
        }
        // The scheduler may have moved the caller to the core of a helper thread in the meantime.
        let delayed = || {
            if member.index == 0 {
                self.keep_core();
            }
        };
        let panicked = || self.panicked.load(Ordering::Relaxed);
        wait_until(|| self.passed.load(Ordering::Acquire) != passed || panicked(), delayed);
        assert!(!panicked(), "rnn: another thread that computes this layer panicked; see its message above");
    }
}

/// A thread that computes parts of jobs. It lives as long as the process.
struct Helper {
    thread: Thread,
    /// The operating system's id of the thread, for [`cores::avoid`]; empty until the thread has started.
    id: &'static OnceLock<cores::Id>,
    /// The index of the core that the thread may not use, because the caller runs on it; `usize::MAX` for no core.
    avoided: AtomicUsize,
    /// The task that the thread is to help with; null if there is no task. The thread takes a task by replacing it with
    /// [`TAKEN`], and writes null when it has finished. The task stays valid until the thread has written null, or
    /// until the caller has dismissed the helper.
    next: &'static AtomicPtr<Task<'static>>,
}

/// The value of [`Helper::next`] while the thread helps with a task: an address that no task has.
const TAKEN: *mut Task<'static> = std::ptr::without_provenance_mut(1);

/// How long an idle helper looks for the next task before it sleeps. Between two layers of a network, less than this
/// time passes.
const LINGER: Duration = Duration::from_millis(1);

impl Helper {
    /// Starts a helper thread; returns `None` if the operating system refuses a new thread.
    fn start() -> Option<&'static Self> {
        let (id, next) = (Box::leak(Box::default()), Box::leak(Box::default()));
        let thread = thread::Builder::new().name("rnn".to_owned()).spawn(|| Self::work(id, next)).ok()?;
        Some(Box::leak(Box::new(Self {
            thread: thread.thread().clone(),
            id,
            avoided: AtomicUsize::new(usize::MAX),
            next,
        })))
    }

    fn work(id: &OnceLock<cores::Id>, next: &AtomicPtr<Task<'static>>) -> ! {
        id.get_or_init(cores::id);
        loop {
            let task = Self::wait(next);
            // The exchange fails if the caller has dismissed this thread in the meantime. If the caller has then posted
            // another task at the same address, the exchange succeeds, and this thread helps with that task.
            if let Ok(task) = next.compare_exchange(task, TAKEN, Ordering::AcqRel, Ordering::Relaxed) {
                // SAFETY: this helper has taken the task, so the caller can no longer dismiss it and keeps the task
                // until `next` is null.
                unsafe { &*task }.help();
                next.store(null_mut(), Ordering::Release);
            }
        }
    }

    /// Waits until `next` has a task, and returns the task.
    fn wait(next: &AtomicPtr<Task<'static>>) -> *mut Task<'static> {
        let mut idle = Instant::now();
        loop {
            for _ in 0..SPINS[0] {
                let task = next.load(Ordering::Acquire);
                if !task.is_null() {
                    return task;
                }
                spin_loop();
            }
            if idle.elapsed() < LINGER {
                // The thread does not yield after every check, because Linux lets a thread that yields often wait
                // longer.
                yield_now();
            } else {
                thread::park();
                // The caller may have given up waiting for this thread. The thread then looks for the next task.
                idle = Instant::now();
            }
        }
    }

    /// Makes the thread avoid the caller's core.
    fn avoid(&self, core: usize) {
        if self.avoided.load(Ordering::Relaxed) != core
            && let Some(id) = self.id.get()
            && cores::avoid(*id, core)
        {
            self.avoided.store(core, Ordering::Relaxed);
        }
    }

    /// Takes the task away from a helper that has not started it. Returns true if the helper had not started the task,
    /// and false if the helper had already started it.
    fn dismiss(&self, task: &Task) -> bool {
        let task = std::ptr::from_ref(task).cast_mut().cast();
        self.next.compare_exchange(task, null_mut(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// How often a waiting thread checks its condition before it takes further action. After the first number of checks,
/// [`wait_until`] calls `delayed`, and an idle helper yields its core or sleeps. After the second number of checks,
/// [`wait_until`] yields the core after each check. The second number is large, because a thread that yields to another
/// program loses milliseconds. Under the slow interpreter Miri, threads yield at once.
const SPINS: [usize; 2] = if cfg!(miri) { [1, 1] } else { [200, 4000] };

/// Waits until `ready` returns true. Calls `ready` in a loop instead of sleeping, because a step of a layer takes only
/// microseconds. If the result is still false after many calls, calls `delayed` once.
fn wait_until(ready: impl Fn() -> bool, delayed: impl Fn()) {
    let mut spins = 0;
    while !ready() {
        spins += 1;
        if spins == SPINS[0] {
            delayed();
        }
        if spins < SPINS[1] {
            spin_loop();
        } else {
            yield_now();
        }
    }
}

/// The CPU cores on which threads run.
///
/// Linux may wake a helper on the core of its caller although another core is idle. Linux then moves neither thread to
/// another core for many milliseconds, because both have run recently, and each thread waits for the other at every
/// barrier. Therefore, helpers may not use the core of their caller.
#[cfg(all(target_os = "linux", not(miri)))]
mod cores {
    use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

    pub type Id = rustix::thread::Pid;

    /// Returns the operating system's id of the calling thread.
    pub fn id() -> Id {
        gettid()
    }

    /// Returns the index of the core on which the calling thread runs.
    pub fn current() -> usize {
        sched_getcpu()
    }

    /// Lets `thread` run on all cores that the calling thread may use, except `core`. Returns whether the operating
    /// system accepted the change; it refuses the change if there is no other core.
    pub fn avoid(thread: Id, core: usize) -> bool {
        let set = sched_getaffinity(None).and_then(|mut cores| {
            if core < CpuSet::MAX_CPU {
                cores.unset(core);
            }
            sched_setaffinity(Some(thread), &cores)
        });
        set.is_ok()
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod cores {
    pub type Id = ();

    pub fn id() -> Id {}

    pub fn current() -> usize {
        0
    }

    pub fn avoid(_: Id, _: usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: usize = if cfg!(miri) { 5 } else { 1000 };

    #[test]
    fn every_part_is_computed_once_whether_or_not_the_helpers_come() {
        let largest = AtomicUsize::new(0);
        let (start, mut turn) = (Instant::now(), 0);
        // Another test may use the helpers, but not all the time.
        while turn < TURNS || largest.load(Ordering::Relaxed) < available_threads() {
            assert!(start.elapsed() < Duration::from_secs(60), "no helper has come");
            let patience = if turn % 2 == 0 { Duration::MAX } else { Duration::ZERO };
            turn += 1;
            let parts: [AtomicUsize; 100] = std::array::from_fn(|_| AtomicUsize::new(0));
            run_within(patience, usize::MAX, |member| {
                for part in member.part(parts.len()) {
                    parts[part].fetch_add(1, Ordering::Relaxed);
                }
                member.wait();
                assert!(parts.iter().all(|part| part.load(Ordering::Relaxed) == 1));
                largest.fetch_max(member.count, Ordering::Relaxed);
            });
        }
    }

    #[test]
    fn a_panic_of_one_thread_ends_the_job_of_all() {
        for _ in 0..TURNS.min(20) {
            for panicking in [0, 1] {
                let job = |member: &Member| {
                    assert!(member.alone() || member.index != panicking, "part of the test");
                    member.wait();
                };
                // The job succeeds if it runs on one thread, because another test uses the helpers.
                let _ = catch_unwind(AssertUnwindSafe(|| run_within(Duration::MAX, usize::MAX, job)));
            }
        }
    }
}
