// The figures of a feature, as numbers: beside its picture, by data set, by bucket, by value.

const MATRIX = 8; // data sets that fit beside one another as columns of a table

// ---------------------------------------------------------------- what is told of a feature

const roughly = (m, word) => (m.approximate && m.approximate.includes(word) ? "≈ " : "");

// The edge below which some tenths of the values lie, where the quantile histogram has it.
const tenths = (m) => bounded(m) && (m.quantiles || []).length > 0 && m.quantiles.length % 10 === 0;
const decile = (m, tenth) => value(m.quantiles[(m.quantiles.length / 10) * tenth][0], m.unit);
const byWeight = (m) => m.weighted && m.weighted.mean !== undefined;
const heaviest = ([text, part]) => `${plain(text)}  (${percent(part)})`;
const weightMissing = ({ missing, present }) => percent(missing / (missing + present || 1));
const lengths = ([least, mean, most]) => `${count(least)} to ${count(most)}, mean ${number(mean)}`;

// A line of the table: its label, which models have the figure (all, if nothing is said), its text, whether a model's
// figure is worth a line (if it has one, if nothing is said), and whether a gap goes before the line.
const LINES = [
  { label: "Rows", show: (m) => count(m.rows) },
  { label: "Missing", show: (m) => share(m.missing, m.present + m.missing) },
  { label: "Values in a row", has: (m) => m.lengths, show: (m) => lengths(m.lengths) },
  { label: "Values in all", has: (m) => m.lengths, show: (m) => count(m.values) },
  { label: "Mean", has: (m) => m.mean !== undefined, show: (m) => value(m.mean, m.unit), gap: true },
  { label: "Standard deviation", has: (m) => m.mean !== undefined, show: (m) => spread(m.std_dev, m.unit) },
  { label: "Minimum", has: (m) => m.mean !== undefined, show: (m) => value(m.min, m.unit), gap: true },
  { label: "10 % below", has: tenths, show: (m) => roughly(m, "quantiles") + decile(m, 1) },
  { label: "Median", has: (m) => m.mean !== undefined, show: (m) => roughly(m, "median") + value(m.median, m.unit) },
  { label: "90 % below", has: tenths, show: (m) => roughly(m, "quantiles") + decile(m, 9) },
  { label: "Maximum", has: (m) => m.mean !== undefined, show: (m) => value(m.max, m.unit) },
  { label: "Zeros", has: (m) => m.mean !== undefined && !m.unit, show: (m) => share(m.zeros, m.values), gap: true },
  { label: "Not a number", has: (m) => m.nan !== undefined, worth: (m) => m.nan, show: (m) => share(m.nan, m.values) },
  {
    label: "Infinite",
    has: (m) => m.infinite !== undefined,
    worth: (m) => m.infinite,
    show: (m) => share(m.infinite, m.values),
  },
  {
    label: "Distinct values",
    has: (m) => m.unique !== undefined,
    gap: true,
    show: (m) => roughly(m, "distinct") + count(m.unique),
  },
  { label: "Mean length", has: (m) => m.length, show: (m) => `${number(m.length)} bytes` },
  {
    label: "Not UTF-8",
    has: (m) => m.invalid !== undefined,
    worth: (m) => m.invalid,
    show: (m) => share(m.invalid, m.values),
  },
  { label: "Missing, weighted", has: (m) => m.weighted, show: (m) => weightMissing(m.weighted), gap: true },
  { label: "Mean, weighted", has: byWeight, show: (m) => value(m.weighted.mean, m.unit) },
  { label: "Deviation, weighted", has: byWeight, show: (m) => spread(m.weighted.std_dev, m.unit) },
  { label: "Median, weighted", has: byWeight, show: (m) => value(m.weighted.median, m.unit) },
  { label: "Most weight", has: (m) => m.weighted && m.weighted.top, show: (m) => heaviest(m.weighted.top) },
];

function linesOf(feature) {
  const models = given(feature).map(({ model }) => model);
  return [...LINES, ...customLines(models)].filter(({ has, worth }) => !has || models.some(worth || has));
}

// Statistics that others have added under names of their own.
function customLines(models) {
  const names = [...new Set(models.flatMap((m) => (m.custom || []).map(([name]) => name)))];
  const own = (m, name) => (m.custom || []).find(([other]) => other === name);
  const text = (figure) => (typeof figure === "string" ? plain(figure) : number(figure));
  return names.map((name, at) => ({
    label: plain(name),
    has: (m) => own(m, name),
    show: (m) => text(own(m, name)[1]),
    gap: at === 0,
  }));
}

const told = ({ has, show }, m) => (m && (!has || has(m)) ? show(m) : "–");

// ---------------------------------------------------------------- beside the picture

function figures(feature) {
  const head = el(
    "tr",
    {},
    el("td"),
    ...data.datasets.map((d, at) => el("th", { scope: "col", title: titled(d.name) }, key(at), cut(d.name))),
  );
  const rows = linesOf(feature).map((line) =>
    el(
      "tr",
      { class: line.gap ? "gap" : null },
      el("th", { scope: "row" }, line.label),
      ...feature.of.map((m) => el("td", {}, told(line, m))),
    ),
  );
  const rough = [
    ...new Set(
      given(feature)
        .map(({ model }) => model.approximate)
        .filter(Boolean),
    ),
  ];
  return el(
    "div",
    {},
    el("table", { class: "figures" }, many ? el("thead", {}, head) : null, el("tbody", {}, ...rows)),
    ...rough.map((text) => el("p", { class: "note" }, `≈ approximate: ${text}`)),
  );
}

// ---------------------------------------------------------------- by data set

// More data sets than fit into one chart: a line each, with a small picture on a common axis.
function across(feature) {
  const shown = linesOf(feature),
    models = given(feature),
    all = series(models);
  const head = ["Data set", "Distribution", ...shown.map(({ label }) => label)];
  const body = models.map(({ model, at }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", title: titled(data.datasets[at].name) }, cut(data.datasets[at].name)),
      el("td", {}, all ? sparkOf(all, at) : spark([{ model, at: 0 }])),
      ...shown.map((line) => el("td", {}, told(line, model))),
    ),
  );
  return el(
    "div",
    { ...SCROLLS, "aria-label": `Figures of ${nameOf(feature)} by data set` },
    el(
      "table",
      { class: "figures across" },
      el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...body),
    ),
  );
}

// What is wider than its place scrolls there, by keyboard as well.
const SCROLLS = { class: "wide", tabindex: "0", role: "group" };

// ---------------------------------------------------------------- by bucket

// What the bars stand for, for those who cannot point at them, or want to copy the figures.
function buckets(feature) {
  const all = series(given(feature));
  const number = (text) => el("td", { class: "n" }, text);
  const row = ({ model, at, total }, bar) =>
    el(
      "tr",
      {},
      many ? el("td", {}, key(at)) : null,
      number(value(bar.low, model.unit)),
      number(value(bar.high, model.unit)),
      number(count(Math.round(bar.count * 10) / 10)),
      number(percent(bar.count / total)),
    );
  const head = ["From", "To", "Values", "Share"].map((text) => el("th", { scope: "col", class: "n" }, text));
  const rows = all.lists.flatMap((list) => list.bars.map((bar) => row(list, bar)));
  return el(
    "details",
    {},
    el("summary", {}, "Buckets in numbers"),
    el(
      "div",
      { class: "wide" },
      el(
        "table",
        { class: "buckets" },
        el("thead", {}, el("tr", {}, many ? el("td") : null, ...head)),
        el("tbody", {}, ...rows),
      ),
    ),
  );
}

// ---------------------------------------------------------------- by value

// Top values of several data sets joined: a count for each, 0 where a list is complete, null where it may be lower than
// the last of its list.
function ranked(shown) {
  const lists = shown.map(({ model }) => new Map(model.top || []));
  const complete = shown.map(({ model }, i) => (model.unique || 0) <= lists[i].size);
  const share = (text) => Math.max(...lists.map((list, i) => (list.get(text) || 0) / (shown[i].model.values || 1)));
  const texts = [...new Set(lists.flatMap((list) => [...list.keys()]))];
  if (shown.length > 1) {
    const shares = new Map(texts.map((text) => [text, share(text)]));
    texts.sort((a, b) => shares.get(b) - shares.get(a));
  }
  return texts.map((text) => ({
    text,
    counts: lists.map((list, i) => (list.has(text) ? list.get(text) : complete[i] ? 0 : null)),
  }));
}

function topValues(feature) {
  const shown = given(feature)
    .filter(({ model }) => model.top && model.top.length)
    .slice(0, few ? FEW : MATRIX);
  if (!shown.length) return null;
  const longest = Math.max(...shown.map(({ model }) => model.top.length));
  const allDiffer = shown.every(({ model }) => model.top[0][1] === 1 && model.unique > 5);
  const rows = ranked(shown).slice(0, allDiffer ? 5 : longest);
  const most = Math.max(...shown.map(({ model }) => model.top[0][1] / (model.values || 1)));
  const least = Math.min(...shown.map(({ model }) => model.top[model.top.length - 1][1] / (model.values || 1)), most);
  const part = (n, i) => (n || 0) / (shown[i].model.values || 1);
  const tall = (n, i) => height(part(n, i), most, least);
  const kind = many ? (few ? "top compared" : "top shaded") : "top";
  const table = el(
    "table",
    { class: kind },
    many ? valueHead(shown) : null,
    el(
      "tbody",
      {},
      ...rows.map((row) =>
        el(
          "tr",
          {},
          el("td", { title: row.text }, visible(row.text)),
          ...(few ? [valueBars(row, shown, tall)] : []),
          ...valueShares(row, part, tall),
        ),
      ),
    ),
  );
  const label = `Values of ${nameOf(feature)} by data set`;
  return el(
    "figure",
    {},
    el("figcaption", { class: "caption" }, captionOf(shown, rows, allDiffer)),
    el("div", few ? {} : { ...SCROLLS, "aria-label": label }, table),
  );
}

function valueHead(shown) {
  const heads = shown.map(({ at }) =>
    el(
      "th",
      { scope: "col", class: "p", title: data.datasets[at].name },
      few ? [key(at), el("span", { class: "unseen" }, cut(data.datasets[at].name))] : cut(data.datasets[at].name),
    ),
  );
  return el("thead", {}, el("tr", {}, el("td"), few ? el("td") : null, ...heads));
}

const valueBars = ({ counts }, shown, tall) =>
  el(
    "td",
    {},
    ...counts.map((n, i) =>
      el("i", { class: `fill${colour(shown[i].at)}`, style: `width:${(tall(n, i) * 100).toFixed(2)}%` }),
    ),
  );

function valueShares({ counts }, part, tall) {
  if (!many) return [el("td", { class: "n" }, count(counts[0])), el("td", { class: "p" }, percent(part(counts[0], 0)))];
  return counts.map((n, i) =>
    el(
      "td",
      { class: "p", style: few ? null : `--part:${tall(n, i).toFixed(3)}` },
      n === null ? "–" : percent(part(n, i)),
    ),
  );
}

function captionOf(shown, rows, allDiffer) {
  if (allDiffer) return "No value occurs twice; five of them";
  const most = Math.max(...shown.map(({ model }) => model.unique));
  if (many) {
    const cut = data.datasets.length > MATRIX ? ` (the first ${MATRIX} data sets)` : "";
    const lost = rows.some(({ counts }) => counts.includes(null)) ? "; – is not among the most frequent" : "";
    return `The most frequent values, as shares${cut}${lost}`;
  }
  if (most > rows.length) return `The ${rows.length} most frequent of ${count(most)} values`;
  return most === 1 ? "The only value" : `All ${count(most)} values`;
}
