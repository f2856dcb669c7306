//! The reference loop: all other kernels must give the same results.

use crate::cursor::Cursor;
use crate::taps::{BLOCK, Block, CARRY_BITS, FilterTable, LANES};

pub(crate) fn run(table: &FilterTable, history: &[i16], cursor: &mut Cursor, out: &mut [i16]) {
    for sample in out {
        let window = &history[cursor.position..][..table.padded_taps()];
        *sample = table.output(cursor.phase, |row| sum_of_products(table, window, row));
        cursor.advance(table);
    }
}

fn sum_of_products(table: &FilterTable, window: &[i16], row: &[Block]) -> i64 {
    let (mut low, mut high) = ([0_i32; LANES], [0_i32; LANES]);
    for cut in &table.cuts {
        multiply_add(&mut low, &row[cut.clone()], &window[cut.start * BLOCK..]);
        carry(&mut low, &mut high);
    }
    multiply_add(
        &mut high,
        &row[table.n_blocks..],
        &window[table.high_blocks.start * BLOCK..],
    );
    (i64::from(high.iter().sum::<i32>()) << CARRY_BITS) + i64::from(low.iter().sum::<i32>())
}

/// Sums in 32 bits per lane, as vectors do; the table's proof is that nothing is lost.
#[inline(always)]
fn multiply_add(lanes: &mut [i32; LANES], taps: &[Block], samples: &[i16]) {
    for (block, samples) in taps.iter().zip(samples.as_chunks::<BLOCK>().0) {
        for lane in 0..LANES {
            let (even, odd) = (2 * lane, 2 * lane + 1);
            lanes[lane] += i32::from(block.0[even]) * i32::from(samples[even])
                + i32::from(block.0[odd]) * i32::from(samples[odd]);
        }
    }
}

#[inline(always)]
fn carry(low: &mut [i32; LANES], high: &mut [i32; LANES]) {
    for (low, high) in low.iter_mut().zip(high) {
        *high += *low >> CARRY_BITS;
        *low &= (1 << CARRY_BITS) - 1;
    }
}
