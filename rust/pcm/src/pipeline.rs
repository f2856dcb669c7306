//! The whole path: bytes, mono samples, filtered samples, chunks.

use std::sync::Arc;

use crate::format::Format;
use crate::kernel::Kernel;
use crate::polyphase::{INPUT_BLOCK, Polyphase};
use crate::taps::FilterTable;

/// Most interleaved channels.
const MAX_CHANNELS: usize = 32;
/// Bytes of the largest frame.
const MAX_FRAME: usize = MAX_CHANNELS * 4;

/// What the input looks like, and how the output is cut.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Format of the input samples.
    pub format: Format,
    /// Interleaved channels, 1 to 32.
    pub channels: usize,
    /// Samples of one output chunk, at least 1.
    pub chunk_samples: usize,
}

impl Layout {
    fn frame_bytes(&self) -> usize {
        self.channels * self.format.bytes()
    }
}

/// One stream. Allocates when it is made, and never after.
#[derive(Debug)]
pub struct Pipeline {
    layout: Layout,
    polyphase: Polyphase,
    partial: [u8; MAX_FRAME],
    partial_bytes: usize,
    chunk: Vec<i16>,
    chunk_filled: usize,
}

impl Pipeline {
    /// A new stream.
    ///
    /// # Panics
    /// If the layout has no channel, more than 32, or an empty chunk.
    #[must_use]
    pub fn new(table: Arc<FilterTable>, layout: Layout, kernel: Kernel) -> Self {
        assert!(
            (1..=MAX_CHANNELS).contains(&layout.channels),
            "expected 1 to 32 channels"
        );
        assert!(
            layout.chunk_samples > 0,
            "expected a chunk of at least one sample"
        );
        Self {
            layout,
            polyphase: Polyphase::new(table, kernel),
            partial: [0; MAX_FRAME],
            partial_bytes: 0,
            chunk: vec![0; layout.chunk_samples],
            chunk_filled: 0,
        }
    }

    /// The code path in use.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.polyphase.kernel()
    }

    /// Input samples the output lags behind.
    #[must_use]
    pub fn look_ahead(&self) -> usize {
        self.polyphase.table().look_ahead()
    }

    /// True if outputs lie between the table's rows.
    #[must_use]
    pub fn is_interpolated(&self) -> bool {
        self.polyphase.table().is_interpolated()
    }

    /// Samples of one chunk.
    #[must_use]
    pub fn chunk_samples(&self) -> usize {
        self.layout.chunk_samples
    }

    /// Bytes kept of an incomplete frame.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.partial_bytes
    }

    /// Take any number of bytes; every chunk that becomes complete goes to `sink`.
    pub fn push(&mut self, mut pcm: &[u8], sink: &mut dyn FnMut(&[i16])) {
        let frame = self.layout.frame_bytes();
        if self.partial_bytes > 0 {
            let missing = (frame - self.partial_bytes).min(pcm.len());
            self.partial[self.partial_bytes..][..missing].copy_from_slice(&pcm[..missing]);
            self.partial_bytes += missing;
            pcm = &pcm[missing..];
            if self.partial_bytes < frame {
                return;
            }
            self.partial_bytes = 0;
            let partial = self.partial;
            self.push_frames(&partial[..frame], sink);
        }
        let (whole, rest) = pcm.split_at(pcm.len() - pcm.len() % frame);
        self.push_frames(whole, sink);
        self.partial[..rest.len()].copy_from_slice(rest);
        self.partial_bytes = rest.len();
    }

    /// End the stream: the filter's tail, then the last chunk, which may be shorter. The pipeline is then as new.
    pub fn flush(&mut self, sink: &mut dyn FnMut(&[i16])) {
        let mut tail = self.look_ahead();
        while tail > 0 {
            let count = tail.min(INPUT_BLOCK);
            self.polyphase.room(count).fill(0);
            self.render(count, sink);
            tail -= count;
        }
        if self.chunk_filled > 0 {
            sink(&self.chunk[..self.chunk_filled]);
        }
        self.reset();
    }

    /// As [`Self::flush`], but keep an incomplete frame, whose other bytes may come.
    pub fn flush_whole(&mut self, sink: &mut dyn FnMut(&[i16])) {
        let partial_bytes = self.partial_bytes;
        self.flush(sink);
        self.partial_bytes = partial_bytes;
    }

    /// Drop all state without output; the pipeline is then as new.
    pub fn reset(&mut self) {
        self.polyphase.reset();
        self.partial_bytes = 0;
        self.chunk_filled = 0;
    }

    fn push_frames(&mut self, frames: &[u8], sink: &mut dyn FnMut(&[i16])) {
        let frame = self.layout.frame_bytes();
        for block in frames.chunks(INPUT_BLOCK * frame) {
            let count = block.len() / frame;
            let kernel = self.polyphase.kernel();
            kernel.downmix(
                self.layout.format,
                self.layout.channels,
                block,
                self.polyphase.room(count),
            );
            self.render(count, sink);
        }
    }

    /// Filter what has just been written into the history, straight into the chunk.
    fn render(&mut self, count: usize, sink: &mut dyn FnMut(&[i16])) {
        self.polyphase.commit(count);
        let mut ready = self.polyphase.ready();
        while ready > 0 {
            let room = &mut self.chunk[self.chunk_filled..];
            let count = ready.min(room.len());
            self.polyphase.render(&mut room[..count]);
            ready -= count;
            self.chunk_filled += count;
            if self.chunk_filled == self.chunk.len() {
                sink(&self.chunk);
                self.chunk_filled = 0;
            }
        }
    }
}
