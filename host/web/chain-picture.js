// A chain as a picture: where mail comes in, a box for each stage, arrows that say what flows, the sinks fanned out.
//
// Knows a ChainView and the figures of its stages. To a screen reader it is a list in the order of the chain.

import { fill, h, say, set } from "./dom.js";
import { badge } from "./parts.js";
import { bytes, count, micros, rate, visible } from "./text.js";

/** `acme/hello@1.0.0#hash` taken apart; a built-in stage has no version. */
export function processorParts(processor) {
  const match = /^(.*?)@([^@#]+?)(?:#([0-9a-f]+))?$/.exec(processor ?? "");
  return match
    ? { name: match[1], version: match[2], hash: match[3] ?? null }
    : { name: processor ?? "", version: null, hash: null };
}

function arrow(content) {
  return h(
    "span",
    { class: "arrow", "data-content": content },
    h("span", { class: "arrow-label" }, content ?? ""),
    h("span", { class: "arrow-line", "aria-hidden": "true" }),
  );
}

function figure(name, value) {
  const number = h("dd", {}, value);
  return { element: h("div", {}, h("dt", {}, name), number), number };
}

/** Where a stage is from: its name is said again only where it has another than its label. */
function origin(label, name, version) {
  if (!version) return h("span", {}, label === name ? "built in" : `built in: ${visible(name)}`);
  const [owner, bare] = name.includes("/") ? name.split("/") : [null, name];
  const from = owner && (bare === label || name === label) ? `of ${owner}` : name;
  return [h("span", { class: "version" }, visible(version)), h("span", {}, visible(from))];
}

function stageBox(stage, mode) {
  const { name, version, hash } = processorParts(stage.processor);
  const warned = stage.warnings.length > 0;
  const state = h("span", { class: "box-state" }, warned && badge("warning", "some"));
  const figures = h("dl", { class: "box-figures" });
  const parts = {};
  if (mode === "live") {
    for (const [key, label] of [
      ["rate", "msg/s"],
      ["cpu", "CPU/msg"],
      ["failures", "failed/s"],
    ]) {
      parts[key] = figure(label, "–");
      figures.append(parts[key].element);
    }
  } else if (stage.smoke) {
    const { smoke } = stage;
    figures.append(
      figure("CPU median", micros(smoke.cpu_us_median)).element,
      figure("CPU most", micros(smoke.cpu_us_max)).element,
      figure("memory", bytes(smoke.memory_peak)).element,
    );
  }
  const tried =
    mode !== "live" &&
    stage.smoke &&
    h(
      "p",
      { class: "box-smoke" },
      `${count(stage.smoke.messages)} messages in ${count(stage.smoke.runs)} runs${stage.smoke.complete ? "" : ", not all of them"}`,
    );
  const element = h(
    "div",
    { class: `box stage ${warned ? "warned" : ""}` },
    h("div", { class: "box-head" }, h("strong", { class: "box-name" }, visible(stage.name)), state),
    h(
      "p",
      { class: "box-processor", title: hash ? stage.processor : null },
      origin(stage.name, name, version),
      mode !== "live" && hash && h("code", { class: "hash" }, `#${hash.slice(0, 8)}`),
    ),
    figures.children.length > 0 && figures,
    tried,
  );
  return { element, parts, state, warned };
}

/**
 * The picture of `view`. `mode`: `live` (figures come by `update`), `smoke` (what the check measured).
 */
export function chainPicture(view, { mode = "smoke", label = "The chain" } = {}) {
  const warnings = view.warnings ?? [];
  const stages = view.stages.map((stage) =>
    stageBox({ ...stage, warnings: warnings.filter((warning) => warning.stage === stage.name) }, mode),
  );
  const incoming = figure("msg/s", "–");
  const source = h(
    "li",
    {},
    h(
      "div",
      { class: "box end" },
      h("div", { class: "box-head" }, h("strong", { class: "box-name" }, "Mail in")),
      view.recipients?.length > 0 &&
        h(
          "p",
          { class: "box-processor" },
          "asked at RCPT: ",
          view.recipients.map((one) => visible(one.name)).join(", "),
        ),
      mode === "live" && h("dl", { class: "box-figures" }, incoming.element),
    ),
  );
  // What flows into a stage is what the one before it gives; `any` in front of everything is the message.
  const gives = view.stages.map((stage) => stage.gives);
  const before = (n) => (n === 0 ? "message" : gives[n - 1]);
  const items = stages.map(({ element }, n) => h("li", {}, arrow(before(n)), element));
  const sinks = h(
    "li",
    { class: "sinks-item" },
    arrow(before(view.stages.length)),
    h(
      "ul",
      { class: `sinks ${view.sinks.length > 1 ? "fan" : ""}`, "aria-label": "Sinks" },
      view.sinks.map((name) =>
        h(
          "li",
          {},
          h(
            "div",
            { class: "box end" },
            h("div", { class: "box-head" }, h("strong", { class: "box-name" }, visible(name))),
          ),
        ),
      ),
    ),
  );
  const element = h(
    "div",
    { class: "flow-box" },
    h("ol", { class: `flow ${mode}`, "aria-label": label }, source, items, sinks),
  );

  function update(figures, breakers = [], incomingRate = null) {
    if (incomingRate !== null) say(incoming.number, rate(incomingRate));
    set(element.firstChild, "data-busy", incomingRate > 0 ? "yes" : "no");
    view.stages.forEach((stage, n) => {
      const live = figures.find((one) => one.name === stage.name);
      const { parts, state, element: box, warned } = stages[n];
      if (mode !== "live") return;
      say(parts.rate.number, live ? rate(live.messages) : "–");
      say(parts.cpu.number, live && live.messages > 0 ? micros(live.cpu_us / live.messages) : "–");
      say(parts.failures.number, live ? rate(live.failures) : "–");
      parts.failures.element.classList.toggle("bad", live?.failures > 0);
      const breaker = breakers.find((one) => one.stage === stage.name && one.place !== "recipients");
      box.classList.toggle("broken", Boolean(breaker));
      const word = breaker ? "breaker open" : live?.failures > 0 ? "failing" : warned ? "warning" : "";
      if (state.dataset.word === word) return;
      state.dataset.word = word;
      fill(state, word && badge(word, word === "warning" || word === "failing" ? "some" : "bad"));
    });
  }
  return { element, update };
}

/** What the check warned of. */
export function warningList(view) {
  return (view.warnings ?? []).map(({ stage, message, text }) =>
    h(
      "li",
      {},
      h("code", {}, visible(stage)),
      message ? [" at ", h("em", {}, visible(message))] : null,
      `: ${visible(text)}`,
    ),
  );
}
