//! The position of the next output, advanced without division.

use crate::taps::FilterTable;

/// Position of the next output: the start of its window in the history, and its phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) position: usize,
    pub(crate) phase: usize,
    step: usize,
    phase_step: usize,
}

impl Cursor {
    pub(crate) fn new(table: &FilterTable) -> Self {
        Self {
            position: 0,
            phase: 0,
            step: table.down / table.up,
            phase_step: table.down % table.up,
        }
    }

    /// Move on by `count` outputs.
    pub(crate) fn advance_by(&mut self, table: &FilterTable, count: usize) {
        let ahead = self.phase + count * table.down;
        self.position += ahead / table.up;
        self.phase = ahead % table.up;
    }

    /// Move to the next output, without dividing.
    #[inline(always)]
    pub(crate) fn advance(&mut self, table: &FilterTable) {
        self.position += self.step;
        self.phase += self.phase_step;
        if self.phase >= table.up {
            self.phase -= table.up;
            self.position += 1;
        }
    }
}
