//! What a ring holds, and how much of it.

/// Bounds of a ring, in frames.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one frame, at least 1.
    pub frame_bytes: usize,
    /// The most frames that wait.
    pub queue: u64,
    /// The most sent frames that are kept for a replay.
    pub replay: u64,
}

/// A message, or a flush, which has no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Position of its first frame.
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

    /// Position after its last frame.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.frames
    }

    /// How many of its frames lie after a position.
    pub(super) fn beyond(&self, position: u64) -> u64 {
        self.end().saturating_sub(self.start.max(position))
    }
}
