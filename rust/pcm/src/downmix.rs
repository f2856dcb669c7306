//! Interleaved frames of any format to mono: the mean, rounded half up.

use crate::format::{Alaw, F32le, Format, Mulaw, S16le, Sample};

/// Average whole frames into `out`, one sample per frame.
#[inline(always)]
pub(crate) fn downmix(format: Format, channels: usize, frames: &[u8], out: &mut [i16]) {
    match format {
        Format::S16le => mix::<2, S16le>(channels, frames, out),
        Format::Mulaw => mix::<1, Mulaw>(channels, frames, out),
        Format::Alaw => mix::<1, Alaw>(channels, frames, out),
        Format::F32le => mix::<4, F32le>(channels, frames, out),
    }
}

#[inline(always)]
fn mix<const WIDTH: usize, S: Sample<WIDTH>>(channels: usize, frames: &[u8], out: &mut [i16]) {
    let samples = frames.as_chunks::<WIDTH>().0;
    match channels {
        1 => out
            .iter_mut()
            .zip(samples)
            .for_each(|(mono, &sample)| *mono = S::decode(sample)),
        2 => mix_stereo::<WIDTH, S>(samples.as_chunks::<2>().0, out),
        _ => mix_many::<WIDTH, S>(channels, samples, out),
    }
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn mix_stereo<const WIDTH: usize, S: Sample<WIDTH>>(frames: &[[[u8; WIDTH]; 2]], out: &mut [i16]) {
    for (mono, &[left, right]) in out.iter_mut().zip(frames) {
        *mono = ((i32::from(S::decode(left)) + i32::from(S::decode(right)) + 1) >> 1) as i16;
    }
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
fn mix_many<const WIDTH: usize, S: Sample<WIDTH>>(
    channels: usize,
    samples: &[[u8; WIDTH]],
    out: &mut [i16],
) {
    let count = channels as i32;
    for (mono, frame) in out.iter_mut().zip(samples.chunks_exact(channels)) {
        let total: i32 = frame
            .iter()
            .map(|&sample| i32::from(S::decode(sample)))
            .sum();
        *mono = (2 * total + count).div_euclid(2 * count) as i16;
    }
}
