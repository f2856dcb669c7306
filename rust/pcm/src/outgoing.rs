//! One stream's way up: what is pushed is sent at once where nothing stands in its way, or waits in the ring.

use crate::ring::{Bounds, Item, Ring};

/// A caller that pushes less often than this is silent in between.
const LONGEST_GAP_S: f64 = 2.0;

/// What the current connection can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// There is none.
    Closed,
    /// Something else is to be sent first.
    Busy,
    /// Whatever continues the audio can go at once.
    Resting,
}

/// What was sent, over all connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Frames, all of them.
    pub sent: u64,
    /// Of these, what had been sent before.
    pub repeated: u64,
    /// Of these, silence put in.
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

/// When the caller pushes. A piece of audio stands for as much time as it lasts.
#[derive(Debug, Clone, Copy, Default)]
pub struct InputClock {
    /// When audio was pushed last.
    pub last_at: f64,
    /// How often.
    pub pushes: u64,
    /// How long the pieces last that are pushed now.
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

/// What became of audio that the bound of what waits has dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames since this was asked last.
    pub frames: u64,
    /// Whether an overflow has begun since; while one lasts it is said once.
    pub has_begun: bool,
}

/// The audio of one stream, its pace, and where it stands on the current connection.
#[derive(Debug, Clone)]
pub struct Outgoing {
    ring: Ring,
    frame_bytes: usize,
    /// Frames per second; 0 where bytes do not tell (compressed audio): then what is sent is not kept.
    rate: f64,
    longest: u64,
    rest: Vec<u8>,
    line: Line,
    pacer: Pacer,
    input: InputClock,
    counts: Counts,
    connection: u64,
    /// Where audio would run along with what this connection got last.
    follows: Option<u64>,
    fresh: u64,
    fresh_dropped: u64,
    dropped: Dropped,
    is_overflowing: bool,
}

impl Outgoing {
    /// A new stream. `rate` is in frames per second or 0; nothing longer than a second is sent at once.
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

    /// A copy that goes its own way and counts for itself.
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

    /// Cut whole frames: `None` if `pcm` is some, else what there is with the rest of before; what is left waits.
    pub fn cut(&mut self, pcm: &[u8]) -> Option<Vec<u8>> {
        if self.rest.is_empty() && pcm.len().is_multiple_of(self.frame_bytes) {
            return None;
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(pcm);
        self.rest = whole.split_off(whole.len() - whole.len() % self.frame_bytes);
        Some(whole)
    }

    /// What is left of a frame, filled up with zeros; empty if nothing is.
    pub fn cut_rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            rest.resize(self.frame_bytes, 0);
        }
        rest
    }

    /// Take whole frames, a message: true if it is to be sent now and counts as sent; else it waits.
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

    /// Take whole frames that wait in any case.
    pub fn append(&mut self, message: &[u8]) {
        let most = usize::try_from(self.longest).map_or(usize::MAX, |longest| {
            longest.saturating_mul(self.frame_bytes)
        });
        // What is behind a long message would wait for all of it.
        for piece in message.chunks(most) {
            self.fresh_dropped += self.ring.append(piece);
        }
    }

    /// The end of a push: everything it gave has been offered.
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

    /// What was dropped since the last call.
    pub fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Count the next thing as sent; returns where it begins on the connection, and what it is.
    pub fn take(&mut self, now: f64) -> Option<(u64, Item)> {
        let (begin, item) = (self.connection, self.ring.take()?);
        if !item.is_flush() {
            self.counts.repeated += if item.is_repeat { item.frames } else { 0 };
            self.account(item.frames, item.end(), now);
        }
        Some((begin, item))
    }

    /// Count silence as sent that the caller never pushed; returns where it begins on the connection.
    pub fn put_in_silence(&mut self, frames: u64) -> u64 {
        let begin = self.connection;
        self.connection += frames;
        self.follows = None;
        self.counts.messages += 1;
        self.counts.sent += frames;
        self.counts.silence += frames;
        begin
    }

    /// A new connection begins, on which something else comes first.
    pub fn open(&mut self) {
        self.line = Line::Busy;
        self.connection = 0;
        self.follows = None;
    }

    /// There is no connection any more.
    pub fn close(&mut self) {
        self.line = Line::Closed;
    }

    /// Whether nothing but audio is to be sent on the connection.
    pub fn rest(&mut self, is_resting: bool) {
        if self.line != Line::Closed {
            self.line = if is_resting {
                Line::Resting
            } else {
                Line::Busy
            };
        }
    }

    /// Send at `speed` times real time beyond a burst; a full bucket to begin with.
    pub fn pace(&mut self, speed: Option<f64>, burst_s: f64) {
        self.pacer = Pacer::new(speed, burst_s);
    }

    /// Account for frames that are sent now, up to a position.
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
