// One feature: its row in the list, and what opens below it.

// ---------------------------------------------------------------- figures

// Label, text of a data set's figure, class of the row, and what the model must have for the row to be shown.
const roughly = (m, word) => (m.approximate && m.approximate.includes(word) ? "≈ " : "");
// The edge below which some tenths of the values lie, where the quantile histogram has it.
const tenths = (m) => bounded(m) && (m.quantiles || []).length > 0 && m.quantiles.length % 10 === 0;
const decile = (m, tenth) => (tenths(m) ? roughly(m, "quantiles") + value(m.quantiles[(m.quantiles.length / 10) * tenth][0], m.unit) : "–");
const NUMERIC = [
  ["Mean", (m) => value(m.mean, m.unit), "gap"], ["Standard deviation", (m) => spread(m.std_dev, m.unit)],
  ["Minimum", (m) => value(m.min, m.unit), "gap"], ["10 % below", (m) => decile(m, 1), "", "tenths"],
  ["Median", (m) => roughly(m, "median") + value(m.median, m.unit)], ["90 % below", (m) => decile(m, 9), "", "tenths"],
  ["Maximum", (m) => value(m.max, m.unit)], ["Zeros", (m) => share(m.zeros, m.values), "gap", "counted"],
];
const ODD = [["Not a number", (m) => share(m.nan, m.values), "", "nan"], ["Infinite", (m) => share(m.infinite, m.values), "", "infinite"]];
const TEXT = [
  ["Distinct values", (m) => roughly(m, "distinct") + count(m.unique), "gap"], ["Mean length", (m) => `${number(m.length)} bytes`, "", "length"],
  ["Not UTF-8", (m) => share(m.invalid, m.values), "", "invalid"],
];
const COMMON = [["Rows", (m) => count(m.rows || 0)], ["Missing", (m) => share(m.missing, m.present + m.missing)]];
// Figures in which a row counts as much as its weight.
const weighed = (m, name) => (m.weighted && m.weighted[name] !== undefined ? value(m.weighted[name], m.unit) : "–");
const WEIGHTED = [
  ["Missing, weighted", (m) => (m.weighted ? percent(m.weighted.missing / (m.weighted.missing + m.weighted.present || 1)) : "–"), "gap"],
  ["Mean, weighted", (m) => weighed(m, "mean"), "", "byWeight"],
  ["Deviation, weighted", (m) => (m.weighted && m.weighted.mean !== undefined ? spread(m.weighted.std_dev, m.unit) : "–"), "", "byWeight"],
  ["Median, weighted", (m) => weighed(m, "median"), "", "byWeight"],
  ["Most weight", (m) => (m.weighted && m.weighted.top ? `${plain(m.weighted.top[0])}  (${percent(m.weighted.top[1])})` : "–"), "", "heaviest"],
];
const LISTS = [["Values in a row", (m) => (m.lengths ? `${count(m.lengths[0])} to ${count(m.lengths[2])}, mean ${number(m.lengths[1])}` : "–")], ["Values in all", (m) => count(m.values)]];

function rowsOf(feature) {
  const models = given(feature).map(({ model }) => ({
    ...model, counted: !model.unit, tenths: tenths(model), byWeight: model.weighted && model.weighted.mean !== undefined, heaviest: model.weighted && model.weighted.top,
  }));
  const has = (name) => models.some((m) => m[name] !== undefined);
  return [...COMMON, ...(has("lengths") ? LISTS : []), ...(has("mean") ? NUMERIC : []), ...(has("nan") ? ODD : []), ...(has("unique") ? TEXT : []), ...(has("weighted") ? WEIGHTED : []), ...custom(models)]
    .filter(([, , , only]) => !only || models.some((m) => m[only]));
}

// Statistics that others have added under names of their own.
function custom(models) {
  const names = [...new Set(models.flatMap((m) => (m.custom || []).map(([name]) => name)))];
  const own = (m, name) => ((m.custom || []).find(([other]) => other === name) || [])[1];
  return names.map((name, at) => [plain(name), (m) => (typeof own(m, name) === "string" ? plain(own(m, name)) : number(own(m, name))), at ? "" : "gap"]);
}

function figures(feature) {
  const table = el("table", { class: "figures" });
  if (many) table.append(el("thead", {}, el("tr", {}, el("td"), ...data.datasets.map((d, at) => el("th", { scope: "col" }, key(at), d.name)))));
  table.append(el("tbody", {}, ...rowsOf(feature).map(([label, show, gap]) =>
    el("tr", { class: gap }, el("th", { scope: "row" }, label), ...feature.of.map((m) => el("td", {}, m ? show(m) : "–"))))));
  const rough = [...new Set(given(feature).map(({ model }) => model.approximate).filter(Boolean))];
  return el("div", {}, table, ...rough.map((text) => el("p", { class: "note" }, `≈ approximate: ${text}`)));
}

// More data sets than fit into one chart: a line each, with a small picture on a common axis.
function lines(feature) {
  const shown = rowsOf(feature), models = given(feature);
  const all = series(models);
  const head = el("tr", {}, el("th", { scope: "col" }, "Data set"), el("th", { scope: "col" }, "Distribution"), ...shown.map(([label]) => el("th", { scope: "col" }, label)));
  const body = models.map(({ model, at }) => el("tr", {}, el("th", { scope: "row" }, data.datasets[at].name),
    el("td", {}, all ? alone(all, at) : spark([{ model, at: 0 }])), ...shown.map(([, show]) => el("td", {}, show(model)))));
  return el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": `Figures of ${nameOf(feature)} by data set` },
    el("table", { class: "figures across" }, el("thead", {}, head), el("tbody", {}, ...body)));
}

function alone(all, at) {
  const { width, tall } = SPARK;
  const picture = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${tall}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const own = all.lists.filter((list) => list.at === at).map((list) => ({ ...list, at: 0 }));
  drawSeries(picture, { ...all, lists: own }, { left: 0, top: 1, width, tall: tall - 2 }, 1);
  return picture;
}

// ---------------------------------------------------------------- buckets as numbers

// What the bars stand for, for those who cannot point at them, or want to copy the figures.
function buckets(feature) {
  const all = series(given(feature));
  const rows = all.lists.flatMap(({ bars, model, at, total }) => bars.map((bar) => el("tr", {}, many ? el("td", {}, key(at)) : null,
    el("td", { class: "n" }, value(bar.low, model.unit)), el("td", { class: "n" }, value(bar.high, model.unit)),
    el("td", { class: "n" }, count(Math.round(bar.count * 10) / 10)), el("td", { class: "n" }, percent(bar.count / total)))));
  const head = [many ? el("td") : null, ...["From", "To", "Values", "Share"].map((text) => el("th", { scope: "col", class: "n" }, text))];
  return el("details", {}, el("summary", {}, "Buckets in numbers"), el("div", { class: "wide" },
    el("table", { class: "buckets" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))));
}

// ---------------------------------------------------------------- top values

const MATRIX = 8; // data sets that fit beside one another as columns of a table

function topValues(feature) {
  const shown = given(feature).filter(({ model }) => model.top && model.top.length).slice(0, few ? FEW : MATRIX);
  if (!shown.length) return null;
  const all = ranked(shown), rows = all.slice(0, Math.max(...shown.map(({ model }) => model.top.length)));
  const allDiffer = shown.every(({ model }) => model.top[0][1] === 1 && model.unique > 5);
  const most = Math.max(...shown.map(({ model }) => model.top[0][1] / (model.values || 1)));
  const floor = Math.min(...shown.map(({ model }) => model.top[model.top.length - 1][1] / (model.values || 1)), most);
  const part = (n, i) => (n || 0) / (shown[i].model.values || 1);
  const cells = ({ text, counts }) => el("tr", {},
    el("td", { title: text }, visible(text)),
    few ? el("td", {}, ...counts.map((n, i) => el("i", { class: `fill${colour(shown[i].at)}`, style: `width:${(height(part(n, i), most, floor) * 100).toFixed(2)}%` }))) : null,
    ...(many ? counts.map((n, i) => el("td", { class: "p", style: few ? null : `--part:${height(part(n, i), most, floor).toFixed(3)}` }, n === null ? "–" : percent(part(n, i))))
      : [el("td", { class: "n" }, count(counts[0])), el("td", { class: "p" }, percent(part(counts[0], 0)))]));
  const head = many ? el("thead", {}, el("tr", {}, el("td"), few ? el("td") : null, ...shown.map(({ at }) => el("th", { scope: "col", class: "p", title: data.datasets[at].name }, few ? key(at) : data.datasets[at].name)))) : null;
  return el("figure", {}, el("figcaption", { class: "caption" }, captionOf(shown, rows, allDiffer)),
    el("div", few ? {} : { class: "wide", tabindex: "0", role: "group", "aria-label": `Values of ${nameOf(feature)} by data set` }, el("table", { class: `top${many ? (few ? " compared" : " shaded") : ""}` }, head, el("tbody", {}, ...(allDiffer ? rows.slice(0, 5) : rows).map(cells)))));
}

function captionOf(shown, rows, allDiffer) {
  const most = Math.max(...shown.map(({ model }) => model.unique));
  if (allDiffer) return "No value occurs twice; five of them";
  if (many) {
    const lost = rows.some(({ counts }) => counts.includes(null)) ? "; – is not among the most frequent" : "";
    return `The most frequent values, as shares${data.datasets.length > MATRIX ? ` (the first ${MATRIX} data sets)` : ""}${lost}`;
  }
  return most > rows.length ? `The ${rows.length} most frequent of ${count(most)} values` : most === 1 ? "The only value" : `All ${count(most)} values`;
}

// ---------------------------------------------------------------- what opens

// A finding is worded for the first data set that has it; the others that have it too are named, or counted.
function inSets([first, ...rest]) {
  if (!many || first === undefined) return "";
  const too = rest.length === 1 ? data.datasets[rest[0]].name : rest.length === data.datasets.length - 1 ? "all others" : `${rest.length} others`;
  return ` (${plain(data.datasets[first].name + (rest.length ? `; ${too} too` : ""))})`;
}
const sentence = ([weight, text, at]) => el("li", {}, sign(weight), el("span", {}, plain(text[0].toUpperCase() + text.slice(1)) + inSets(at)));
const anomalyLine = ({ severity, short: title, text, types }) =>
  el("li", { class: `anomaly ${severity}` }, sign(severity), el("span", {}, el("b", {}, plain(title || "Anomaly")), text && text !== title ? ` ${plain(text)}` : "", types.length ? el("code", {}, types.join(" ")) : null));

const driftRow = (drift, name) => el("tr", { class: drift.value > drift.threshold ? "over" : "" },
  el("th", { scope: "row" }, name, `${drift.kind === "drift" ? "Drift" : "Skew"}, ${drift.measure}`),
  el("td", {}, gauge(drift)), el("td", { class: "n", title: drift.value }, rounded.format(drift.value)),
  el("td", { class: "n limit", title: drift.threshold }, `${drift.value > drift.threshold ? "above" : "of"} ${rounded.format(drift.threshold)}`));

function detail(feature) {
  const models = given(feature);
  const numeric = models.some(({ model }) => drawable(model));
  const left = el("div", { class: "pictures" }, ...(numeric && few ? [histogram(feature), buckets(feature)] : []), topValues(feature), rankCurve(feature));
  if (!left.childNodes.length && few) left.append(el("p", { class: "caption" }, models.length ? "There is nothing to draw." : "This feature is not in the data."));
  const found = [...(feature.anomalies || []).map(anomalyLine), ...feature.findings.map(sentence)];
  const drift = (feature.drift || []).map((one) => driftRow(one, null));
  return el("div", { class: `detail${few ? "" : " stacked"}`, id: `d${feature.order}` },
    found.length ? el("ul", {}, ...found) : null,
    ...(few ? [left, el("div", {}, models.length ? figures(feature) : null, drift.length ? el("table", { class: "drift" }, el("tbody", {}, ...drift)) : null)]
      : [lines(feature), drift.length ? el("table", { class: "drift" }, el("tbody", {}, ...drift)) : null, left]));
}

// ---------------------------------------------------------------- the row

// Four short texts: what is typical and its note, the extent and its note.
function summary(m) {
  if (m.mean !== undefined) {
    return [value(m.mean, m.unit), `± ${spread(m.std_dev, m.unit)}`, `${brief(m.min, m)} – ${brief(m.max, m)}`, m.median === null ? null : `median ${roughly(m, "median")}${value(m.median, m.unit)}`];
  }
  if (m.unique) {
    const [text, n] = m.top.length ? m.top[0] : ["", 0];
    return [visible(text), `most frequent, ${percent(n / (m.values || 1))}`, `${roughly(m, "distinct")}${count(m.unique)} distinct`, m.length === undefined ? null : `mean length ${number(m.length)}`];
  }
  return [m.type === "struct" ? `${count(m.values)} structs` : "–", null, m.lengths ? `${count(m.lengths[0])} to ${count(m.lengths[2])} a row` : "", null];
}

const missingPart = (m) => (m.present + m.missing ? m.missing / (m.present + m.missing) : 0);

function cells(feature) {
  const models = given(feature);
  if (!models.length) return [el("div", { class: "cell" }, el("span", { class: "none" }, "not in the data")), el("div", { class: "cell extent" }), el("div", { class: "cell miss" })];
  if (!many) {
    const [m] = feature.of, part = missingPart(m), [main, note, extent, extentNote] = summary(m);
    const bar = part ? el("span", { class: "meter" }, el("i", { style: `width:${(part * 100).toFixed(2)}%` })) : null;
    return [
      el("div", { class: "cell" }, el("span", {}, main), note ? el("small", {}, note) : null),
      el("div", { class: "cell extent" }, el("span", {}, extent), extentNote ? el("small", {}, extentNote) : null),
      el("div", { class: "cell miss" }, el("span", { class: part ? "" : "none" }, part ? percent(part) : "none"), bar),
    ];
  }
  const line = (at, ...parts) => el("span", {}, few ? key(at) : null, ...parts);
  const shown = feature.of.slice(0, few ? FEW : 1), absent = el("i", { class: "none" }, "not there");
  const all = shown.map((m) => (m ? summary(m) : null));
  return [
    el("div", { class: "cell" }, ...all.map((s, at) => (s ? line(at, s[0], " ", el("small", {}, s[1] && s[1].replace("most frequent, ", ""))) : line(at, absent.cloneNode(true))))),
    el("div", { class: "cell extent" }, ...all.map((s, at) => (s && s[2] ? line(at, s[2]) : el("span", {}, "\u00a0")))),
    el("div", { class: "cell miss" }, ...shown.map((m, at) => el("span", { class: m && m.missing ? "" : "none" }, few ? key(at) : null, !m ? "–" : m.missing ? percent(missingPart(m)) : "none"))),
  ];
}

function build(feature) {
  const worst = feature.findings.length ? feature.findings[0][0] : 0;
  const lists = given(feature).some(({ model }) => model.lengths) && feature.type !== "struct" ? "list of " : "";
  const found = feature.anomalies || [];
  const badge = found.length ? el("span", { class: `badge ${found[0].severity}` }, plain(found[0].short || "Anomaly") + (found.length > 1 ? ` +${found.length - 1}` : "")) : null;
  const button = el("button", { type: "button", "aria-expanded": "false", "aria-controls": `d${feature.order}` },
    el("span", { class: "chevron", "aria-hidden": "true" }), el("b", {}, visible(nameOf(feature))));
  const row = el("div", { class: "row" },
    el("div", { class: "name" }, el("h3", {}, button), el("small", {}, !badge && worst > 1 ? sign(worst) : null, feature.type === "absent" ? "missing column" : lists + feature.type), badge),
    el("div", { class: "picture" }), ...cells(feature));
  const node = el("article", { class: "feature", id: `f${feature.order}` }, row);
  row.addEventListener("click", (event) => {
    // Marking a value to copy it is no click on the row.
    if (event.target.closest("button") || getSelection().isCollapsed) toggle(feature);
  });
  Object.assign(feature, { node, button, drawn: false, open: false });
  return node;
}

function draw(feature) {
  const models = given(feature);
  if (models.length) feature.node.querySelector(".picture").replaceChildren(spark(models));
  feature.drawn = true;
}

function toggle(feature, open = !feature.open) {
  if (open && !feature.drawn) draw(feature);
  feature.open = open;
  feature.node.classList.toggle("open", open);
  feature.button.setAttribute("aria-expanded", String(open));
  const old = feature.node.querySelector(".detail");
  if (old) old.remove();
  if (open) feature.node.append(detail(feature));
}
