// The page of the lab. It takes a plan, opens a WebSocket that ends as planned, and shows the bytes and what the crate
// and the browser report.

const $ = (id) => document.getElementById(id);
const form = $("plan");

const EXAMPLES = [
  ["Normal", "server", 1000, "done", "none", "clean"],
  ["Page leaves", "page", 4001, "bye", "none", "clean"],
  ["No code", "server", null, "", "none", "clean"],
  ["Code 999", "server", 999, "unused", "none", "clean"],
  ["1005 on the wire", "server", 1005, "", "none", "clean"],
  ["Broken UTF-8", "server", 1000, "caf", "not-utf8", "clean"],
  ["Late text", "server", 1001, "restart", "data-after", "clean"],
  ["Reset", "server", 1012, "restart", "none", "reset"],
  ["Lost", "server", 1000, "", "missing", "reset"],
  ["Silence", "server", 1000, "", "none", "silent"],
];

const ENDING_HINTS = {
  clean: "FIN after both Closes.",
  half: "FIN right after its Close.",
  reset: "RST soon after its Close.",
  silent: "The browser has to give up.",
};

// The cases in which browsers are known to differ from the RFC, and so from the crate.
const DIFFERENCES = [
  [({ code }) => [1005, 1006, 1015].includes(code),
    "Firefox reports 1005, 1006 and 1015 as clean, although nobody may send them (RFC 6455, 7.4.1)."],
  [({ code }) => code !== null && (code < 1000 || code === 1004 || (code > 1015 && code < 3000) || code > 4999),
    "Browsers report codes that nobody may send (RFC 6455, 7.4.2). CloseEvent::observed() reports what a page gets."],
  [({ fault }) => fault === "one-byte", "Firefox takes a payload of one byte for an empty one."],
  [({ fault }) => fault === "masked", "Firefox accepts a masked frame from a server, which RFC 6455, 5.1 forbids."],
  [({ fault }) => fault === "data-after",
    "Chromium fails the connection if a whole frame follows the Close. RFC 6455, 1.4 discards the frame."],
  [({ ending }) => ending === "reset",
    "Browsers call a reset unclean, even after both Closes. By RFC 6455, 7.1.4 only the Closes count."],
  [({ ending }) => ending === "half", "Firefox reports an unclean end if FIN comes before its answer."],
];

// The form

let registry = [];
const nameOf = (code) => registry.find(({ first, last }) => first <= code && code <= last)?.name ?? "";
/// A code has 16 bits.
const isCode = (number) => Number.isInteger(number) && number >= 0 && number <= 65535;
const utf8 = (text) => new TextEncoder().encode(text);

function plan() {
  const fields = new FormData(form);
  const code = fields.get("code") === "" ? null : Number(fields.get("code"));
  return {
    first: fields.get("first"),
    code,
    reason: code === null ? "" : form.elements.reason.value,
    fault: fields.get("fault"),
    ending: fields.get("ending"),
  };
}

function fill([, first, code, reason, fault, ending]) {
  form.elements.first.value = first;
  form.elements.code.value = code ?? "";
  form.elements.reason.value = reason;
  form.elements.fault.value = fault;
  form.elements.ending.value = ending;
  hints();
}

/// Fills the form from the page's address. The address has the plan, so that it can be reloaded, kept and shared.
function fillFromAddress() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
}

function hints() {
  const { first, code, reason, ending } = plan();
  const length = utf8(reason).length;
  $("first-hint").textContent = first === "server" ? "The browser answers by itself." : "The page calls close(); the server answers.";
  $("code-hint").textContent = code === null ? "none: an empty Close" : isCode(code) ? nameOf(code) : "not a code: 0 to 65535, without a fraction";
  $("reason-hint").textContent = code === null ? "needs a code" : `${length} of 123 bytes${length > 123 ? ": too long" : ""}`;
  $("ending-hint").textContent = ENDING_HINTS[ending];
  form.elements.reason.disabled = code === null;
}

// The results

function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat());
  return element;
}

/// A text in quotes. Characters that are invisible, or change how the text looks, are escaped.
function quoted(text) {
  const escape = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}]/gu, escape);
}

const bytesOf = (hex) => (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const OPCODES = { 0: "continuation", 1: "text", 2: "binary", 8: "Close", 9: "ping", 10: "pong" };

/// The pieces of the frames in `bytes`: the kind of each piece, its bytes, and their meaning.
function pieces(bytes) {
  const found = [];
  let rest = bytes;
  const take = (count, kind, meaning) => {
    const taken = rest.slice(0, count);
    rest = rest.slice(count);
    if (taken.length > 0) found.push({ kind, taken, meaning: meaning(taken) });
    return taken;
  };
  while (rest.length > 0) {
    let opcode, masked, length;
    take(1, "head", ([byte]) => {
      opcode = byte & 15;
      const rsv = [64, 32, 16].flatMap((bit, index) => (byte & bit ? [`RSV${index + 1}`] : []));
      return [byte & 128 ? "FIN" : "no FIN", ...rsv, OPCODES[opcode] ?? `opcode ${opcode}`].join(", ");
    });
    take(1, "head", ([byte]) => {
      masked = (byte & 128) !== 0;
      length = byte & 127;
      const long = length > 125 ? `length in the next ${length === 126 ? 2 : 8} bytes` : plural(length, "byte");
      return `${masked ? "masked, " : ""}${long}`;
    });
    if (length === 126) take(2, "head", ([high, low]) => plural((length = high * 256 + low), "byte"));
    const key = masked ? take(4, "key", () => "masking key") : [0, 0, 0, 0];
    const whole = length ?? 0;
    const plain = rest.slice(0, whole).map((byte, index) => byte ^ key[index % 4]);
    const unmasked = (from, to) => (masked ? ` = ${hex(plain.slice(from, to))}` : "");
    if (opcode === 8) {
      const here = Math.min(2, plain.length);
      take(here, "code", () => (here === 2 ? `code ${plain[0] * 256 + plain[1]}${unmasked(0, 2)}` : "half a code"));
      take(plain.length - here, "reason", () => `reason ${quoted(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(plain.slice(2))))}`);
    } else {
      take(plain.length, "data", () => quoted(new TextDecoder().decode(new Uint8Array(plain))));
    }
    if (length === undefined || plain.length < whole) {
      found.push({ kind: "gap", taken: [], meaning: `cut off: ${length === undefined ? "no length" : `${whole - plain.length} missing`}` });
    }
  }
  return found;
}

const hex = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

function frame(title, hexText, note) {
  const bytes = bytesOf(hexText);
  const list = pieces(bytes).map(({ kind, taken, meaning }) =>
    h("li", { class: `piece ${kind}` }, h("code", {}, hex(taken) || "—"), h("span", {}, meaning)));
  return h("div", { class: "frame" },
    h("h3", {}, title, h("small", {}, plural(bytes.length, "byte"))),
    note ? h("p", { class: "note" }, note) : [],
    list.length ? h("ol", { class: "pieces" }, list) : h("p", { class: "none" }, "nothing"));
}

/// A CloseEvent. The values that differ from `other` are marked.
function event(title, told, note, other = told) {
  const row = (key, value) => [h("dt", {}, key), h("dd", told[key] === other[key] ? {} : { class: "differs" }, value)];
  return h("div", { class: "event" },
    h("h3", {}, title),
    h("dl", {},
      row("code", [h("b", {}, String(told.code)), " ", h("small", {}, nameOf(told.code))]),
      row("reason", quoted(told.reason)),
      row("wasClean", String(told.wasClean))),
    note ? h("p", { class: "note" }, note) : []);
}

function steps(title, rows) {
  const items = rows.map(({ at, what }) => h("li", {}, h("time", {}, `${at.toFixed(at < 99.5 ? 1 : 0)} ms`), h("span", {}, what)));
  return h("div", { class: "steps" }, h("h3", {}, title), h("ol", {}, items));
}

const said = (threw) => (threw ? `throws ${threw}` : "accepts the call");
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
const alike = (one, other) => one.code === other.code && one.reason === other.reason && one.wasClean === other.wasClean;

function show(asked, { script }, log, seen) {
  $("wire").replaceChildren(
    frame("Server to page", log.wrote, log.byHand ? `Written by hand: ${log.byHand}.` : log.wrote && "Written by wire::encode()."),
    frame("Page to server", log.read, ""));

  const answers = asked.first === "page"
    ? `script::close() ${script.throws ? `throws ${script.throws}: ${script.why}` : `sends ${script.sends}`}.`
    : "";
  const lenient = log.observed && !alike(log.observed, log.client)
    ? [event("As a lenient client", log.observed, "CloseEvent::observed(): what a page sees if the server is wrong.")] : [];
  $("crate").replaceChildren(
    event("As the client, given the same bytes", log.client, sentence(log.clientSays), seen.event),
    ...lenient,
    event("As the server", log.server, sentence(log.ending) + (log.byHand ? " It does not know about the Close written by hand." : "")),
    ...(answers ? [h("p", { class: "note" }, answers)] : []));

  $("browser").replaceChildren(
    event("CloseEvent", seen.event, seen.error ? "An error event came first." : "No error event.", log.client),
    ...(seen.threw ? [h("p", { class: "note" }, `close() threw ${seen.threw}; the page then closed without arguments.`)] : []));

  $("course").replaceChildren(steps("At the server", log.steps), steps("On the page", seen.steps));
  $("results").hidden = false;

  const why = DIFFERENCES.filter(([applies]) => applies(asked)).map(([, text]) => text).join(" ");
  const threw = asked.first === "page" && (script.throws ?? null) !== seen.threw;
  if (threw) verdict("differs", `close() ${said(seen.threw)}, but script::close() ${said(script.throws)}.`);
  else if (alike(log.client, seen.event)) verdict("agrees", "Browser and crate agree.");
  else verdict("differs", `Browser and crate differ. ${why || "This difference is not known."}`);
}

function verdict(kind, text) {
  $("verdict").className = kind;
  $("verdict").textContent = text;
}

// A run

let current = 0;

async function run() {
  const mine = ++current;
  const asked = plan();
  history.replaceState(null, "", `?${new URLSearchParams({ ...asked, code: asked.code ?? "" })}`);
  const started = performance.now();
  verdict("waits", "Running…");
  const waiting = setInterval(() => {
    if (mine === current) verdict("waits", `Waiting for the browser to give up: ${Math.round((performance.now() - started) / 1000)} s so far.`);
  }, 5000);
  try {
    const answer = await fetch("/runs", { method: "POST", body: JSON.stringify(asked) });
    if (!answer.ok) throw new Error(await answer.text());
    const made = await answer.json();
    const seen = await end(made.id, asked);
    const log = await (await fetch(`/log/${made.id}`)).json();
    if (mine === current) show(asked, made, log, seen);
  } catch (error) {
    if (mine === current) verdict("differs", `The run failed: ${error.message}`);
  } finally {
    clearInterval(waiting);
  }
}

/// Opens the WebSocket, closes it if the plan says so, and returns what the browser reports.
function end(id, { first, code, reason }) {
  return new Promise((done) => {
    const seen = { threw: null, error: false, steps: [] };
    const socket = new WebSocket(`ws://${location.host}/ws/${id}`);
    let opened = performance.now();
    const note = (what) => seen.steps.push({ at: performance.now() - opened, what });
    socket.onopen = () => {
      opened = performance.now();
      note("open");
      if (first !== "page") return;
      const given = [code, reason].slice(0, code === null ? 0 : reason === "" ? 1 : 2);
      try {
        socket.close(...given);
        note(`close(${given.map((value) => (typeof value === "string" ? quoted(value) : value)).join(", ")})`);
      } catch (exception) {
        seen.threw = exception.name;
        note(`${exception.name}: ${exception.message}`);
        socket.close();
      }
    };
    socket.onerror = () => {
      seen.error = true;
      note("error");
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      note("close");
      done({ ...seen, event: { code, reason, wasClean } });
    };
  });
}

$("examples").append(...EXAMPLES.map((example) => {
  const button = h("button", { type: "button" }, example[0]);
  button.addEventListener("click", () => {
    fill(example);
    run();
  });
  return button;
}));
form.addEventListener("input", hints);
form.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  run();
});

registry = await (await fetch("/codes")).json();
$("codes").append(...registry.filter(({ first, last }) => first === last)
  .map(({ first, name }) => h("option", { value: first, label: name })));
fillFromAddress();
hints();
run();
