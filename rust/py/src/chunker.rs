//! `ChunkedPassthrough` in Rust.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use speechwire_pcm::Chunker;

use crate::buffer::Bytes;
use crate::lock::lock;

/// Audio as it is, in chunks of one length.
#[pyclass(frozen, module = "speechwire._native")]
pub(crate) struct NativeChunker(Mutex<Chunker>);

#[pymethods]
impl NativeChunker {
    /// The arguments have been validated in Python.
    #[new]
    fn new(frame_bytes: usize, chunk_bytes: usize) -> Self {
        Self(Mutex::new(Chunker::new(frame_bytes, chunk_bytes)))
    }

    #[pyo3(signature = (pcm, /))]
    fn push<'py>(&self, pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let mut chunks = Vec::new();
        self.push_each(pcm, |chunk| chunks.push(chunk))?;
        PyList::new(pcm.py(), chunks)
    }

    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.flushed(py, true))
    }

    fn flush_whole<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.flushed(py, false))
    }
}

impl NativeChunker {
    /// Push, and give every chunk to `sink`, which must run no Python code: the chunker is locked. Returns whether
    /// there was anything to push.
    pub(crate) fn push_each<'py>(
        &self,
        pcm: &Bound<'py, PyAny>,
        mut sink: impl FnMut(Bound<'py, PyBytes>),
    ) -> PyResult<bool> {
        let (py, bytes) = (pcm.py(), Bytes::get(pcm)?);
        let mut outcome = Ok(());
        self.lock(py).push(
            bytes.as_slice(),
            &mut |head: &[u8], tail: &[u8]| match joined(py, head, tail) {
                Ok(chunk) => sink(chunk),
                Err(error) => outcome = Err(error),
            },
        );
        outcome.map(|()| bytes.len() > 0)
    }

    /// The audio that is left. An incomplete frame stays, unless this is the end.
    pub(crate) fn flushed<'py>(
        &self,
        py: Python<'py>,
        at_end: bool,
    ) -> Option<Bound<'py, PyBytes>> {
        let left = if at_end {
            self.lock(py).flush()
        } else {
            self.lock(py).flush_whole()
        };
        (!left.is_empty()).then(|| PyBytes::new(py, &left))
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Chunker> {
        lock(&self.0, py)
    }
}

fn joined<'py>(py: Python<'py>, head: &[u8], tail: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, head.len() + tail.len(), |bytes| {
        let (begin, end) = bytes.split_at_mut(head.len());
        begin.copy_from_slice(head);
        end.copy_from_slice(tail);
        Ok(())
    })
}
