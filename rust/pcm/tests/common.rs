//! What the tests share: tables, noise, and the specification written the slow way.
#![allow(
    dead_code,
    missing_docs,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use speechwire_pcm::{FilterTable, Format, Kernel, Layout, Pipeline, TableError};

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name)
}

/// A table as numbers.
#[derive(Debug, Clone)]
pub struct Numbers {
    pub up: usize,
    pub down: usize,
    pub phases: usize,
    pub center: usize,
    pub shift: u32,
    pub taps: Vec<i32>,
}

impl Numbers {
    /// A table among the golden vectors: up, down, taps of a row, center, shift, then the taps.
    pub fn read(name: &str) -> Self {
        let bytes = std::fs::read(golden(name)).expect("a golden table");
        let values: Vec<i32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&value| i32::from_le_bytes(value))
            .collect();
        let size = |index: usize| usize::try_from(values[index]).expect("a size");
        let shift = u32::try_from(values[4]).expect("a shift");
        Self {
            up: size(0),
            down: size(1),
            phases: size(0),
            center: size(3),
            shift,
            taps: values[5..].to_vec(),
        }
    }

    pub fn made(&self) -> Result<FilterTable, TableError> {
        let Self {
            up, down, phases, ..
        } = *self;
        FilterTable::new(up, down, phases, &self.taps, self.center, self.shift)
    }

    pub fn table(&self) -> Arc<FilterTable> {
        Arc::new(self.made().expect("a valid table"))
    }

    /// All outputs for a mono stream, each by its definition, in 128 bits.
    pub fn specification(&self, mono: &[i16]) -> Vec<i16> {
        let count = (mono.len() * self.up).div_ceil(self.down);
        (0..count)
            .map(|output| {
                let (n, phase) = (output * self.down / self.up, output * self.down % self.up);
                let (sum, shift) = if self.phases == self.up {
                    (self.sum(mono, n, phase), self.shift)
                } else {
                    let fine = ((phase * self.phases) << 15) / self.up;
                    let (row, weight) = (fine >> 15, (fine % (1 << 15)) as i128);
                    let (lower, upper) = (self.sum(mono, n, row), self.sum(mono, n, row + 1));
                    (
                        lower * ((1 << 15) - weight) + upper * weight,
                        self.shift + 15,
                    )
                };
                let rounded = (sum + ((1 << shift) >> 1)) >> shift;
                i16::try_from(rounded.clamp(i16::MIN.into(), i16::MAX.into())).expect("16 bits")
            })
            .collect()
    }

    /// The products of one row with the window around input sample `n`.
    fn sum(&self, mono: &[i16], n: usize, row: usize) -> i128 {
        let rows = if self.phases == self.up {
            self.up
        } else {
            self.phases + 1
        };
        let n_taps = self.taps.len() / rows;
        let taps = self.taps[row * n_taps..][..n_taps].iter();
        taps.enumerate()
            .map(|(k, &tap)| {
                let index = (n + k).checked_sub(self.center);
                let sample = index.and_then(|index| mono.get(index));
                i128::from(tap) * sample.map_or(0, |&sample| i128::from(sample))
            })
            .sum()
    }
}

pub fn mono_layout() -> Layout {
    Layout {
        format: Format::S16le,
        channels: 1,
        chunk_samples: 333,
    }
}

pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// Push the pieces, flush, and join the chunks.
pub fn convert(
    table: &Arc<FilterTable>,
    layout: Layout,
    kernel: Kernel,
    pieces: &[&[u8]],
) -> Vec<i16> {
    let mut pipeline = Pipeline::new(Arc::clone(table), layout, kernel);
    let mut out = Vec::new();
    for piece in pieces {
        pipeline.push(piece, &mut |chunk| out.extend_from_slice(chunk));
    }
    pipeline.flush(&mut |chunk| out.extend_from_slice(chunk));
    out
}
