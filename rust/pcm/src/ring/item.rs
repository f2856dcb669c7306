//! What a ring holds, and how much of it.

/// Bounds of a ring, in frames.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one frame, at least 1.
    pub frame_bytes: usize,
    /// Of what waits.
    pub queue: u64,
    /// Of what is kept for a replay.
    pub replay: u64,
}

/// A message, or a flush, which has no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Where it begins.
    pub start: u64,
    /// Its length; 0 for a flush.
    pub frames: u64,
    /// Whether it was sent before.
    pub is_repeat: bool,
}

impl Item {
    pub(super) fn flush(start: u64) -> Self {
        Self {
            start,
            frames: 0,
            is_repeat: false,
        }
    }

    /// True for a flush.
    #[must_use]
    pub fn is_flush(&self) -> bool {
        self.frames == 0
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.frames
    }

    /// How much of it lies behind a position.
    pub(super) fn beyond(&self, position: u64) -> u64 {
        self.end().saturating_sub(self.start.max(position))
    }
}
