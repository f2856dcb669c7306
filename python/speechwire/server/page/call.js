// A call over as many connections as it takes. The protocol is docs/own-socket.md.

import { AudioLog } from "/audio_log.js";

const FINAL_CODES = new Set([1000, 1008, 4400, 4401]);
const PING_MS = 3000;
const DEAD_MS = 9000;
const FLOW_MS = 100;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8000;
const SLOW_S = 2;
const STUCK_S = 10;
const CONNECT_MS = 10000;

export class Call {
  // `on` has a method for each thing that happens; see the conversation.
  constructor(rate, parameters, on, getToken) {
    this.on = on;
    this.getToken = getToken;
    this.parameters = parameters;
    this.rate = rate; // of the microphone
    this.speechRate = rate;
    this.log = new AudioLog();
    this.id = "";
    this.number = 0;
    this.turn = 0;
    this.turnOpen = false;
    this.heardS = 0;
    this.nextUtterance = 0;
    this.unfinished = []; // { id, text, utterance, received }
    this.current = null;
    this.interrupted = new Set(); // texts that are not wanted any more
    this.asked = 0;
    this.attempt = 0;
    this.over = false;
    this.finishing = false;
    this.outbox = [];
    this.pingedAt = new Map();
    this.pings = 0;
    this.lostS = 0;
    this.connect();
  }

  // What the page does

  push(pcm) {
    if (this.over || this.finishing) return;
    const lostS = this.log.push(pcm, this.rate, performance.now());
    if (lostS) this.lose(lostS);
    this.flow();
  }

  setRate(rate) { this.rate = rate; }

  say(text) {
    this.asked += 1;
    const speech = { id: `p${this.asked}`, text, utterance: null, received: 0 };
    this.unfinished.push(speech);
    this.send({ type: "Speak", id: speech.id, text });
  }

  interrupt() {
    for (const { id } of this.unfinished) if (id) this.interrupted.add(id);
    this.unfinished = [];
    this.current = null;
    this.send({ type: "Interrupt" });
  }

  played(utterance, samples) {
    this.send({ type: "Played", utterance, samples });
  }

  cleared() { this.send({ type: "Cleared" }); }

  // No audio follows; the last captions still come.
  finish() {
    this.finishing = true;
    this.flow();
  }

  // Drop the connection, as a network does; the call goes on.
  drop(reason) {
    if (this.socket) this.ended(this.socket, 1006, reason);
  }

  abandon() {
    this.over = true;
    this.detach();
  }

  // The connection

  async connect() {
    this.on.connecting(this.attempt);
    const protocols = ["speechwire.v1"];
    const token = await this.getToken();
    if (token) protocols.push(`access_token.${token}`);
    if (this.over) return;
    const url = new URL("/socket", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.answered = false;
    this.goodbye = null;
    this.failure = null;
    this.deadline = setTimeout(() => this.ended(socket, 1006, "no answer"), CONNECT_MS);
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => this.received(socket, event.data);
    socket.onclose = (event) => this.ended(socket, event.code, event.reason);
  }

  opened() {
    this.closeSent = false;
    this.current = null;
    this.againS = this.log.rewind();
    const place = this.log.place;
    this.declared = place.rate ?? this.rate;
    const format = { sample_rate: this.declared };
    const common = { format, speech: { sample_rate: this.speechRate }, parameters: this.parameters };
    this.unfinished = this.unfinished.filter((each) => each.text);
    if (!this.id && place.sample === 0) {
      this.outbox = this.unfinished.map(({ id, text }) => ({ type: "Speak", id, text }));
      this.write({ type: "Start", ...common });
    } else {
      this.outbox = [];
      this.write({ type: "Resume", ...common, ...this.resumption(place) });
    }
    this.lastHeard = performance.now();
    this.pinging = setInterval(() => this.ping(), PING_MS);
    this.flowing = setInterval(() => this.flow(), FLOW_MS);
    this.flow();
  }

  resumption(place) {
    return {
      call: this.id,
      sample: place.sample,
      time_s: place.timeS,
      number: this.number,
      turn: this.turn,
      turn_open: this.turnOpen,
      heard_s: [this.heardS],
      utterance: this.nextUtterance,
      speeches: this.unfinished,
    };
  }

  ended(socket, code, reason) {
    if (socket !== this.socket) return;
    this.detach();
    const failure = this.failure;
    const words = failure?.description || reason || this.goodbye?.reason || "";
    const final = failure ? !failure.retryable : FINAL_CODES.has(this.goodbye?.code ?? code);
    if (code === 4401 && this.getToken.renew?.()) {
      this.again(0, "a new token");
    } else if (final) {
      this.over = true;
      this.on.over(this.goodbye?.code ?? code, words);
    } else {
      this.lose(0);
      this.attempt += 1;
      const bound = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.attempt - 1));
      const delay = Math.max(bound / 2 + (Math.random() * bound) / 2, (this.goodbye?.retry_after_s ?? 0) * 1000);
      this.again(delay, words);
    }
  }

  again(delay, words) {
    this.on.disconnected(this.attempt, delay, words);
    this.retry = setTimeout(() => this.connect(), delay);
  }

  // Try at once: the network is back, or somebody came back to the page.
  hurry() {
    if (this.over || this.socket) return;
    clearTimeout(this.retry);
    this.connect();
  }

  detach() {
    clearTimeout(this.deadline);
    clearTimeout(this.retry);
    clearInterval(this.pinging);
    clearInterval(this.flowing);
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  ping() {
    if (performance.now() - this.lastHeard > DEAD_MS) {
      this.ended(this.socket, 1006, "the line was dead");
      return;
    }
    this.pings += 1;
    this.pingedAt.set(this.pings, performance.now());
    this.write({ type: "Ping", id: this.pings });
  }

  // Audio that can come no more. A gap in what was sent cannot be mended on the same connection.
  lose(lostS) {
    const gap = Math.max(lostS, (this.log.begin - this.log.acknowledged) / this.rate);
    this.log.acknowledged = this.log.begin;
    if (gap <= 0) return;
    this.lostS += gap;
    this.on.lost(this.lostS);
    if (lostS && this.socket) this.ended(this.socket, 1006, "more audio waited than is kept");
  }

  send(message) {
    this.outbox.push(message);
    this.flow();
  }

  write(message) {
    this.socket.send(JSON.stringify(message));
  }

  // Send what there is, as far as the network takes it.
  flow() {
    const socket = this.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    while (this.outbox.length) this.write(this.outbox.shift());
    const bytesPerS = this.rate * 2;
    while (socket.bufferedAmount < SLOW_S * bytesPerS) {
      const piece = this.log.next();
      if (!piece) break;
      if (piece.rate !== this.declared) {
        this.declared = piece.rate;
        this.write({ type: "Format", format: { sample_rate: piece.rate } });
      }
      socket.send(piece.pcm);
    }
    // A slow line is told and lived with; one that takes nothing and says nothing is left for another.
    const waitingS = socket.bufferedAmount / bytesPerS + this.log.waitingS;
    this.on.backlog(waitingS >= SLOW_S ? waitingS : 0);
    if (waitingS > STUCK_S && socket.bufferedAmount >= SLOW_S * bytesPerS && performance.now() - this.lastHeard > PING_MS * 2) {
      this.ended(socket, 1006, "the network takes too little");
    } else if (this.finishing && !this.closeSent && !this.log.waitingS) {
      this.closeSent = true;
      this.write({ type: "Close" });
    }
  }

  // What the server says

  received(socket, data) {
    this.lastHeard = performance.now();
    if (typeof data !== "string") {
      this.heardAudio(data);
      return;
    }
    const message = JSON.parse(data);
    // What a later server says and this page does not know is ignored.
    this[`on${message.type}`]?.(message);
    this.flow();
  }

  onQueued(message) {
    this.on.queued(message.position);
  }

  onStarted(message) {
    clearTimeout(this.deadline);
    this.id ||= message.call;
    this.answered = true;
    this.attempt = 0;
    this.on.connected(message.resumed ? this.againS : null);
  }

  onCaption(message) {
    if (message.number <= this.number) return;
    this.number = message.number;
    if (message.event === "StartOfTurn") {
      this.turn = message.turn;
      this.turnOpen = true;
    } else if (message.event === "EndOfTurn") {
      this.turn = message.turn + 1;
      this.turnOpen = false;
      this.heardS = Math.max(this.heardS, message.end_s);
    }
    const heardAt = this.log.momentOf(message.end_s);
    if (message.event === "EndOfTurn") this.log.acknowledgeTime(message.end_s);
    this.on.caption(message, heardAt === null ? null : performance.now() - heardAt);
  }

  onAcknowledged(message) {
    this.log.acknowledge(message.sample);
  }

  onSpeechStarted(message) {
    const { utterance, id, text, sample } = message;
    let speech = this.unfinished.find((each) => each.utterance === utterance || (id && each.id === id));
    if (!speech && this.interrupted.has(id)) {
      // It was interrupted before the server had begun it.
      this.current = null;
      return;
    }
    const isNew = !speech || speech.utterance === null;
    if (!speech) {
      speech = { id, text, utterance: null, received: 0 };
      this.unfinished.push(speech);
    }
    Object.assign(speech, { utterance, received: sample, text: speech.text || text });
    this.current = speech;
    this.nextUtterance = Math.max(this.nextUtterance, utterance + 1);
    if (isNew) this.on.speechStarted(utterance, speech.text, id);
  }

  heardAudio(data) {
    const speech = this.current;
    if (!speech) return;
    const sample = speech.received;
    speech.received += data.byteLength / 2;
    this.on.speech(speech.utterance, sample, data);
  }

  onSpeechEnded(message) {
    const known = this.unfinished.some((each) => each.utterance === message.utterance);
    this.unfinished = this.unfinished.filter((each) => each.utterance !== message.utterance);
    if (this.current?.utterance === message.utterance) this.current = null;
    if (known) this.on.speechEnded(message.utterance, message.samples);
  }

  onClear() {
    this.unfinished = [];
    this.current = null;
    this.on.clear();
  }

  onNotice(message) {
    this.on.notice(message.code, message.description, message.seconds);
  }

  onFailure(message) { this.failure = message; }

  onGoodbye(message) { this.goodbye = message; }

  onPong(message) {
    const at = this.pingedAt.get(message.id);
    this.pingedAt.clear();
    if (at) this.on.roundTrip(performance.now() - at);
  }
}
