//! The dot products, one file per instruction set. All give the same numbers; the choice is made once per
//! pipeline.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::cursor::Cursor;
use crate::downmix::downmix;
use crate::format::Format;
use crate::taps::FilterTable;

/// A code path for the dot products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Path);

/// Private, so that only detection makes values: a value proves that the machine can run the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// Plain Rust; all other paths must give the same results.
    pub const SCALAR: Self = Self(Path::Scalar);

    /// Most outputs that any path computes together; a path may read the windows of a whole group.
    pub(crate) const GROUP: usize = 8;

    /// The paths this machine has, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut paths = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                paths.push(Self(Path::Avx2));
                if has_avx512() {
                    paths.push(Self(Path::Avx512));
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        paths.push(Self(Path::Neon));
        paths
    }

    /// The fastest path of this machine.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().pop().unwrap_or(Self::SCALAR)
    }

    /// Its name, as Python shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Path::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Path::Neon => "neon",
        }
    }

    /// Average whole frames into `out`, one sample per frame.
    #[allow(unsafe_code)]
    pub(crate) fn downmix(self, format: Format, channels: usize, frames: &[u8], out: &mut [i16]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `available` makes these values, after it has found AVX2.
            Path::Avx2 | Path::Avx512 => unsafe { avx2::downmix(format, channels, frames, out) },
            _ => downmix(format, channels, frames, out),
        }
    }

    /// Compute `out.len()` outputs and move the cursor past them.
    ///
    /// The windows of [`Self::GROUP`] - 1 further outputs must lie within `history`, too.
    #[allow(unsafe_code)]
    pub(crate) fn run(
        self,
        table: &FilterTable,
        history: &[i16],
        cursor: &mut Cursor,
        out: &mut [i16],
    ) {
        match self.0 {
            Path::Scalar => scalar::run(table, history, cursor, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `available` makes this value, after it has found AVX2.
            Path::Avx2 => unsafe { avx2::run(table, history, cursor, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `available` makes this value, after it has found every feature that `run` enables.
            Path::Avx512 => unsafe { avx512::run(table, history, cursor, out) },
            #[cfg(target_arch = "aarch64")]
            Path::Neon => neon::run(table, history, cursor, out),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}
