//! Time of one 20 ms stereo frame, on every code path of this machine: `cargo bench -p speechwire-pcm`.
#![allow(missing_docs)] // what criterion's macros define

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use speechwire_pcm::{FilterTable, Format, Kernel, Layout, Pipeline};

const FRAME: usize = 960;

/// A table among the golden vectors: five integers, then the taps.
fn table(name: &str) -> Arc<FilterTable> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name);
    let bytes = std::fs::read(path).expect("the golden vectors are in the tree");
    let values: Vec<i32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|&value| i32::from_le_bytes(value))
        .collect();
    let [up, down, _, center, shift] = values[..5] else {
        panic!("a table has five integers before its taps")
    };
    let (up, down, center) = (
        up.unsigned_abs() as usize,
        down.unsigned_abs() as usize,
        center.unsigned_abs() as usize,
    );
    Arc::new(
        FilterTable::new(up, down, up, &values[5..], center, shift.unsigned_abs())
            .expect("a valid table"),
    )
}

/// A frame of full-scale noise.
fn noise(channels: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()
    };
    (0..FRAME * channels)
        .flat_map(|_| [next()[2], next()[3]])
        .collect()
}

fn frames(criterion: &mut Criterion) {
    let pcm = noise(2);
    for quality in ["fast", "balanced", "best"] {
        let table = table(&format!("table_48000_16000_{quality}.i32"));
        let mut group = criterion.benchmark_group(format!("48000x2-16000-{quality}"));
        group.throughput(Throughput::Elements(FRAME as u64));
        for kernel in Kernel::available() {
            let layout = Layout {
                format: Format::S16le,
                channels: 2,
                chunk_samples: 1600,
            };
            let mut pipeline = Pipeline::new(Arc::clone(&table), layout, kernel);
            group.bench_function(kernel.name(), |bencher| {
                bencher.iter(|| {
                    pipeline.push(black_box(&pcm), &mut |chunk| _ = black_box(chunk.len()));
                });
            });
        }
        group.finish();
    }
}

fn formats(criterion: &mut Criterion) {
    let table = table("table_48000_16000_balanced.i32");
    let mut group = criterion.benchmark_group("48000x1-16000-balanced-formats");
    for format in [Format::S16le, Format::Mulaw, Format::Alaw, Format::F32le] {
        let pcm = noise(2)[..FRAME * format.bytes().min(4)].to_vec();
        let layout = Layout {
            format,
            channels: 1,
            chunk_samples: 1600,
        };
        let mut pipeline = Pipeline::new(Arc::clone(&table), layout, Kernel::fastest());
        group.bench_function(format!("{format:?}"), |bencher| {
            bencher.iter(|| {
                pipeline.push(black_box(&pcm), &mut |chunk| _ = black_box(chunk.len()));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, frames, formats);
criterion_main!(benches);
