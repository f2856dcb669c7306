//! Any C-contiguous bytes-like object as a byte slice, without copying and without allocating.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A held buffer, released when dropped.
pub(crate) struct Bytes<'py> {
    object: Bound<'py, PyAny>,
    view: ffi::Py_buffer,
}

impl<'py> Bytes<'py> {
    /// Raises `InvalidArgumentType` for any other object.
    pub(crate) fn get(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let mut view = MaybeUninit::<ffi::Py_buffer>::zeroed();
        // SAFETY: we are attached, `object` is alive, and `view` is ours; PyBUF_SIMPLE asks for one contiguous run
        // of bytes, which is all that is read.
        let status = unsafe {
            ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE)
        };
        if status != 0 {
            drop(PyErr::take(object.py()));
            return Err(refusal(object));
        }
        // SAFETY: on success the exporter has filled the view in.
        let view = unsafe { view.assume_init() };
        let object = object.clone();
        Ok(Self { object, view })
    }

    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.view.len.unsigned_abs()
    }

    /// The bytes. They cannot change while the thread is attached, so the holder of this must not detach.
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.view.len == 0 {
            return &[];
        }
        // SAFETY: the view is held, so its memory stays; `len` is its length, which is not negative.
        unsafe { std::slice::from_raw_parts(self.view.buf.cast(), self.view.len.unsigned_abs()) }
    }

    /// Bytes that cannot change even while detached: a copy, unless the object is immutable.
    pub(crate) fn as_stable(&self) -> Cow<'_, [u8]> {
        if self.object.is_exact_instance_of::<PyBytes>() {
            Cow::Borrowed(self.as_slice())
        } else {
            Cow::Owned(self.as_slice().to_vec())
        }
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        // SAFETY: the view was filled by PyObject_GetBuffer and is released once; `'py` says we are attached.
        unsafe { ffi::PyBuffer_Release(&raw mut self.view) }
    }
}

/// `speechwire.errors.InvalidArgumentType("pcm", ...)`, as the numpy engine raises it.
fn refusal(pcm: &Bound<'_, PyAny>) -> PyErr {
    let made = pcm.py().import("speechwire.errors").and_then(|errors| {
        errors.call_method1(
            "InvalidArgumentType",
            ("pcm", pcm, "a C-contiguous bytes-like object"),
        )
    });
    made.map_or_else(|error| error, PyErr::from_value)
}
