//! Streaming state of the filter: the kept input, and the position of the next output.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::kernel::Kernel;
use crate::taps::FilterTable;

/// Mono samples taken at a time; limits the memory of a pipeline.
pub(crate) const INPUT_BLOCK: usize = 1024;

/// The filter and its history: a linear buffer into which input is written directly. When it is full, its contents
/// move back to its start.
#[derive(Debug)]
pub(crate) struct Polyphase {
    table: Arc<FilterTable>,
    kernel: Kernel,
    history: Vec<i16>,
    filled: usize,
    cursor: Cursor,
}

impl Polyphase {
    pub(crate) fn new(table: Arc<FilterTable>, kernel: Kernel) -> Self {
        // Room for two blocks, so that the contents move back only once in several pushes.
        let history = vec![0; 2 * table.padded_taps() + 2 * INPUT_BLOCK + Self::margin(&table)];
        let (filled, cursor) = (table.center, Cursor::new(&table));
        Self {
            table,
            kernel,
            history,
            filled,
            cursor,
        }
    }

    pub(crate) fn table(&self) -> &FilterTable {
        &self.table
    }

    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(crate) fn reset(&mut self) {
        self.filled = self.table.center;
        self.history[..self.filled].fill(0);
        self.cursor = Cursor::new(&self.table);
    }

    /// Room for `count` more samples, at most [`INPUT_BLOCK`]; they count once [`Self::commit`] is called.
    pub(crate) fn room(&mut self, count: usize) -> &mut [i16] {
        if self.filled + count + Self::margin(&self.table) > self.history.len() {
            // A long step may end after all input so far: then none of that input is needed.
            let start = self.cursor.position.min(self.filled);
            self.history.copy_within(start..self.filled, 0);
            self.filled -= start;
            self.cursor.position -= start;
        }
        &mut self.history[self.filled..][..count]
    }

    /// What kernels may read after the filled part: the padding of the last window, and the windows of a group's
    /// missing outputs.
    fn margin(table: &FilterTable) -> usize {
        table.padded_taps() + Kernel::GROUP * table.down.div_ceil(table.up)
    }

    pub(crate) fn commit(&mut self, count: usize) {
        self.filled += count;
    }

    /// Outputs that can be computed now.
    pub(crate) fn ready(&self) -> usize {
        let Some(spare) = self
            .filled
            .checked_sub(self.cursor.position + self.table.n_taps)
        else {
            return 0;
        };
        ((spare + 1) * self.table.up - self.cursor.phase).div_ceil(self.table.down)
    }

    /// Compute outputs; no more than are [`Self::ready`].
    pub(crate) fn render(&mut self, out: &mut [i16]) {
        debug_assert!(out.len() <= self.ready());
        if self.table.is_identity {
            out.copy_from_slice(&self.history[self.cursor.position..][..out.len()]);
            self.cursor.advance_by(&self.table, out.len());
        } else {
            self.kernel
                .run(&self.table, &self.history, &mut self.cursor, out);
        }
    }
}
