//! Filter coefficients in the form the kernels multiply with, and the proof that no sum can wrap.
//!
//! A coefficient has about 20 bits and a multiplier 16. So a row is a sum of [`Segment`]s, each a run of 16-bit
//! taps with an exponent: `tap[k] = sum over segments of taps[k] << exponent`. Most taps fit 16 bits as they are;
//! only the few in the middle need a second, high part, which is one more segment a vector or two long.

use crate::error::TableError;

/// Taps are laid out and multiplied in blocks of this many: one 256-bit vector.
pub(crate) const BLOCK: usize = 16;

/// 32-bit lanes that share the products of a block: lane `l` sums taps `2 l` and `2 l + 1` of every block.
/// A kernel may use more lanes, so that each sums fewer products, but never fewer.
pub(crate) const LANES: usize = BLOCK / 2;

/// Largest sum of magnitudes one lane may meet: times 32768, the largest sample, it stays within an `i32`.
pub(crate) const LANE_BOUND: i64 = 65_535;

/// One block of taps, aligned so that a vector load never crosses a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Block(pub(crate) [i16; BLOCK]);

/// A run of taps whose products, summed per lane, fit 32 bits for any samples.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Index of the first tap.
    pub(crate) start: usize,
    /// Blocks of one row.
    pub(crate) blocks: usize,
    /// What the sum of products is shifted left by.
    pub(crate) exponent: u32,
    taps: Vec<Block>,
}

impl Segment {
    /// The taps of one phase.
    #[inline(always)]
    pub(crate) fn row(&self, phase: usize) -> &[Block] {
        &self.taps[phase * self.blocks..][..self.blocks]
    }
}

/// A polyphase filter: output `j` is `(sum_k taps[p][k] m[n - center + k] + half) >> shift`, saturated, where `n`
/// and `p` are quotient and remainder of `j * down / up`.
#[derive(Debug)]
pub struct FilterTable {
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) center: usize,
    pub(crate) n_taps: usize,
    pub(crate) shift: u32,
    pub(crate) segments: Vec<Segment>,
}

impl FilterTable {
    /// Make a table from `up` rows of coefficients, one after the other.
    ///
    /// # Errors
    /// [`TableError`] if the numbers do not fit together, or a coefficient needs more than two 16-bit parts.
    pub fn new(up: usize, down: usize, taps: &[i32], center: usize, shift: u32) -> Result<Self, TableError> {
        if up == 0 || down == 0 || taps.is_empty() {
            return Err(TableError::Empty);
        }
        if !taps.len().is_multiple_of(up) {
            return Err(TableError::Shape { up, taps: taps.len() });
        }
        let n_taps = taps.len() / up;
        if center >= n_taps {
            return Err(TableError::Center { center, n_taps });
        }
        if shift > 30 {
            return Err(TableError::Shift { shift });
        }
        if let Some(&tap) = taps.iter().find(|tap| tap.unsigned_abs() >= 1 << 29) {
            return Err(TableError::Range { tap });
        }
        let segments = split(&Rows { taps, n_taps });
        assert!(segments.iter().all(cannot_wrap), "a segment's lanes could leave 32 bits");
        Ok(Self { up, down, center, n_taps, shift, segments })
    }

    /// Input samples after an output's own time that it depends on: the latency.
    #[must_use]
    pub fn look_ahead(&self) -> usize {
        self.n_taps - 1 - self.center
    }

    /// Taps of one row, rounded up to whole blocks: how far a kernel reads.
    pub(crate) fn padded_taps(&self) -> usize {
        self.n_taps.next_multiple_of(BLOCK)
    }

    /// True if the filter passes every sample unchanged.
    pub(crate) fn is_identity(&self) -> bool {
        self.n_taps == 1 && self.up == self.down
    }

    /// The rounding rule, once: add half, shift, saturate.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn round(&self, sum: i64) -> i16 {
        let rounded = (sum + ((1 << self.shift) >> 1)) >> self.shift;
        rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }
}

/// The no-wrap proof: in every phase, every lane's magnitudes sum to at most [`LANE_BOUND`]. It also excludes the
/// one case in which a paired multiply-add itself overflows, two taps of -32768 side by side.
fn cannot_wrap(segment: &Segment) -> bool {
    segment.taps.chunks(segment.blocks).all(|row| {
        let mut lanes = [0; LANES];
        row.iter().for_each(|block| add_magnitudes(&mut lanes, block));
        lanes.iter().all(|&sum| sum <= LANE_BOUND)
    })
}

fn add_magnitudes(lanes: &mut [i64; LANES], block: &Block) {
    for (lane, pair) in lanes.iter_mut().zip(block.0.chunks_exact(2)) {
        *lane += i64::from(pair[0].unsigned_abs()) + i64::from(pair[1].unsigned_abs());
    }
}

/// The coefficients as they came, padded with zeros in the mind.
struct Rows<'a> {
    taps: &'a [i32],
    n_taps: usize,
}

impl Rows<'_> {
    fn rows(&self) -> impl Iterator<Item = &[i32]> {
        self.taps.chunks(self.n_taps)
    }

    fn block(row: &[i32], index: usize) -> [i32; BLOCK] {
        std::array::from_fn(|k| row.get(index * BLOCK + k).copied().unwrap_or(0))
    }

    /// True if in some phase a tap of this block exceeds 16 bits.
    fn is_wide(&self, index: usize) -> bool {
        self.rows().any(|row| Self::block(row, index).iter().any(|tap| i16::try_from(*tap).is_err()))
    }

    /// Smallest exponent that brings every coefficient's high part into 15 bits and a sign.
    fn exponent(&self) -> u32 {
        let largest = self.taps.iter().map(|tap| tap.unsigned_abs()).max().unwrap_or(0);
        (0..).find(|&e| (largest >> e) < 32_767).unwrap_or(0)
    }

    fn segment(&self, start: usize, end: usize, exponent: u32, part: impl Fn(usize, i32) -> i32) -> Segment {
        let narrow = |index, tap| i16::try_from(part(index, tap)).expect("a part fits 16 bits");
        let taps = self.rows().flat_map(|row| {
            (start..end).map(move |index| (index, Self::block(row, index)))
        });
        let taps = taps.map(|(index, block)| Block(block.map(|tap| narrow(index, tap)))).collect();
        Segment { start: start * BLOCK, blocks: end - start, exponent, taps }
    }
}

/// Low parts in as few segments as the lane bound allows, then the high parts of the blocks that have any.
fn split(rows: &Rows<'_>) -> Vec<Segment> {
    let n_blocks = rows.n_taps.div_ceil(BLOCK);
    let wide: Vec<bool> = (0..n_blocks).map(|index| rows.is_wide(index)).collect();
    let exponent = rows.exponent();
    let high = |tap: i32| (tap + ((1 << exponent) >> 1)) >> exponent;
    let low = |index: usize, tap: i32| if wide[index] { tap - (high(tap) << exponent) } else { tap };
    let mut segments = cut(rows, 0..n_blocks, 0, &low);
    for run in runs(&wide) {
        segments.extend(cut(rows, run, exponent, &|_, tap| high(tap)));
    }
    segments
}

/// Cut a range of blocks wherever one more would break the lane bound.
fn cut(
    rows: &Rows<'_>,
    range: std::ops::Range<usize>,
    exponent: u32,
    part: &impl Fn(usize, i32) -> i32,
) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut start = range.start;
    for index in range {
        let longer = rows.segment(start, index + 1, exponent, part);
        if cannot_wrap(&longer) {
            if index > start {
                segments.pop();
            }
            segments.push(longer);
        } else {
            start = index;
            segments.push(rows.segment(start, index + 1, exponent, part));
        }
    }
    segments
}

fn runs(flags: &[bool]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for index in (0..flags.len()).filter(|&index| flags[index]) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}
