//! AVX2: a paired multiply-add and an add. Also the downmix of both x86 paths.
#![allow(unsafe_code, clippy::wildcard_imports)]

use super::x86::kernel;
use crate::downmix::downmix as plain_downmix;
use crate::format::Format;

kernel!("avx2", 4, multiply_add);

#[target_feature(enable = "avx2")]
#[inline]
fn multiply_add(sum: __m256i, taps: __m256i, samples: __m256i) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(taps, samples))
}

/// Average whole frames into `out`.
#[target_feature(enable = "avx2")]
pub(crate) fn downmix(format: Format, channels: usize, frames: &[u8], out: &mut [i16]) {
    if (format, channels) != (Format::S16le, 2) {
        // The plain loops, compiled for this instruction set.
        return plain_downmix(format, channels, frames, out);
    }
    let (vectors, rest) = frames.as_chunks::<64>();
    let (wholes, tail) = out.as_chunks_mut::<16>();
    for (vector, mono) in vectors.iter().zip(wholes) {
        let first = vector.as_ptr();
        // SAFETY: a chunk is two vectors; any alignment will do.
        let (a, b) = unsafe {
            (
                _mm256_loadu_si256(first.cast()),
                _mm256_loadu_si256(first.add(32).cast()),
            )
        };
        let packed = _mm256_packs_epi32(mean_of_pairs(a), mean_of_pairs(b));
        // Packing works on halves of vectors and leaves the middle quarters swapped.
        let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
        // SAFETY: the target is one vector; any alignment will do.
        unsafe { _mm256_storeu_si256(mono.as_mut_ptr().cast(), ordered) };
    }
    plain_downmix(format, channels, rest, tail);
}

/// (left + right + 1) >> 1, in 32 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn mean_of_pairs(samples: __m256i) -> __m256i {
    let one = _mm256_set1_epi32(1);
    let sums = _mm256_madd_epi16(samples, _mm256_set1_epi16(1));
    _mm256_srai_epi32::<1>(_mm256_add_epi32(sums, one))
}
