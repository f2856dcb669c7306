//! The two classes: a table, shared by pipelines, and a pipeline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyList};
use speechwire_pcm::{self as pcm, Format, Kernel, Layout};

use crate::buffer::Bytes;

/// Input from which a push detaches from the interpreter: about 100 us of work. To detach for less costs more than
/// it gives: coming back means to wait for a busy thread, 5 ms at worst.
pub(crate) const DETACH_BYTES: usize = 1 << 18;

/// What `copy` and `pickle` are told.
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
    /// Kept, so that whoever looks for the table finds it as long as it is in use.
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
        let (py, bytes) = (pcm.py(), Bytes::get(pcm)?);
        if bytes.as_slice().len() < DETACH_BYTES {
            return self.push_attached(py, bytes.as_slice());
        }
        let stable = bytes.as_stable();
        let samples = py.detach(|| {
            gather(
                &mut self.state.lock().unwrap_or_else(PoisonError::into_inner),
                &stable,
            )
        });
        to_list(py, &samples, self.chunk_bytes / 2)
    }

    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.collect(py, |pipeline, sink| pipeline.flush(sink))
    }

    fn reset(&self, py: Python<'_>) {
        self.lock(py).reset();
    }
}

impl NativePipeline {
    pub(crate) fn push_attached<'py>(
        &self,
        py: Python<'py>,
        pcm: &[u8],
    ) -> PyResult<Bound<'py, PyList>> {
        self.collect(py, |pipeline, sink| pipeline.push(pcm, sink))
    }

    /// The state, if nobody has it: neither another thread nor this one.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, pcm::Pipeline>> {
        match self.state.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Detaches only if it has to wait, so that whoever holds the lock can finish.
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, pcm::Pipeline> {
        self.try_lock().unwrap_or_else(|| {
            self.state
                .lock_py_attached(py)
                .unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Run `work` and list the chunks it gives.
    fn collect<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut pcm::Pipeline, &mut dyn FnMut(&[i16])),
    ) -> PyResult<Bound<'py, PyList>> {
        // Made before the lock is taken: a new list can start a garbage collection, which can run any code, even
        // a push into this pipeline. A bytes object cannot.
        let list = PyList::empty(py);
        let mut outcome = Ok(());
        let mut sink = |chunk: &[i16]| {
            if outcome.is_ok() {
                outcome = to_bytes(py, chunk).and_then(|bytes| list.append(bytes));
            }
        };
        work(&mut self.lock(py), &mut sink);
        outcome.map(|()| list)
    }
}

/// Push, and join the chunks: what can be done detached.
pub(crate) fn gather(pipeline: &mut pcm::Pipeline, pcm: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    pipeline.push(pcm, &mut |chunk| samples.extend_from_slice(chunk));
    samples
}

/// Whole chunks, joined, as a list.
pub(crate) fn to_list<'py>(
    py: Python<'py>,
    samples: &[i16],
    chunk: usize,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    samples
        .chunks_exact(chunk)
        .try_for_each(|chunk| list.append(to_bytes(py, chunk)?))?;
    Ok(list)
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
