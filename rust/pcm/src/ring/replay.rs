//! What was sent: acknowledged, forgotten, or put back in front of what waits.

use std::collections::VecDeque;

use super::{Item, Ring, signed};

/// How often unacknowledged audio may be sent again.
const MOST_RESENT: i64 = 3;
/// Items for which memory is kept while there are none.
const SPARE_ITEMS: usize = 32;

impl Ring {
    /// Record that all audio before `position` has a final result; a replay must begin `run_up` frames earlier.
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

    /// Put needed sent audio before the waiting audio; return how many needed frames were released. If `replaced`,
    /// the connection had not failed, and this repetition does not count.
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

    /// By how many frames the limit on repetition would be exceeded if repeated audio were sent now. The run-up before
    /// unacknowledged audio counts as unacknowledged.
    #[must_use]
    pub fn overdrawn(&self) -> u64 {
        let again: u64 = self.repeats(u64::MAX).map(|item| item.frames).sum();
        let open = self.unanswered_frames() + self.acknowledged - self.needed_from;
        let most = MOST_RESENT * signed(open);
        (self.resent + signed(again) - most).max(0).cast_unsigned()
    }

    /// Drop repeated audio that begins before `until`; return how many of its frames no result acknowledges.
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

    /// Frames, sent or not, that no result acknowledges, without those counted as dropped.
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

    fn repeats(&self, until: u64) -> impl Iterator<Item = &Item> {
        self.items
            .range(self.sent_items..)
            .filter(move |item| item.is_repeat && item.start < until)
    }

    /// Release memory that the lists of items do not need now; the audio releases its own.
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
        // All audio that is not needed lies before the needed audio, at the front of the bytes.
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

    /// Release audio that no replay needs, then the oldest beyond the bound.
    pub(super) fn forget(&mut self) {
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
}
