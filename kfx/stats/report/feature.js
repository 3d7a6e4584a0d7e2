// One feature: its row in the list, and what opens below it.

// ---------------------------------------------------------------- what opens

// A finding is worded for the first data set that has it; the others that have it too are named, or counted.
function inSets([first, ...rest]) {
  if (!many || first === undefined) return "";
  const others = rest.length === data.datasets.length - 1 ? "all others" : `${rest.length} others`;
  const too = rest.length ? `; ${rest.length === 1 ? cut(data.datasets[rest[0]].name) : others} too` : "";
  return ` (${cut(data.datasets[first].name) + too})`;
}
const sentence = ([weight, text, at]) =>
  el("li", {}, sign(weight), el("span", {}, plain(text[0].toUpperCase() + text.slice(1)) + inSets(at)));
// The gate's sentence says everything; an anomaly's own words have a title.
const anomalyLine = ({ severity, short: title, text, types, alone }) =>
  el(
    "li",
    { class: `anomaly ${severity}` },
    sign(severity),
    el(
      "span",
      {},
      alone ? null : el("b", {}, plain(title || "Anomaly")),
      text && (alone || text !== title) ? `${alone ? "" : " "}${plain(text)}` : "",
      types.length ? el("code", {}, types.join(" ")) : null,
    ),
  );

const driftRow = (drift, name) =>
  el(
    "tr",
    { class: drift.value > drift.threshold ? "over" : "" },
    el("th", { scope: "row" }, name, `${drift.kind === "drift" ? "Drift" : "Skew"}, ${drift.measure}`),
    el("td", {}, gauge(drift)),
    el("td", { class: "n", title: drift.value }, rounded.format(drift.value)),
    el(
      "td",
      { class: "n limit", title: drift.threshold },
      `${drift.value > drift.threshold ? "above" : "of"} ${rounded.format(drift.threshold)}`,
    ),
  );

function detail(feature) {
  const found = [...(feature.anomalies || []).map(anomalyLine), ...feature.findings.map(sentence)];
  const list = found.length ? el("ul", {}, ...found) : null;
  const drifts = (feature.drift || []).map((one) => driftRow(one, null));
  const drift = drifts.length ? el("table", { class: "drift" }, el("tbody", {}, ...drifts)) : null;
  const there = feature.type !== "absent";
  const body = few
    ? [pictures(feature), el("div", {}, there ? figures(feature) : null, drift)]
    : [there ? across(feature) : null, drift, pictures(feature)];
  return el("div", { class: few ? "detail" : "detail stacked", id: `d${feature.order}` }, list, ...body);
}

function pictures(feature) {
  const numeric = few && given(feature).some(({ model }) => drawable(model));
  const drawn = [...(numeric ? [histogram(feature), buckets(feature)] : []), topValues(feature), rankCurve(feature)];
  const why = feature.type === "absent" ? "This feature is not in the data." : "There is nothing to draw.";
  const nothing = few && !drawn.some(Boolean) ? el("p", { class: "caption" }, why) : null;
  return el("div", { class: "pictures" }, ...drawn, nothing);
}

// ---------------------------------------------------------------- the row

// Four short texts: what is typical and its note, the extent and its note.
function summary(m) {
  if (m.mean !== undefined) {
    return [
      value(m.mean, m.unit),
      `± ${spread(m.std_dev, m.unit)}`,
      `${brief(m.min, m)} – ${brief(m.max, m)}`,
      m.median === null ? null : `median ${roughly(m, "median")}${value(m.median, m.unit)}`,
    ];
  }
  if (m.unique) {
    const [text, n] = m.top.length ? m.top[0] : ["", 0];
    return [
      visible(text),
      `most frequent, ${percent(n / (m.values || 1))}`,
      `${roughly(m, "distinct")}${count(m.unique)} distinct`,
      m.length === undefined ? null : `mean length ${number(m.length)}`,
    ];
  }
  return [
    m.type === "struct" ? `${count(m.values)} structs` : "–",
    null,
    m.lengths ? `${count(m.lengths[0])} to ${count(m.lengths[2])} a row` : "",
    null,
  ];
}

const missingPart = (m) => (m.present + m.missing ? m.missing / (m.present + m.missing) : 0);

function cells(feature) {
  if (feature.type === "absent") {
    const [absent, ...others] = ["cell", "cell extent", "cell miss"].map((name) => el("div", { class: name }));
    absent.append(el("span", { class: "none" }, "not in the data"));
    return [absent, ...others];
  }
  return many ? cellsOfMany(feature.of.slice(0, few ? FEW : 1)) : cellsOfOne(feature.of[0]);
}

function cellsOfOne(m) {
  const [main, note, extent, extentNote] = summary(m),
    part = missingPart(m);
  const meter = part ? el("span", { class: "meter" }, el("i", { style: `width:${(part * 100).toFixed(2)}%` })) : null;
  const small = (text) => (text ? el("small", {}, text) : null);
  return [
    el("div", { class: "cell" }, el("span", {}, main), small(note)),
    el("div", { class: "cell extent" }, el("span", {}, extent), small(extentNote)),
    el("div", { class: "cell miss" }, el("span", { class: part ? "" : "none" }, part ? percent(part) : "none"), meter),
  ];
}

// A line each; of many data sets only the first one's.
function cellsOfMany(models) {
  const line = (at, ...parts) => el("span", {}, few ? key(at) : null, ...parts);
  const typical = (m, at) => {
    if (!m) return line(at, el("i", { class: "none" }, "not there"));
    const [main, note] = summary(m);
    return line(at, main, " ", el("small", {}, note && note.replace("most frequent, ", "")));
  };
  const extent = (m, at) => (m && summary(m)[2] ? line(at, summary(m)[2]) : el("span", {}, "\u00a0"));
  const gaps = (m, at) => {
    const text = !m ? "–" : m.missing ? percent(missingPart(m)) : "none";
    return el("span", { class: m && m.missing ? "" : "none" }, few ? key(at) : null, text);
  };
  return [
    el("div", { class: "cell" }, ...models.map(typical)),
    el("div", { class: "cell extent" }, ...models.map(extent)),
    el("div", { class: "cell miss" }, ...models.map(gaps)),
  ];
}

function build(feature) {
  const button = el(
    "button",
    { type: "button", "aria-expanded": "false", "aria-controls": `d${feature.order}` },
    el("span", { class: "chevron", "aria-hidden": "true" }),
    el("b", { title: titled(nameOf(feature)) }, visible(nameOf(feature))),
  );
  const name = el("div", { class: "name" }, el("h3", {}, button), ...status(feature));
  const row = el("div", { class: "row" }, name, el("div", { class: "picture" }), ...cells(feature));
  const node = el("article", { class: "feature", id: `f${feature.order}` }, row);
  row.addEventListener("click", (event) => {
    // Marking a value to copy it is no click on the row.
    if (event.target.closest("button") || getSelection().isCollapsed) toggle(feature);
  });
  Object.assign(feature, { node, button, drawn: false, open: false });
  return node;
}

// Its type, and the worst that is known of it: an anomaly by its name, or else a sign.
function status(feature) {
  const [anomaly, ...more] = feature.anomalies || [];
  const worst = feature.findings.length ? feature.findings[0][0] : 0;
  const lists = given(feature).some(({ model }) => model.lengths) && feature.type !== "struct";
  const type = feature.type === "absent" ? "missing column" : `${lists ? "list of " : ""}${feature.type}`;
  const text = anomaly ? plain(anomaly.short || "Anomaly") + (more.length ? ` +${more.length}` : "") : "";
  return [
    el("small", {}, !anomaly && worst > 1 ? sign(worst) : null, type),
    anomaly ? el("span", { class: `badge ${anomaly.severity}` }, text) : null,
  ];
}

function draw(feature) {
  const models = given(feature);
  if (models.length) feature.node.querySelector(".picture").replaceChildren(spark(models));
  feature.drawn = true;
}

function toggle(feature, open = !feature.open) {
  mark(feature, open);
  if (open) unfold(feature);
}

function mark(feature, open) {
  feature.open = open;
  feature.node.classList.toggle("open", open);
  feature.button.setAttribute("aria-expanded", String(open));
  if (!open) unfolded(feature)?.remove();
}

const unfolded = (feature) => feature.node.querySelector(".detail");

function unfold(feature) {
  if (!feature.drawn) draw(feature);
  unfolded(feature)?.remove();
  feature.node.append(detail(feature));
}
