// Tiles with one figure and its last five minutes, the verdicts, and lists of the busiest.
//
// Knows how points become tiles; not whose points they are.

import { fill, h, say } from "./dom.js";
import { lineChart, verdictChart } from "./chart.js";
import { buckets, recent, smoothed, summary, VERDICTS, verdictTotals } from "./figures.js";
import { card, empty, table } from "./parts.js";
import { bytes, clock, count, rate, visible } from "./text.js";

/** Rates are shown as the mean of so many seconds: single ones jump. */
const MEAN_SECONDS = 5;

const perSecond = (text) => (value) => `${text(value)}/s`;

/** What a tile may show. `now` is the figure that stands large. */
const KINDS = {
  messages: { name: "Messages", unit: "/s", value: (p) => p.messages, text: rate },
  bytes: { name: "Bytes", unit: "/s", value: (p) => p.bytes, text: bytes, binary: true },
  refused: {
    name: "Refused",
    unit: "/s",
    value: (p) => p.refused,
    text: rate,
    title: "Recipients and sessions that were refused",
  },
  sessions: {
    name: "Sessions",
    unit: "",
    value: (p) => p.sessions,
    text: count,
    gauge: true,
    about: "open now",
  },
  in_flight: {
    name: "In flight",
    unit: "",
    value: (p) => p.in_flight,
    text: count,
    gauge: true,
    about: "messages at work",
  },
  memory: {
    name: "Memory",
    unit: "",
    value: (p) => p.memory,
    text: bytes,
    binary: true,
    gauge: true,
    about: "resident",
  },
};

function tile(kind) {
  const { name, unit, value, text, binary, gauge, about, title } = KINDS[kind];
  const written = unit ? perSecond(text) : text;
  const figure = h("strong", {}, "–");
  const foot = h("p", { class: "tile-foot" });
  const seconds = gauge ? 1 : MEAN_SECONDS;
  const chart = lineChart({ name, value, text: written, binary, mean: seconds });
  const element = h(
    "section",
    { class: "tile card", "aria-label": name, title },
    h("h3", {}, name),
    h("p", { class: "figure" }, figure, unit && h("span", { class: "unit" }, unit)),
    chart.element,
    foot,
  );
  function draw(points) {
    const at = recent(points, value, seconds);
    say(figure, at === null ? "–" : text(at));
    const { mean, peak } = summary(smoothed(points, value, seconds));
    say(foot, gauge ? `${about} · peak ${written(peak)}` : `mean ${text(mean)} · peak ${text(peak)}`);
    chart.draw(points);
  }
  return { element, draw };
}

/** Tiles of the kinds given. */
export function tiles(kinds) {
  const all = kinds.map(tile);
  return {
    element: h(
      "div",
      { class: `tiles of-${kinds.length}` },
      all.map((one) => one.element),
    ),
    draw: (points) => all.forEach((one) => one.draw(points)),
  };
}

/** The verdicts as bars, their sums as a legend, and the same as a table. */
export function verdicts() {
  const chart = verdictChart();
  const legend = h("ul", { class: "legend" });
  const values = {};
  for (const [name, about] of VERDICTS) {
    const value = h("strong", {});
    values[name] = {
      value,
      item: h(
        "li",
        { title: about },
        h("span", { class: `swatch v-${name}`, "aria-hidden": "true" }),
        h("span", {}, name),
        value,
      ),
    };
    legend.append(values[name].item);
  }
  const asTable = h("div", {});
  const more = h(
    "details",
    { class: "as-table", ontoggle: () => more.open && drawTable() },
    h("summary", {}, "As a table"),
    asTable,
  );
  let last = [];
  function drawTable() {
    const rows = buckets(last, 60)
      .reverse()
      .map((bucket) => {
        const sums = verdictTotals(bucket.points);
        return [clock(bucket.at * 1000), ...VERDICTS.map(([name]) => count(sums[name]))];
      });
    const head = ["Minute from", ...VERDICTS.map(([name]) => ({ text: name, numeric: true }))];
    fill(asTable, table({ caption: "Messages by verdict and minute", head, rows }));
  }
  function draw(points) {
    last = points;
    const totals = verdictTotals(points);
    for (const [name, n] of Object.entries(totals)) {
      say(values[name].value, count(n));
      values[name].item.classList.toggle("zero", n === 0);
    }
    chart.draw(points);
  }
  const element = card(
    { title: "Verdicts", note: "last five minutes, in bars of five seconds", className: "verdicts" },
    chart.element,
    legend,
    more,
  );
  return { element, draw };
}

/** The busiest, with a bar each. */
export function busiest(title, what) {
  const list = h("ol", { class: "busiest" });
  const none = empty({ title: "Nobody yet", text: `${what} show here once mail comes in.`, iconName: "mail" });
  const element = card({ title, className: "busy-card" }, list, none);
  function draw(entries) {
    none.toggleAttribute("hidden", entries.length > 0);
    list.toggleAttribute("hidden", entries.length === 0);
    const most = Math.max(1, ...entries.map((entry) => entry.messages));
    while (list.children.length > entries.length) list.lastChild.remove();
    entries.forEach((entry, n) => {
      if (!list.children[n]) {
        list.append(
          h(
            "li",
            {},
            h("span", { class: "bar", "aria-hidden": "true" }),
            h("span", { class: "busy-name" }),
            h("span", { class: "busy-count" }),
          ),
        );
      }
      const [bar, name, number] = list.children[n].children;
      bar.style.setProperty("width", `${(entry.messages / most) * 100}%`);
      say(name, visible(entry.name) || "<> (bounces)");
      say(number, count(entry.messages));
    });
  }
  return { element, draw };
}
