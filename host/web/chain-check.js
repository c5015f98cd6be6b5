// Checks a draft while it is typed, and shows beside it what came of it: problems by key, or smoke figures.
//
// Knows `chain/check` and its answers. One check at a time: a newer one ends the older.

import { ask, path, Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { chainPicture, warningList } from "./chain-picture.js";
import { announce, badge, button, notice, problemBox } from "./parts.js";
import { plural, visible } from "./text.js";

const DEBOUNCE_MS = 300;

/** The problems, with the keys they are of. */
export function problemList(problems) {
  return h(
    "ul",
    { class: "problems" },
    problems.map(({ key, text }) =>
      h("li", {}, key && h("code", {}, visible(key)), h("span", {}, visible(text))),
    ),
  );
}

/** What a check that held has found: the chain as it would be, with what was measured. */
export function checkedView(view) {
  const warnings = warningList(view);
  return [
    warnings.length > 0 &&
      notice("some", h("p", {}, h("strong", {}, "It would go live, with a warning:")), h("ul", {}, warnings)),
    chainPicture(view, { mode: "smoke", label: "The chain as it would be" }).element,
  ];
}

/**
 * The place where results show. `check()` asks soon, for what `body()` gives as `{body, problems}`; `onState` hears
 * `checking`, `good` or `bad`.
 */
export function checker({ tenant, body, onState, signal }) {
  const state = h("div", { class: "check-state" });
  const result = h("div", { class: "check-result" });
  const element = h("div", {}, state, result);
  let timer = null;
  let running = null;
  let told = null;
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    running?.abort();
  });

  function show(kind, text, ...content) {
    onState(kind);
    const words = { checking: ["checking", "none"], good: ["holds", "good"], bad: ["does not hold", "bad"] }[
      kind
    ];
    fill(state, badge(words[0], words[1]), h("span", { class: "note" }, text));
    result.classList.toggle("stale", kind === "checking");
    if (kind !== "checking") fill(result, content);
    // Typing goes on while it is checked: only what differs is worth being told.
    if (kind !== "checking" && told !== words[0] + text) announce(`The chain ${words[0]}. ${text}`);
    if (kind !== "checking") told = words[0] + text;
  }

  async function run() {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const { body: json, problems } = body();
    if (problems.length > 0) {
      show("bad", plural(problems.length, "problem"), problemList(problems));
      return;
    }
    try {
      const view = (await ask("POST", path`/v1/tenants/${tenant}/chain/check`, { json, signal: mine.signal }))
        .body;
      const tried = view.stages.filter((stage) => stage.smoke).length;
      show(
        "good",
        tried > 0 ? `${plural(tried, "stage")} tried on the smoke corpus` : "nothing in it is sandboxed",
        checkedView(view),
      );
    } catch (problem) {
      if (mine.signal.aborted) return;
      const again = button("Check again", run);
      if (!(problem instanceof Problem) || problem.problems.length === 0)
        show("bad", "", problemBox(problem), again);
      else show("bad", plural(problem.problems.length, "problem"), problemList(problem.problems));
    }
  }

  function check() {
    show("checking", "");
    clearTimeout(timer);
    timer = setTimeout(run, DEBOUNCE_MS);
  }
  return { element, check };
}
