// The head of the page: overview, what validation found, what deserves a look.

// ---------------------------------------------------------------- overview

const missingOf = (at) =>
  data.features.reduce(
    ([gaps, all], { of: models }) =>
      models[at] ? [gaps + models[at].missing, all + models[at].present + models[at].missing] : [gaps, all],
    [0, 0],
  );
const skipped = (dataset) => (dataset.bad_rows ? `${plural(dataset.bad_rows, "bad row")} skipped` : null);

function overview() {
  const kinds = new Map();
  for (const { type } of data.features) kinds.set(type, (kinds.get(type) || 0) + 1);
  const present = data.features.filter(({ type }) => type !== "absent").length;
  const tile = (label, big, small, state) =>
    el("div", { class: state }, el("dt", {}, label), el("dd", {}, big, small ? el("small", {}, small) : null));
  const listed = [...kinds]
    .filter(([kind]) => kind !== "absent")
    .sort((a, b) => b[1] - a[1])
    .map(([kind, n]) => `${n} ${kind}`)
    .join(", ");
  const [gaps, all] = missingOf(0);
  const troubled = data.features.filter(SHOWS.problems).length;
  $("overview").append(
    ...[
      many
        ? tile("Data sets", count(data.datasets.length))
        : tile(
            "Rows",
            count(data.datasets.length ? data.datasets[0].rows : 0),
            data.datasets.length ? skipped(data.datasets[0]) : null,
          ),
      tile("Features", count(present), listed),
      many
        ? null
        : tile("Missing cells", all ? percent(gaps / all) : "–", gaps ? `${count(gaps)} of ${count(all)}` : null),
      data.anomalies ? validated(tile) : null,
      tile("Likely faults", troubled ? `in ${plural(troubled, "feature")}` : "none", null),
    ].filter(Boolean),
  );
  const option = (text, name) => el("option", { value: name }, text);
  $("type").append(
    option("All types", ""),
    ...[...kinds.keys()].map((kind) =>
      option(`${kind === "absent" ? "missing column" : kind} (${kinds.get(kind)})`, kind),
    ),
  );
  const shows = [
    ["anomalies", "With anomalies"],
    ["drift", "Drifted or skewed"],
    ["problems", "Likely faults"],
  ].map(([name, text]) => [name, text, data.features.filter(SHOWS[name]).length]);
  $("show").append(
    option("All features", ""),
    ...shows
      .filter(([name, , n]) => n || (name === "anomalies" && data.anomalies))
      .map(([name, text, n]) => option(`${text} (${n})`, name)),
  );
  if (many) $("sort").append(option("Most different", "difference"));
  if (many) datasets();
}

function validated(tile) {
  const found = [...data.anomalies, ...data.features.flatMap((feature) => feature.anomalies || [])];
  const of = (severity) => found.filter((a) => a.severity === severity).length;
  const errors = of("error"),
    warnings = of("warning");
  const text = errors
    ? plural(errors, "error")
    : warnings
      ? plural(warnings, "warning")
      : found.length
        ? plural(found.length, "note")
        : "none";
  return tile(
    "Anomalies",
    text,
    errors && warnings ? `and ${plural(warnings, "warning")}` : found.length ? null : "validated",
    errors ? "bad" : warnings ? "warn" : "good",
  );
}

function datasets() {
  const row = (dataset, at) => {
    const [gaps, all] = missingOf(at);
    const features = data.features.filter((feature) => feature.of[at]).length;
    return el(
      "tr",
      {},
      el("th", { scope: "row", title: titled(dataset.name) }, few ? key(at) : null, cut(dataset.name)),
      el("td", {}, count(dataset.rows)),
      el("td", {}, count(features)),
      el("td", {}, all ? percent(gaps / all) : "–"),
      el("td", {}, skipped(dataset) || ""),
    );
  };
  const head = ["Data set", "Rows", "Features", "Missing cells"].map((text) => el("th", { scope: "col" }, text));
  const first = 8,
    body = el("tbody", {}, ...data.datasets.slice(0, first).map(row));
  $("datasets").append(el("table", {}, el("thead", {}, el("tr", {}, ...head, el("td"))), body));
  $("datasets").hidden = false;
  more($("datasets"), data.datasets.length - first, () =>
    body.append(...data.datasets.slice(first).map((d, at) => row(d, at + first))),
  );
}

// A button that shows the rest of a list, if there is one.
function more(parent, left, show) {
  if (left <= 0) return;
  const button = el("button", { type: "button", class: "quiet more" }, `Show ${count(left)} more`);
  button.addEventListener("click", () => {
    show();
    button.remove();
  });
  parent.append(button);
}

// ---------------------------------------------------------------- what was found

function link(feature) {
  const node = el("a", { href: hashOf(feature), title: titled(nameOf(feature)) }, visible(nameOf(feature), cut));
  node.addEventListener("click", (event) => {
    event.preventDefault();
    visit(feature);
  });
  return node;
}

function visit(feature) {
  Object.assign(view, { query: "", type: "", show: "" });
  for (const control of ["search", "type", "show"]) $(control).value = "";
  arrange();
  toggle(feature, true);
  feature.node.scrollIntoView({ block: "start" });
  feature.button.focus({ preventScroll: true });
}

function listed(section, list, items, first, made) {
  if (!items.length) return;
  $(section).hidden = false;
  $(list).append(...items.slice(0, first).map(made));
  more($(section), items.length - first, () => $(list).append(...items.slice(first).map(made)));
}

function anomalies() {
  if (!data.anomalies) return;
  const found = [
    ...data.anomalies.map((one) => ({ one })),
    ...data.features.flatMap((feature) => (feature.anomalies || []).map((one) => ({ feature, one }))),
  ].sort((a, b) => SEVERITY[b.one.severity] - SEVERITY[a.one.severity]);
  listed("anomalies", "anomaly-list", found, 10, ({ feature, one }) => {
    const line = anomalyLine({ ...one, types: [] });
    line.lastChild.prepend(feature ? link(feature) : el("em", {}, "The whole data set"), one.alone ? ": " : " ");
    return line;
  });
  const drifts = data.features
    .flatMap((feature) => (feature.drift || []).map((one) => ({ feature, one })))
    .sort((a, b) => b.one.value / (b.one.threshold || 1e-9) - a.one.value / (a.one.threshold || 1e-9));
  listed("drifts", "drift-list", drifts, 8, ({ feature, one }) => driftRow(one, [link(feature), " "]));
}

function problems() {
  const lost = data.datasets.filter((dataset) => dataset.bad_rows);
  listed("problems", "problem-list", lost, lost.length, (dataset) =>
    el(
      "li",
      {},
      sign(2),
      el(
        "span",
        {},
        el("em", {}, many ? cut(dataset.name) : "The whole data set"),
        ` lacks ${plural(dataset.bad_rows, "row")} that could not be read`,
        el("small", {}, ...dataset.bad_places.map((place) => el("span", {}, plain(place)))),
      ),
    ),
  );
  const found = data.features
    .flatMap((feature) => feature.findings.map((one) => ({ feature, one })))
    .sort((a, b) => b.one[0] - a.one[0] || weight(b.feature) - weight(a.feature));
  listed("problems", "problem-list", found, 8, ({ feature, one: [w, text, at] }) =>
    el("li", {}, sign(w), el("span", {}, link(feature), ` ${plain(text)}${inSets(at)}`)),
  );
}
