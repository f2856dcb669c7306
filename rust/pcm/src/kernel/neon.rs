//! NEON, which every 64-bit ARM has: taps across lanes, one output at a time.
#![allow(unsafe_code, clippy::wildcard_imports)]

use std::arch::aarch64::*;

use crate::cursor::Cursor;
use crate::taps::{BLOCK, Block, CARRY_BITS, FilterTable};

/// Four vectors of four lanes. Each lane sums part of what the table's proof allows one lane: every block's taps
/// at one place.
type Sums = [int32x4_t; 4];

pub(crate) fn run(table: &FilterTable, history: &[i16], cursor: &mut Cursor, out: &mut [i16]) {
    for sample in out {
        let window = &history[cursor.position..][..table.padded_taps()];
        *sample = table.output(cursor.phase, |row| {
            // SAFETY: NEON is part of the architecture's base.
            unsafe { sum_of_products(table, window, row) }
        });
        cursor.advance(table);
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn sum_of_products(table: &FilterTable, window: &[i16], row: &[Block]) -> i64 {
    let (mut low, mut high) = ([vdupq_n_s32(0); 4], [vdupq_n_s32(0); 4]);
    for cut in &table.cuts {
        multiply_add(&mut low, &row[cut.clone()], &window[cut.start * BLOCK..]);
        for (low, high) in low.iter_mut().zip(&mut high) {
            *high = vaddq_s32(*high, vshrq_n_s32::<{ CARRY_BITS.cast_signed() }>(*low));
            *low = vandq_s32(*low, vdupq_n_s32((1 << CARRY_BITS) - 1));
        }
    }
    multiply_add(
        &mut high,
        &row[table.n_blocks..],
        &window[table.high_blocks.start * BLOCK..],
    );
    (i64::from(add_lanes(high)) << CARRY_BITS) + i64::from(add_lanes(low))
}

#[target_feature(enable = "neon")]
#[inline]
fn multiply_add(sums: &mut Sums, taps: &[Block], samples: &[i16]) {
    for (block, samples) in taps.iter().zip(samples.as_chunks::<BLOCK>().0) {
        let (taps, samples) = (block.0.as_ptr(), samples.as_ptr());
        // SAFETY: a block and its samples are 16 values each.
        let [t0, t1, m0, m1] = unsafe {
            [
                vld1q_s16(taps),
                vld1q_s16(taps.add(8)),
                vld1q_s16(samples),
                vld1q_s16(samples.add(8)),
            ]
        };
        sums[0] = vmlal_s16(sums[0], vget_low_s16(t0), vget_low_s16(m0));
        sums[1] = vmlal_high_s16(sums[1], t0, m0);
        sums[2] = vmlal_s16(sums[2], vget_low_s16(t1), vget_low_s16(m1));
        sums[3] = vmlal_high_s16(sums[3], t1, m1);
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn add_lanes([a, b, c, d]: Sums) -> i32 {
    vaddvq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)))
}
