//! The Python binding of `speechwire_pcm`, and nothing else.

mod arguments;
mod buffer;
mod chunker;
mod lock;
mod pipeline;
mod ring;

use pyo3::prelude::*;

/// The native audio engine. Private; use `speechwire.audio`.
#[pymodule(name = "_native", gil_used = false)]
mod native {
    #[pymodule_export]
    use crate::chunker::NativeChunker;
    #[pymodule_export]
    use crate::pipeline::{FilterTable, NativePipeline, kernels};
    #[pymodule_export]
    use crate::ring::NativeRing;
}
