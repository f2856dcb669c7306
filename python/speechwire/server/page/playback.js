// Speech through a ring buffer: what is pushed comes out once, in order, without a gap, until it is flushed.

const RING_S = 40; // the server sends 10 s ahead at most
const FIRST_S = 0.1;
const MOST_S = 0.2;
const GROWTH = 1.5;
const DECAY = 0.9995; // for each report
const REPORT_S = 0.1;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Int16Array(Math.round(sampleRate * RING_S));
    this.written = 0; // positions count from the beginning; the ring holds the last of them
    this.read = 0;
    this.spans = []; // which utterance is where
    this.target = FIRST_S;
    this.waiting = true; // until enough has come
    this.reportAt = 0;
    this.dropped = 0;
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  push({ utterance, sample, pcm }) {
    const samples = new Int16Array(pcm);
    let span = this.spans[this.spans.length - 1];
    if (!span || span.utterance !== utterance) {
      span = { utterance, begin: this.written, sample, end: Infinity };
      this.spans.push(span);
    }
    const room = this.ring.length - (this.written - this.read);
    const taken = samples.length > room ? samples.subarray(0, room) : samples;
    this.dropped += samples.length - taken.length;
    const at = this.written % this.ring.length;
    const head = Math.min(taken.length, this.ring.length - at);
    this.ring.set(taken.subarray(0, head), at);
    this.ring.set(taken.subarray(head), 0);
    this.written += taken.length;
  }

  end({ utterance }) {
    for (const span of this.spans) if (span.utterance === utterance) span.end = Math.min(span.end, this.written);
  }

  flush({ id }) {
    const heard = this.heard();
    const thrown = this.written - this.read;
    this.read = this.written;
    this.spans = [];
    this.waiting = true;
    this.port.postMessage({ flushed: id, frame: currentFrame, thrown, ...heard });
  }

  heard() {
    const span = this.spans[0];
    if (!span) return {};
    return { utterance: span.utterance, samples: span.sample + Math.max(0, this.read - span.begin) };
  }

  process(inputs, outputs) {
    const output = outputs[0];
    const mono = output[0];
    const there = this.written - this.read;
    if (this.waiting && (there >= this.target * sampleRate || (there > 0 && this.isComplete()))) this.waiting = false;
    const count = this.waiting ? 0 : Math.min(mono.length, there);
    for (let i = 0; i < count; i += 1) mono[i] = this.ring[(this.read + i) % this.ring.length] / 32768;
    this.read += count;
    if (count < mono.length && !this.waiting) this.ranDry(count > 0);
    for (let channel = 1; channel < output.length; channel += 1) output[channel].set(mono);
    this.advance();
    return true;
  }

  isComplete() {
    return this.spans.length > 0 && this.spans[this.spans.length - 1].end < Infinity;
  }

  ranDry() {
    this.waiting = true;
    if (this.isComplete()) return;
    this.target = Math.min(MOST_S, this.target * GROWTH);
    this.port.postMessage({ underrun: true, frame: currentFrame });
  }

  advance() {
    while (this.spans.length && (this.read >= this.spans[0].end || (this.spans[1] && this.read >= this.spans[1].begin))) {
      const span = this.spans[0];
      const end = Math.min(span.end, this.spans[1] ? this.spans[1].begin : Infinity);
      this.port.postMessage({ done: true, utterance: span.utterance, samples: span.sample + end - span.begin });
      this.spans.shift();
    }
    if (currentFrame < this.reportAt) return;
    this.reportAt = currentFrame + REPORT_S * sampleRate;
    this.target = Math.max(FIRST_S, this.target * DECAY);
    const heard = this.heard();
    if (heard.samples || this.dropped) this.port.postMessage({ ...heard, dropped: this.dropped });
  }
}

registerProcessor("playback", Playback);
