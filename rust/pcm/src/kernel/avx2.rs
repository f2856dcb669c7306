//! AVX2: a paired multiply-add and an add.
#![allow(unsafe_code, clippy::wildcard_imports)]

use super::x86::kernel;

kernel!("avx2", 4, multiply_add);

#[target_feature(enable = "avx2")]
#[inline]
fn multiply_add(sum: __m256i, taps: __m256i, samples: __m256i) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(taps, samples))
}
