//! The audio of a stream, from the push until a result acknowledges it.
//!
//! One ring of bytes holds the audio that was sent and may be sent again, then the audio that waits. Positions are
//! frames since the stream began, as the caller pushed them. Items are messages and flushes, in the order of their
//! positions. A cursor separates those that were sent from those that wait:
//!
//! - *waiting*: after the cursor. Beyond a bound the oldest audio is dropped, and counted at once.
//! - *sent*: before the cursor. It is kept until a result *acknowledges* it. Beyond the bound for replays the oldest
//!   is *forgotten*. It is counted as lost only if the connection then fails.
//! - A rewind moves the cursor back to the audio that is *needed*: what is not acknowledged, and a run-up to it.
//!
//! While no connection gets further, at most three times as much is sent again as is not acknowledged. Repetition
//! does not count where a connection was replaced that had not failed.

use std::collections::VecDeque;
use std::ops::Range;

use crate::blocks::Blocks;

mod item;
mod replay;

pub use item::{Bounds, Item};

/// A bounded ring of audio and flushes that can be rewound.
#[derive(Debug, Clone)]
pub struct Ring {
    bounds: Bounds,
    bytes: Blocks,
    items: VecDeque<Item>,
    /// The cursor: the number of items that were sent.
    sent_items: usize,
    kept: u64,
    queued: u64,
    end: u64,
    acknowledged: u64,
    needed_from: u64,
    /// Frames sent again, averaged; below zero while the replacement of a connection allows more.
    resent: i64,
    /// Sent, not acknowledged, no longer kept.
    forgotten: VecDeque<Range<u64>>,
}

impl Ring {
    /// An empty ring, which holds no memory.
    ///
    /// # Panics
    /// If a frame has no bytes.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        assert!(
            bounds.frame_bytes > 0,
            "expected frames of at least one byte"
        );
        Self {
            bounds,
            bytes: Blocks::default(),
            items: VecDeque::new(),
            sent_items: 0,
            kept: 0,
            queued: 0,
            end: 0,
            acknowledged: 0,
            needed_from: 0,
            resent: 0,
            forgotten: VecDeque::new(),
        }
    }

    /// Position after the last frame pushed.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Position up to which results are final.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Frames that wait to be sent.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Frames that were sent and are kept.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Messages and flushes that wait to be sent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.items.len() - self.sent_items
    }

    /// Whether at most half of the frames that may wait do.
    #[must_use]
    pub fn is_half_empty(&self) -> bool {
        2 * self.queued <= self.bounds.queue
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.items.capacity() * size_of::<Item>()
            + self.forgotten.capacity() * size_of::<Range<u64>>()
    }

    /// The next thing to send.
    #[must_use]
    pub fn next(&self) -> Option<Item> {
        self.items.get(self.sent_items).copied()
    }

    /// The position up to which audio has been sent.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.next().map_or(self.end, |item| item.start)
    }

    /// How many bytes [`Self::next`] has.
    #[must_use]
    pub fn next_size(&self) -> usize {
        self.next().map_or(0, |item| self.size(item.frames))
    }

    /// These bytes, in parts.
    pub fn next_parts(&self) -> impl Iterator<Item = &[u8]> {
        let begin = self.size(self.kept);
        self.bytes.parts(begin..begin + self.next_size())
    }

    /// Queue whole frames; return how many of the oldest frames were dropped to make room.
    pub fn append(&mut self, pcm: &[u8]) -> u64 {
        let frames = self.frames(pcm);
        if frames == 0 {
            return 0; // an item without frames is a flush
        }
        let head = frames.saturating_sub(self.bounds.queue);
        self.bytes.push(&pcm[self.size(head)..]);
        self.items.push_back(Item {
            start: self.end + head,
            frames: frames - head,
            is_repeat: false,
        });
        self.end += frames;
        self.queued += frames - head;
        head + self.drop_overflow()
    }

    /// Record whole frames as sent that go to a connection now. Only while nothing waits.
    pub fn pass_on(&mut self, pcm: &[u8]) {
        debug_assert!(self.waiting() == 0);
        let frames = self.frames(pcm);
        let item = Item {
            start: self.end,
            frames,
            is_repeat: false,
        };
        self.end += frames;
        self.bytes.push(pcm);
        self.items.push_back(item);
        self.sent_items += 1;
        self.kept += frames;
        if self.kept > self.bounds.replay {
            self.forget();
        }
    }

    /// Queue a flush after the audio pushed so far; two flushes after the same audio count as one.
    pub fn mark_flush(&mut self) {
        if self.waiting() == 0 || !self.items.back().is_some_and(Item::is_flush) {
            self.items.push_back(Item::flush(self.end));
        }
    }

    /// Return the next item, and record it as sent.
    pub fn take(&mut self) -> Option<Item> {
        let item = self.next()?;
        let follows_flush = self.sent_items > 0 && self.items[self.sent_items - 1].is_flush();
        if item.is_flush() && follows_flush {
            self.items.remove(self.sent_items);
            return Some(item); // two flushes after the same audio count as one
        }
        self.sent_items += 1;
        self.queued -= item.frames;
        self.kept += item.frames;
        if item.is_repeat {
            self.resent += signed(item.frames);
        }
        if self.kept > self.bounds.replay {
            self.forget();
        }
        Some(item)
    }

    fn frames(&self, pcm: &[u8]) -> u64 {
        (pcm.len() / self.bounds.frame_bytes) as u64
    }

    #[allow(clippy::cast_possible_truncation)] // it is the size of something held
    fn size(&self, frames: u64) -> usize {
        frames as usize * self.bounds.frame_bytes
    }

    /// Drop the oldest waiting audio beyond the bound; keep one of the flushes before it.
    fn drop_overflow(&mut self) -> u64 {
        let (mut dropped, mut is_marked) = (0, false);
        while let excess = self.queued.saturating_sub(self.bounds.queue)
            && excess > 0
        {
            let item = &mut self.items[self.sent_items];
            if item.is_flush() {
                is_marked = true;
                self.items.remove(self.sent_items);
                continue;
            }
            let gone = Item {
                frames: excess.min(item.frames),
                ..*item
            };
            item.start += gone.frames;
            item.frames -= gone.frames;
            if item.frames == 0 {
                self.items.remove(self.sent_items);
            }
            let begin = self.size(self.kept);
            self.bytes.remove(begin..begin + self.size(gone.frames));
            self.queued -= gone.frames;
            dropped += gone.beyond(self.acknowledged);
        }
        if is_marked && let Some(next) = self.next().filter(|next| !next.is_flush()) {
            self.items.insert(self.sent_items, Item::flush(next.start));
        }
        dropped
    }
}

/// A stream of centuries has fewer frames.
fn signed(frames: u64) -> i64 {
    frames.cast_signed()
}
