//! Audio as it is, in chunks of one length.

/// Gathers bytes of any number into chunks. Holds less than a chunk, and no memory before the first byte.
#[derive(Debug, Clone)]
pub struct Chunker {
    frame_bytes: usize,
    chunk_bytes: usize,
    held: Vec<u8>,
}

impl Chunker {
    /// Chunks of whole frames.
    ///
    /// # Panics
    /// If a frame has no bytes, or a chunk is not made of frames.
    #[must_use]
    pub fn new(frame_bytes: usize, chunk_bytes: usize) -> Self {
        assert!(
            frame_bytes > 0 && chunk_bytes > 0 && chunk_bytes.is_multiple_of(frame_bytes),
            "expected chunks of whole frames"
        );
        Self {
            frame_bytes,
            chunk_bytes,
            held: Vec::new(),
        }
    }

    /// Take bytes, and give every chunk that is full to `sink`, in two parts.
    pub fn push(&mut self, mut pcm: &[u8], sink: &mut impl FnMut(&[u8], &[u8])) {
        let missing = self.chunk_bytes - self.held.len();
        if pcm.len() < missing {
            self.held.extend_from_slice(pcm);
            return;
        }
        let first;
        (first, pcm) = pcm.split_at(missing);
        sink(&self.held, first);
        self.held.clear();
        let chunks = pcm.chunks_exact(self.chunk_bytes);
        let rest = chunks.remainder();
        for chunk in chunks {
            sink(chunk, &[]);
        }
        self.held.extend_from_slice(rest);
    }

    /// Take out what is left in whole frames; the rest of a frame stays.
    pub fn flush_whole(&mut self) -> Vec<u8> {
        let whole = self.held.len() - self.held.len() % self.frame_bytes;
        let rest = self.held.split_off(whole);
        std::mem::replace(&mut self.held, rest)
    }

    /// Take out what is left, a last frame filled up with zeros.
    pub fn flush(&mut self) -> Vec<u8> {
        let mut left = std::mem::take(&mut self.held);
        left.resize(left.len().next_multiple_of(self.frame_bytes), 0);
        left
    }
}
