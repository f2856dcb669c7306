//! The loop of both x86 kernels: taps across the lanes of a 256-bit vector, several outputs at a time.

use crate::cursor::Cursor;
use crate::kernel::Kernel;
use crate::taps::FilterTable;

/// Check once, for all outputs of a call, that their windows are within `history`. The last group may have too few
/// outputs: the windows of the missing ones are checked, too.
#[inline(always)]
pub(super) fn check(table: &FilterTable, history: &[i16], cursor: &Cursor, count: usize) {
    let last = (cursor.phase + (count + Kernel::GROUP - 1) * table.down) / table.up;
    assert!(
        cursor.phase < table.up,
        "expected a phase below {}",
        table.up
    );
    assert!(
        cursor.position + last + table.padded_taps() <= history.len(),
        "a window lies outside the history"
    );
}

/// Define `run`, given the instruction set, how many outputs share the loads of taps, and the multiply-add of 16
/// pairs into 8 lanes.
macro_rules! kernel {
    ($features:literal, $shared:literal, $multiply_add:ident) => {
        use std::arch::x86_64::*;

        use super::x86::check;
        use crate::cursor::Cursor;
        use crate::taps::{BLOCK, Block, CARRY_BITS, FilterTable};

        /// Where a group's windows and rows start.
        struct Places<const GROUP: usize> {
            samples: [*const i16; GROUP],
            taps: [*const Block; GROUP],
        }

        impl<const GROUP: usize> Places<GROUP> {
            /// The same, some blocks further on.
            #[inline(always)]
            fn moved(&self, samples: usize, taps: usize) -> Self {
                let mut moved = Self { ..*self };
                for output in 0..GROUP {
                    moved.samples[output] = self.samples[output].wrapping_add(samples * BLOCK);
                    moved.taps[output] = self.taps[output].wrapping_add(taps);
                }
                moved
            }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn run(
            table: &FilterTable,
            history: &[i16],
            cursor: &mut Cursor,
            out: &mut [i16],
        ) {
            check(table, history, cursor, out.len());
            let samples = history.as_ptr();
            if table.up == 1 {
                run_shared(table, samples.wrapping_add(cursor.position), out);
            } else if table.is_interpolated() {
                run_between(table, samples, *cursor, out);
            } else {
                run_rows(table, samples, *cursor, out);
            }
            cursor.advance_by(table, out.len());
        }

        /// With one phase all outputs share a row, whose taps are loaded once for a group.
        #[target_feature(enable = $features)]
        fn run_shared(table: &FilterTable, mut samples: *const i16, out: &mut [i16]) {
            let mut places = Places {
                samples: [samples; $shared],
                taps: [table.rows().as_ptr(); $shared],
            };
            for group in out.chunks_mut($shared) {
                for output in 0..$shared {
                    places.samples[output] = samples.wrapping_add(output * table.down);
                }
                samples = samples.wrapping_add($shared * table.down);
                let (low, high) = sums::<$shared, true>(table, &places);
                store(finish(table, &low, &high), group);
            }
        }

        /// Every output has its own row. More than four rows and windows would not find registers for addresses.
        #[target_feature(enable = $features)]
        fn run_rows(table: &FilterTable, samples: *const i16, mut cursor: Cursor, out: &mut [i16]) {
            let (rows, blocks) = (table.rows().as_ptr(), table.row_blocks());
            let mut places = Places {
                samples: [samples; 4],
                taps: [rows; 4],
            };
            for group in out.chunks_mut(4) {
                for output in 0..4 {
                    places.samples[output] = samples.wrapping_add(cursor.position);
                    places.taps[output] = rows.wrapping_add(cursor.phase * blocks);
                    cursor.advance(table);
                }
                let (low, high) = sums::<4, false>(table, &places);
                store(finish(table, &low, &high), group);
            }
        }

        /// Every output lies between two rows: two outputs fill a group of four.
        #[target_feature(enable = $features)]
        fn run_between(
            table: &FilterTable,
            samples: *const i16,
            mut cursor: Cursor,
            out: &mut [i16],
        ) {
            let (rows, blocks) = (table.rows().as_ptr(), table.row_blocks());
            let mut places = Places {
                samples: [samples; 4],
                taps: [rows; 4],
            };
            for pair in out.chunks_mut(2) {
                let mut weights = [0; 2];
                for output in 0..2 {
                    let (row, weight) = table.between(cursor.phase);
                    for side in 0..2 {
                        places.samples[2 * output + side] = samples.wrapping_add(cursor.position);
                        places.taps[2 * output + side] = rows.wrapping_add((row + side) * blocks);
                    }
                    weights[output] = weight;
                    cursor.advance(table);
                }
                let (low, high) = sums::<4, false>(table, &places);
                let [a, b, c, d] = totals(&low, &high);
                let outputs = [
                    table.blended(a, b, weights[0]),
                    table.blended(c, d, weights[1]),
                ];
                store(outputs, pair);
            }
        }

        /// Store a group. The last one may be short: its surplus outputs are computed from unused history, and left out.
        #[inline(always)]
        fn store<const GROUP: usize>(outputs: [i16; GROUP], group: &mut [i16]) {
            match group.as_chunks_mut::<GROUP>().0.first_mut() {
                Some(whole) => *whole = outputs,
                None => group.copy_from_slice(&outputs[..group.len()]),
            }
        }

        /// The sums of a group, in two digits, over the lanes.
        #[target_feature(enable = $features)]
        #[inline]
        fn sums<const GROUP: usize, const SHARED: bool>(
            table: &FilterTable,
            places: &Places<GROUP>,
        ) -> ([__m256i; GROUP], [__m256i; GROUP]) {
            let mut low = [_mm256_setzero_si256(); GROUP];
            let mut high = low;
            for cut in &table.cuts {
                add_products::<GROUP, SHARED>(
                    &mut low,
                    &places.moved(cut.start, cut.start),
                    cut.len(),
                );
                for output in 0..GROUP {
                    let excess = _mm256_srai_epi32::<{ CARRY_BITS.cast_signed() }>(low[output]);
                    high[output] = _mm256_add_epi32(high[output], excess);
                    low[output] =
                        _mm256_and_si256(low[output], _mm256_set1_epi32((1 << CARRY_BITS) - 1));
                }
            }
            let blocks = &table.high_blocks;
            add_products::<GROUP, SHARED>(
                &mut high,
                &places.moved(blocks.start, table.n_blocks),
                blocks.len(),
            );
            (low, high)
        }

        /// Multiply `count` blocks into the sums.
        #[target_feature(enable = $features)]
        #[inline]
        fn add_products<const GROUP: usize, const SHARED: bool>(
            sums: &mut [__m256i; GROUP],
            places: &Places<GROUP>,
            count: usize,
        ) {
            for block in 0..count {
                for output in 0..GROUP {
                    let taps = places.taps[if SHARED { 0 } else { output }].wrapping_add(block);
                    // SAFETY: the block is one of the row, and one aligned vector.
                    let taps = unsafe { _mm256_load_si256(taps.cast()) };
                    let samples = places.samples[output].wrapping_add(block * BLOCK);
                    // SAFETY: the block is one of the window, which `check` has found to be within the
                    // history; any alignment will do.
                    let samples = unsafe { _mm256_loadu_si256(samples.cast()) };
                    sums[output] = $multiply_add(sums[output], taps, samples);
                }
            }
        }

        /// Add up the lanes, carry, round half up, saturate: four outputs at a time.
        #[target_feature(enable = $features)]
        #[inline]
        fn finish<const GROUP: usize>(
            table: &FilterTable,
            low: &[__m256i; GROUP],
            high: &[__m256i; GROUP],
        ) -> [i16; GROUP] {
            let (half, shift) = (table.half(), table.shift - CARRY_BITS);
            let mut out = [0; GROUP];
            for four in (0..GROUP).step_by(4) {
                let carried = _mm_srai_epi32::<{ CARRY_BITS.cast_signed() }>(add_lanes(low, four));
                let sum = _mm_add_epi32(
                    _mm_add_epi32(add_lanes(high, four), carried),
                    _mm_set1_epi32(half),
                );
                let shifted = _mm_sra_epi32(sum, _mm_cvtsi32_si128(shift.cast_signed()));
                let target = out[four..][..4].as_mut_ptr();
                // SAFETY: the target holds 8 bytes; any alignment will do.
                unsafe { _mm_storel_epi64(target.cast(), _mm_packs_epi32(shifted, shifted)) };
            }
            out
        }

        /// Add up the lanes and the digits of four sums.
        #[target_feature(enable = $features)]
        #[inline]
        fn totals(low: &[__m256i; 4], high: &[__m256i; 4]) -> [i64; 4] {
            let (mut lows, mut highs) = ([0_i32; 4], [0_i32; 4]);
            // SAFETY: each target is 16 bytes; any alignment will do.
            unsafe {
                _mm_storeu_si128(lows.as_mut_ptr().cast(), add_lanes(low, 0));
                _mm_storeu_si128(highs.as_mut_ptr().cast(), add_lanes(high, 0));
            }
            std::array::from_fn(|sum| (i64::from(highs[sum]) << CARRY_BITS) + i64::from(lows[sum]))
        }

        /// Four vectors of eight lanes to the vector of their sums.
        #[target_feature(enable = $features)]
        #[inline]
        fn add_lanes<const GROUP: usize>(sums: &[__m256i; GROUP], from: usize) -> __m128i {
            let (a, b, c, d) = (sums[from], sums[from + 1], sums[from + 2], sums[from + 3]);
            let ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            let sum =
                _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
            _mm_add_epi32(
                _mm256_castsi256_si128(sum),
                _mm256_extracti128_si256::<1>(sum),
            )
        }
    };
}
pub(super) use kernel;
