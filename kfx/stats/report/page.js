"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const many = data.datasets.length > 1;
  const view = { buckets: "standard", log: false, query: "", type: "", sort: "order" };
  const $ = (id) => document.getElementById(id);

  // ---------------------------------------------------------------- building blocks

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

  // ---------------------------------------------------------------- numbers and values as text

  const whole = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
  const tiny = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, notation: "scientific" });
  const count = (n) => (Number.isInteger(n) ? whole.format(n) : short.format(n));
  const number = (n) => {
    if (typeof n !== "number") return n === undefined || n === null ? "–" : n;
    const size = Math.abs(n);
    if (n !== 0 && (size < 1e-4 || size >= 1e12)) return tiny.format(n).replace("E", "e");
    return Number.isInteger(n) || size >= 1e5 ? whole.format(Math.abs(n) >= 1e5 ? Math.round(n) : n) : short.format(n);
  };
  const two = (n) => String(n).padStart(2, "0");
  const clock = (us) => {
    const s = Math.floor(us / 1e6);
    return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  };
  const moment = (ms, characters) => {
    const date = new Date(ms);
    return Number.isNaN(date.getTime()) ? number(ms) : date.toISOString().replace("T", " ").slice(0, characters);
  };
  const value = (n, unit) => {
    if (typeof n !== "number" || !unit || unit === "boolean") return number(n);
    if (unit === "days since 1970-01-01") return moment(n * 864e5, 10);
    if (unit === "microseconds since 1970-01-01") return moment(n / 1e3, 19);
    if (unit === "microseconds since midnight") return clock(n);
    return `${number(n / 1e6)} s`;
  };
  const spread = (n, unit) => {
    if (typeof n !== "number" || !unit || unit === "boolean") return number(n);
    return unit.startsWith("days") ? `${number(n)} days` : n >= 864e8 ? `${number(n / 864e8)} days` : `${number(n / 1e6)} s`;
  };
  const percent = (share) => {
    const p = share * 100;
    if (p > 0 && p < 0.1) return "< 0.1 %";
    if (p < 100 && p > 99.9) return "> 99.9 %";
    return `${p.toFixed(p === 0 || p === 100 ? 0 : 1)} %`;
  };
  // Line ends, tabs and other control characters are shown, or two different values would look the same.
  const visible = (text) =>
    text === ""
      ? el("span", { class: "empty" }, "empty string")
      : text.replace(/[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) =>
          c === "\n" ? "↵" : c === "\t" ? "⇥" : c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : "␦");
  const nameOf = (feature) => feature.path.join(" › ");

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
    node.addEventListener("pointerleave", () => { tip.hidden = true; });
    return node;
  };

  // ---------------------------------------------------------------- charts

  const logged = (n, top) => (n <= 0 ? 0 : (Math.log10(n) + 1) / (Math.log10(top) + 1));
  const height = (n, top) => Math.max(0, top <= 0 ? 0 : view.log && top > 1 ? logged(n, top) : n / top);

  // Bars of one data set: x range, and a height that makes the area, not the height, stand for the count
  // where buckets differ in width.
  function bars(model) {
    const buckets = (model[view.buckets] || []).filter((b) => typeof b[0] === "number" && typeof b[1] === "number");
    const total = buckets.reduce((sum, b) => sum + b[2], 0);
    const per = many ? total || 1 : 1;
    if (view.buckets === "standard") return buckets.map((b) => ({ low: b[0], high: b[1], count: b[2], tall: b[2] / per, total }));
    const span = buckets.length ? buckets[buckets.length - 1][1] - buckets[0][0] : 0;
    const width = span / Math.max(buckets.length, 1);
    return buckets.map((b) => ({
      low: b[0], high: b[1], count: b[2], total,
      tall: (b[2] / per) * (width ? Math.min(width / Math.max(b[1] - b[0], width / 50), 50) : 1),
    }));
  }

  function spark(feature) {
    const width = 150, tall = 36;
    const picture = svg("svg", { class: "spark" + (many ? " many" : ""), viewBox: `0 0 ${width} ${tall}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const shown = feature.of.map((model, at) => ({ model, at })).filter(({ model }) => model);
    const numeric = shown.some(({ model }) => model.standard && model.standard.length);
    if (numeric) drawBars(picture, shown, 0, 0, width, tall - 1, 1);
    else drawRanked(picture, shown, width, tall - 1);
    picture.append(svg("line", { x1: 0, x2: width, y1: tall - 0.5, y2: tall - 0.5, class: "axis", stroke: "var(--line)" }));
    return picture;
  }

  function drawRanked(picture, shown, width, tall) {
    const longest = Math.max(1, ...shown.map(({ model }) => (model.top || []).length));
    const step = width / Math.min(Math.max(longest, 6), 20);
    const top = Math.max(...shown.map(({ model }) => (model.top && model.top.length ? model.top[0][1] / (many ? model.values : 1) : 0)));
    shown.forEach(({ model, at }) => (model.top || []).forEach(([, n], rank) => {
      const h = height(n / (many ? model.values : 1), top) * tall;
      if (h > 0) picture.append(svg("rect", { x: rank * step, y: tall - Math.max(h, 1), width: Math.max(step - 1, 1), height: Math.max(h, 1), class: `mark bar${at % 4}` }));
    }));
  }

  function drawBars(picture, shown, left, topEdge, width, tall, gap) {
    const series = shown.map(({ model, at }) => ({ at, model, list: bars(model) })).filter(({ list }) => list.length);
    const low = Math.min(...series.map(({ list }) => list[0].low));
    const high = Math.max(...series.map(({ list }) => list[list.length - 1].high));
    const top = Math.max(...series.flatMap(({ list }) => list.map((bar) => bar.tall)));
    const span = high - low;
    const x = (v) => left + (span > 0 ? ((v - low) / span) * width : width / 2);
    for (const { at, model, list } of series) {
      for (const bar of list) {
        const from = span > 0 ? x(bar.low) : left + width * 0.42;
        const to = span > 0 ? x(bar.high) : left + width * 0.58;
        const h = bar.count > 0 ? Math.max(height(bar.tall, top) * tall, 1) : 0;
        if (h) picture.append(svg("rect", { x: from, y: topEdge + tall - h, width: Math.max(to - from - gap, 1.5), height: h, class: `mark bar${at % 4}` }));
        if (gap > 1 || left) hover(picture, bar, model, at, from, to, topEdge, tall);
      }
    }
    return { low, high, top, x, total: series.length === 1 ? series[0].list[0].total : 1 };
  }

  function hover(picture, bar, model, at, from, to, topEdge, tall) {
    const range = bar.low === bar.high ? value(bar.low, model.unit) : `${value(bar.low, model.unit)} to ${value(bar.high, model.unit)}`;
    const who = many ? `${data.datasets[at].name || "data set " + (at + 1)}\n` : "";
    const text = `${who}${range}\n${count(Math.round(bar.count * 10) / 10)} values, ${percent(bar.count / (bar.total || 1))}`;
    picture.append(tipped(svg("rect", { x: from, y: topEdge, width: Math.max(to - from, 3), height: tall, fill: "transparent" }), text));
  }

  function ticks(low, high, wanted) {
    const span = high - low;
    if (!(span > 0) || !Number.isFinite(span)) return [low];
    const rough = span / wanted, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const made = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9 && made.length < 20; t += step) made.push(Math.abs(t) < step * 1e-9 ? 0 : t);
    return made;
  }

  function histogram(feature) {
    const width = 640, tall = 216, left = 54, right = 12, top = 10, bottom = 30;
    const shown = feature.of.map((model, at) => ({ model, at })).filter(({ model }) => model && model.standard && model.standard.length);
    const picture = svg("svg", { class: "chart" + (many ? " many" : ""), viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `Histogram of ${nameOf(feature)}` });
    const under = svg("g"), inner = tall - top - bottom, unit = shown[0].model.unit;
    picture.append(under);
    const frame = drawBars(picture, shown, left, top, width - left - right, inner, 2);
    const labels = view.buckets === "standard" ? levels(frame.top) : [];
    for (const level of labels) {
      const y = top + inner - height(level, frame.top) * inner;
      under.append(svg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" }));
      under.append(svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, many ? percent(level) : count(level)));
    }
    under.append(svg("line", { x1: left, x2: width - right, y1: top + inner + 0.5, y2: top + inner + 0.5, class: "axis" }));
    const days = unit && unit !== "boolean" ? 3 : 6;
    let last = -99;
    const day = unit === "microseconds since 1970-01-01" && frame.high - frame.low > 3 * 864e8 ? 864e8 : 1;
    for (const tick of ticks(frame.low / day, frame.high / day, days).map((t) => t * day)) {
      const x = frame.x(tick);
      if (x - last < 60) continue;
      last = x;
      under.append(svg("line", { x1: x, x2: x, y1: top + inner, y2: top + inner + 4, class: "axis" }));
      under.append(svg("text", { x, y: tall - 8, "text-anchor": x > width - 50 ? "end" : x < left + 20 && unit ? "start" : "middle" }, day > 1 ? value(tick, unit).slice(0, 10) : value(tick, unit)));
    }
    if (!labels.length) under.append(svg("text", { x: left - 8, y: top + 8, "text-anchor": "end" }, "density"));
    return picture;
  }

  function levels(top) {
    if (view.log && top > 1) {
      const made = [];
      for (let n = 1; n <= top; n *= 10) made.push(n);
      return made.length > 5 ? made.filter((_, at) => at % 2 === 0) : made;
    }
    return ticks(0, top, 4).filter((t) => t > 0 && (many || Number.isInteger(t)));
  }

  function rankCurve(feature) {
    const width = 640, tall = 150, left = 54, right = 12, top = 10, bottom = 30, inner = tall - top - bottom;
    const shown = feature.of.map((model, at) => ({ model, at })).filter(({ model }) => model && model.ranks && model.unique > model.top.length);
    if (!shown.length) return null;
    const farthest = Math.max(...shown.map(({ model }) => model.ranks[model.ranks.length - 1][0]));
    const most = Math.max(...shown.map(({ model }) => model.ranks[0][1]));
    const x = (rank) => left + (Math.log10(rank) / Math.log10(farthest)) * (width - left - right);
    const y = (n) => top + inner - ((Math.log10(n) + 0.3) / (Math.log10(most) + 0.3)) * inner;
    const picture = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `Frequency by rank of ${nameOf(feature)}` });
    for (let n = 1; n <= most; n *= 10) {
      if (n > 1 && Math.log10(most) > 4 && Math.log10(n) % 2) continue;
      picture.append(svg("line", { x1: left, x2: width - right, y1: y(n), y2: y(n), class: "grid" }));
      picture.append(svg("text", { x: left - 8, y: y(n) + 4, "text-anchor": "end" }, count(n)));
    }
    for (let rank = 1; rank <= farthest; rank *= 10) picture.append(svg("text", { x: x(rank), y: tall - 10, "text-anchor": rank === 1 ? "start" : "middle" }, rank === 1 ? "rank 1" : count(rank)));
    for (const { model, at } of shown) picture.append(svg("path", { class: `curve line${at % 4}`, d: "M" + model.ranks.map(([rank, n]) => `${x(rank).toFixed(1)} ${y(n).toFixed(1)}`).join("L") }));
    return el("div", {}, el("p", { class: "caption" }, "Frequency by rank, both axes logarithmic"), picture);
  }

  // ---------------------------------------------------------------- one feature

  const NUMERIC = [
    ["Mean", (m) => value(m.mean, m.unit)], ["Standard deviation", (m) => spread(m.std_dev, m.unit)],
    ["Minimum", (m) => value(m.min, m.unit), "gap"], ["Median", (m) => value(m.median, m.unit)], ["Maximum", (m) => value(m.max, m.unit)],
    ["Zeros", (m) => share(m.zeros, m.values), "gap", "counted"], ["Not a number", (m) => share(m.nan, m.values), "", "nan"], ["Infinite", (m) => share(m.infinite, m.values), "", "infinite"],
  ];
  const TEXT = [
    ["Distinct values", (m) => count(m.unique)], ["Mean length", (m) => `${number(m.length)} bytes`, "", "length"],
    ["Not UTF-8", (m) => share(m.invalid, m.values), "", "invalid"],
  ];
  const share = (n, of) => (n ? `${count(n)}  (${percent(n / (of || 1))})` : "0");

  function figures(feature) {
    const models = feature.of.map((model) => (model ? { ...model, counted: !model.unit } : {}));
    const has = (key) => models.some((m) => m[key] !== undefined);
    const rows = [
      ["Rows", (m) => count(m.rows || 0)], ["Missing", (m) => share(m.missing, m.present + m.missing)],
      ...(has("lengths") ? [["Values in a row", (m) => (m.lengths ? `${count(m.lengths[0])} to ${count(m.lengths[2])}, mean ${number(m.lengths[1])}` : "–")], ["Values in all", (m) => count(m.values)]] : []),
      ...(has("mean") ? NUMERIC.map((row, at) => (at ? row : [row[0], row[1], "gap"])) : has("nan") ? NUMERIC.slice(6) : []),
      ...(has("unique") ? TEXT.map((row, at) => (at ? row : [row[0], row[1], "gap"])) : []),
    ].filter(([, , , only]) => !only || models.some((m) => m[only]));
    const table = el("table", { class: "figures" });
    if (many) table.append(el("thead", {}, el("tr", {}, el("th"), ...data.datasets.map((d, at) => el("th", {}, el("span", { class: `key fill${at % 4}` }), d.name || `data set ${at + 1}`)))));
    table.append(el("tbody", {}, ...rows.map(([label, show, gap]) =>
      el("tr", { class: gap }, el("th", {}, label), ...feature.of.map((m) => el("td", {}, m ? show(m) : "–"))))));
    return table;
  }

  function topValues(feature) {
    const tables = feature.of.map((model, at) => {
      if (!model || !model.top || !model.top.length) return null;
      const most = model.top[0][1];
      const rows = model.top.map(([text, n]) => el("tr", {},
        el("td", { title: text }, visible(text)),
        el("td", {}, el("i", { class: `fill${at % 4}`, style: `width:${(height(n, most) * 100).toFixed(2)}%` })),
        el("td", { class: "n" }, count(n)), el("td", { class: "p" }, percent(n / (model.values || 1)))));
      const rest = model.unique - model.top.length;
      const caption = (many ? `${data.datasets[at].name || "data set " + (at + 1)}: ` : "") +
        (rest > 0 ? `The ${model.top.length} most frequent of ${count(model.unique)} values` : model.unique === 1 ? "The only value" : `All ${count(model.unique)} values`);
      return el("div", {}, el("p", { class: "caption" }, caption), el("table", { class: "top" }, ...rows));
    });
    return tables.filter(Boolean);
  }

  function detail(feature) {
    const numeric = feature.of.some((m) => m && m.standard && m.standard.length);
    const left = el("div", {}, numeric ? histogram(feature) : null, ...topValues(feature), rankCurve(feature));
    if (!left.childNodes.length) left.append(el("p", { class: "caption" }, "There is nothing to draw."));
    const found = feature.findings.length ? el("ul", {}, ...feature.findings.map(sentence)) : null;
    return el("div", { class: "detail" }, found, left, figures(feature));
  }
  const sentence = ([weight, text, at]) =>
    el("li", {}, el("span", { class: `dot w${weight}` }), el("span", {}, (many ? `${data.datasets[at].name || "Data set " + (at + 1)}: ` : "") + text[0].toUpperCase() + text.slice(1)));

  function cells(feature) {
    const m = feature.of.find(Boolean);
    if (m.mean !== undefined) {
      return [el("span", {}, value(m.mean, m.unit)), el("small", {}, `± ${spread(m.std_dev, m.unit)}`),
        el("span", {}, `${brief(m.min, m)} – ${brief(m.max, m)}`), el("small", {}, `median ${value(m.median, m.unit)}`)];
    }
    if (m.unique) {
      const [text, n] = m.top.length ? m.top[0] : ["", 0];
      return [el("span", {}, visible(text)), el("small", {}, `most frequent, ${percent(n / (m.values || 1))}`),
        el("span", {}, `${count(m.unique)} distinct`), m.length === undefined ? null : el("small", {}, `mean length ${number(m.length)}`)];
    }
    const lists = m.lengths ? `${count(m.lengths[0])} to ${count(m.lengths[2])} a row` : "";
    return [el("span", { class: "none" }, m.type === "struct" ? `${count(m.values)} structs` : "–"), null, el("span", { class: "none" }, lists), null];
  }

  // In a narrow cell the time of day only matters when the range is short.
  const brief = (n, m) => (m.unit === "microseconds since 1970-01-01" && m.max - m.min > 2 * 864e8 ? value(n, m.unit).slice(0, 10) : value(n, m.unit));

  function missing(feature) {
    const m = feature.of.find(Boolean), of = m.present + m.missing, part = of ? m.missing / of : 0;
    return el("div", { class: "cell miss" }, el("span", { class: part ? "" : "none" }, part ? percent(part) : "none"),
      part ? el("span", { class: "meter" }, el("i", { style: `width:${(part * 100).toFixed(2)}%` })) : null);
  }

  function build(feature) {
    const worst = feature.findings.length ? feature.findings[0][0] : 0;
    const lists = feature.of.some((m) => m && m.lengths) && feature.type !== "struct" ? "list of " : "";
    const [main, mainNote, extent, extentNote] = cells(feature);
    const row = el("button", { type: "button", class: "row", "aria-expanded": "false" },
      el("span", { class: "chevron", "aria-hidden": "true" }, "▶"),
      el("div", { class: "name" }, el("b", {}, visible(nameOf(feature))),
        el("small", {}, worst > 1 ? el("span", { class: `dot w${worst}` }) : null, lists + feature.type)),
      el("div", { class: "picture" }),
      el("div", { class: "cell" }, main, mainNote), el("div", { class: "cell extent" }, extent, extentNote), missing(feature));
    const node = el("article", { class: "feature", id: `f${feature.order}` }, row);
    row.addEventListener("click", () => toggle(feature));
    Object.assign(feature, { node, row, drawn: false, open: false });
    return node;
  }

  function draw(feature) {
    feature.row.querySelector(".picture").replaceChildren(spark(feature));
    feature.drawn = true;
  }
  function toggle(feature, open = !feature.open) {
    if (open && !feature.drawn) draw(feature);
    feature.open = open;
    feature.node.classList.toggle("open", open);
    feature.row.setAttribute("aria-expanded", String(open));
    const old = feature.node.querySelector(".detail");
    if (old) old.remove();
    if (open) feature.node.append(detail(feature));
  }

  // ---------------------------------------------------------------- the page

  const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
  const worstFirst = (a, b) => weight(b) - weight(a) || a.order - b.order;
  const weight = (feature) => feature.findings.reduce((sum, [w]) => sum + 10 ** w, 0);
  const missingShare = (feature) => Math.max(...feature.of.filter(Boolean).map((m) => m.missing / (m.present + m.missing || 1)));
  const distinct = (feature) => Math.max(...feature.of.filter(Boolean).map((m) => m.unique || 0));
  const ORDERS = {
    order: (a, b) => a.order - b.order, problems: worstFirst, name: (a, b) => nameOf(a).localeCompare(nameOf(b)),
    missing: (a, b) => missingShare(b) - missingShare(a) || a.order - b.order, unique: (a, b) => distinct(b) - distinct(a) || a.order - b.order,
  };

  function overview() {
    const kinds = new Map();
    for (const feature of data.features) kinds.set(feature.type, (kinds.get(feature.type) || 0) + 1);
    const models = data.features.flatMap((feature) => feature.of.filter(Boolean));
    const cellsOfAll = models.reduce((sum, m) => sum + m.present + m.missing, 0);
    const gaps = models.reduce((sum, m) => sum + m.missing, 0);
    const troubled = data.features.filter((feature) => feature.findings.some(([w]) => w > 1)).length;
    const tile = (label, big, small) => el("div", {}, el("dt", {}, label), el("dd", {}, big, small ? el("small", {}, small) : null));
    $("overview").append(
      many ? el("div", { class: "legend" }, el("dt", {}, "Rows"), el("dd", {}, ...data.datasets.map((d, at) => el("div", { style: "padding:0" }, el("span", { class: `key fill${at % 4}` }), `${d.name || "data set " + (at + 1)}: ${count(d.rows)}`))))
        : tile("Rows", count(data.datasets[0].rows)),
      tile("Features", count(data.features.length), [...kinds].map(([kind, n]) => `${n} ${kind}`).join(", ")),
      tile("Missing cells", cellsOfAll ? percent(gaps / cellsOfAll) : "–", gaps ? `${count(gaps)} of ${count(cellsOfAll)}` : null),
      tile("Likely faults", troubled ? `in ${plural(troubled, "feature")}` : "none", null));
    $("type").append(el("option", { value: "" }, "All types"), ...[...kinds.keys()].map((kind) => el("option", { value: kind }, `${kind} (${kinds.get(kind)})`)));
  }

  function problems() {
    const all = [...data.features].filter((feature) => feature.findings.length).sort(worstFirst);
    if (!all.length) return;
    const lines = all.flatMap((feature) => feature.findings.map((found) => ({ feature, found }))).sort((a, b) => b.found[0] - a.found[0]);
    const line = ({ feature, found: [w, text, at] }) => {
      const link = el("a", { href: `#f${feature.order}` }, visible(nameOf(feature)));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        Object.assign(view, { query: "", type: "" });
        $("search").value = $("type").value = "";
        arrange();
        toggle(feature, true);
        feature.node.scrollIntoView({ block: "start" });
      });
      return el("li", {}, el("span", { class: `dot w${w}` }), el("span", {}, link, ` ${text}${many ? ` (${data.datasets[at].name || "data set " + (at + 1)})` : ""}`));
    };
    const list = $("problem-list"), first = 8;
    list.append(...lines.slice(0, first).map(line));
    $("problems").hidden = false;
    if (lines.length > first) {
      $("more-problems").hidden = false;
      $("more-problems").textContent = `Show ${count(lines.length - first)} more`;
      $("more-problems").addEventListener("click", () => { list.append(...lines.slice(first).map(line)); $("more-problems").hidden = true; });
    }
  }

  const HEAD = el("div", { class: "row head", "aria-hidden": "true" }, el("span"), el("span", {}, "Name"), el("span", {}, "Distribution"),
    el("span", {}, "Mean, or most frequent"), el("span", {}, "Range, or distinct"), el("span", { class: "miss" }, "Missing"));

  function matches(feature) {
    if (view.type && feature.type !== view.type) return false;
    if (!view.query) return true;
    const found = (text) => text.toLowerCase().includes(view.query);
    return found(nameOf(feature)) || feature.of.some((m) => m && (m.top || []).some(([text]) => found(text)));
  }
  function arrange() {
    const shown = data.features.filter(matches).sort(ORDERS[view.sort]);
    $("features").replaceChildren(HEAD, ...shown.map((feature) => feature.node));
    $("nothing").hidden = shown.length > 0;
    $("features-title").textContent = shown.length === data.features.length ? "Features" : `${count(shown.length)} of ${plural(data.features.length, "feature")}`;
  }
  function redraw() {
    for (const feature of data.features) {
      if (feature.drawn) draw(feature);
      if (feature.open) toggle(feature, true);
    }
  }
  function pressed(button, on) { button.setAttribute("aria-pressed", String(on)); }

  $("title").textContent = data.title;
  $("footer").textContent = `Statistics by kfx ${data.version}. Histograms count every value; nothing on this page is loaded from a network.`;
  data.features.forEach((feature, order) => { feature.order = order; build(feature); });
  overview();
  problems();
  // Small pictures are drawn when they come near the window: a page of two thousand features opens at once.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const feature = data.features[Number(entry.target.id.slice(1))];
      if (entry.isIntersecting && !feature.drawn) { draw(feature); near.unobserve(entry.target); }
    }
  }, { rootMargin: "600px" });
  arrange();
  data.features.forEach((feature) => near.observe(feature.node));

  $("search").addEventListener("input", (event) => { view.query = event.target.value.trim().toLowerCase(); arrange(); });
  $("type").addEventListener("change", (event) => { view.type = event.target.value; arrange(); });
  $("sort").addEventListener("change", (event) => { view.sort = event.target.value; arrange(); });
  $("log").addEventListener("click", (event) => { view.log = !view.log; pressed(event.currentTarget, view.log); redraw(); });
  for (const button of document.querySelectorAll("[data-buckets]")) {
    button.addEventListener("click", () => {
      view.buckets = button.dataset.buckets;
      for (const other of document.querySelectorAll("[data-buckets]")) pressed(other, other === button);
      redraw();
    });
  }
  const openAll = (open) => { data.features.filter(matches).forEach((feature) => toggle(feature, open)); };
  $("expand").addEventListener("click", (event) => {
    const open = event.currentTarget.getAttribute("aria-pressed") !== "true";
    pressed(event.currentTarget, open);
    event.currentTarget.textContent = open ? "Close all" : "Open all";
    openAll(open);
  });
  addEventListener("beforeprint", () => { data.features.forEach((f) => { if (!f.drawn) draw(f); }); if (data.features.length <= 200) openAll(true); });
})();
