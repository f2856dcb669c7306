use std::error::Error;
use std::fmt;

/// Why a filter table was refused. The values expected and found are in each variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// A rate or the number of taps is zero.
    Empty,
    /// More phases than the ratio has, or too many to compute weights between them.
    Phases {
        /// Phases between two input samples.
        phases: usize,
        /// Phases of the ratio.
        up: usize,
    },
    /// The number of coefficients is not a multiple of the number of rows.
    Shape {
        /// Number of rows.
        rows: usize,
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
    /// Fewer or more fractional bits than the rounding allows for.
    Shift {
        /// Fractional bits asked for.
        shift: u32,
    },
    /// A coefficient is too large to be split into two digits.
    Range {
        /// The coefficient.
        tap: i32,
    },
    /// For some input, a sum would leave 32 bits.
    Gain {
        /// Largest sum of magnitudes in one lane of the low digit.
        lane: i64,
        /// Largest sum of the high digit.
        total: i64,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "expected at least one phase, step and tap, got none"),
            Self::Phases { phases, up } => {
                write!(
                    f,
                    "expected at most {up} phases, and 2**31 in the product of both, got {phases}"
                )
            }
            Self::Shape { rows, taps } => {
                write!(f, "expected a multiple of {rows} taps, got {taps}")
            }
            Self::Center { center, n_taps } => {
                write!(f, "expected a center below {n_taps}, got {center}")
            }
            Self::Shift { shift } => write!(f, "expected 11 to 30 fractional bits, got {shift}"),
            Self::Range { tap } => write!(f, "expected taps of at most 2**24, got {tap}"),
            Self::Gain { lane, total } => write!(
                f,
                "expected lane sums up to 65535 and totals up to 2**31 - 1, got {lane} and {total}"
            ),
        }
    }
}

impl Error for TableError {}
