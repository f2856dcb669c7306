//! Arguments of a ring. Usual values are checked here; all others go to `speechwire.audio._arguments`, which defines
//! the ranges for both engines.

use pyo3::Borrowed;
use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::pipeline::NativePipeline;

/// As `MOST_FRAMES` in Python.
const MOST_FRAMES: u64 = 1 << 53;

/// An argument that may be left out; `None` is a value like another.
#[derive(Default)]
pub(crate) struct Given<'py>(Option<Bound<'py, PyAny>>);

impl<'py> Given<'py> {
    /// Check it, if it was given.
    pub(crate) fn or<T>(
        self,
        default: T,
        check: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        self.0.as_ref().map_or(Ok(default), check)
    }
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Some(object.to_owned())))
    }
}

/// A count or a position.
pub(crate) fn frames(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let usual = value.cast_exact::<PyInt>().ok();
    match usual.and_then(|number| number.extract().ok()) {
        Some(frames) if frames <= MOST_FRAMES => Ok(frames),
        _ => judged("frames", argument, value),
    }
}

/// A time.
pub(crate) fn instant(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let usual = value.cast_exact::<PyFloat>().ok();
    match usual.map(|number| number.extract()) {
        Some(Ok(seconds)) if f64::is_finite(seconds) => Ok(seconds),
        _ => judged("instant", argument, value),
    }
}

/// A speed, or none.
pub(crate) fn speed(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    judged("speed", argument, value)
}

/// A duration.
pub(crate) fn duration(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    judged("duration", argument, value)
}

/// True or false.
pub(crate) fn flag(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.cast_exact::<PyBool>() {
        Ok(flag) => Ok(flag.is_true()),
        Err(_) => judged("flag", argument, value),
    }
}

/// A converter.
pub(crate) fn check_converter(value: &Bound<'_, PyAny>) -> PyResult<()> {
    if value.cast_exact::<NativePipeline>().is_ok() {
        return Ok(());
    }
    judged::<Option<Py<PyAny>>>("converter", "converter", value).map(|_| ())
}

fn judged<T: for<'py> FromPyObjectOwned<'py>>(
    check: &str,
    argument: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<T> {
    let checks = value.py().import("speechwire.audio._arguments")?;
    let judged = checks.call_method1(check, (argument, value))?;
    judged.extract().map_err(Into::into)
}
