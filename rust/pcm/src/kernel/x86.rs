//! The loop of both x86 kernels: taps across the lanes of a 256-bit vector, several outputs at a time.

use crate::polyphase::Cursor;
use crate::taps::{Block, FilterTable};

/// Where one output's samples and taps are.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) samples: *const i16,
    pub(super) taps: *const Block,
}

/// The places of the next outputs, all of whose windows are within `history`, and all rows within the table.
#[inline(always)]
pub(super) fn places<const GROUP: usize>(
    table: &FilterTable,
    history: &[i16],
    cursor: &mut Cursor,
) -> [Place; GROUP] {
    let (rows, blocks) = (table.rows().as_ptr(), table.row_blocks());
    let mut places = [Place { samples: history.as_ptr(), taps: rows }; GROUP];
    let mut last = 0;
    for place in &mut places {
        last = cursor.position;
        place.samples = history.as_ptr().wrapping_add(cursor.position);
        place.taps = rows.wrapping_add(cursor.phase * blocks);
        cursor.advance(table);
    }
    assert!(last + table.padded_taps() <= history.len(), "a window lies outside the history");
    places
}

/// Define `run`, given the instruction set, the outputs computed together, and the multiply-add of 16 pairs into
/// 8 lanes.
macro_rules! kernel {
    ($features:literal, $group:literal, $multiply_add:ident) => {
        use std::arch::x86_64::*;

        use super::x86::{Place, places};
        use crate::polyphase::Cursor;
        use crate::taps::{BLOCK, CARRY_BITS, FilterTable};

        /// Outputs computed together: enough independent sums to hide the latency of a multiply-add, few enough
        /// to stay in registers.
        const GROUP: usize = $group;

        type Sums = [__m256i; GROUP];

        #[target_feature(enable = $features)]
        pub(crate) fn run(table: &FilterTable, history: &[i16], cursor: &mut Cursor, out: &mut [i16]) {
            if table.up == 1 {
                run_rows::<true>(table, history, cursor, out);
            } else {
                run_rows::<false>(table, history, cursor, out);
            }
        }

        /// With one phase all outputs share a row, which is then loaded once per group.
        #[target_feature(enable = $features)]
        fn run_rows<const SHARED: bool>(
            table: &FilterTable,
            history: &[i16],
            cursor: &mut Cursor,
            out: &mut [i16],
        ) {
            let mut at = *cursor;
            let (groups, rest) = out.as_chunks_mut::<GROUP>();
            for group in groups {
                *group = outputs::<SHARED>(table, &places(table, history, &mut at));
            }
            *cursor = at;
            if !rest.is_empty() {
                // A whole group all the same: what comes after the history's filled part is thrown away.
                let group = outputs::<SHARED>(table, &places(table, history, &mut at));
                rest.copy_from_slice(&group[..rest.len()]);
                rest.iter().for_each(|_| cursor.advance(table));
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn outputs<const SHARED: bool>(table: &FilterTable, places: &[Place; GROUP]) -> [i16; GROUP] {
            let zero = [_mm256_setzero_si256(); GROUP];
            let (mut low, mut high) = (zero, zero);
            for run in &table.runs {
                if let Some(first) = run.high {
                    for block in 0..run.blocks.len() {
                        let samples = samples(places, run.blocks.start + block);
                        add_products::<SHARED>(&mut low, places, run.blocks.start + block, &samples);
                        add_products::<SHARED>(&mut high, places, first + block, &samples);
                    }
                } else {
                    for block in run.blocks.clone() {
                        add_products::<SHARED>(&mut low, places, block, &samples(places, block));
                    }
                }
                if run.carry {
                    for (low, high) in low.iter_mut().zip(&mut high) {
                        *high = _mm256_add_epi32(*high, _mm256_srai_epi32::<{ CARRY_BITS.cast_signed() }>(*low));
                        *low = _mm256_and_si256(*low, _mm256_set1_epi32((1 << CARRY_BITS) - 1));
                    }
                }
            }
            finish(low, high, table.half(), table.shift - CARRY_BITS)
        }

        /// A block of each output's window.
        #[target_feature(enable = $features)]
        #[inline]
        fn samples(places: &[Place; GROUP], block: usize) -> Sums {
            let mut samples = [_mm256_setzero_si256(); GROUP];
            for (samples, place) in samples.iter_mut().zip(places) {
                // SAFETY: the block is one of the window, which `places` has checked; any alignment will do.
                *samples = unsafe { _mm256_loadu_si256(place.samples.wrapping_add(block * BLOCK).cast()) };
            }
            samples
        }

        /// Multiply samples by the block of taps at index `block` of each row.
        #[target_feature(enable = $features)]
        #[inline]
        fn add_products<const SHARED: bool>(
            sums: &mut Sums,
            places: &[Place; GROUP],
            block: usize,
            samples: &Sums,
        ) {
            for output in 0..GROUP {
                let taps = places[if SHARED { 0 } else { output }].taps.wrapping_add(block);
                // SAFETY: the block is one of the row; it is one aligned vector.
                let taps = unsafe { _mm256_load_si256(taps.cast()) };
                sums[output] = $multiply_add(sums[output], taps, samples[output]);
            }
        }

        /// Add up the lanes, carry, round half up, saturate: four outputs at a time.
        #[target_feature(enable = $features)]
        #[inline]
        fn finish(low: Sums, high: Sums, half: i32, shift: u32) -> [i16; GROUP] {
            let mut out = [0; GROUP];
            let half = _mm_set1_epi32(half);
            for (four, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let (low, high) = (add_lanes(low.as_chunks().0[four]), add_lanes(high.as_chunks().0[four]));
                let carried = _mm_add_epi32(high, _mm_srai_epi32::<{ CARRY_BITS.cast_signed() }>(low));
                let shifted = _mm_sra_epi32(_mm_add_epi32(carried, half), _mm_cvtsi32_si128(shift.cast_signed()));
                // SAFETY: the target holds 8 bytes; no alignment is asked for.
                unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_packs_epi32(shifted, shifted)) };
            }
            out
        }

        /// Four vectors of eight lanes to the vector of their sums.
        #[target_feature(enable = $features)]
        #[inline]
        fn add_lanes(sums: [__m256i; 4]) -> __m128i {
            let pair = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (ab, cd) = (pair(sums[0], sums[1]), pair(sums[2], sums[3]));
            let sum = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
            _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum))
        }
    };
}
pub(super) use kernel;
