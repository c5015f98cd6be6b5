// What each stage did with one message, as a table; and envelopes, as `try` and the records have them.
//
// Knows a record's stages. Every text in them may come from a stranger.

import { h } from "./dom.js";
import { badge, table } from "./parts.js";
import { bytes, micros, visible } from "./text.js";
import { processorParts } from "./chain-picture.js";

const HEAD = [
  "Stage",
  "Outcome",
  { text: "CPU", numeric: true },
  { text: "Wall", numeric: true },
  { text: "In", numeric: true },
  { text: "Out", numeric: true },
  { text: "Memory", numeric: true },
];

/** The stages of a record, a row each. */
export function stageTable(stages, caption = "What each stage did") {
  const rows = stages.map((stage) => {
    const { name, version } = processorParts(stage.processor);
    const limits =
      stage.limits && Object.keys(stage.limits).length > 0
        ? h("span", { class: "note" }, ` ${visible(JSON.stringify(stage.limits))}`)
        : null;
    return [
      h(
        "div",
        {},
        h("strong", {}, visible(stage.name)),
        h("span", { class: "note cell-note" }, version ? `${visible(name)} ${visible(version)}` : "built in"),
      ),
      [badge(stage.outcome), limits],
      micros(stage.cpu_us),
      micros(stage.wall_us),
      bytes(stage.bytes_in),
      bytes(stage.bytes_out),
      stage.memory_peak ? bytes(stage.memory_peak) : "–",
    ];
  });
  return table({ caption, head: HEAD, rows, className: "outcomes" });
}

/** An address; the null reverse-path has a name. */
export function address(text) {
  return text
    ? h("span", { class: "address" }, visible(text))
    : h("span", { class: "address note" }, "<> (bounce)");
}

/** The first of several addresses, and how many more. */
export function addresses(list) {
  if (list.length <= 1) return address(list[0] ?? "");
  return [address(list[0]), h("span", { class: "note" }, ` and ${list.length - 1} more`)];
}
