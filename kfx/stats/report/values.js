// The page's data, nodes made from it, and numbers and values as text.

const data = JSON.parse(document.getElementById("data").textContent);
const many = data.datasets.length > 1;
const FEW = 3; // data sets that fit into one chart
const few = data.datasets.length <= FEW;
const COLOURS = 6;
const view = { buckets: "standard", log: false, query: "", type: "", show: "", sort: "order" };
const $ = (id) => document.getElementById(id);

// ---------------------------------------------------------------- nodes

const SVG = "http://www.w3.org/2000/svg";
const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value);
  }
  // Strings become text nodes: nothing from the data is ever read as markup.
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
};
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const colour = (at) => at % COLOURS;
const key = (at) => el("span", { class: `key fill${colour(at)}` });
const WEIGHTS = {
  3: "likely a fault",
  2: "likely matters",
  1: "hint",
  error: "error",
  warning: "warning",
  unknown: "note",
};
// Severity is told by shape and by words as well as by colour.
const sign = (weight) =>
  el("span", { class: `sign s-${weight}`, role: "img", "aria-label": WEIGHTS[weight], title: WEIGHTS[weight] });

// ---------------------------------------------------------------- numbers

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
const rounded = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const tiny = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, notation: "scientific" });
const count = (n) => (Number.isInteger(n) ? whole.format(n) : short.format(n));
const number = (n) => {
  if (typeof n !== "number") return n === undefined || n === null ? "–" : n;
  const size = Math.abs(n);
  if (n !== 0 && (size < 1e-4 || size >= 1e12)) return tiny.format(n).replace("E", "e");
  return Number.isInteger(n) || size >= 1e5 ? whole.format(size >= 1e5 ? Math.round(n) : n) : short.format(n);
};
const percent = (share) => {
  const p = share * 100;
  if (p > 0 && p < 0.1) return "< 0.1 %";
  if (p < 100 && p > 99.9) return "> 99.9 %";
  return `${p.toFixed(p === 0 || p === 100 ? 0 : 1)} %`;
};
const share = (n, of) => (n ? `${count(n)}  (${percent(n / (of || 1))})` : "0");
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

// ---------------------------------------------------------------- values with a unit

const DAYS = "days since 1970-01-01",
  MOMENT = "microseconds since 1970-01-01",
  CLOCK = "microseconds since midnight";
const DAY_US = 864e8;
const measured = (unit) => unit && unit !== "boolean";
const dated = (unit) => unit === DAYS || unit === MOMENT;
const milliseconds = (n, unit) => (unit === DAYS ? n * 864e5 : n / 1e3);
const moment = (ms, characters) => {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? number(ms) : date.toISOString().replace("T", " ").slice(0, characters);
};
const two = (n) => String(n).padStart(2, "0");
const clock = (us) => {
  const s = Math.floor(us / 1e6);
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};
const value = (n, unit) => {
  if (typeof n !== "number" || !measured(unit)) return number(n);
  if (dated(unit)) return moment(milliseconds(n, unit), unit === DAYS ? 10 : 19);
  return unit === CLOCK ? clock(n) : `${number(n / 1e6)} s`;
};
const spread = (n, unit) => {
  if (typeof n !== "number" || !measured(unit)) return number(n);
  if (unit.startsWith("days")) return `${number(n)} days`;
  return n >= DAY_US ? `${number(n / DAY_US)} days` : `${number(n / 1e6)} s`;
};
// In a narrow cell the time of day only matters when the range is short.
const brief = (n, m) =>
  m.unit === MOMENT && m.max - m.min > 2 * DAY_US ? value(n, m.unit).slice(0, 10) : value(n, m.unit);

// ---------------------------------------------------------------- text from the data

// Line ends, tabs and other control characters are shown, or two different values would look the same.
// So are blanks where there is nothing else; the joiners of emoji and Persian stay as they are.
const BLANKS = /^[\s\u00ad\u200b-\u200f\u2060\ufeff]+$/;
const plain = (text) => {
  const clean = text.replace(/[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) =>
    c === "\n" ? "↵" : c === "\t" ? "⇥" : c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : "␦",
  );
  return BLANKS.test(clean) ? clean.replace(/./g, (c) => (/\s/.test(c) ? "␣" : "␦")) : clean;
};
// In a list or a table, a long name is cut in its middle (long names often differ at the end) and whole in its title.
const [LONGEST, HEAD_OF, TAIL_OF] = [80, 52, 27];
const cut = (text) => {
  const characters = [...plain(text)];
  if (characters.length <= LONGEST) return plain(text);
  return `${characters.slice(0, HEAD_OF).join("")}…${characters.slice(-TAIL_OF).join("")}`;
};
const titled = (text) => ([...text].length > LONGEST ? plain(text) : null);
const visible = (text, as = plain) => (text === "" ? el("span", { class: "empty" }, "empty string") : as(text));
const nameOf = (feature) => feature.path.join(" › ");
const hashOf = (feature) => `#${feature.path.map(encodeURIComponent).join("/")}`;
const given = (feature) => feature.of.map((model, at) => ({ model, at })).filter(({ model }) => model);

// ---------------------------------------------------------------- tooltip

const tip = el("div", { id: "tip", hidden: "" });
document.body.append(tip);
const showTip = (event, text) => {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
  const y = event.clientY - box.height - 12;
  tip.style.left = `${Math.max(8, x)}px`;
  tip.style.top = `${y < 8 ? event.clientY + 18 : y}px`;
};
const tipped = (node, text) => {
  node.addEventListener("pointermove", (event) => showTip(event, text));
  node.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  return node;
};
