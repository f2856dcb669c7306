// The page: a conversation between a person, a microphone, a loudspeaker and a call.

import { Call } from "/call.js";
import { Loudspeaker, Microphone, openContext, watch, whyNoMicrophone, whyRefused } from "/sound.js";
import { getToken } from "/token.js";
import { View } from "/view.js";

const query = new URLSearchParams(location.search);
const processing = query.get("processing") !== "off";
const talk = document.getElementById("talk");
const agent = document.getElementById("agent");
const view = new View();
const READY = "Press and speak";
const HEADPHONES = "With headphones the agent cannot hear itself.";
const HAS_KEYS = !matchMedia("(pointer: coarse)").matches;
const READY_HINT = HAS_KEYS ? `or hit the space bar. ${HEADPHONES}` : HEADPHONES;
const INTERRUPT_HINT = HAS_KEYS ? "Just talk to interrupt, or press Escape." : "Just talk to interrupt.";
const STOP_HINT = HAS_KEYS ? "Escape stops it." : "";

class Conversation {
  constructor() {
    this.call = null;
    this.microphone = null;
    this.speaker = null;
    this.context = null;
    this.listening = false;
    this.reconnects = 0;
    this.saying = null; // the utterance being played
    this.askedAt = null; // when an answer was last waited for
    this.problem = "";
    this.slowS = 0;
    this.state = "idle";
  }

  // What a person does

  async toggle() {
    if (this.listening) {
      this.stop();
      return;
    }
    const why = whyNoMicrophone();
    if (why) {
      this.trouble(why);
      return;
    }
    this.problem = "";
    this.begin();
    this.listening = true;
    view.pressed(true);
    this.show();
    const context = this.context;
    try {
      const heard = (pcm, peak) => this.heard(pcm, peak);
      const opened = await Microphone.open(context, processing, heard, () => this.deviceLost());
      if (!this.listening || this.context !== context) {
        opened.close();
        return;
      }
      this.microphone = opened;
      this.keepAwake();
    } catch (error) {
      this.stop();
      this.trouble(whyRefused(error));
    }
  }

  stop() {
    this.closeMicrophone();
    this.listening = false;
    view.pressed(false);
    view.level(0);
    if (this.call?.log.end) this.call.finish();
    else if (this.call && !this.call.unfinished.length) this.leave();
    this.show();
  }

  say(text) {
    this.begin();
    this.askedAt = performance.now();
    this.call.say(text);
    this.show();
  }

  silence() {
    if (!this.call || this.saying === null) return;
    this.call.interrupt();
    this.hush(false);
  }

  // The call

  // In the tap: the context must be made before anything is waited for.
  begin() {
    if (!this.context) {
      this.context = openContext();
      this.unwatch = watch(this.context, () => this.interrupted());
      const context = this.context;
      this.speakerReady = Loudspeaker.open(context, this).then((speaker) => {
        if (this.context === context) this.speaker = speaker;
        else speaker.close();
      });
    }
    if (this.call && !this.call.over && !this.call.finishing) {
      this.call.setRate(this.context.sampleRate);
      return;
    }
    this.call?.abandon();
    this.reconnects = 0;
    view.number("reconnects", "0");
    view.number("lost", "0 s");
    const parameters = { agent: agent.checked ? "on" : "off" };
    this.call = new Call(this.context.sampleRate, parameters, this, getToken);
  }

  leave() {
    this.call?.abandon();
    this.call = null;
    this.state = "idle";
    view.line("idle", "Not connected");
  }

  heard(pcm, peak) {
    if (!this.listening) return;
    view.level(peak);
    this.call.push(pcm);
  }

  closeMicrophone() {
    this.microphone?.close();
    this.microphone = null;
    this.wakeLock?.release();
    this.wakeLock = null;
  }

  deviceLost() {
    this.stop();
    this.trouble("The microphone was taken away. Press to go on with another.");
  }

  // A telephone call, or a locked screen: the call stays, only a tap brings the audio back.
  interrupted() {
    const wasListening = this.listening;
    this.closeMicrophone();
    this.listening = false;
    view.pressed(false);
    this.context.close();
    this.speaker?.close();
    this.context = this.speaker = null;
    if (wasListening) this.trouble("The audio was interrupted. Tap to continue.");
  }

  async keepAwake() {
    try {
      this.wakeLock = await navigator.wakeLock?.request("screen");
    } catch {
      // A battery that is low refuses; the screen then locks as usual.
    }
  }

  // What the call says

  connecting(attempt) {
    this.state = attempt ? "again" : "connecting";
    view.line("wait", attempt ? "Coming back" : "Connecting");
    this.show();
  }

  connected(sentAgainS) {
    const wasLost = this.state === "again" || this.state === "lost";
    this.state = "live";
    view.line("live", "Connected");
    if (wasLost && sentAgainS !== null) {
      this.reconnects += 1;
      view.number("reconnects", String(this.reconnects));
      view.entry("note", `Connected again. ${sentAgainS.toFixed(1)} s of audio were sent once more.`);
    }
    this.show();
  }

  disconnected(attempt, delay, words) {
    if (this.state === "live") view.entry("note", words ? `Connection lost: ${words}.` : "Connection lost.");
    this.state = "lost";
    view.line("lost", "Connection lost");
    this.show();
  }

  over(code, words) {
    this.state = "idle";
    this.call = null;
    this.closeMicrophone();
    this.listening = false;
    view.pressed(false);
    view.level(0);
    view.interim("");
    view.line("idle", "Not connected");
    if (code === 4401) this.trouble("The server wants a token: open this page with #token= and the token behind its address.");
    else if (code !== 1000 && words) this.trouble(`The call has ended: ${words}.`);
    this.show();
  }

  queued(position) {
    view.line("wait", `Waiting for a place: ${position + 1}.`);
  }

  backlog(seconds) {
    if (Math.round(seconds) === Math.round(this.slowS)) return;
    this.slowS = seconds;
    this.show();
  }

  lost(seconds) {
    view.number("lost", `${seconds.toFixed(1)} s`);
  }

  notice(code, description, seconds) {
    if (code === "audio_dropped") this.lost((this.call?.lostS ?? 0) + seconds);
    view.entry("note", description);
  }

  roundTrip(ms) {
    view.latency("round-trip", ms);
  }

  caption(caption, latencyMs) {
    const { event, transcript, end_s: endS } = caption;
    if (latencyMs !== null && event === "Update" && transcript) view.latency("caption-latency", latencyMs);
    if (event !== "Update") view.event(endS, event, transcript, latencyMs);
    if (event !== "EndOfTurn") {
      view.interim(transcript);
      return;
    }
    view.interim("");
    if (latencyMs !== null) view.latency("turn-latency", latencyMs);
    if (agent.checked) this.askedAt = performance.now();
    if (transcript) view.entry("you", transcript, latencyMs === null ? "" : `${(latencyMs / 1000).toFixed(1)} s`);
  }

  speechStarted(utterance, text) {
    this.saying ??= utterance;
    view.entry("agent", text || "…");
    this.show();
  }

  async speech(utterance, sample, pcm) {
    if (this.askedAt !== null && sample === 0) view.latency("speech-latency", performance.now() - this.askedAt);
    this.askedAt = null;
    if (!this.speaker) await this.speakerReady;
    this.speaker?.push(utterance, sample, pcm);
  }

  async speechEnded(utterance) {
    if (!this.speaker) await this.speakerReady;
    this.speaker?.end(utterance);
  }

  clear() {
    this.hush(true);
  }

  async hush(isAsked) {
    const call = this.call;
    const flushed = await this.speaker?.flush();
    this.saying = null;
    this.show();
    if (flushed?.utterance !== undefined) call?.played(flushed.utterance, flushed.samples);
    if (isAsked) call?.cleared();
    if (flushed?.thrown) view.event(call?.log.endS ?? 0, "BargeIn", `${(flushed.thrown / this.context.sampleRate).toFixed(1)} s not played`, null);
  }

  // What the loudspeaker says

  played(utterance, samples) {
    if (this.saying !== utterance) {
      this.saying = utterance;
      this.show();
    }
    this.call?.played(utterance, samples);
  }

  done(utterance) {
    if (this.saying === utterance) this.saying = null;
    this.show();
  }

  underrun() {
    view.event(this.call?.log.endS ?? 0, "Underrun", "speech came too late", null);
  }

  dropped(samples) {
    view.entry("note", `${(samples / this.context.sampleRate).toFixed(1)} s of speech did not fit and were left out.`);
  }

  // The state, in words

  trouble(words) {
    this.problem = words;
    this.show();
  }

  show() {
    view.speaking(this.saying !== null);
    const [words, hint] = this.words();
    view.state(words, hint);
  }

  words() {
    if (this.problem && !this.listening) return [this.problem, ""];
    if (this.state === "lost" || this.state === "again") {
      const keptS = this.call?.log.keptS ?? 0;
      const kept = this.listening ? "Keep speaking: nothing is lost, what you say is kept." : "";
      return ["Connection lost, coming back", keptS ? kept || `${keptS.toFixed(1)} s of audio are kept.` : kept];
    }
    if (this.slowS) return ["Slow network", `${Math.round(this.slowS)} s of audio wait to be sent. Nothing is lost.`];
    if (this.state === "connecting") return ["Connecting", ""];
    if (this.saying !== null) return ["Speaking", this.listening ? INTERRUPT_HINT : STOP_HINT];
    if (this.listening) return ["Listening", "Press again to stop."];
    if (this.call?.finishing) return ["Finishing", ""];
    return [READY, READY_HINT];
  }
}

const conversation = new Conversation();
const isControl = (target) => target instanceof Element && target.closest("button, input, summary, a, textarea, select");

talk.addEventListener("click", () => conversation.toggle());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") conversation.silence();
  if (event.key !== " " || event.repeat || event.ctrlKey || event.altKey || event.metaKey || isControl(event.target)) return;
  event.preventDefault();
  conversation.toggle();
});
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.getElementById("text");
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  conversation.say(text);
});
addEventListener("online", () => conversation.call?.hurry());
addEventListener("pagehide", () => conversation.call?.abandon());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") conversation.call?.hurry();
});
conversation.trouble(whyNoMicrophone());

// For tests and for the curious; nothing on the page uses it.
globalThis.speechwire = conversation;
