// What is on the page. Nothing here knows a socket or a microphone, and no event moves the focus.

const MOST_ENTRIES = 500;
const MOST_EVENTS = 100;
const part = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  constructor() {
    this.figures = new Map();
    this.count = 0;
  }

  // The state in words, and what may help.
  state(words, hint = "") {
    setText(part("state"), words);
    setText(part("hint"), hint);
  }

  // kind: idle, wait, live, lost
  line(kind, words) {
    part("line").dataset.line = kind;
    setText(part("line-text"), words);
  }

  pressed(isPressed) {
    part("talk").setAttribute("aria-pressed", String(isPressed));
    document.body.classList.toggle("listening", isPressed);
  }

  speaking(isSpeaking) {
    document.body.classList.toggle("speaking", isSpeaking);
  }

  level(peak) {
    // A logarithmic meter: 0 is -50 dB, 1 is full.
    const level = Math.max(0, 1 + Math.log10(Math.max(peak, 1e-6)) / 2.5);
    part("level").value = level;
    part("bar").style.transform = `scaleX(${Math.min(1, level)})`;
    if (!still.matches) part("ring").style.transform = `scale(${1 + level * 0.38})`;
  }

  interim(text) {
    setText(part("interim"), text);
    this.notEmpty(text);
  }

  entry(who, text, extra = "") {
    const item = document.createElement("li");
    item.className = who;
    const name = { you: "You", agent: "Agent", note: "" }[who];
    if (name) item.append(element("span", "who", name));
    item.append(element("span", "text", text));
    if (extra) item.append(element("span", "extra", extra));
    const log = part("log");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    log.append(item);
    while (log.children.length > MOST_ENTRIES) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    this.notEmpty(text);
    return item;
  }

  event(atS, name, text, latencyMs) {
    const item = document.createElement("li");
    item.append(element("time", "", clock(atS)), element("span", "name", name), element("span", "text", text));
    item.append(element("span", "extra", latencyMs === null ? "" : milliseconds(latencyMs)));
    part("events").prepend(item);
    while (part("events").children.length > MOST_EVENTS) part("events").lastChild.remove();
  }

  // The median of the last of them.
  latency(id, value) {
    const values = this.figures.get(id) ?? [];
    values.push(value);
    if (values.length > 25) values.shift();
    this.figures.set(id, values);
    const sorted = [...values].sort((a, b) => a - b);
    setText(part(id), milliseconds(sorted[Math.floor(sorted.length / 2)]));
  }

  number(id, text) {
    setText(part(id), text);
  }

  notEmpty(text) {
    if (text) part("nothing").hidden = true;
  }
}

export function milliseconds(value) {
  if (value >= 995) return `${(value / 1000).toFixed(1)} s`;
  return `${Math.max(1, value < 95 ? Math.round(value) : Math.round(value / 10) * 10)} ms`;
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - minutes * 60).toFixed(1).padStart(4, "0")}`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// Setting the same text again would be announced again.
function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
