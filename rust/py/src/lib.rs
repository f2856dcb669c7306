//! The Python binding of `speechwire_pcm`, and nothing else.

mod buffer;
mod pipeline;

use pyo3::prelude::*;

/// The native audio engine. Private; use `speechwire.audio`.
#[pymodule(name = "_native", gil_used = false)]
mod native {
    #[pymodule_export]
    use crate::pipeline::{FilterTable, NativePipeline, kernels};
}

/// Raise `speechwire.errors.InvalidArgumentType("pcm", ...)`, as the numpy engine does.
fn refuse(pcm: &Bound<'_, PyAny>) -> PyErr {
    let raised = pcm.py().import("speechwire.errors").and_then(|errors| {
        errors.call_method1("InvalidArgumentType", ("pcm", pcm, "a C-contiguous bytes-like object"))
    });
    raised.map_or_else(|error| error, PyErr::from_value)
}
