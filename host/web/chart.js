// Live charts of the last five minutes: a line, and stacked bars by verdict.
//
// Knows points in time and how to draw them; not where they come from. Each chart is one image to a screen reader, with
// a summary in words that is renewed now and then, and the caller shows the figures as text beside it.

import { fill, h, say } from "./dom.js";
import { buckets, niceCeiling, smoothed, summary, VERDICTS } from "./figures.js";
import { clock, count } from "./text.js";
import { WINDOW } from "./live.js";

const WIDTH = 300;
const HEIGHT = 100;
const BAR_SECONDS = 5;
/** How often the words are renewed: more often and a screen reader that rests on a chart never comes to its end. */
const WORDS_EVERY_MS = 10_000;

function frame(kind, ...shapes) {
  const svg = h(
    "svg",
    { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
    shapes,
  );
  const top = h("span", { class: "axis-top", "aria-hidden": "true" });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const hair = h("div", { class: "hair", hidden: true, "aria-hidden": "true" });
  const element = h("div", { class: `chart ${kind}` }, h("div", { class: "plot-box" }, svg, top, hair, tip));
  return { element, svg, top, tip, hair };
}

/** Words for the image, at most every ten seconds. */
function words(svg) {
  let last = 0;
  return (text) => {
    const at = performance.now();
    if (last && at - last < WORDS_EVERY_MS) return;
    last = at;
    svg.setAttribute("aria-label", text());
  };
}

/** Shows what stands under the pointer: `lines(fraction)` are the tip's lines, or null. */
function follow({ svg, tip, hair }, lines) {
  const box = svg.parentElement;
  const hide = () => [tip, hair].forEach((part) => part.setAttribute("hidden", ""));
  box.addEventListener("pointerleave", hide);
  box.addEventListener("pointermove", (event) => {
    const { left, width } = box.getBoundingClientRect();
    const fraction = Math.min(1, Math.max(0, (event.clientX - left) / width));
    const text = lines(fraction);
    if (!text) return hide();
    fill(
      tip,
      text.map((line) => h("div", {}, line)),
    );
    tip.removeAttribute("hidden");
    hair.removeAttribute("hidden");
    hair.style.setProperty("left", `${fraction * 100}%`);
    const room = width - tip.offsetWidth;
    tip.style.setProperty("left", `${Math.min(room, Math.max(0, fraction * width - tip.offsetWidth / 2))}px`);
  });
}

/**
 * A line with the area below it. `value(point)` may be null: a gap. `text(value)` writes a value; `name` is what it is
 * of, as a screen reader says it. Each is drawn as the mean of `mean` seconds, so that a line can be followed.
 */
export function lineChart({ name, value, text, binary = false, mean: seconds = 1 }) {
  const area = h("path", { class: "area" });
  const line = h("path", { class: "line", "vector-effect": "non-scaling-stroke" });
  const parts = frame("line-chart", area, line);
  const speak = words(parts.svg);
  let shown = [];
  let values = [];

  follow(parts, (fraction) => {
    const at = (shown.at(-1)?.at ?? 0) - WINDOW + 1 + Math.round(fraction * (WINDOW - 1));
    const n = shown.findIndex((point) => point.at === at);
    return n >= 0 && Number.isFinite(values[n]) ? [text(values[n]), clock(at * 1000)] : null;
  });

  function draw(points) {
    shown = points;
    values = smoothed(points, value, seconds);
    const { mean, peak } = summary(values);
    const top = niceCeiling(peak * 1.05, binary);
    const end = points.at(-1)?.at ?? 0;
    let path = "";
    let filled = "";
    let begun = null;
    let x = 0;
    const finish = () => {
      if (begun !== null) filled += `L${x} ${HEIGHT}L${begun} ${HEIGHT}Z`;
      begun = null;
    };
    for (const [n, point] of points.entries()) {
      const v = values[n];
      if (!Number.isFinite(v)) {
        finish();
        continue;
      }
      x = WIDTH - ((end - point.at) * WIDTH) / (WINDOW - 1);
      const step = `${begun === null ? "M" : "L"}${x.toFixed(2)} ${(HEIGHT - (v / top) * (HEIGHT - 2) - 1).toFixed(2)}`;
      if (begun === null) begun = x;
      path += step;
      filled += step;
    }
    finish();
    line.setAttribute("d", path);
    area.setAttribute("d", filled);
    say(parts.top, text(top));
    speak(() => `${name}, last five minutes: mean ${text(mean)}, peak ${text(peak)}.`);
  }
  return { element: parts.element, draw };
}

/** Bars of five seconds, stacked by verdict. */
export function verdictChart() {
  const bars = h("g");
  const parts = frame("bar-chart", bars);
  const speak = words(parts.svg);
  let shown = [];
  let end = 0;
  const sums = (bucket) =>
    VERDICTS.map(([name]) => [name, bucket.points.reduce((sum, p) => sum + (p.verdicts?.[name] ?? 0), 0)]);

  follow(parts, (fraction) => {
    const at = Math.floor((end - WINDOW + BAR_SECONDS + fraction * WINDOW) / BAR_SECONDS) * BAR_SECONDS;
    const bucket = shown.find((bucket) => bucket.at === at);
    if (!bucket) return null;
    const some = sums(bucket).filter(([, n]) => n > 0);
    const lines = some.map(([name, n]) => [h("span", { class: `swatch v-${name}` }), ` ${count(n)} ${name}`]);
    return [...(lines.length ? lines : ["no messages"]), `${clock(at * 1000)}, 5 s`];
  });

  function draw(points) {
    shown = buckets(points, BAR_SECONDS);
    end = shown.at(-1)?.at ?? 0;
    const all = shown.map((bucket) => [bucket, sums(bucket)]);
    const height = ([, values]) => values.reduce((sum, [, n]) => sum + n, 0);
    const top = niceCeiling(Math.max(0, ...all.map(height)));
    const step = (WIDTH * BAR_SECONDS) / WINDOW;
    const rects = [];
    for (const [bucket, values] of all) {
      const x = WIDTH - step - ((end - bucket.at) / BAR_SECONDS) * step;
      let y = HEIGHT;
      for (const [name, n] of values) {
        if (n === 0 || x < 0) continue;
        const tall = (n / top) * (HEIGHT - 1);
        y -= tall;
        const box = { x: x + step * 0.12, y, width: step * 0.76, height: Math.max(tall, 0.6) };
        rects.push(h("rect", { ...box, class: `v-${name}` }));
      }
    }
    fill(bars, rects);
    say(parts.top, count(top));
    speak(() => {
      const totals = VERDICTS.map(([name]) => [
        name,
        points.reduce((sum, p) => sum + (p.verdicts?.[name] ?? 0), 0),
      ]);
      const some = totals.filter(([, n]) => n > 0).map(([name, n]) => `${count(n)} ${name}`);
      return `Messages by verdict, last five minutes: ${some.join(", ") || "none"}.`;
    });
  }
  return { element: parts.element, draw };
}
