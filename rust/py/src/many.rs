//! One call for many pipelines: detached, and on all cores.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use rayon_core::{ThreadPool, ThreadPoolBuilder};
use speechwire_pcm as pcm;

use crate::buffer::Bytes;
use crate::pipeline::{DETACH_BYTES, NativePipeline, gather, to_list};

/// One pipeline's part of the work.
struct Job<'a> {
    pipeline: &'a mut pcm::Pipeline,
    pcm: &'a [u8],
    samples: Vec<i16>,
}

/// Push one frame into each pipeline, all native. If a frame is refused, nothing is pushed.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // what PyO3 extracts into
pub(crate) fn push_many<'py>(
    py: Python<'py>,
    pipelines: Vec<Bound<'py, NativePipeline>>,
    frames: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let frames = frames
        .iter()
        .map(Bytes::get)
        .collect::<PyResult<Vec<_>>>()?;
    let total: usize = frames.iter().map(|frame| frame.as_slice().len()).sum();
    let is_large = total >= DETACH_BYTES && pipelines.len() > 1;
    if is_large && let Some(lists) = push_together(py, &pipelines, &frames)? {
        return Ok(lists);
    }
    let lists = PyList::empty(py);
    for (pipeline, frame) in pipelines.iter().zip(&frames) {
        lists.append(pipeline.get().push_attached(py, frame.as_slice())?)?;
    }
    Ok(lists)
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
    let pool = pool()?;
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

/// Equal parts to all threads, one of them the caller's.
fn work(jobs: &mut [Job<'_>], pool: &ThreadPool) {
    let part = jobs.len().div_ceil(pool.current_num_threads() + 1);
    let run = |jobs: &mut [Job<'_>]| {
        for job in jobs {
            job.samples = gather(job.pipeline, job.pcm);
        }
    };
    let (own, others) = jobs.split_at_mut(part);
    pool.in_place_scope(|scope| {
        for jobs in others.chunks_mut(part) {
            scope.spawn(move |_| run(jobs));
        }
        run(own);
    });
}

/// The threads, started when first needed, and again in a forked child, which has none of its parent's.
fn pool() -> PyResult<&'static ThreadPool> {
    static POOL: Mutex<Option<(u32, &'static ThreadPool)>> = Mutex::new(None);
    // Taken and left while attached, so that no fork from Python can find it taken.
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    match *pool {
        Some((process, threads)) if process == std::process::id() => Ok(threads),
        _ => {
            let others = available_parallelism()
                .map_or(1, NonZero::get)
                .saturating_sub(1)
                .max(1);
            let threads = ThreadPoolBuilder::new()
                .num_threads(others)
                .thread_name(|n| format!("speechwire-{n}"));
            let threads = threads
                .build()
                .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            let threads: &'static ThreadPool = Box::leak(Box::new(threads));
            *pool = Some((std::process::id(), threads));
            Ok(threads)
        }
    }
}
