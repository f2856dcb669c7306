// The audio of a call, from the microphone until the server acknowledges it.
// Positions are samples since the call began; the rate may change on the way, so times are kept beside them.

const LIMIT_S = 60;

export class AudioLog {
  constructor() {
    this.pieces = []; // { sample, rate, timeS, pcm, at }
    this.end = 0;
    this.endS = 0;
    this.acknowledged = 0;
    this.sent = 0; // pieces handed out on this connection
    this.keptS = 0;
    this.moments = []; // when a sample came from the microphone, for latencies
  }

  get begin() {
    return this.pieces.length ? this.pieces[0].sample : this.end;
  }

  // Where another connection goes on.
  get place() {
    const first = this.pieces[0];
    return first ? { sample: first.sample, timeS: first.timeS, rate: first.rate } : { sample: this.end, timeS: this.endS };
  }

  get waitingS() {
    return this.pieces.slice(this.sent).reduce((sum, piece) => sum + seconds(piece), 0);
  }

  // Returns how many seconds that waited were let go of for it.
  push(pcm, rate, at) {
    const piece = { sample: this.end, timeS: this.endS, rate, pcm };
    this.pieces.push(piece);
    this.end += pcm.byteLength / 2;
    this.endS += seconds(piece);
    this.keptS += seconds(piece);
    this.moments.push({ timeS: this.endS, at });
    if (this.moments.length > 1024) this.moments.splice(0, 512);
    let lostS = 0;
    while (this.keptS > LIMIT_S) {
      if (this.sent === 0) lostS += seconds(this.pieces[0]);
      this.dropFirst();
    }
    return lostS;
  }

  next() {
    if (this.sent >= this.pieces.length) return null;
    this.sent += 1;
    return this.pieces[this.sent - 1];
  }

  rewind() {
    const againS = this.pieces.slice(0, this.sent).reduce((sum, piece) => sum + seconds(piece), 0);
    this.sent = 0;
    return againS;
  }

  acknowledge(sample) {
    while (this.sent > 0 && this.pieces[0].sample + this.pieces[0].pcm.byteLength / 2 <= sample) this.dropFirst();
    const first = this.pieces[0];
    if (this.sent > 0 && first.sample < sample) {
      const skip = sample - first.sample;
      const rest = { ...first, sample, timeS: first.timeS + skip / first.rate, pcm: first.pcm.slice(skip * 2) };
      this.keptS -= seconds(first) - seconds(rest);
      this.pieces[0] = rest;
    }
    this.acknowledged = Math.max(this.acknowledged, Math.min(sample, this.begin));
  }

  acknowledgeTime(timeS) {
    for (const piece of this.pieces.slice(0, this.sent)) {
      const endS = piece.timeS + seconds(piece);
      if (timeS + 1e-6 < endS) {
        // A little is forgiven: times come back rounded.
        this.acknowledge(piece.sample + Math.max(0, Math.floor((timeS - piece.timeS + 1e-6) * piece.rate)));
        return;
      }
    }
    const last = this.pieces[this.sent - 1];
    if (last) this.acknowledge(last.sample + last.pcm.byteLength / 2);
  }

  // When the audio up to this time had come from the microphone, on the page's clock.
  momentOf(timeS) {
    const moment = this.moments.find((each) => each.timeS >= timeS - 1e-6);
    return moment ? moment.at - (moment.timeS - timeS) * 1000 : null;
  }

  dropFirst() {
    this.keptS -= seconds(this.pieces.shift());
    this.sent = Math.max(0, this.sent - 1);
  }
}

export function seconds(piece) {
  return piece.pcm.byteLength / 2 / piece.rate;
}
