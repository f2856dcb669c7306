//! Between a push and the ring: whatever turns audio into messages.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::NativeRing;
use crate::buffer::Bytes;
use crate::chunker::NativeChunker;
use crate::pipeline::NativePipeline;

/// What turns audio into messages.
pub(super) enum Converter {
    /// No converter: whole frames are sent unchanged.
    Whole,
    Native(Py<NativePipeline>),
    Chunked(Py<NativeChunker>),
    /// Any object with `push` and `flush`.
    Other(Py<PyAny>),
}

/// Messages to send now. Not a Python list while the ring is borrowed: making one can run any code, even a push.
#[derive(Default)]
pub(super) struct Live<'py> {
    pub(super) first: Option<Bound<'py, PyBytes>>,
    pub(super) others: Vec<Bound<'py, PyBytes>>,
}

impl NativeRing {
    /// Queue the audio that is left. An incomplete frame waits for its other bytes, unless this is the end.
    pub(super) fn flush(slf: &Bound<'_, Self>, at_end: bool) -> PyResult<()> {
        let converter = slf.borrow().converter.clone_ref(slf.py());
        match converter {
            Converter::Whole => {}
            Converter::Native(pipeline) => {
                let append = |chunk: Bound<'_, PyBytes>| slf.borrow_mut().append(&chunk);
                pipeline.get().flush_each(slf.py(), at_end, append)?;
            }
            Converter::Chunked(chunker) => {
                if let Some(chunk) = chunker.get().flushed(slf.py(), at_end) {
                    slf.borrow_mut().append(&chunk);
                }
            }
            Converter::Other(object) => {
                for chunk in flushed(object.bind(slf.py()), at_end)?.try_iter()? {
                    slf.borrow_mut().append(&as_bytes(&chunk?)?);
                }
            }
        }
        let outgoing = &mut slf.borrow_mut().outgoing;
        if at_end {
            let rest = outgoing.cut_rest();
            outgoing.append(&rest);
        }
        outgoing.appended();
        Ok(())
    }

    /// Offer all messages of a push; None if it was empty.
    pub(super) fn convert<'py>(
        slf: &Bound<'py, Self>,
        pcm: &Bound<'py, PyAny>,
        now: f64,
    ) -> PyResult<Option<Live<'py>>> {
        let mut live = Live::default();
        let converter = slf.borrow().converter.clone_ref(slf.py());
        match converter {
            Converter::Whole => {
                let message = as_bytes(pcm)?;
                if message.as_bytes().is_empty() {
                    return Ok(None);
                }
                slf.borrow_mut().offer(message, now, &mut live);
            }
            Converter::Native(pipeline) => {
                let offer = |chunk| slf.borrow_mut().offer(chunk, now, &mut live);
                if !pipeline.get().push_each(pcm, offer)? {
                    return Ok(None);
                }
            }
            Converter::Chunked(chunker) => {
                let offer = |chunk| slf.borrow_mut().offer(chunk, now, &mut live);
                if !chunker.get().push_each(pcm, offer)? {
                    return Ok(None);
                }
            }
            Converter::Other(object) => {
                let is_empty = Bytes::get(pcm)?.len() == 0;
                let chunks = object.bind(slf.py()).call_method1("push", (pcm,))?;
                for chunk in chunks.try_iter()? {
                    let message = as_bytes(&chunk?)?;
                    slf.borrow_mut().offer(message, now, &mut live);
                }
                if is_empty {
                    return Ok(None);
                }
            }
        }
        Ok(Some(live))
    }

    fn offer<'py>(&mut self, message: Bound<'py, PyBytes>, now: f64, live: &mut Live<'py>) {
        let message = match self.outgoing.cut(message.as_bytes()) {
            None => message,
            Some(whole) => PyBytes::new(message.py(), &whole),
        };
        if message.as_bytes().is_empty() || !self.outgoing.offer(message.as_bytes(), now) {
            return;
        }
        if live.first.is_none() {
            live.first = Some(message);
        } else {
            live.others.push(message);
        }
    }

    fn append(&mut self, message: &Bound<'_, PyBytes>) {
        match self.outgoing.cut(message.as_bytes()) {
            None => self.outgoing.append(message.as_bytes()),
            Some(whole) => self.outgoing.append(&whole),
        }
    }
}

impl Converter {
    pub(super) fn of(object: Option<&Bound<'_, PyAny>>) -> Self {
        let Some(object) = object else {
            return Self::Whole;
        };
        if let Ok(pipeline) = object.cast::<NativePipeline>() {
            Self::Native(pipeline.clone().unbind())
        } else if let Ok(chunker) = object.cast::<NativeChunker>() {
            Self::Chunked(chunker.clone().unbind())
        } else {
            Self::Other(object.clone().unbind())
        }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Whole => Self::Whole,
            Self::Native(pipeline) => Self::Native(pipeline.clone_ref(py)),
            Self::Chunked(chunker) => Self::Chunked(chunker.clone_ref(py)),
            Self::Other(object) => Self::Other(object.clone_ref(py)),
        }
    }
}

/// The object itself if it is immutable, else a copy.
fn as_bytes<'py>(pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = pcm.cast_exact::<PyBytes>() {
        return Ok(bytes.clone());
    }
    Ok(PyBytes::new(pcm.py(), Bytes::get(pcm)?.as_slice()))
}

/// The audio left in a Python converter; before the end `flush_whole`, if it has one, keeps an incomplete frame.
fn flushed<'py>(converter: &Bound<'py, PyAny>, at_end: bool) -> PyResult<Bound<'py, PyAny>> {
    if !at_end && let Some(flush) = converter.getattr_opt("flush_whole")? {
        return flush.call0();
    }
    converter.call_method0("flush")
}
