// The parts that pages are made of: cards, badges, tables, notices, dialogs, empty states.
//
// Knows how they look and how a screen reader meets them; nothing of mail.

import { append, h, newId, say } from "./dom.js";
import { icon } from "./icons.js";
import { Problem } from "./api.js";
import { visible } from "./text.js";

/** A card with a heading. `actions` stand to its right. */
export function card({ title, level = 2, actions = [], className = "", note = null }, ...body) {
  const id = newId("card");
  return h(
    "section",
    { class: `card ${className}`, "aria-labelledby": id },
    h(
      "header",
      { class: "card-head" },
      h("div", {}, h(`h${level}`, { id }, title), note && h("p", { class: "note" }, note)),
      actions.length > 0 && h("div", { class: "actions" }, actions),
    ),
    body,
  );
}

/** A button. `kind`: primary, danger, quiet, or none. */
export function button(
  text,
  onclick,
  { kind = "", iconName = null, label = null, disabled = false, submit = false } = {},
) {
  const attributes = {
    type: submit ? "submit" : "button",
    class: `button ${kind}`,
    "aria-label": label,
    disabled,
    onclick,
  };
  return h("button", attributes, iconName && icon(iconName), text && h("span", {}, text));
}

const GOOD = new Set(["accept", "ok", "live", "pass", "passed", "owner", "changed"]);
const BAD = new Set(["reject", "failed", "refused", "lost", "open", "trapped", "error"]);
const SOME = new Set(["quarantine", "defer", "aborted", "warn", "warning"]);

/** How a word is meant: good, bad, some (mind it), none. */
export function meaning(word) {
  if (GOOD.has(word)) return "good";
  if (BAD.has(word) || /fail|trap|out of/.test(word)) return "bad";
  return SOME.has(word) ? "some" : "none";
}

/** A word in a pill, with a shape that says the same as its colour. */
export function badge(word, kind = meaning(word)) {
  const shape = { good: "check", bad: "cross", some: "alert" }[kind];
  return h("span", { class: `badge ${kind}` }, shape && icon(shape), visible(word));
}

/** A notice. `kind`: bad, some, good, none. */
export function notice(kind, ...children) {
  const shape = { good: "check", bad: "alert", some: "alert" }[kind];
  return h(
    "div",
    { class: `notice ${kind}` },
    shape && icon(shape),
    h("div", { class: "notice-body" }, children),
  );
}

/** A refusal with everything that it names. */
export function problemBox(problem) {
  const lines = (problem.problems ?? []).map(({ key, line, text }) =>
    h("li", {}, key && [h("code", {}, visible(key)), line ? `, line ${line}: ` : ": "], visible(text)),
  );
  const keys = problem.keys?.length > 0 && ["Only the host's token may set ", codes(problem.keys), "."];
  // Where the text names them already they are not said twice.
  const named = problem.users?.every((user) => problem.message.includes(user));
  const users = problem.users?.length > 0 && !named && ["In use by ", codes(problem.users), "."];
  if (!(problem instanceof Problem)) console.error(problem);
  return notice(
    "bad",
    h("p", {}, visible(problem.message)),
    keys && h("p", {}, keys),
    users && h("p", {}, users),
    lines.length > 0 && h("ul", {}, lines),
  );
}

/** Names in code type, with commas. */
export const codes = (names) => names.flatMap((name, n) => [n > 0 && ", ", h("code", {}, visible(name))]);

/** What to say where there is nothing, and what to do next. */
export function empty({ title, text, command = null, iconName = "box", action = null }) {
  return h(
    "div",
    { class: "empty" },
    icon(iconName),
    h("p", { class: "empty-title" }, title),
    text && h("p", { class: "note" }, text),
    command && copyLine(command),
    action,
  );
}

/** A command or token with a button that copies it. */
export function copyLine(text) {
  const field = h("code", { class: "copy-text" }, text);
  const copy = button(
    "Copy",
    async () => {
      try {
        await navigator.clipboard.writeText(text);
        say(copy.lastChild, "Copied");
        announce("Copied");
      } catch {
        // No clipboard without TLS, but for localhost: the text is selected instead.
        getSelection().selectAllChildren(field);
        say(copy.lastChild, "Selected");
        announce("Selected; copy it with your keyboard");
      }
      setTimeout(() => say(copy.lastChild, "Copy"), 2000);
    },
    { iconName: "copy" },
  );
  return h("div", { class: "copy-line" }, field, copy);
}

/** A table in a box of its own that may scroll. `rows` are lists of cells; the first cell of each names its row. */
export function table({ caption, head, rows, className = "" }) {
  const cells = (row) =>
    row.map((cell, n) =>
      n === 0 ? h("th", { scope: "row" }, cell) : h("td", { class: numeric(head[n]) }, cell),
    );
  const name = (column) => (typeof column === "string" ? column : column.text);
  const numeric = (column) => (column?.numeric ? "numeric" : null);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: className },
      h("caption", { class: "sr-only" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((column) => h("th", { scope: "col", class: numeric(column) }, name(column))),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, cells(row))),
      ),
    ),
  );
}

/** A labelled field: `control` gets an id, `hint` is read with it. */
export function field(label, control, hint = null) {
  const id = control.id || newId("field");
  control.id = id;
  const about = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  if (about) control.setAttribute("aria-describedby", about.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, about);
}

/** A dialog. `build(close)` gives its content; resolves with what `close` was given, or null. */
export function dialog(title, build) {
  return new Promise((resolve) => {
    const id = newId("dialog");
    const box = h("dialog", { class: "dialog", "aria-labelledby": id });
    let answer = null;
    const close = (value) => {
      answer = value;
      box.close();
    };
    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    append(box, h("h2", { id }, title), build(close));
    document.body.append(box);
    box.showModal();
  });
}

/** Asks before something is done. Resolves with true or false. */
export async function confirm({ title, text, action, danger = false }) {
  const answer = await dialog(title, (close) => [
    [text].flat().map((line) => (line instanceof Node ? line : h("p", {}, line))),
    h(
      "div",
      { class: "actions end" },
      button("Cancel", () => close(false)),
      button(action, () => close(true), { kind: danger ? "danger" : "primary" }),
    ),
  ]);
  return answer === true;
}

let live = null;

/** Where screen readers are told what happened. Made once, by the frame. */
export function liveRegion() {
  live = h("div", { class: "sr-only", role: "status", "aria-live": "polite" });
  return live;
}

/** Tells a screen reader what happened. */
export function announce(text) {
  if (live) live.textContent = text;
}

/** Runs `work` with the button shut; shows what went wrong in `place`. Answers whether it went well. */
export async function busy(control, place, work) {
  control.setAttribute("aria-busy", "true");
  control.disabled = true;
  place.replaceChildren();
  try {
    await work();
    return true;
  } catch (problem) {
    place.replaceChildren(problemBox(problem));
    announce(problem.message);
    return false;
  } finally {
    control.removeAttribute("aria-busy");
    control.disabled = false;
  }
}
