//! After it is made a pipeline never allocates, whatever is pushed; a ring allocates a block of 8 KiB for as much
//! audio.
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;

use common::Numbers;
use speechwire_pcm::{Bounds, Format, Kernel, Layout, Outgoing, Pipeline};

struct Counting;

thread_local! {
    /// Of this thread: the one that runs the tests allocates when it likes.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Memory) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Memory) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn pushing_does_not_allocate() {
    let pcm = vec![77_u8; 100_000];
    for name in [
        "48000_16000_balanced",
        "16000_48000_balanced",
        "24000_16000_balanced",
    ] {
        let table = Numbers::read(&format!("table_{name}.i32")).table();
        for kernel in Kernel::available() {
            for format in [Format::S16le, Format::Mulaw, Format::Alaw, Format::F32le] {
                let layout = Layout {
                    format,
                    channels: 3,
                    chunk_samples: 160,
                };
                let mut pipeline = Pipeline::new(table.clone(), layout, kernel);
                let before = COUNT.get();
                let mut samples = 0;
                for size in [0, 1, 2, 3, 999, 1920, 100_000] {
                    pipeline.push(&pcm[..size], &mut |chunk| samples += chunk.len());
                }
                pipeline.flush(&mut |chunk| samples += chunk.len());
                pipeline.reset();
                assert_eq!(COUNT.get(), before, "{name}, {}, {format:?}", kernel.name());
                assert!(samples > 0);
            }
        }
    }
}

#[test]
fn a_live_stream_allocates_a_block_at_a_time() {
    let bounds = Bounds {
        frame_bytes: 2,
        queue: 480_000,
        replay: 480_000,
    };
    let mut stream = Outgoing::new(bounds, 16_000);
    stream.open();
    let chunk = vec![1_u8; 3200];
    stream.offer(&chunk, 0.0);
    stream.take(0.0);
    stream.rest(true);
    let mut second = || {
        let before = COUNT.get();
        for _ in 0..10 {
            assert!(stream.offer(&chunk, 0.0));
            stream.pushed(0.0);
        }
        let open = stream.ring().end() - 8_000;
        stream.ring_mut().acknowledge(open, 0);
        COUNT.get() - before
    };
    let seconds: Vec<usize> = (0..20).map(|_| second()).collect();
    assert!(
        seconds[5..].iter().all(|&count| count <= 4),
        "32,000 bytes: {seconds:?}"
    );
}
