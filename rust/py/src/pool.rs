//! Threads that help the caller with one piece of work at a time.
//!
//! The caller works, too, and waits only for helpers that have begun: on a busy machine, where a helper may not
//! be scheduled for milliseconds, the caller finishes alone and withdraws the work.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, available_parallelism};

/// What every helper runs, at the same time as the caller.
type Work = dyn Fn() + Sync;

struct State {
    work: Option<&'static Work>,
    /// Counts the pieces of work, so that no helper begins the same one twice.
    piece: u64,
    running: usize,
    panicked: bool,
}

pub(crate) struct Pool {
    process: u32,
    state: Mutex<State>,
    begin: Condvar,
    done: Condvar,
}

impl Pool {
    /// The process's pool, made when first needed, and again in a forked child, which has none of its parent's
    /// threads. Call it attached: then no fork from Python finds its lock taken.
    pub(crate) fn get() -> &'static Self {
        static POOL: Mutex<Option<&'static Pool>> = Mutex::new(None);
        let mut pool = lock(&POOL);
        match *pool {
            Some(made) if made.process == std::process::id() => made,
            _ => pool.insert(Self::start()),
        }
    }

    /// One helper for each further core; fewer if the system refuses threads.
    fn start() -> &'static Self {
        let state = State {
            work: None,
            piece: 0,
            running: 0,
            panicked: false,
        };
        let pool: &'static Self = Box::leak(Box::new(Self {
            process: std::process::id(),
            state: Mutex::new(state),
            begin: Condvar::new(),
            done: Condvar::new(),
        }));
        for index in 1..available_parallelism().map_or(1, NonZero::get) {
            _ = Builder::new()
                .name(format!("speechwire-{index}"))
                .spawn(|| pool.help());
        }
        pool
    }

    /// Run `work` here and on every helper that is free in time; return when all of them have returned from it.
    pub(crate) fn run(&self, work: &(dyn Fn() + Sync)) {
        let mut state = lock(&self.state);
        if state.work.is_some() || state.running > 0 {
            drop(state); // another thread's work; the caller's is done all the same
            return work();
        }
        // SAFETY: only the lifetime changes. `Withdraw` ends the sharing before this function returns or unwinds:
        // no helper can begin after it, and it waits for those that have begun.
        state.work =
            Some(unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static Work>(work) });
        state.piece += 1;
        drop(state);
        self.begin.notify_all();
        let withdraw = Withdraw(self);
        work();
        drop(withdraw);
        assert!(
            !std::mem::take(&mut lock(&self.state).panicked),
            "a helper thread panicked"
        );
    }

    fn help(&self) {
        let mut last = 0;
        let mut state = lock(&self.state);
        loop {
            match state.work {
                Some(work) if state.piece != last => {
                    (last, state.running) = (state.piece, state.running + 1);
                    drop(state);
                    let outcome = catch_unwind(AssertUnwindSafe(work));
                    state = lock(&self.state);
                    state.running -= 1;
                    state.panicked |= outcome.is_err();
                    self.done.notify_all();
                }
                _ => state = wait(&self.begin, state),
            }
        }
    }
}

struct Withdraw<'a>(&'a Pool);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.work = None;
        while state.running > 0 {
            state = wait(&self.0.done, state);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}
