//! A queue of bytes in blocks of one size. It holds at most one block more than its bytes need, does not move bytes
//! to grow, and returns blocks for other streams to use.

use std::collections::VecDeque;
use std::ops::Range;

/// A quarter of a second of 16 kHz mono.
const BLOCK_BYTES: usize = 8192;

/// Bytes, taken in at the end and released at the front.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    /// All blocks except the last are full.
    held: VecDeque<Vec<u8>>,
    /// Offset of the first byte in the first block.
    begin: usize,
    len: usize,
}

impl Blocks {
    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.held.len() * BLOCK_BYTES + self.held.capacity() * size_of::<Vec<u8>>()
    }

    /// Append bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            let block = self.block_with_room();
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(now);
            bytes = later;
        }
    }

    /// Drop the first `count` bytes.
    pub fn release(&mut self, count: usize) {
        self.begin += count;
        self.len -= count;
        self.held.drain(..self.begin / BLOCK_BYTES);
        self.begin %= BLOCK_BYTES;
        self.trim();
    }

    /// Drop bytes at any position; the shorter side is moved.
    pub fn remove(&mut self, range: Range<usize>) {
        if range.start <= self.len - range.end {
            let front = self.copy(0..range.start);
            self.release(range.len());
            self.write(0, &front);
        } else {
            let back = self.copy(range.end..self.len);
            self.write(range.start, &back);
            self.len -= range.len();
            self.trim();
        }
    }

    /// The bytes of a range, one part for each block.
    pub fn parts(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let (mut from, to) = (self.begin + range.start, self.begin + range.end);
        std::iter::from_fn(move || {
            let offset = from % BLOCK_BYTES;
            let count = (BLOCK_BYTES - offset).min(to - from);
            let block = &self.held.get(from / BLOCK_BYTES)?[offset..offset + count];
            from += count;
            (count > 0).then_some(block)
        })
    }

    fn block_with_room(&mut self) -> &mut Vec<u8> {
        if self
            .held
            .back()
            .is_none_or(|block| block.len() == BLOCK_BYTES)
        {
            self.held.push_back(Vec::with_capacity(BLOCK_BYTES));
        }
        self.held
            .back_mut()
            .expect("one was pushed if there was none")
    }

    fn copy(&self, range: Range<usize>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(range.len());
        for part in self.parts(range) {
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Overwrite bytes.
    fn write(&mut self, start: usize, mut bytes: &[u8]) {
        let mut at = self.begin + start;
        while !bytes.is_empty() {
            let room = &mut self.held[at / BLOCK_BYTES][at % BLOCK_BYTES..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            at += now.len();
            bytes = later;
        }
    }

    /// Return the blocks after the last byte; all blocks if there is no byte.
    fn trim(&mut self) {
        if self.len == 0 {
            *self = Self::default();
        } else {
            let end = self.begin + self.len;
            self.held.truncate(end.div_ceil(BLOCK_BYTES));
            if let Some(last) = self.held.back_mut() {
                last.truncate(end - (end - 1) / BLOCK_BYTES * BLOCK_BYTES);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Release(usize),
        Remove(usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = 0..3 * BLOCK_BYTES;
        let step = prop_oneof![
            3 => size.clone().prop_map(Step::Push),
            2 => size.clone().prop_map(Step::Release),
            1 => (size.clone(), size).prop_map(|(start, count)| Step::Remove(start, count)),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn they_are_a_queue_of_bytes(steps in steps()) {
            let (mut blocks, mut model, mut next) = (Blocks::default(), Vec::new(), 0_u8);
            for step in steps {
                match step {
                    Step::Push(size) => {
                        let bytes: Vec<u8> = (0..size)
                            .map(|_| { next = next.wrapping_mul(5).wrapping_add(7); next })
                            .collect();
                        blocks.push(&bytes);
                        model.extend(bytes);
                    }
                    Step::Release(count) => {
                        let count = count.min(model.len());
                        blocks.release(count);
                        model.drain(..count);
                    }
                    Step::Remove(start, count) => {
                        let start = start.min(model.len());
                        let range = start..(start + count).min(model.len());
                        blocks.remove(range.clone());
                        model.drain(range);
                    }
                }
                prop_assert_eq!(&blocks.copy(0..model.len()), &model);
                let half = model.len() / 2;
                prop_assert_eq!(&blocks.copy(half / 2..half), &model[half / 2..half]);
                let most = if model.is_empty() { 0 } else { model.len() + 2 * BLOCK_BYTES };
                prop_assert!(blocks.held.len() * BLOCK_BYTES <= most);
            }
        }
    }
}
