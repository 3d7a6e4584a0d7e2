// The list of features and its controls, and the start of it all.

// ---------------------------------------------------------------- orders

const SEVERITY = { error: 2, warning: 1, unknown: 0 };
const weight = (feature) =>
  feature.findings.reduce((sum, [w]) => sum + 10 ** w, 0) +
  (feature.anomalies || []).reduce((sum, a) => sum + 1e5 * 10 ** SEVERITY[a.severity], 0);
const missingShare = (feature) => Math.max(0, ...given(feature).map(({ model }) => missingPart(model)));
const distinct = (feature) => Math.max(0, ...given(feature).map(({ model }) => model.unique || 0));
const largest = (amount) => (a, b) => amount(b) - amount(a) || a.order - b.order;
const ORDERS = {
  order: (a, b) => a.order - b.order,
  problems: largest(weight),
  name: (a, b) => nameOf(a).localeCompare(nameOf(b)),
  missing: largest(missingShare),
  unique: largest(distinct),
  difference: largest((feature) => feature.difference || 0),
};
const SHOWS = {
  "": () => true,
  anomalies: (feature) => (feature.anomalies || []).length > 0,
  problems: (feature) => feature.findings.some(([w]) => w > 1),
  drift: (feature) => (feature.drift || []).some((one) => one.value > one.threshold),
};

// ---------------------------------------------------------------- the list of features

const HEAD = el(
  "div",
  { class: "row head", "aria-hidden": "true" },
  el("span", {}, "Name"),
  el("span", {}, "Distribution"),
  el("span", {}, "Mean, or most frequent"),
  el("span", {}, "Range, or distinct"),
  el("span", { class: "miss" }, "Missing"),
);

function matches(feature) {
  if ((view.type && feature.type !== view.type) || !SHOWS[view.show](feature)) return false;
  if (!view.query) return true;
  const found = (text) => text.toLowerCase().includes(view.query);
  return (
    found(nameOf(feature)) ||
    found(feature.path.join(".")) ||
    given(feature).some(({ model }) => (model.top || []).some(([text]) => found(text)))
  );
}

function arrange() {
  const shown = data.features.filter(matches).sort(ORDERS[view.sort]);
  $("features").replaceChildren(HEAD, ...shown.map((feature) => feature.node));
  $("nothing").hidden = shown.length > 0;
  $("features-title").textContent =
    shown.length === data.features.length
      ? "Features"
      : `${count(shown.length)} of ${plural(data.features.length, "feature")}`;
}

function redraw() {
  for (const feature of data.features) {
    if (feature.drawn) draw(feature);
    if (unfolded(feature)) unfold(feature);
  }
}

const pressed = (button, on) => button.setAttribute("aria-pressed", String(on));

// Of a long list, what is far from the window unfolds when it comes near.
const AT_ONCE = 200;
function openAll(open) {
  const shown = data.features.filter(matches);
  shown.forEach((feature) => (shown.length <= AT_ONCE || feature.near ? toggle : mark)(feature, open));
}

// ---------------------------------------------------------------- light and dark

const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = null; // null follows the system
const theme = () => {
  const dark = chosen === null ? system.matches : chosen;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").textContent = dark ? "Light" : "Dark";
};
system.addEventListener("change", theme);
$("theme").addEventListener("click", () => {
  chosen = document.documentElement.dataset.theme !== "dark";
  theme();
});
theme();

// ---------------------------------------------------------------- start

$("title").textContent = data.title;
$("footer").textContent =
  `Statistics by kfx ${data.version}. Keys: / searches, ↓ leads from there to the first feature and on, ` +
  "↑ back, Enter opens one. Nothing on this page is loaded from a network.";
data.features.forEach((feature, order) => {
  feature.order = order;
  build(feature);
});
overview();
anomalies();
problems();
arrange();
// Small pictures are drawn when they come near the window: a page of two thousand features opens at once.
const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const feature = data.features[Number(entry.target.id.slice(1))];
      feature.near = entry.isIntersecting;
      if (feature.near && !feature.drawn) draw(feature);
      if (feature.near && feature.open && !unfolded(feature)) unfold(feature);
    }
  },
  { rootMargin: "600px" },
);
data.features.forEach((feature) => near.observe(feature.node));

$("search").addEventListener("input", (event) => {
  view.query = event.target.value.trim().toLowerCase();
  arrange();
});
for (const control of ["type", "show", "sort"])
  $(control).addEventListener("change", (event) => {
    view[control] = event.target.value;
    arrange();
  });
$("log").addEventListener("click", (event) => {
  view.log = !view.log;
  pressed(event.currentTarget, view.log);
  redraw();
});
for (const button of document.querySelectorAll("[data-buckets]")) {
  button.addEventListener("click", () => {
    view.buckets = button.dataset.buckets;
    for (const other of document.querySelectorAll("[data-buckets]")) pressed(other, other === button);
    redraw();
  });
}
$("expand").addEventListener("click", (event) => {
  const open = event.currentTarget.getAttribute("aria-pressed") !== "true";
  pressed(event.currentTarget, open);
  event.currentTarget.textContent = open ? "Close all" : "Open all";
  openAll(open);
});

// The search box stands before the first feature. Elsewhere on the page arrows scroll, as they do on any other.
function neighbour(node, step) {
  const stops = [$("search"), ...$("features").querySelectorAll("h3 button")];
  const feature = node.closest(".feature");
  const at = stops.indexOf(feature ? feature.querySelector("h3 button") : node);
  return at < 0 ? null : stops[at + step];
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !event.target.closest("input, select")) {
    event.preventDefault();
    $("search").focus();
  } else if (event.key === "Escape" && event.target === $("search")) {
    event.target.value = view.query = "";
    arrange();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = neighbour(event.target, event.key === "ArrowDown" ? 1 : -1);
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
});

// On paper every list is whole and, of a list that is not long, every feature open; afterwards the page is as it was.
let opened = [];
addEventListener("beforeprint", () => {
  document.querySelectorAll(".more").forEach((button) => button.click());
  data.features.forEach((feature) => {
    if (!feature.drawn) draw(feature);
  });
  const shown = data.features.filter(matches);
  opened = shown.length <= AT_ONCE ? shown.filter((feature) => !feature.open) : [];
  opened.forEach((feature) => toggle(feature, true));
});
addEventListener("afterprint", () => {
  opened.forEach((feature) => toggle(feature, false));
});

// `report.html#income` opens at that feature.
const wanted = data.features.find((feature) => location.hash && hashOf(feature) === location.hash);
if (wanted) visit(wanted);
