// Histograms, with the scales and axes that every picture uses.

// Drawn in the pixels a phone has, or its labels would be too small to read.
const WIDTH = Math.min(640, Math.max(300, document.documentElement.clientWidth - 32)),
  LEFT = 58,
  RIGHT = 12;

// ---------------------------------------------------------------- scales

// A height from 0 to 1; on a logarithmic scale the smallest amount drawn is a tenth of the way up a decade.
const height = (n, top, floor) => {
  if (n <= 0 || top <= 0) return 0;
  return view.log && top > floor
    ? Math.max(0, (Math.log10(n / floor) + 0.5) / (Math.log10(top / floor) + 0.5))
    : n / top;
};

function ticks(low, high, wanted) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / wanted,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const made = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9 && made.length < 20; t += step)
    made.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return made;
}

// Firsts of months or years; null where the range is too short for three of them.
function calendar(low, high) {
  const first = new Date(low),
    last = new Date(high);
  const months = (last.getUTCFullYear() - first.getUTCFullYear()) * 12 + last.getUTCMonth() - first.getUTCMonth();
  const step = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find((m) => months / m <= 6);
  if (!(months >= 3) || !step) return null;
  const made = [];
  for (
    let m = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth() + 1) / step) * step;
    made.length < 8;
    m += step
  ) {
    const at = new Date(0);
    at.setUTCFullYear(Math.floor(m / 12), m % 12, 1);
    if (at.getTime() > high) break;
    made.push([at.getTime(), step % 12 ? at.toISOString().slice(0, 7) : String(at.getUTCFullYear())]);
  }
  return made;
}

function axisLabels(low, high, unit) {
  const perUnit = unit === DAYS ? 864e5 : 1e-3;
  const dates = dated(unit) ? calendar(low * perUnit, high * perUnit) : null;
  if (dates) return dates.map(([ms, text]) => [ms / perUnit, text]);
  const day = unit === MOMENT && high - low > 3 * DAY_US ? DAY_US : 1;
  return ticks(low / day, high / day, measured(unit) ? 3 : 6).map((t) => [
    t * day,
    day > 1 ? value(t * day, unit).slice(0, 10) : value(t * day, unit),
  ]);
}

// ---------------------------------------------------------------- histograms

// The bars of each data set. Where buckets differ in width, between quantiles or between data sets, the area of a bar
// stands for its values, not its height: `tall` is what a bucket of the reference width would hold.
function series(shown) {
  const kind = kindOf(shown);
  const lists = shown
    .map(({ model, at }) => ({ model, at, buckets: joined(model[kind] || []) }))
    .filter(({ buckets }) => buckets.length);
  if (!lists.length) return null;
  const low = Math.min(...lists.map(({ buckets }) => buckets[0][0]));
  const high = Math.max(...lists.map(({ buckets }) => buckets[buckets.length - 1][1]));
  const byArea = many || kind !== "standard";
  const widths = lists
    .map(({ buckets }) => (buckets[buckets.length - 1][1] - buckets[0][0]) / buckets.length)
    .filter((width) => width > 0);
  const reference = Math.min(...widths, Infinity);
  for (const list of lists) {
    list.total = list.buckets.reduce((sum, b) => sum + b[2], 0) || 1;
    const factor = (width) =>
      !byArea || reference === Infinity ? 1 : width ? Math.min(reference / width, 10) : kind === "standard" ? 1 : 10;
    list.bars = list.buckets.map((b) => ({
      low: b[0],
      high: b[1],
      count: b[2],
      tall: (b[2] / (many ? list.total : 1)) * factor(b[1] - b[0]),
    }));
  }
  const talls = lists.flatMap(({ bars }) => bars.map((bar) => bar.tall)).filter((tall) => tall > 0);
  const floor = byArea ? Math.min(...talls, Infinity) : 1;
  return {
    kind,
    lists,
    low,
    high,
    top: Math.max(...talls, 0),
    floor: Number.isFinite(floor) ? floor : 1,
    span: high - low,
  };
}

// The histogram that is asked for, or the only one there is: a feature need not have both.
function kindOf(shown) {
  const has = (kind) => shown.some(({ model }) => model[kind] && model[kind].length);
  const [other] = ["standard", "quantiles"].filter((kind) => kind !== view.buckets);
  return has(view.buckets) || !has(other) ? view.buckets : other;
}
const drawable = (model) => (model.standard || []).length > 0 || (model.quantiles || []).length > 0;

// Several quantiles may stand at one value: they are one bar.
function joined(buckets) {
  const made = [];
  for (const [low, high, n] of buckets) {
    const last = made[made.length - 1];
    if (last && low === high && last[0] === low && last[1] === high) last[2] += n;
    else made.push([low, high, n]);
  }
  return made;
}

function drawSeries(picture, all, box, gap) {
  const x = (v) => box.left + (all.span > 0 ? ((v - all.low) / all.span) * box.width : box.width / 2);
  const ends = (bar) =>
    all.span > 0 ? [x(bar.low), x(bar.high)] : [box.left + box.width * 0.42, box.left + box.width * 0.58];
  for (const { at, bars } of all.lists) {
    const steps = [];
    for (const bar of bars) {
      const [from, to] = ends(bar);
      const h = bar.count > 0 ? Math.max(height(bar.tall, all.top, all.floor) * box.tall, 1) : 0;
      const y = box.top + box.tall - h;
      steps.push([from, y], [Math.max(to, from + 2), y]);
      if (h && all.lists.length === 1)
        picture.append(
          svg("rect", { x: from, y, width: Math.max(to - from - gap, 1.5), height: h, class: `mark bar${colour(at)}` }),
        );
    }
    if (all.lists.length > 1) picture.append(outline(steps, box, at));
  }
  return { x, ends };
}

function outline(steps, box, at) {
  const base = box.top + box.tall;
  const points = [[steps[0][0], base], ...steps, [steps[steps.length - 1][0], base]];
  return svg("path", {
    class: `mark step line${colour(at)} bar${colour(at)}`,
    d: "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L"),
  });
}

function histogram(feature) {
  const all = series(given(feature)),
    unit = all.lists[0].model.unit;
  const strips = 12 * all.lists.length + 4,
    tall = 210 + strips;
  const box = { left: LEFT, top: 10, width: WIDTH - LEFT - RIGHT, tall: 170 };
  const picture = svg("svg", {
    class: "chart",
    viewBox: `0 0 ${WIDTH} ${tall}`,
    role: "img",
    "aria-label": described(feature, all),
  });
  const under = svg("g"),
    base = box.top + box.tall;
  picture.append(under);
  const { x, ends } = drawSeries(picture, all, box, 2);
  const labels = all.kind === "standard" ? levels(all) : [];
  for (const level of labels) {
    const y = base - height(level, all.top, all.floor) * box.tall;
    under.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: "grid" }));
    under.append(
      svg(
        "text",
        { x: LEFT - 8, y: y + 4, "text-anchor": "end" },
        many ? `${short.format(level * 100)} %` : count(level),
      ),
    );
  }
  if (!labels.length)
    under.append(
      svg("text", { x: LEFT - 8, y: box.top + 8, "text-anchor": "end" }, all.kind === "standard" ? "" : "density"),
    );
  under.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: base + 0.5, y2: base + 0.5, class: "axis" }));
  let last = -99;
  for (const [at, text] of axisLabels(all.low, all.high, unit)) {
    const here = x(at);
    if (here - last < text.length * 6.5 + 10) continue;
    last = here;
    under.append(svg("line", { x1: here, x2: here, y1: base, y2: base + 4, class: "axis" }));
    under.append(
      svg(
        "text",
        {
          x: here,
          y: base + 18,
          "text-anchor": here > WIDTH - 40 ? "end" : here < LEFT + 20 && measured(unit) ? "start" : "middle",
        },
        text,
      ),
    );
  }
  all.lists.forEach(({ model, at }, place) => strip(picture, model, at, x, base + 32 + place * 12, all));
  for (const list of all.lists.length === 1 ? all.lists : [])
    for (const bar of list.bars) hover(picture, bar, list, ends(bar), box);
  if (all.lists.length > 1) hoverAll(picture, all, x, box);
  return picture;
}

// Without infinite values; with them, quantiles at the ends have no edges that could be drawn.
const bounded = (model) => typeof model.min === "number" && typeof model.max === "number";

// Under the axis: from the lowest to the highest value, the middle 80 % of the values, and the median.
function strip(picture, model, at, x, y, all) {
  const edges = model.quantiles;
  if (!edges || edges.length < 5 || !bounded(model) || !(all.span > 0)) return;
  const cut = Math.max(1, Math.round(edges.length / 10));
  const [low, high] = [edges[cut - 1][1], edges[edges.length - cut][0]];
  const line = (from, to, name) =>
    svg("line", { x1: x(from), x2: x(to), y1: y, y2: y, class: `${name} line${colour(at)}` });
  picture.append(line(edges[0][0], edges[edges.length - 1][1], "range"), line(low, high, "middle"));
  if (typeof model.median === "number")
    picture.append(svg("circle", { cx: x(model.median), cy: y, r: 4, class: `median line${colour(at)}` }));
  const inner = `middle 80 % of values: ${range({ low, high }, model.unit)}`;
  const text = `${data.datasets[at].name}\n${inner}\nmedian ${value(model.median, model.unit)}`;
  picture.append(
    tipped(svg("rect", { x: LEFT, y: y - 6, width: WIDTH - LEFT - RIGHT, height: 12, fill: "transparent" }), text),
  );
}

const range = (bar, unit) =>
  bar.low === bar.high ? value(bar.low, unit) : `${value(bar.low, unit)} to ${value(bar.high, unit)}`;

function hover(picture, bar, list, [from, to], box) {
  const held = count(Math.round(bar.count * 10) / 10);
  const text = `${range(bar, list.model.unit)}\n${held} values, ${percent(bar.count / list.total)}`;
  picture.append(
    tipped(
      svg("rect", { x: from, y: box.top, width: Math.max(to - from, 3), height: box.tall, fill: "transparent" }),
      text,
    ),
  );
}

// Data sets have edges of their own: the tip tells each one's bucket under the pointer.
function hoverAll(picture, all, x, box) {
  const cover = svg("rect", { x: box.left, y: box.top, width: box.width, height: box.tall, fill: "transparent" });
  cover.addEventListener("pointermove", (event) => {
    const frame = cover.getBoundingClientRect();
    const v = all.low + ((event.clientX - frame.left) / (frame.width || 1)) * all.span;
    const lines = all.lists.map(({ bars, model, at, total }) => {
      const bar = bars.find((b) => v >= b.low && v <= b.high);
      const held = bar ? `${percent(bar.count / total)} in ${range(bar, model.unit)}` : "none";
      return `${data.datasets[at].name}: ${held}`;
    });
    showTip(event, lines.join("\n"));
  });
  cover.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  picture.append(cover);
}

function described(feature, { lists }) {
  const parts = lists.map(({ bars, model, at, total }) => {
    const fullest = bars.reduce((a, b) => (b.count > a.count ? b : a));
    const all = range({ low: bars[0].low, high: bars[bars.length - 1].high }, model.unit);
    const most = `${range(fullest, model.unit)} with ${percent(fullest.count / total)} of values`;
    return `${many ? `${data.datasets[at].name}: ` : ""}${all}, fullest ${most}`;
  });
  return `Histogram of ${nameOf(feature)}. ${parts.join("; ")}`;
}

function levels(all) {
  if (view.log && all.top > all.floor) {
    const made = [];
    for (let n = 10 ** Math.ceil(Math.log10(all.floor) - 1e-9); n <= all.top * 1.0001; n *= 10) made.push(n);
    return made.length > 5 ? made.filter((_, at) => at % 2 === 0) : made;
  }
  return ticks(0, all.top, 4).filter((t) => t > 0 && (many || Number.isInteger(t)));
}
