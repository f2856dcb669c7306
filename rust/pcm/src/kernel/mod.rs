//! The dot products, one file per instruction set. All give the same numbers; the choice is made once per
//! pipeline.

mod scalar;

use crate::polyphase::Cursor;
use crate::taps::FilterTable;

/// A code path for the dot products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Plain Rust; what all others must equal.
    Scalar,
}

impl Kernel {
    /// The paths this machine has, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        vec![Self::Scalar]
    }

    /// The fastest path of this machine.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().pop().unwrap_or(Self::Scalar)
    }

    /// Its name, as Python shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
        }
    }

    /// Compute `out.len()` outputs and move the cursor past them.
    ///
    /// Every output's window, `table.padded_taps()` long, must lie within `history`.
    pub(crate) fn run(self, table: &FilterTable, history: &[i16], cursor: &mut Cursor, out: &mut [i16]) {
        match self {
            Self::Scalar => scalar::run(table, history, cursor, out),
        }
    }
}
