//! A lock that is taken while attached to the interpreter.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::Python;
use pyo3::sync::MutexExt;

/// Detaches only if it has to wait, so that whoever holds the lock can finish.
pub(crate) fn lock<'a, T>(mutex: &'a Mutex<T>, py: Python<'_>) -> MutexGuard<'a, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(error)) => error.into_inner(),
        Err(TryLockError::WouldBlock) => mutex
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner),
    }
}
