// The stages of a draft as a list: order, removal, and the settings of each.
//
// Knows a draft and changes it; calls back after each change. By mouse a row is dragged, by keyboard it has buttons.

import { h, fill } from "./dom.js";
import { move, remove } from "./chain-spec.js";
import { GRANTS, isComponent, names, POLICIES, settingsOf } from "./drafts.js";
import { announce, button, codes, field } from "./parts.js";
import { visible } from "./text.js";

function policySelect(value, none, onchange) {
  const options = [["", none], ...POLICIES.map((name) => [name, name])];
  return h(
    "select",
    { onchange },
    options.map(([name, text]) => h("option", { value: name, selected: name === value }, text)),
  );
}

/** What to do when the stage fails; `none` says what holds without a choice. */
export const policyField = (label, value, none, onchange) => field(label, policySelect(value, none, onchange));

function jsonArea(value, placeholder, oninput) {
  return h("textarea", {
    class: "mono",
    rows: Math.min(12, Math.max(3, value.split("\n").length)),
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    placeholder,
    value,
    oninput,
  });
}

/** The form of one stage's settings. `allowed`: what the tenant may grant, or null where nobody knows. */
function settingsForm(draft, name, kind, allowed, changed) {
  const texts = settingsOf(draft, name.label);
  const component = isComponent(name);
  const config =
    component &&
    field(
      "Config (JSON)",
      jsonArea(texts.config, "{}", (event) => {
        texts.config = event.target.value;
        changed();
      }),
      "Handed to the processor as it stands.",
    );
  const grants =
    component &&
    h(
      "fieldset",
      { class: "grants" },
      h("legend", {}, "Grants"),
      GRANTS.map((grant) => {
        const box = h("input", { type: "checkbox" });
        box.checked = texts.grants.includes(grant);
        box.addEventListener("change", () => {
          texts.grants = box.checked ? [...texts.grants, grant] : texts.grants.filter((one) => one !== grant);
          changed();
        });
        const denied = allowed && !allowed.includes(grant);
        return h(
          "label",
          { class: "check" },
          box,
          grant,
          denied && h("span", { class: "note" }, " (the host does not allow it)"),
        );
      }),
    );
  const policy =
    kind !== "sink" &&
    policyField("When it fails", texts.policy, "as the chain says", (event) => {
      texts.policy = event.target.value;
      changed();
    });
  const rest = field(
    component ? "Limits of its own (JSON)" : "Settings (JSON)",
    jsonArea(texts.rest, "{}", (event) => {
      texts.rest = event.target.value;
      changed();
    }),
    component ? 'Such as {"cpu_per_message": "20ms"}.' : 'Such as {"format": "zstd"} for compress.',
  );
  return h("div", { class: "stage-settings" }, config, grants, policy, rest);
}

function summaryOf(draft, name) {
  const texts = draft.stage[name.label];
  if (!texts) return null;
  const words = [
    texts.config.trim() && "config",
    texts.policy && `on failure: ${texts.policy}`,
    texts.rest.trim() && "settings",
  ].filter(Boolean);
  return [
    words.join(" · "),
    texts.grants.length > 0 && [words.length > 0 && " · ", "grants ", codes(texts.grants)],
  ];
}

/** The list. `changed()` after a change of settings, `reordered()` after one of the chain's text. `draw()` shows it anew. */
export function stageList({ draft, allowed, changed, reordered }) {
  const list = h("ol", { class: "stage-list" });
  const open = new Set();
  let dragged = null;

  function reorder(from, to) {
    const { stages } = names(draft);
    if (to < 0 || to >= stages.length || from === to) return;
    draft.chain = move(draft.chain, from, to);
    reordered();
    announce(`${stages[from].label} is now stage ${to + 1} of ${stages.length}`);
  }

  function moveButton(from, step, label, count) {
    const up = step < 0;
    return button(
      "",
      () => {
        reorder(from, from + step);
        const again = list.children[from + step]?.querySelector(up ? ".move-up" : ".move-down");
        (again?.disabled ? list.children[from + step].querySelector("button:not([disabled])") : again)?.focus();
      },
      {
        kind: `quiet icon-only ${up ? "move-up" : "move-down"}`,
        iconName: up ? "up" : "down",
        label: `Move ${label} ${up ? "up" : "down"}`,
        disabled: from + step < 0 || from + step >= count,
      },
    );
  }

  function dragging(row, n) {
    row.setAttribute("draggable", "true");
    row.addEventListener("dragstart", (event) => {
      if (event.target !== row) return;
      dragged = n;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", String(n));
    });
    row.addEventListener("dragend", () => {
      dragged = null;
    });
    row.addEventListener("dragover", (event) => {
      if (dragged === null) return;
      event.preventDefault();
      row.classList.toggle("drop-here", dragged !== n);
    });
    row.addEventListener("dragleave", () => row.classList.remove("drop-here"));
    row.addEventListener("drop", (event) => {
      if (dragged === null) return;
      event.preventDefault();
      reorder(dragged, n);
      dragged = null;
    });
  }

  function row(name, kind, n, count) {
    const form = h("div", {});
    const about = h("span", { class: "note stage-about" }, summaryOf(draft, name));
    const key = `${kind} ${name.label}`;
    const details = h(
      "details",
      {
        open: open.has(key),
        ontoggle: () => {
          if (details.open) open.add(key);
          else open.delete(key);
          if (details.open && !form.firstChild)
            fill(
              form,
              settingsForm(draft, name, kind, allowed, () => {
                fill(about, summaryOf(draft, name));
                changed();
              }),
            );
        },
      },
      h(
        "summary",
        {},
        h("span", { class: "stage-name" }, visible(name.text)),
        kind !== "stage" && h("span", { class: "kind" }, kind),
        about,
      ),
      form,
    );
    const tools =
      kind === "stage" &&
      h(
        "div",
        { class: "row-tools" },
        moveButton(n, -1, visible(name.label), count),
        moveButton(n, 1, visible(name.label), count),
        button(
          "",
          () => {
            draft.chain = remove(draft.chain, n);
            reordered();
            announce(`${name.label} is out of the chain`);
            (list.querySelector("summary") ?? list).focus();
          },
          { kind: "quiet icon-only", iconName: "trash", label: `Take ${visible(name.label)} out of the chain` },
        ),
      );
    const element = h("li", { class: `stage-row ${kind}` }, details, tools);
    if (kind === "stage" && count > 1) dragging(element, n);
    return element;
  }

  function draw() {
    const { stages, sinks, checkers } = names(draft);
    fill(
      list,
      checkers.map((name) => row(name, "recipients", 0, 0)),
      stages.map((name, n) => row(name, "stage", n, stages.length)),
      sinks.map((name) => row(name, "sink", 0, 0)),
    );
  }
  draw();
  return { element: list, draw };
}
