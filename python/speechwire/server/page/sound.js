// The microphone and the loudspeaker. Contexts run at the device's own rate; the server converts.

const WATCH_MS = 1500;

// To be called in the tap itself: iOS lets nothing sound that was made after an await.
export function openContext() {
  if (navigator.audioSession) navigator.audioSession.type = "play-and-record";
  const context = new AudioContext({ latencyHint: "interactive" });
  if (context.state === "suspended") context.resume();
  return context;
}

export function whyNoMicrophone() {
  if (!window.isSecureContext) {
    return `The microphone needs https or localhost. On the server's machine open http://localhost:${location.port || 80}/; from elsewhere: ssh -L ${location.port || 8080}:localhost:${location.port || 8080} ${location.hostname}`;
  }
  if (!navigator.mediaDevices?.getUserMedia) return "This browser has no microphone for pages.";
  return "";
}

export function whyRefused(error) {
  const words = {
    NotAllowedError: "The microphone was not allowed. Allow it in the browser's settings for this page.",
    NotFoundError: "No microphone was found.",
    NotReadableError: "Another program has the microphone.",
  };
  return words[error.name] ?? `The microphone could not be opened: ${error.message}`;
}

export class Microphone {
  // `heard(pcm, peak)` gets 80 ms at a time; `lost()` is called when the device goes away.
  static async open(context, processing, heard, lost) {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        // "all" where it is known, also cancels what this page plays; elsewhere it counts as true.
        echoCancellation: processing ? { ideal: "all" } : false,
        noiseSuppression: processing,
        autoGainControl: processing,
        channelCount: 1,
      },
    });
    await context.audioWorklet.addModule("/capture.js");
    return new Microphone(context, stream, heard, lost);
  }

  constructor(context, stream, heard, lost) {
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => heard(data.pcm, data.peak);
    this.source.connect(this.node);
    stream.getTracks()[0].onended = lost;
  }

  close() {
    this.source.disconnect();
    this.node.port.postMessage("close");
    this.node.port.onmessage = null;
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
  }
}

export class Loudspeaker {
  static async open(context, heard) {
    await context.audioWorklet.addModule("/playback.js");
    return new Loudspeaker(context, heard);
  }

  // `heard` has `played(utterance, samples)`, `done(utterance)`, `underrun()`, `dropped(samples)`.
  constructor(context, heard) {
    this.context = context;
    this.heard = heard;
    this.flushes = new Map();
    this.count = 0;
    this.dropped = 0;
    this.node = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.told(data);
    this.node.connect(context.destination);
  }

  push(utterance, sample, pcm) {
    this.node.port.postMessage({ do: "push", utterance, sample, pcm }, [pcm]);
  }

  end(utterance) {
    this.node.port.postMessage({ do: "end", utterance });
  }

  // Throw away what was not played; resolves with what was.
  flush() {
    this.count += 1;
    const id = this.count;
    this.node.port.postMessage({ do: "flush", id });
    return new Promise((resolve) => this.flushes.set(id, resolve));
  }

  // What has left the worklet is not yet in the air.
  inTheAir(samples) {
    const latencyS = (this.context.outputLatency || 0) + (this.context.baseLatency || 0);
    return Math.max(0, samples - Math.round(latencyS * this.context.sampleRate));
  }

  told(data) {
    if (data.flushed) {
      this.flushes.get(data.flushed)({ ...data, samples: this.inTheAir(data.samples ?? 0) });
      this.flushes.delete(data.flushed);
    } else if (data.underrun) {
      this.heard.underrun();
    } else if (data.done) {
      this.heard.played(data.utterance, data.samples);
      this.heard.done(data.utterance);
    } else if (data.samples !== undefined) {
      this.heard.played(data.utterance, this.inTheAir(data.samples));
    }
    if (data.dropped > this.dropped) {
      this.heard.dropped(data.dropped - this.dropped);
      this.dropped = data.dropped;
    }
  }

  close() {
    this.node.port.onmessage = null;
    this.node.disconnect();
  }
}

// A telephone call or a locked screen can take the audio away, and some browsers then say "running" to a clock
// that stands still. `stopped` is called once; only a tap can bring it back.
export function watch(context, stopped) {
  let last = -1;
  const check = () => {
    const frozen = context.state === "running" && context.currentTime === last;
    last = context.currentTime;
    if (context.state === "interrupted" || frozen) give();
    else if (context.state === "suspended") context.resume();
  };
  const timer = setInterval(check, WATCH_MS);
  const give = () => {
    end();
    stopped();
  };
  const end = () => {
    clearInterval(timer);
    context.onstatechange = null;
  };
  context.onstatechange = () => context.state === "interrupted" && give();
  return end;
}
