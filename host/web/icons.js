// Small drawings, as paths. They say nothing that a word beside them, or a label, does not say.

import { h } from "./dom.js";

const PATHS = {
  sun: "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m0-11.4L4.9 4.9m14.2 14.2-1.4-1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  system: "M4 5h16v11H4zM9 20h6m-3-4v4",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4m-4-4h10",
  upload: "M12 16V5m-4.5 4.5L12 5l4.5 4.5M4 17v2.5h16V17",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6 6 18",
  alert: "M12 4 2.8 20h18.4zM12 10v4.5m0 2.6v.1",
  up: "M6 14l6-6 6 6",
  down: "M6 10l6 6 6-6",
  right: "M9 6l6 6-6 6",
  plus: "M12 5v14M5 12h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  trash: "M5 7h14M10 7V4.5h4V7m3.5 0-.8 12.5H7.3L6.5 7",
  gear: "M4 7h9m4 0h3M4 17h3m4 0h9M15 4.8v4.4M9 14.8v4.4",
  box: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4m-8 4v8",
  mail: "M3.5 6h17v12h-17zM4 7l8 6 8-6",
  key: "M8 15a4 4 0 1 1 3.5-2L20 13v3h-2v-2h-6.5M8 11v.1",
  undo: "M8 5 4 9l4 4M4.5 9H14a5.5 5.5 0 0 1 0 11h-4",
};

/** A drawing of the size of the text around it. */
export function icon(name) {
  return h(
    "svg",
    {
      class: "icon",
      viewBox: "0 0 24 24",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": "1.8",
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    h("path", { d: PATHS[name] }),
  );
}

/** The mark of Gatepost. */
export function mark() {
  return h(
    "svg",
    { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    h("rect", { width: 32, height: 32, rx: 8, class: "mark-ground" }),
    h("path", { d: "M8.5 8v16M23.5 8v16", class: "mark-posts" }),
    h("path", { d: "M12.5 16h6.5m-3-3.2 3.2 3.2-3.2 3.2", class: "mark-arrow" }),
  );
}
