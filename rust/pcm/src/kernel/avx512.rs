//! AVX-512 with VNNI, on 256-bit vectors: multiply and add are one instruction.
//!
//! 512-bit vectors would be slower: windows start anywhere, so nearly every load of 64 bytes would cross a cache line,
//! and loads limit the speed. Rows would also need twice the padding.
#![allow(unsafe_code, clippy::wildcard_imports)]

use super::x86::kernel;

kernel!("avx2,avx512f,avx512bw,avx512vl,avx512vnni", 8, multiply_add);

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn multiply_add(sum: __m256i, taps: __m256i, samples: __m256i) -> __m256i {
    _mm256_dpwssd_epi32(sum, taps, samples)
}
