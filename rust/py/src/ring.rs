//! A stream's outgoing audio: a converter in front of `speechwire_pcm::Outgoing`.

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use speechwire_pcm::{Bounds, Outgoing};

use crate::arguments::{self, Given};

mod converting;

use converting::Converter;

/// The error of `copy` and `pickle`.
const NO_COPY: &str = "a ring holds the audio of one stream: it can be neither copied nor pickled";

/// `AudioRing` in Rust.
#[pyclass(module = "speechwire._native")]
pub(crate) struct NativeRing {
    outgoing: Outgoing,
    converter: Converter,
}

#[pymethods]
impl NativeRing {
    /// The arguments have been validated in Python.
    #[new]
    #[pyo3(signature = (frame_bytes, frame_rate, queue_frames, replay_frames, converter=None))]
    fn new(
        frame_bytes: usize,
        frame_rate: u32,
        queue_frames: u64,
        replay_frames: u64,
        converter: Option<&Bound<'_, PyAny>>,
    ) -> Self {
        let bounds = Bounds {
            frame_bytes,
            queue: queue_frames,
            replay: replay_frames,
        };
        Self {
            outgoing: Outgoing::new(bounds, frame_rate),
            converter: Converter::of(converter),
        }
    }

    #[classattr]
    fn engine() -> &'static str {
        "native"
    }

    #[allow(clippy::unused_self)] // Python's signature
    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(PyTypeError::new_err(NO_COPY))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.converter {
            Converter::Whole => Ok(()),
            Converter::Native(pipeline) => visit.call(pipeline),
            Converter::Chunked(chunker) => visit.call(chunker),
            Converter::Other(object) => visit.call(object),
        }
    }

    fn __clear__(&mut self) {
        self.converter = Converter::Whole;
    }

    // Audio in

    /// None if there is nothing to do. Bytes: the one message to send now. A list: messages to send now, or an empty
    /// list if only the sending task has something to do.
    #[pyo3(signature = (pcm, now, /))]
    fn push<'py>(
        slf: &Bound<'py, Self>,
        pcm: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, now) = (slf.py(), arguments::instant("now", now)?);
        let Some(live) = Self::convert(slf, pcm, now)? else {
            return Ok(None);
        };
        let needs_task = {
            let outgoing = &mut slf.borrow_mut().outgoing;
            outgoing.pushed(now);
            outgoing.needs_task()
        };
        match live.first {
            None if !needs_task => Ok(None),
            Some(first) if live.others.is_empty() && !needs_task => Ok(Some(first.into_any())),
            first => Ok(Some(
                PyList::new(py, first.into_iter().chain(live.others).collect::<Vec<_>>())?
                    .into_any(),
            )),
        }
    }

    /// Queue the audio left in the converter.
    #[pyo3(signature = (*, at_end = Given::default()), text_signature = "($self, *, at_end=False)")]
    fn flush_converter(slf: &Bound<'_, Self>, at_end: Given<'_>) -> PyResult<()> {
        let at_end = at_end.or(false, |flag| arguments::flag("at_end", flag))?;
        Self::flush(slf, at_end)
    }

    /// Use another converter from here on; queue the audio left in the old one.
    fn exchange(slf: &Bound<'_, Self>, converter: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if let Some(converter) = converter {
            arguments::check_converter(converter)?;
        }
        Self::flush(slf, true)?;
        slf.borrow_mut().converter = Converter::of(converter);
        Ok(())
    }

    fn mark_flush(&mut self) {
        self.outgoing.ring_mut().mark_flush();
    }

    #[getter]
    fn last_push_at(&self) -> f64 {
        self.outgoing.input().last_at
    }

    #[getter]
    fn pushes(&self) -> u64 {
        self.outgoing.input().pushes
    }

    #[getter]
    fn piece_s(&self) -> f64 {
        self.outgoing.input().piece_s
    }

    fn take_dropped(&mut self) -> (u64, bool) {
        let dropped = self.outgoing.take_dropped();
        (dropped.frames, dropped.has_begun)
    }

    // Audio out

    /// The next message, its position on the connection and its position for the caller; None for a flush, or if
    /// nothing waits.
    #[pyo3(signature = (now, /))]
    fn take<'py>(&mut self, now: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let (py, now) = (now.py(), arguments::instant("now", now)?);
        let ring = self.outgoing.ring();
        let message = PyBytes::new_with(py, ring.next_size(), |mut bytes| {
            for part in ring.next_parts() {
                let (now, later) = bytes.split_at_mut(part.len());
                now.copy_from_slice(part);
                bytes = later;
            }
            Ok(())
        })?;
        match self.outgoing.take(now) {
            Some((begin, item)) if !item.is_flush() => {
                (message, begin, item.start).into_pyobject(py).map(Some)
            }
            _ => Ok(None),
        }
    }

    #[pyo3(signature = (frames, /))]
    fn put_in_silence(&mut self, frames: &Bound<'_, PyAny>) -> PyResult<u64> {
        let frames = arguments::frames("frames", frames)?;
        Ok(self.outgoing.put_in_silence(frames))
    }

    #[pyo3(signature = (speed, burst_s))]
    fn open(&mut self, speed: &Bound<'_, PyAny>, burst_s: &Bound<'_, PyAny>) -> PyResult<()> {
        self.pace(speed, burst_s)?;
        self.outgoing.open();
        Ok(())
    }

    #[pyo3(signature = (speed, burst_s))]
    fn pace(&mut self, speed: &Bound<'_, PyAny>, burst_s: &Bound<'_, PyAny>) -> PyResult<()> {
        let speed = arguments::speed("speed", speed)?;
        let burst_s = arguments::duration("burst_s", burst_s)?;
        self.outgoing.pace(speed, burst_s);
        Ok(())
    }

    fn close(&mut self) {
        self.outgoing.close();
    }

    #[pyo3(signature = (is_resting, /))]
    fn rest(&mut self, is_resting: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_resting = arguments::flag("is_resting", is_resting)?;
        self.outgoing.rest(is_resting);
        Ok(())
    }

    #[getter]
    fn free_at(&self) -> f64 {
        self.outgoing.free_at()
    }

    #[getter]
    fn connection_frames(&self) -> u64 {
        self.outgoing.connection()
    }

    /// Messages, frames, frames of these that were repeated, and of silence.
    fn counts(&self) -> (u64, u64, u64, u64) {
        let counts = self.outgoing.counts();
        (
            counts.messages,
            counts.sent,
            counts.repeated,
            counts.silence,
        )
    }

    // What is held

    #[pyo3(signature = (position, run_up = Given::default()), text_signature = "($self, position, run_up=0)")]
    fn acknowledge(&mut self, position: &Bound<'_, PyAny>, run_up: Given<'_>) -> PyResult<()> {
        let position = arguments::frames("position", position)?;
        let run_up = run_up.or(0, |run_up| arguments::frames("run_up", run_up))?;
        self.outgoing.ring_mut().acknowledge(position, run_up);
        Ok(())
    }

    #[pyo3(signature = (*, replaced = Given::default()), text_signature = "($self, *, replaced=False)")]
    fn rewind(&mut self, replaced: Given<'_>) -> PyResult<u64> {
        let replaced = replaced.or(false, |flag| arguments::flag("replaced", flag))?;
        Ok(self.outgoing.ring_mut().rewind(replaced))
    }

    #[pyo3(signature = (until = None))]
    fn give_up_repeats(&mut self, until: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        let until = until.map_or(Ok(u64::MAX), |until| arguments::frames("until", until))?;
        Ok(self.outgoing.ring_mut().give_up_repeats(until))
    }

    fn overdrawn_frames(&self) -> u64 {
        self.outgoing.ring().overdrawn()
    }

    fn unanswered_frames(&self) -> u64 {
        self.outgoing.ring().unanswered_frames()
    }

    fn fork(&self) -> Self {
        Self {
            outgoing: self.outgoing.fork(),
            converter: Converter::Whole,
        }
    }

    #[getter]
    fn end(&self) -> u64 {
        self.outgoing.ring().end()
    }

    #[getter]
    fn acknowledged(&self) -> u64 {
        self.outgoing.ring().acknowledged()
    }

    #[getter]
    fn next_position(&self) -> u64 {
        self.outgoing.ring().next_position()
    }

    #[getter]
    fn waiting(&self) -> usize {
        self.outgoing.ring().waiting()
    }

    #[getter]
    fn queued_frames(&self) -> u64 {
        self.outgoing.ring().queued()
    }

    #[getter]
    fn kept_frames(&self) -> u64 {
        self.outgoing.ring().kept()
    }

    #[getter]
    fn is_unanswered(&self) -> bool {
        self.outgoing.ring().is_unanswered()
    }
}
