// Small pictures of a row, frequency by rank, drift against its threshold.

// ---------------------------------------------------------------- small pictures

const SPARK = { width: 150, tall: 36 };

function spark(models) {
  const { width, tall } = SPARK;
  const picture = svg("svg", {
    class: "spark",
    viewBox: `0 0 ${width} ${tall}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const shown = few ? models : models.slice(0, 1);
  const all = series(shown);
  if (all) drawSeries(picture, all, { left: 0, top: 1, width, tall: tall - 2 }, 1);
  else drawRanked(picture, shown, width, tall - 1);
  picture.append(svg("line", { x1: 0, x2: width, y1: tall - 0.5, y2: tall - 0.5, class: "base" }));
  return picture;
}

// One data set of several, on the axis of all.
function sparkOf(all, at) {
  const { width, tall } = SPARK;
  const picture = svg("svg", {
    class: "spark",
    viewBox: `0 0 ${width} ${tall}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const own = all.lists.filter((list) => list.at === at).map((list) => ({ ...list, at: 0 }));
  drawSeries(picture, { ...all, lists: own }, { left: 0, top: 1, width, tall: tall - 2 }, 1);
  return picture;
}

function drawRanked(picture, shown, width, tall) {
  const rows = ranked(shown).slice(0, 20);
  const step = width / Math.max(rows.length, 6),
    wide = Math.max((step - 1) / shown.length, 0.75);
  const amounts = rows.flatMap(({ counts }) =>
    counts.map((n, i) => (n || 0) / (many ? shown[i].model.values || 1 : 1)),
  );
  const top = Math.max(...amounts, 0),
    floor = many ? Math.min(...amounts.filter(Boolean), 1) : 1;
  rows.forEach(({ counts }, rank) =>
    counts.forEach((n, i) => {
      const h = height((n || 0) / (many ? shown[i].model.values || 1 : 1), top, floor) * tall;
      if (h > 0)
        picture.append(
          svg("rect", {
            x: rank * step + i * wide,
            y: tall - Math.max(h, 1),
            width: wide,
            height: Math.max(h, 1),
            class: `mark bar${colour(shown[i].at)}`,
          }),
        );
    }),
  );
}

// ---------------------------------------------------------------- frequency by rank

function rankCurve(feature) {
  const shown = given(feature)
    .slice(0, few ? FEW : 1)
    .filter(
      ({ model }) => model.ranks && model.ranks.length > 1 && model.unique > model.top.length && model.ranks[0][1] > 1,
    );
  if (!shown.length) return null;
  const tall = 150,
    top = 10,
    inner = tall - top - 30;
  const farthest = Math.max(...shown.map(({ model }) => model.ranks[model.ranks.length - 1][0]));
  const most = Math.max(...shown.map(({ model }) => model.ranks[0][1]));
  const x = (rank) => LEFT + (Math.log10(rank) / Math.log10(farthest)) * (WIDTH - LEFT - RIGHT);
  const y = (n) => top + inner - ((Math.log10(n) + 0.3) / (Math.log10(most) + 0.3)) * inner;
  const label = `Frequency by rank of ${nameOf(feature)}: from ${count(most)} for the most frequent value`;
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${tall}`, role: "img", "aria-label": label });
  for (let n = 1; n <= most; n *= 10) {
    if (n > 1 && Math.log10(most) > 4 && Math.log10(n) % 2) continue;
    picture.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(n), y2: y(n), class: "grid" }));
    picture.append(svg("text", { x: LEFT - 8, y: y(n) + 4, "text-anchor": "end" }, count(n)));
  }
  for (let rank = 1; rank <= farthest; rank *= 10) {
    const anchor = rank === 1 ? "start" : x(rank) > WIDTH - 30 ? "end" : "middle";
    picture.append(
      svg("text", { x: x(rank), y: tall - 10, "text-anchor": anchor }, rank === 1 ? "rank 1" : count(rank)),
    );
  }
  if (x(farthest) - x(10 ** Math.floor(Math.log10(farthest))) > 60)
    picture.append(svg("text", { x: x(farthest), y: tall - 10, "text-anchor": "end" }, count(farthest)));
  for (const { model, at } of shown) {
    picture.append(
      svg("path", {
        class: `curve line${colour(at)}`,
        d: "M" + model.ranks.map(([rank, n]) => `${x(rank).toFixed(1)} ${y(n).toFixed(1)}`).join("L"),
      }),
    );
  }
  return el("figure", {}, el("figcaption", { class: "caption" }, "Frequency by rank, both axes logarithmic"), picture);
}

// ---------------------------------------------------------------- drift

// A measured value as a bar, its threshold as a tick.
function gauge({ value: measure, threshold }) {
  const most = Math.max(measure, threshold) * 1.25 || 1;
  const over = measure > threshold;
  return el(
    "span",
    { class: "gauge", "aria-hidden": "true" },
    el("i", { class: over ? "over" : "", style: `width:${((measure / most) * 100).toFixed(2)}%` }),
    el("b", { style: `left:${((threshold / most) * 100).toFixed(2)}%` }),
  );
}
