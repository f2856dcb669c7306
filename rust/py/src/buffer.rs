//! Any C-contiguous bytes-like object as a byte slice, without copying and without allocating.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;

/// A held buffer, released when dropped.
pub(crate) struct Bytes<'py> {
    view: ffi::Py_buffer,
    _attached: PhantomData<Python<'py>>,
}

impl<'py> Bytes<'py> {
    pub(crate) fn get(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let mut view = MaybeUninit::<ffi::Py_buffer>::zeroed();
        // SAFETY: we are attached, `object` is alive, and `view` is ours; PyBUF_SIMPLE asks for one contiguous run
        // of bytes, which is all that is read.
        let status = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE) };
        if status != 0 {
            drop(PyErr::take(object.py()));
            return Err(crate::refuse(object));
        }
        // SAFETY: on success the exporter has filled the view in.
        Ok(Self { view: unsafe { view.assume_init() }, _attached: PhantomData })
    }

    /// The bytes. They cannot change while we are attached; only those of a `bytes` object may be read detached.
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.view.len == 0 {
            return &[];
        }
        // SAFETY: the view is held, so its memory stays; `len` is its length, which is not negative.
        unsafe { std::slice::from_raw_parts(self.view.buf.cast(), self.view.len.unsigned_abs()) }
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        // SAFETY: the view was filled by PyObject_GetBuffer and is released once; `'py` says we are attached.
        unsafe { ffi::PyBuffer_Release(&raw mut self.view) }
    }
}
