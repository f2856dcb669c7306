// The microphone as int16 in pieces of 80 ms: a message for each render quantum would be 375 a second.

const PIECE_S = 0.08;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate * PIECE_S);
    this.open = true;
    this.port.onmessage = () => { this.open = false; };
    this.begin();
  }

  begin() {
    this.piece = new Int16Array(this.size);
    this.filled = 0;
    this.peak = 0;
  }

  process(inputs) {
    // Some browsers ignore channelCount: the first channel is the voice.
    const input = inputs[0][0];
    if (!input) return this.open;
    for (let i = 0; i < input.length; i += 1) {
      const sample = Math.max(-1, Math.min(1, input[i]));
      this.piece[this.filled] = sample < 0 ? sample * 32768 : sample * 32767;
      this.peak = Math.max(this.peak, Math.abs(sample));
      this.filled += 1;
      if (this.filled === this.size) {
        this.port.postMessage({ pcm: this.piece.buffer, peak: this.peak }, [this.piece.buffer]);
        this.begin();
      }
    }
    return this.open;
  }
}

registerProcessor("capture", Capture);
