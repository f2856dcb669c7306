//! The Python binding of `speechwire_pcm`, and nothing else.

mod buffer;
mod many;
mod pipeline;
mod pool;

use pyo3::prelude::*;

/// The native audio engine. Private; use `speechwire.audio`.
#[pymodule(name = "_native", gil_used = false)]
mod native {
    #[pymodule_export]
    use crate::many::push_many;
    #[pymodule_export]
    use crate::pipeline::{FilterTable, NativePipeline, kernels};
}
