//! Filter coefficients in the form the kernels multiply with, and the proof that no sum can wrap.
//!
//! A coefficient has about 20 bits and a multiplier 16. So a coefficient is a number of two digits,
//! `high << CARRY_BITS` and `low`, and so is a sum of products: two accumulators of 32 bits. Most coefficients are
//! small enough to be all low digit; only the few in the middle have a high one, so the second accumulator costs
//! little. Before the low digit's sum could wrap, its excess is carried to the high digit's.
//!
//! A ratio of large numbers has more phases than a table can hold rows. Such a table has rows at evenly spaced
//! phases, and an output between two of them is the weighted mean of both rows' sums.

use std::ops::Range;

use crate::error::TableError;

mod digits;

use digits::Digits;

/// Taps are laid out and multiplied in blocks of this many: one 256-bit vector.
pub(crate) const BLOCK: usize = 16;

/// 32-bit lanes that share the products of a block: lane `l` sums taps `2 l` and `2 l + 1` of every block.
/// A kernel may use more lanes, so that each sums fewer products, but never fewer.
pub(crate) const LANES: usize = BLOCK / 2;

/// Bits of the low digit.
pub(crate) const CARRY_BITS: u32 = 10;

/// Bits of the weight between two rows. A sum has at most 41 bits, so a weighted one has at most 57.
pub(crate) const WEIGHT_BITS: u32 = 15;

/// Largest product of `up` and fewer `phases`: with the weight's bits, phases between rows stay far below 64 bits.
const MAX_PHASE_PRODUCT: usize = 1 << 31;

/// Largest coefficient whose high digit has 16 bits.
const MAX_TAP: u32 = 1 << 24;

/// One block of taps, aligned so that a vector load never crosses a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Block(pub(crate) [i16; BLOCK]);

/// A polyphase filter: output `j` is `(sum_k taps[p][k] m[n - center + k] + half) >> shift`, saturated, where `n`
/// and `p` are quotient and remainder of `j * down / up`.
///
/// With fewer phases than `up`, a last row for the phase of 1 stands below the others. Then an output is
/// `(S[r] (2**15 - w) + S[r + 1] w + half) >> (shift + 15)`, where `S[r]` is the sum above for row `r`, and `r` and
/// `w` are quotient and remainder of `floor(p * phases * 2**15 / up)` by `2**15`.
#[derive(Debug)]
pub struct FilterTable {
    pub(crate) up: usize,
    pub(crate) down: usize,
    phases: usize,
    pub(crate) center: usize,
    pub(crate) n_taps: usize,
    pub(crate) shift: u32,
    /// True if the filter passes every sample unchanged.
    pub(crate) is_identity: bool,
    /// Blocks of a row's low digits; those of the high digits follow them.
    pub(crate) n_blocks: usize,
    /// The low digits, cut where a carry is due: ranges of blocks that cover the row.
    pub(crate) cuts: Vec<Range<usize>>,
    /// The blocks that have high digits.
    pub(crate) high_blocks: Range<usize>,
    rows: Vec<Block>,
}

impl FilterTable {
    /// Make a table from rows of coefficients, one after the other: `up` of them if that is `phases`, else one
    /// more than `phases`.
    ///
    /// # Errors
    /// [`TableError`] if the numbers do not fit together, or the sums could leave what the kernels can hold.
    pub fn new(
        up: usize,
        down: usize,
        phases: usize,
        taps: &[i32],
        center: usize,
        shift: u32,
    ) -> Result<Self, TableError> {
        if up == 0 || down == 0 || phases == 0 || taps.is_empty() {
            return Err(TableError::Empty);
        }
        let too_many = phases > up || up.saturating_mul(phases) > MAX_PHASE_PRODUCT;
        if phases != up && too_many {
            return Err(TableError::Phases { phases, up });
        }
        let n_rows = if phases == up { up } else { phases + 1 };
        if !taps.len().is_multiple_of(n_rows) {
            return Err(TableError::Shape {
                rows: n_rows,
                taps: taps.len(),
            });
        }
        let n_taps = taps.len() / n_rows;
        if center >= n_taps {
            return Err(TableError::Center { center, n_taps });
        }
        let is_identity = (up, down) == (1, 1) && shift <= 24 && taps == [1 << shift];
        if !(CARRY_BITS + 1..=30).contains(&shift) && !is_identity {
            return Err(TableError::Shift { shift });
        }
        if let Some(&tap) = taps.iter().find(|tap| tap.unsigned_abs() > MAX_TAP) {
            return Err(TableError::Range { tap });
        }
        let digits = Digits::cheapest(taps, n_taps);
        let cuts = digits.cuts();
        digits.prove_no_wrap(&cuts, shift)?;
        let rows = digits.rows();
        let Digits {
            n_blocks,
            high_blocks,
            ..
        } = digits;
        Ok(Self {
            up,
            down,
            phases,
            center,
            n_taps,
            shift,
            is_identity,
            n_blocks,
            cuts,
            high_blocks,
            rows,
        })
    }

    /// Input samples after an output's own time that it depends on: the latency.
    #[must_use]
    pub fn look_ahead(&self) -> usize {
        self.n_taps - 1 - self.center
    }

    /// Bytes that the coefficients take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.rows.as_slice())
    }

    /// True if outputs lie between rows.
    #[must_use]
    #[inline(always)]
    pub fn is_interpolated(&self) -> bool {
        self.phases != self.up
    }

    /// The row at or before a phase, and the weight of the next row.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    pub(crate) fn between(&self, phase: usize) -> (usize, i64) {
        let fine = ((phase as u64 * self.phases as u64) << WEIGHT_BITS) / self.up as u64;
        let weight = fine & ((1 << WEIGHT_BITS) - 1);
        ((fine >> WEIGHT_BITS) as usize, weight as i64)
    }

    /// One output, given what sums the products of a row.
    #[inline(always)]
    pub(crate) fn output(&self, phase: usize, sum: impl Fn(&[Block]) -> i64) -> i16 {
        if !self.is_interpolated() {
            return rounded(sum(self.row(phase)), self.shift);
        }
        let (row, weight) = self.between(phase);
        self.blended(sum(self.row(row)), sum(self.row(row + 1)), weight)
    }

    /// The weighted mean of two rows' sums, rounded and saturated.
    #[inline(always)]
    pub(crate) fn blended(&self, lower: i64, upper: i64, weight: i64) -> i16 {
        let sum = (lower << WEIGHT_BITS) + (upper - lower) * weight;
        rounded(sum, self.shift + WEIGHT_BITS)
    }

    fn row(&self, row: usize) -> &[Block] {
        &self.rows[row * self.row_blocks()..][..self.row_blocks()]
    }

    /// Taps of one row, rounded up to whole blocks: how far a kernel reads.
    pub(crate) fn padded_taps(&self) -> usize {
        self.n_blocks * BLOCK
    }

    /// Blocks of one row: all low digits, then the high ones of those blocks that have any.
    #[inline(always)]
    pub(crate) fn row_blocks(&self) -> usize {
        self.n_blocks + self.high_blocks.len()
    }

    /// All rows, one after the other.
    #[inline(always)]
    pub(crate) fn rows(&self) -> &[Block] {
        &self.rows
    }

    /// What is added to the high digit before the last shift, to round half up.
    #[inline(always)]
    pub(crate) fn half(&self) -> i32 {
        1 << (self.shift - CARRY_BITS - 1)
    }
}

/// A sum as 16 bits: rounded half up, saturated.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn rounded(sum: i64, shift: u32) -> i16 {
    let half = (1 << shift) >> 1;
    ((sum + half) >> shift).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
