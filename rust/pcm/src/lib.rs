//! PCM bytes in, chunks of mono 16-bit PCM at another rate out: downmix, polyphase resampling and chunking in
//! one pass, in integers, without Python and without allocation after construction.
//!
//! [`Pipeline`] is the whole path; [`FilterTable`] holds the coefficients, which the caller designs; [`Kernel`]
//! names the code paths this machine has. All of them give the same bytes. [`Outgoing`] sends the chunks at once or
//! queues them, and keeps them until a result acknowledges them.
#![deny(unsafe_code)]

mod blocks;
mod chunker;
mod cursor;
mod downmix;
mod error;
mod format;
mod kernel;
mod outgoing;
mod pipeline;
mod polyphase;
mod ring;
mod taps;

pub use chunker::Chunker;
pub use error::TableError;
pub use format::Format;
pub use kernel::Kernel;
pub use outgoing::{Counts, Dropped, InputClock, Outgoing};
pub use pipeline::{Layout, Pipeline};
pub use ring::{Bounds, Item, Ring};
pub use taps::FilterTable;
