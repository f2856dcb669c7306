//! The two classes: a table, shared by pipelines, and a pipeline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use speechwire_pcm::{self as pcm, Format, Kernel, Layout};

use crate::buffer::Bytes;
use crate::lock::lock;

/// From this input size on, about 100 us of work, a push detaches from the interpreter. For less work detaching does
/// not pay: attaching again can mean waiting for a busy thread, 5 ms at worst.
const DETACH_BYTES: usize = 1 << 18;

/// The error of `copy` and `pickle`.
const NO_COPY: &str = "a PcmPipeline cannot be copied or pickled, because it is in the middle of one stream: make \
    another with the same arguments";

/// Filter coefficients in the native engine's memory.
#[pyclass(frozen, weakref, module = "speechwire._native")]
pub(crate) struct FilterTable(Arc<pcm::FilterTable>);

#[pymethods]
impl FilterTable {
    /// `taps` holds 32-bit integers in the machine's byte order: a row for each phase, and one more if there are
    /// fewer phases than `up`.
    #[new]
    fn new(
        up: usize,
        down: usize,
        phases: usize,
        taps: &[u8],
        center: usize,
        shift: u32,
    ) -> PyResult<Self> {
        let taps: Vec<i32> = taps
            .as_chunks()
            .0
            .iter()
            .map(|&tap| i32::from_ne_bytes(tap))
            .collect();
        let table = pcm::FilterTable::new(up, down, phases, &taps, center, shift);
        table
            .map(|table| Self(Arc::new(table)))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.0.bytes()
    }
}

/// `PcmPipeline` in Rust.
#[pyclass(frozen, module = "speechwire._native")]
pub(crate) struct NativePipeline {
    state: Mutex<pcm::Pipeline>,
    /// Keeps the table alive, so that the cache of tables finds it as long as it is in use.
    _table: Py<FilterTable>,
    #[pyo3(get)]
    latency: f64,
    #[pyo3(get)]
    chunk_bytes: usize,
    #[pyo3(get)]
    kernel: &'static str,
    #[pyo3(get)]
    interpolated: bool,
    label: String,
}

#[pymethods]
impl NativePipeline {
    /// The arguments have been validated in Python. `kernel` picks a code path, for tests.
    #[new]
    #[pyo3(signature = (table, in_rate, channels, format, chunk_samples, label, kernel=None))]
    fn new(
        table: Bound<'_, FilterTable>,
        in_rate: u32,
        channels: usize,
        format: &str,
        chunk_samples: usize,
        label: String,
        kernel: Option<&str>,
    ) -> PyResult<Self> {
        let unknown = |what: &str| PyValueError::new_err(format!("unknown {what}"));
        let format = Format::from_name(format).ok_or_else(|| unknown("format"))?;
        let kernel = match kernel {
            None => Some(Kernel::fastest()),
            Some(name) => Kernel::available()
                .into_iter()
                .find(|kernel| kernel.name() == name),
        };
        let kernel = kernel.ok_or_else(|| unknown("kernel"))?;
        let state = pcm::Pipeline::new(
            table.get().0.clone(),
            Layout {
                format,
                channels,
                chunk_samples,
            },
            kernel,
        );
        let look_ahead = u32::try_from(state.look_ahead()).unwrap_or(u32::MAX);
        Ok(Self {
            latency: f64::from(look_ahead) / f64::from(in_rate),
            chunk_bytes: 2 * chunk_samples,
            kernel: kernel.name(),
            interpolated: state.is_interpolated(),
            _table: table.unbind(),
            state: Mutex::new(state),
            label,
        })
    }

    #[classattr]
    fn engine() -> &'static str {
        "native"
    }

    #[getter]
    fn partial_bytes(&self, py: Python<'_>) -> usize {
        self.lock(py).partial_bytes()
    }

    fn __repr__(&self) -> &str {
        &self.label
    }

    #[allow(clippy::unused_self)] // Python's signature
    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(PyTypeError::new_err(NO_COPY))
    }

    #[pyo3(signature = (pcm, /))]
    fn push<'py>(&self, pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let mut chunks = Vec::new();
        self.push_each(pcm, |chunk| chunks.push(chunk))?;
        PyList::new(pcm.py(), chunks)
    }

    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut chunks = Vec::new();
        self.flush_each(py, true, |chunk| chunks.push(chunk))?;
        PyList::new(py, chunks)
    }

    fn flush_whole<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut chunks = Vec::new();
        self.flush_each(py, false, |chunk| chunks.push(chunk))?;
        PyList::new(py, chunks)
    }

    fn reset(&self, py: Python<'_>) {
        self.lock(py).reset();
    }
}

impl NativePipeline {
    /// Push, and give every chunk to `sink`, which must run no Python code: the pipeline is locked. Returns whether
    /// there was anything to push.
    pub(crate) fn push_each<'py>(
        &self,
        pcm: &Bound<'py, PyAny>,
        mut sink: impl FnMut(Bound<'py, PyBytes>),
    ) -> PyResult<bool> {
        let (py, bytes) = (pcm.py(), Bytes::get(pcm)?);
        let size = bytes.len();
        if size < DETACH_BYTES {
            // Lock first: waiting for the lock may detach, and the bytes may only be read while attached.
            let mut pipeline = self.lock(py);
            let mut outcome = Ok(());
            pipeline.push(bytes.as_slice(), &mut |chunk| match to_bytes(py, chunk) {
                Ok(bytes) => sink(bytes),
                Err(error) => outcome = Err(error),
            });
            return outcome.map(|()| size > 0);
        }
        let stable = bytes.as_stable();
        let samples = py.detach(|| {
            let mut pipeline = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            gather(&mut pipeline, &stable)
        });
        for chunk in samples.chunks_exact(self.chunk_bytes / 2) {
            sink(to_bytes(py, chunk)?);
        }
        Ok(true)
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, pcm::Pipeline> {
        lock(&self.state, py)
    }

    /// End the stream, and give every chunk to `sink`, as [`Self::push_each`] does. An incomplete frame stays unless
    /// this is the end.
    pub(crate) fn flush_each<'py>(
        &self,
        py: Python<'py>,
        at_end: bool,
        mut sink: impl FnMut(Bound<'py, PyBytes>),
    ) -> PyResult<()> {
        let mut outcome = Ok(());
        let mut pipeline = self.lock(py);
        let sink = &mut |chunk: &[i16]| match to_bytes(py, chunk) {
            Ok(bytes) => sink(bytes),
            Err(error) => outcome = Err(error),
        };
        if at_end {
            pipeline.flush(sink);
        } else {
            pipeline.flush_whole(sink);
        }
        outcome
    }
}

/// Push, and join the chunks. Needs no interpreter, so it can run detached.
fn gather(pipeline: &mut pcm::Pipeline, pcm: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    pipeline.push(pcm, &mut |chunk| samples.extend_from_slice(chunk));
    samples
}

fn to_bytes<'py>(py: Python<'py>, chunk: &[i16]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, 2 * chunk.len(), |bytes| {
        for (target, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(chunk) {
            *target = sample.to_le_bytes();
        }
        Ok(())
    })
}

/// Names of the code paths this machine has, slowest first.
#[pyfunction]
pub(crate) fn kernels() -> Vec<&'static str> {
    Kernel::available().into_iter().map(Kernel::name).collect()
}
