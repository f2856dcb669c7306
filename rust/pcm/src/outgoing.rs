//! One stream's outgoing audio: pushed audio is sent at once where that is possible, or waits in the ring.

use crate::ring::{Bounds, Item, Ring};

/// A longer gap between pushes is a pause of the caller.
const LONGEST_GAP_S: f64 = 2.0;

/// What the current connection can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// There is no connection.
    Closed,
    /// Something else is to be sent first.
    Busy,
    /// Audio that continues the audio sent can be sent at once.
    Resting,
}

/// What was sent, over all connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Frames, all of them.
    pub sent: u64,
    /// Frames of these that had been sent before.
    pub repeated: u64,
    /// Frames of these that are inserted silence.
    pub silence: u64,
}

/// A token bucket in seconds of audio, kept as the moment from which more may be sent.
#[derive(Debug, Clone, Copy)]
struct Pacer {
    free_at: f64,
    speed: f64,
    full_s: f64,
}

impl Pacer {
    fn new(speed: Option<f64>, burst_s: f64) -> Self {
        let speed = speed.unwrap_or(0.0);
        Self {
            free_at: f64::NEG_INFINITY,
            speed,
            full_s: if speed > 0.0 { burst_s / speed } else { 0.0 },
        }
    }

    fn sent(&mut self, now: f64, audio_s: f64) {
        if self.speed > 0.0 {
            self.free_at = self.free_at.max(now - self.full_s) + audio_s / self.speed;
        }
    }
}

/// When the caller pushes. A piece of audio covers as much time as its duration.
#[derive(Debug, Clone, Copy, Default)]
pub struct InputClock {
    /// When audio was pushed last.
    pub last_at: f64,
    /// The number of pushes.
    pub pushes: u64,
    /// The length of recent pieces, in seconds.
    pub piece_s: f64,
    since_chunk: u32,
}

impl InputClock {
    fn pushed(&mut self, now: f64, audio_s: f64) {
        self.last_at = now;
        self.pushes += 1;
        self.since_chunk += 1;
        if audio_s > 0.0 {
            self.piece_s = LONGEST_GAP_S.min(audio_s / f64::from(self.since_chunk));
            self.since_chunk = 0;
        }
    }
}

/// Audio that was dropped because too much waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames dropped since the last call.
    pub frames: u64,
    /// Whether a new overflow has begun since the last call.
    pub has_begun: bool,
}

/// The audio of one stream, its pace, and where it stands on the current connection.
#[derive(Debug, Clone)]
pub struct Outgoing {
    ring: Ring,
    frame_bytes: usize,
    /// Frames per second; 0 for compressed audio, which is not kept after it was sent.
    rate: f64,
    longest: u64,
    rest: Vec<u8>,
    line: Line,
    pacer: Pacer,
    input: InputClock,
    counts: Counts,
    connection: u64,
    /// The position at which audio would continue what this connection got last.
    follows: Option<u64>,
    fresh: u64,
    fresh_dropped: u64,
    dropped: Dropped,
    is_overflowing: bool,
}

impl Outgoing {
    /// A new stream. `rate` is in frames per second, or 0. Audio longer than a second always waits in the ring.
    #[must_use]
    pub fn new(bounds: Bounds, rate: u32) -> Self {
        Self {
            ring: Ring::new(bounds),
            frame_bytes: bounds.frame_bytes,
            rate: f64::from(rate),
            longest: if rate == 0 { u64::MAX } else { rate.into() },
            rest: Vec::new(),
            line: Line::Closed,
            pacer: Pacer::new(None, 0.0),
            input: InputClock::default(),
            counts: Counts::default(),
            connection: 0,
            follows: None,
            fresh: 0,
            fresh_dropped: 0,
            dropped: Dropped::default(),
            is_overflowing: false,
        }
    }

    /// An independent copy with counters of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            line: Line::Closed,
            counts: Counts::default(),
            ..self.clone()
        }
    }

    /// The audio.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The audio, to acknowledge, rewind, flush.
    pub fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }

    /// When the caller pushes.
    #[must_use]
    pub fn input(&self) -> &InputClock {
        &self.input
    }

    /// What was sent.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Frames handed to the current connection, silence included.
    #[must_use]
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// When the next audio may be sent; in the past if it may be now.
    #[must_use]
    pub fn free_at(&self) -> f64 {
        self.pacer.free_at
    }

    /// Cut whole frames: `None` if `pcm` is whole frames, else the whole frames of the kept bytes and `pcm`. An
    /// incomplete frame waits.
    pub fn cut(&mut self, pcm: &[u8]) -> Option<Vec<u8>> {
        if self.rest.is_empty() && pcm.len().is_multiple_of(self.frame_bytes) {
            return None;
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(pcm);
        self.rest = whole.split_off(whole.len() - whole.len() % self.frame_bytes);
        Some(whole)
    }

    /// The incomplete frame, filled up with zeros; empty if there is none.
    pub fn cut_rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            rest.resize(self.frame_bytes, 0);
        }
        rest
    }

    /// Take a message of whole frames. Return true if it is to be sent now and counts as sent; else it waits.
    pub fn offer(&mut self, message: &[u8], now: f64) -> bool {
        let frames = (message.len() / self.frame_bytes) as u64;
        self.fresh += frames;
        let may_go = self.line == Line::Resting
            && self.ring.waiting() == 0
            && frames <= self.longest
            && now >= self.pacer.free_at
            && self.follows == Some(self.ring.end());
        if !may_go {
            self.append(message);
            return false;
        }
        self.ring.pass_on(message);
        self.account(frames, self.ring.end(), now);
        self.is_overflowing = false;
        true
    }

    /// Queue whole frames, even if they could be sent now.
    pub fn append(&mut self, message: &[u8]) {
        let most = usize::try_from(self.longest).map_or(usize::MAX, |longest| {
            longest.saturating_mul(self.frame_bytes)
        });
        // Audio after a long message would wait for all of it.
        for piece in message.chunks(most) {
            self.fresh_dropped += self.ring.append(piece);
        }
    }

    /// End a push: all its messages have been offered.
    pub fn pushed(&mut self, now: f64) {
        let audio_s = self.seconds(self.fresh);
        self.input.pushed(now, audio_s);
        self.appended();
    }

    /// The end of several [`Self::append`].
    pub fn appended(&mut self) {
        self.fresh = 0;
        let dropped = std::mem::take(&mut self.fresh_dropped);
        if dropped > 0 {
            self.dropped.frames += dropped;
            self.dropped.has_begun |= !self.is_overflowing;
            self.is_overflowing = true;
        } else if self.ring.is_half_empty() {
            self.is_overflowing = false;
        }
    }

    /// Whether the sending task has something to do.
    #[must_use]
    pub fn needs_task(&self) -> bool {
        self.line == Line::Closed || self.ring.waiting() > 0
    }

    /// The audio that was dropped since the last call.
    pub fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Record the next item as sent; return its position on the connection, and the item.
    pub fn take(&mut self, now: f64) -> Option<(u64, Item)> {
        let (begin, item) = (self.connection, self.ring.take()?);
        if !item.is_flush() {
            self.counts.repeated += if item.is_repeat { item.frames } else { 0 };
            self.account(item.frames, item.end(), now);
        }
        Some((begin, item))
    }

    /// Count inserted silence as sent; return its position on the connection.
    pub fn put_in_silence(&mut self, frames: u64) -> u64 {
        let begin = self.connection;
        self.connection += frames;
        self.follows = None;
        self.counts.messages += 1;
        self.counts.sent += frames;
        self.counts.silence += frames;
        begin
    }

    /// A new connection begins; other messages are sent on it first.
    pub fn open(&mut self) {
        self.line = Line::Busy;
        self.connection = 0;
        self.follows = None;
    }

    /// There is no connection any more.
    pub fn close(&mut self) {
        self.line = Line::Closed;
    }

    /// Set whether only audio is to be sent on the connection.
    pub fn rest(&mut self, is_resting: bool) {
        if self.line != Line::Closed {
            self.line = if is_resting {
                Line::Resting
            } else {
                Line::Busy
            };
        }
    }

    /// Send a burst, then at `speed` times real time. The bucket starts full.
    pub fn pace(&mut self, speed: Option<f64>, burst_s: f64) {
        self.pacer = Pacer::new(speed, burst_s);
    }

    /// Update the counters and the pacer for frames that are sent now, up to a position.
    fn account(&mut self, frames: u64, end: u64, now: f64) {
        self.connection += frames;
        self.follows = Some(end);
        self.counts.messages += 1;
        self.counts.sent += frames;
        self.pacer.sent(now, self.seconds(frames));
        if self.rate == 0.0 {
            self.ring.acknowledge(end, 0);
        }
    }

    #[allow(clippy::cast_precision_loss)] // exact for thousands of years
    fn seconds(&self, frames: u64) -> f64 {
        if self.rate > 0.0 {
            frames as f64 / self.rate
        } else {
            0.0
        }
    }
}
