//! One call for many pipelines: detached, and on all cores.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;
use speechwire_pcm as pcm;

use crate::buffer::Bytes;
use crate::pipeline::{DETACH_BYTES, NativePipeline, gather, to_list};
use crate::pool::Pool;

/// Long enough that taking them costs nothing beside, short enough that nobody waits long for the last.
const JOBS_AT_ONCE: usize = 8;

/// One pipeline's part of the work.
struct Job<'a> {
    pipeline: &'a mut pcm::Pipeline,
    pcm: &'a [u8],
    samples: Vec<i16>,
}

/// Push one frame into each pipeline. None if not all pipelines are native: then nothing has been pushed, nor if a
/// frame is refused.
#[pyfunction]
pub(crate) fn push_many<'py>(
    py: Python<'py>,
    pipelines: &Bound<'py, PyAny>,
    frames: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let Ok(pipelines) = pipelines.extract::<Vec<Bound<'py, NativePipeline>>>() else {
        return Ok(None);
    };
    let frames = frames
        .try_iter()?
        .map(|frame| Bytes::get(&frame?))
        .collect::<PyResult<Vec<_>>>()?;
    let total: usize = frames.iter().map(|frame| frame.as_slice().len()).sum();
    let is_large = total >= DETACH_BYTES && pipelines.len() > 1;
    if is_large && let Some(lists) = push_together(py, &pipelines, &frames)? {
        return Ok(Some(lists));
    }
    let lists = PyList::empty(py);
    for (pipeline, frame) in pipelines.iter().zip(&frames) {
        lists.append(pipeline.get().push_attached(py, frame.as_slice())?)?;
    }
    Ok(Some(lists))
}

/// None if a pipeline is taken, by another thread or by its own second place in the list: then only one by one,
/// in order, is right.
fn push_together<'py>(
    py: Python<'py>,
    pipelines: &[Bound<'py, NativePipeline>],
    frames: &[Bytes<'py>],
) -> PyResult<Option<Bound<'py, PyList>>> {
    let guards: Option<Vec<_>> = pipelines
        .iter()
        .map(|pipeline| pipeline.get().try_lock())
        .collect();
    let Some(mut guards) = guards else {
        return Ok(None);
    };
    let stable: Vec<Cow<'_, [u8]>> = frames.iter().map(Bytes::as_stable).collect();
    let jobs = guards.iter_mut().zip(&stable);
    let mut jobs: Vec<Job<'_>> = jobs
        .map(|(guard, pcm)| Job {
            pipeline: &mut *guard,
            pcm,
            samples: Vec::new(),
        })
        .collect();
    let pool = Pool::get();
    py.detach(|| work(&mut jobs, pool));
    let samples: Vec<(Vec<i16>, usize)> = jobs
        .into_iter()
        .map(|job| (job.samples, job.pipeline.chunk_samples()))
        .collect();
    drop(guards); // before any list is made, which can run any code
    let lists = PyList::empty(py);
    samples
        .iter()
        .try_for_each(|(samples, chunk)| lists.append(to_list(py, samples, *chunk)?))?;
    Ok(Some(lists))
}

/// Jobs are taken a few at a time by whoever is free.
fn work(jobs: &mut [Job<'_>], pool: &Pool) {
    let queue = Mutex::new(jobs.chunks_mut(JOBS_AT_ONCE));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    pool.run(&|| {
        while let Some(jobs) = next() {
            for job in jobs {
                job.samples = gather(job.pipeline, job.pcm);
            }
        }
    });
}
