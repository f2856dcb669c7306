//! The one loop everything else must equal.

use crate::polyphase::Cursor;
use crate::taps::{BLOCK, Block, FilterTable, LANES};

pub(crate) fn run(table: &FilterTable, history: &[i16], cursor: &mut Cursor, out: &mut [i16]) {
    for sample in out {
        let window = &history[cursor.position..];
        let sum = table.segments.iter().map(|segment| {
            dot(segment.row(cursor.phase), &window[segment.start..]) << segment.exponent
        });
        *sample = table.round(sum.sum());
        cursor.advance(table);
    }
}

/// Sums in 32 bits per lane, as vectors do, which the table's proof allows; the lanes then in 64 bits.
fn dot(taps: &[Block], samples: &[i16]) -> i64 {
    let mut lanes = [0_i32; LANES];
    for (block, samples) in taps.iter().zip(samples.chunks_exact(BLOCK)) {
        for lane in 0..LANES {
            let (even, odd) = (2 * lane, 2 * lane + 1);
            lanes[lane] += i32::from(block.0[even]) * i32::from(samples[even])
                + i32::from(block.0[odd]) * i32::from(samples[odd]);
        }
    }
    lanes.into_iter().map(i64::from).sum()
}
