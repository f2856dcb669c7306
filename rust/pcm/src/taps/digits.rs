//! Coefficients as digits, in rows of whole blocks, and where a carry is due.

use std::ops::Range;

use super::{BLOCK, Block, CARRY_BITS, LANES};
use crate::error::TableError;

/// Largest sum of magnitudes of one lane between two carries. Multiplied by 32768, the largest sample, and added to
/// the low digit that the last carry left, it stays within an `i32`.
const LANE_BOUND: i64 = 65_535;

const LARGEST_SAMPLE: i64 = 32_768;

/// Rows of coefficients, padded to whole blocks and split into digits.
pub(super) struct Digits {
    pub(super) n_blocks: usize,
    pub(super) high_blocks: Range<usize>,
    low: Vec<Block>,
    high: Vec<Block>,
}

impl Digits {
    /// The more blocks have high digits, the smaller the low ones, and the fewer carries. Take the cheapest: a
    /// block costs a multiply-add, a carry a shift, an addition and a mask.
    pub(super) fn cheapest(taps: &[i32], n_taps: usize) -> Self {
        let candidates = (CARRY_BITS..16).map(|bits| Self::of(taps, n_taps, (1 << bits) - 1));
        let cost = |digits: &Self| 2 * digits.high_blocks.len() + 3 * digits.cuts().len();
        candidates.min_by_key(cost).expect("there are candidates")
    }

    /// Split those blocks in which some coefficient exceeds `limit`, which has at most 15 bits.
    fn of(taps: &[i32], n_taps: usize, limit: u32) -> Self {
        let n_blocks = n_taps.div_ceil(BLOCK);
        let rows: Vec<Vec<[i32; BLOCK]>> = taps.chunks(n_taps).map(blocks_of).collect();
        let wide = |&index: &usize| {
            rows.iter()
                .any(|row| row[index].iter().any(|tap| tap.unsigned_abs() > limit))
        };
        let start = (0..n_blocks).find(wide).unwrap_or(0);
        let end = (0..n_blocks).rfind(wide).map_or(start, |last| last + 1);
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for row in &rows {
            low.extend(row.iter().enumerate().map(|(index, block)| {
                let split = (start..end).contains(&index);
                narrow(block, |tap| {
                    if split {
                        tap - (high_digit(tap) << CARRY_BITS)
                    } else {
                        tap
                    }
                })
            }));
            high.extend(
                row[start..end]
                    .iter()
                    .map(|block| narrow(block, high_digit)),
            );
        }
        Self {
            n_blocks,
            high_blocks: start..end,
            low,
            high,
        }
    }

    /// Low and high digits of each phase, side by side.
    pub(super) fn rows(&self) -> Vec<Block> {
        let n_high = self.high_blocks.len();
        let low = self.low.chunks(self.n_blocks).enumerate();
        low.flat_map(|(phase, low)| [low, &self.high[phase * n_high..][..n_high]].concat())
            .collect()
    }

    /// As few ranges of blocks as the lane bound allows.
    pub(super) fn cuts(&self) -> Vec<Range<usize>> {
        let mut cuts: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for end in 1..=self.n_blocks {
            if end == self.n_blocks || self.largest_lane(start..end + 1) > LANE_BOUND {
                cuts.push(start..end);
                start = end;
            }
        }
        cuts
    }

    /// Largest sum of magnitudes of low digits in any lane of any phase.
    fn largest_lane(&self, range: Range<usize>) -> i64 {
        let rows = self.low.chunks(self.n_blocks);
        rows.map(|row| {
            lane_magnitudes(&row[range.clone()])
                .into_iter()
                .max()
                .unwrap_or(0)
        })
        .max()
        .unwrap_or(0)
    }

    /// The proof, for any input at all. Between carries no lane of the low digit's sum leaves 32 bits; nor does
    /// the high digit's sum over all lanes, with all that is ever carried to it and the half that rounds it.
    pub(super) fn prove_no_wrap(
        &self,
        cuts: &[Range<usize>],
        shift: u32,
    ) -> Result<(), TableError> {
        let lane = cuts
            .iter()
            .map(|cut| self.largest_lane(cut.clone()))
            .max()
            .unwrap_or(0);
        // Each carry rounds down by less than one; a kernel may have twice the lanes.
        let carries = i64::try_from((cuts.len() + 1) * 2 * LANES).unwrap_or(i64::MAX);
        let sum =
            |digits: &[Block]| lane_magnitudes(digits).into_iter().sum::<i64>() * LARGEST_SAMPLE;
        let n_high = self.high_blocks.len();
        let high = |phase: usize| sum(&self.high[phase * n_high..][..n_high]);
        let total = self
            .low
            .chunks(self.n_blocks)
            .enumerate()
            .map(|(phase, low)| {
                high(phase)
                    + (sum(low) >> CARRY_BITS)
                    + carries
                    + (1 << shift.saturating_sub(CARRY_BITS + 1))
            });
        let total = total.max().unwrap_or(0);
        if lane > LANE_BOUND || total > i64::from(i32::MAX) {
            return Err(TableError::Gain { lane, total });
        }
        Ok(())
    }
}

fn blocks_of(row: &[i32]) -> Vec<[i32; BLOCK]> {
    let block = |index| std::array::from_fn(|k| row.get(index * BLOCK + k).copied().unwrap_or(0));
    (0..row.len().div_ceil(BLOCK)).map(block).collect()
}

fn narrow(block: &[i32; BLOCK], digit: impl Fn(i32) -> i32) -> Block {
    Block(block.map(|tap| i16::try_from(digit(tap)).expect("a digit has 16 bits")))
}

fn lane_magnitudes(blocks: &[Block]) -> [i64; LANES] {
    let mut lanes = [0; LANES];
    for block in blocks {
        for (lane, pair) in lanes.iter_mut().zip(block.0.as_chunks::<2>().0) {
            *lane += i64::from(pair[0].unsigned_abs()) + i64::from(pair[1].unsigned_abs());
        }
    }
    lanes
}

fn high_digit(tap: i32) -> i32 {
    (tap + (1 << (CARRY_BITS - 1))) >> CARRY_BITS
}
