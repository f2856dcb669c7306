//! The audio of a stream, from the push until a result acknowledges it.
//!
//! One ring of bytes holds what was sent and may have to be sent again, and behind it what waits. Positions are
//! frames since the stream began, as the caller pushed them. Items are messages and flushes, in the order of their
//! positions; a cursor parts those that were sent from those that wait:
//!
//! - *waiting*: behind the cursor; a bound drops the oldest, which is counted at once;
//! - *sent*: before the cursor, until a result *acknowledges* it or the bound for replays lets it go: that only
//!   matters if the connection then dies, so it is *forgotten* and counted then;
//! - a rewind moves the cursor back to what is *needed*: what is not acknowledged, and a run-up to it.
//!
//! As long as no connection gets further, what is sent again comes to three times what is open at most. What is sent
//! again because a connection was replaced that had not failed does not count.

use std::collections::VecDeque;
use std::ops::Range;

use crate::blocks::Blocks;

/// How often what is open may be sent again.
const MOST_RESENT: i64 = 3;
/// Items for which there is room though there are none.
const SPARE_ITEMS: usize = 32;

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
    fn flush(start: u64) -> Self {
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
    fn beyond(&self, position: u64) -> u64 {
        self.end().saturating_sub(self.start.max(position))
    }
}

/// A bounded ring of audio and flushes that can be rewound.
#[derive(Debug, Clone)]
pub struct Ring {
    bounds: Bounds,
    bytes: Blocks,
    items: VecDeque<Item>,
    /// The cursor: so many items were sent.
    sent_items: usize,
    kept: u64,
    queued: u64,
    end: u64,
    acknowledged: u64,
    needed_from: u64,
    /// Of what is needed; below zero while the replacement of a connection allows more.
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

    /// Position up to which results will not change.
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

    /// Whether at most half of its bound waits.
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

    /// Up to where audio has been sent.
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

    /// Queue whole frames; returns how many older ones, or of their own head, were dropped to make room.
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

    /// Count whole frames as sent that are handed to a connection in this moment; only while nothing waits.
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

    /// Ask for a flush behind the audio pushed so far; one behind the same audio is one.
    pub fn mark_flush(&mut self) {
        if self.waiting() == 0 || !self.items.back().is_some_and(Item::is_flush) {
            self.items.push_back(Item::flush(self.end));
        }
    }

    /// Count the next thing as sent.
    pub fn take(&mut self) -> Option<Item> {
        let item = self.next()?;
        let follows_flush = self.sent_items > 0 && self.items[self.sent_items - 1].is_flush();
        if item.is_flush() && follows_flush {
            self.items.remove(self.sent_items);
            return Some(item); // one behind the same audio is one
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

    /// Say that everything before `position` has a result that will not change; a replay must begin a run-up earlier.
    pub fn acknowledge(&mut self, position: u64, run_up: u64) {
        let position = position.min(self.end);
        self.acknowledged = self.acknowledged.max(position);
        let needed = self.end - self.needed_from;
        self.needed_from = self.needed_from.max(position.saturating_sub(run_up));
        let resent = self.resent * signed(self.end - self.needed_from);
        self.resent = resent
            .checked_div_euclid(signed(needed))
            .unwrap_or(self.resent);
        while let Some(first) = self.forgotten.front_mut()
            && first.start < self.acknowledged
        {
            first.start = self.acknowledged;
            if !first.is_empty() {
                break;
            }
            self.forgotten.pop_front();
        }
        self.forget();
        self.give_back();
    }

    /// Put what was sent and is needed back in front of what waits; returns the frames that are needed and were
    /// released. If a connection was `replaced` that had not failed, this repeat does not count.
    pub fn rewind(&mut self, replaced: bool) -> u64 {
        let queued = self.queued;
        let lost = self
            .forgotten
            .drain(..)
            .map(|gap| gap.end - gap.start)
            .sum();
        let sent: Vec<Item> = self.items.drain(..self.sent_items).collect();
        self.sent_items = 0;
        self.queued += self.kept;
        self.kept = 0;
        for item in sent.into_iter().rev() {
            self.requeue(item);
        }
        if replaced {
            self.resent -= signed(self.queued - queued);
        }
        lost
    }

    /// How much more would be sent again than may be, if it were sent now; the run-up to what is open counts as open.
    #[must_use]
    pub fn overdrawn(&self) -> u64 {
        let again: u64 = self.repeats(u64::MAX).map(|item| item.frames).sum();
        let open = self.unanswered_frames() + self.acknowledged - self.needed_from;
        let most = MOST_RESENT * signed(open);
        (self.resent + signed(again) - most).max(0).cast_unsigned()
    }

    /// Send nothing again that was sent before and begins before `until`; returns the frames of it that no result
    /// acknowledges.
    pub fn give_up_repeats(&mut self, until: u64) -> u64 {
        let lost = self
            .repeats(until)
            .map(|item| item.beyond(self.acknowledged))
            .sum();
        let frames: u64 = self.repeats(until).map(|item| item.frames).sum();
        let begin = self.size(self.kept);
        self.bytes.remove(begin..begin + self.size(frames));
        self.queued -= frames;
        self.resent = 0;
        let waiting: Vec<Item> = self.items.drain(self.sent_items..).collect();
        for item in waiting {
            let beside = self.waiting() > 0 && self.items.back().is_some_and(Item::is_flush);
            let given_up = item.is_repeat && item.start < until;
            if !(given_up || item.is_flush() && beside) {
                self.items.push_back(item);
            }
        }
        lost
    }

    /// Whether there is audio that no result acknowledges.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        let last = self.items.iter().rev().find(|item| !item.is_flush());
        !self.forgotten.is_empty() || last.is_some_and(|item| item.end() > self.acknowledged)
    }

    /// Frames, sent or not, that no result acknowledges; what was dropped is not counted again.
    #[must_use]
    pub fn unanswered_frames(&self) -> u64 {
        let held: u64 = self
            .items
            .iter()
            .map(|item| item.beyond(self.acknowledged))
            .sum();
        let gaps: u64 = self.forgotten.iter().map(|gap| gap.end - gap.start).sum();
        held + gaps
    }

    fn frames(&self, pcm: &[u8]) -> u64 {
        (pcm.len() / self.bounds.frame_bytes) as u64
    }

    #[allow(clippy::cast_possible_truncation)] // it is the size of something held
    fn size(&self, frames: u64) -> usize {
        frames as usize * self.bounds.frame_bytes
    }

    fn repeats(&self, until: u64) -> impl Iterator<Item = &Item> {
        self.items
            .range(self.sent_items..)
            .filter(move |item| item.is_repeat && item.start < until)
    }

    /// Release memory that the accounts do not need now; the audio's goes with it.
    fn give_back(&mut self) {
        let items = self.items.len();
        if self.items.capacity() > SPARE_ITEMS + 4 * items {
            self.items.shrink_to(2 * items);
        }
        if self.forgotten.is_empty() {
            self.forgotten = VecDeque::new();
        }
    }

    fn requeue(&mut self, mut item: Item) {
        if item.is_flush() {
            let beside = self.items.front().is_some_and(Item::is_flush);
            if item.start > self.acknowledged && !beside {
                self.items.push_front(item);
            }
            return;
        }
        // Of what is not needed, nothing lies behind what is: it is at the front of the bytes.
        let skip = self.needed_from.saturating_sub(item.start).min(item.frames);
        self.bytes.release(self.size(skip));
        self.queued -= skip;
        item.start += skip;
        item.frames -= skip;
        item.is_repeat = true;
        if item.frames > 0 {
            self.items.push_front(item);
        }
    }

    /// Release what no replay needs, then the oldest beyond the bound.
    fn forget(&mut self) {
        while self.sent_items > 0
            && let Some(&item) = self.items.front()
            && (item.end() <= self.needed_from || self.kept > self.bounds.replay)
        {
            self.items.pop_front();
            self.bytes.release(self.size(item.frames));
            self.sent_items -= 1;
            self.kept -= item.frames;
            self.keep_nothing_of(item);
        }
    }

    fn keep_nothing_of(&mut self, item: Item) {
        if item.beyond(self.acknowledged) == 0 {
            return;
        }
        let start = item.start.max(self.acknowledged);
        match self.forgotten.back_mut() {
            Some(last) if last.end == start => last.end = item.end(),
            _ => self.forgotten.push_back(start..item.end()),
        }
    }

    /// Drop the oldest that waits beyond the bound; of the flushes before it one stays.
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

/// Frames of a stream of centuries fit.
fn signed(frames: u64) -> i64 {
    frames.cast_signed()
}
