use std::error::Error;
use std::fmt;

/// Why a filter table was refused. The values expected and found are in each variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// A rate or the number of taps is zero.
    Empty,
    /// The number of coefficients is not a multiple of the number of phases.
    Shape {
        /// Number of phases.
        up: usize,
        /// Number of coefficients.
        taps: usize,
    },
    /// The center lies outside the row.
    Center {
        /// Index of the center tap.
        center: usize,
        /// Taps of one row.
        n_taps: usize,
    },
    /// More fractional bits than the rounding allows for.
    Shift {
        /// Fractional bits asked for.
        shift: u32,
    },
    /// A coefficient is too large to be split into two 16-bit parts.
    Range {
        /// The coefficient.
        tap: i32,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "expected at least one phase, step and tap, got none"),
            Self::Shape { up, taps } => write!(f, "expected a multiple of {up} taps, got {taps}"),
            Self::Center { center, n_taps } => {
                write!(f, "expected a center below {n_taps}, got {center}")
            }
            Self::Shift { shift } => write!(f, "expected at most 30 fractional bits, got {shift}"),
            Self::Range { tap } => write!(f, "expected taps within 30 bits, got {tap}"),
        }
    }
}

impl Error for TableError {}
