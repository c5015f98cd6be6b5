// A tenant's chain: what is live, and an editor that checks while one types and activates what holds.
//
// Knows drafts and the check; the picture and the list of stages are files of their own.

import { ask, get, path } from "./api.js";
import { parse, insert } from "./chain-spec.js";
import { checker } from "./chain-check.js";
import { append, fill, h } from "./dom.js";
import { begin, changedDraft, discard, NATIVE_STAGES, rebase, toBody } from "./drafts.js";
import { announce, busy, button, card, field, notice } from "./parts.js";
import { mayWrite } from "./session.js";
import { policyField, stageList } from "./stage-list.js";
import { liveChain } from "./tab-overview.js";
import { visible } from "./text.js";

/** What may be added: built-in stages, and components by their bare names. */
async function candidates(tenant, signal) {
  let processors = [];
  try {
    processors = (await get(path`/v1/tenants/${tenant}/processors`, { signal })).processors;
  } catch {
    // The names can still be typed.
  }
  const names = new Map();
  for (const { owner, name, version } of processors) {
    const major = version.split(".")[0];
    names.set(`${name}@${major}`, `${name}@${major} (${owner === tenant ? "own" : "the host's"})`);
  }
  return [...names];
}

function adder(options, onadd) {
  const select = h(
    "select",
    {},
    h("option", { value: "" }, "Choose a stage"),
    options.length > 0 &&
      h(
        "optgroup",
        { label: "Processors" },
        options.map(([value, text]) => h("option", { value }, visible(text))),
      ),
    h(
      "optgroup",
      { label: "Built in" },
      NATIVE_STAGES.map((name) => h("option", { value: name }, name)),
    ),
  );
  const add = button(
    "Add",
    () => {
      if (select.value) onadd(select.value);
      select.value = "";
    },
    { iconName: "plus" },
  );
  return h("div", { class: "adder" }, field("Add a stage before the sinks", select), add);
}

function conflict({ tenant, signal, reopen, again }) {
  return notice(
    "some",
    h(
      "p",
      {},
      h("strong", {}, "Somebody else changed the chain: "),
      "another revision is live than the one that you began with. Nothing was activated.",
    ),
    h(
      "div",
      { class: "actions" },
      button("Reload, and lose my draft", () => {
        discard(tenant);
        reopen();
      }),
      button("Keep my draft", async () => {
        await rebase(tenant, signal);
        again();
      }),
    ),
  );
}

/** The editor. `done(revision)` when it went live or was left (null). */
async function editor({ tenant, about, signal, done, reopen }) {
  const draft = await begin(tenant, signal);
  const allowed = about.host?.grants_allowed ?? null;
  const result = h("div", { role: "alert" });
  let held = false;
  const activate = button(
    "Activate",
    async () => {
      if (!held) return;
      await busy(activate, result, async () => {
        try {
          const { body: view } = await ask("PUT", path`/v1/tenants/${tenant}/chain`, {
            json: toBody(draft).body,
            ifMatch: draft.revision,
          });
          discard(tenant);
          done(view.revision);
        } catch (problem) {
          if (problem.status !== 412) throw problem;
          announce("Somebody else changed the chain");
          fill(
            result,
            conflict({
              tenant,
              signal,
              reopen,
              again: () => {
                fill(result);
                check.check();
              },
            }),
          );
        }
      });
      activate.setAttribute("aria-disabled", String(!held));
    },
    { kind: "primary", iconName: "check" },
  );
  const check = checker({
    tenant,
    signal,
    body: () => toBody(draft),
    onState: (state) => {
      held = state === "good";
      // Not `disabled`: that would take the focus away from under a keyboard.
      activate.setAttribute("aria-disabled", String(!held));
    },
  });

  const text = h("textarea", {
    class: "mono",
    rows: 2,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    value: draft.chain,
    oninput: () => {
      draft.chain = text.value;
      list.draw();
      check.check();
    },
  });
  const rewritten = () => {
    text.value = draft.chain;
    list.draw();
    check.check();
  };
  const list = stageList({ draft, allowed, changed: check.check, reordered: rewritten });
  const recipients = h("input", {
    class: "mono",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    value: draft.recipients,
    placeholder: "nobody",
    oninput: () => {
      draft.recipients = recipients.value;
      list.draw();
      check.check();
    },
  });
  const policy = policyField("When a stage fails", draft.policy, "defer (the default)", (event) => {
    draft.policy = event.target.value;
    check.check();
  });
  const add = adder(await candidates(tenant, signal), (name) => {
    draft.chain = parse(draft.chain).sinks.length ? insert(draft.chain, name).text : name;
    rewritten();
    announce(`${name} added`);
  });
  const cancel = button(
    "Discard",
    () => {
      discard(tenant);
      done(null);
    },
    { kind: "quiet", label: "Discard the draft" },
  );
  const form = card(
    { title: "Edit chain", note: `upon revision ${draft.revision}`, className: "edit-card" },
    field("Chain", text, "Names between pipes, head first; the last is the sink, or several with +."),
    h("h3", {}, "Stages"),
    list.element,
    add,
    h(
      "div",
      { class: "pair-fields" },
      field("Asked about each recipient", recipients, "Processors that check recipients, before any content."),
      policy,
    ),
  );
  const side = card(
    { title: "Check", className: "check-card", actions: [cancel, activate] },
    result,
    check.element,
  );
  check.check();
  return { element: h("div", { class: "editor" }, form, side), focus: () => text.focus() };
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function chainTab({ body, signal, tenant, about, status }) {
  const live = await liveChain({ tenant, signal, status });
  const place = h("div", { class: "stack" });
  const said = h("div", {});
  const edit = button("Edit chain", () => open(true), { kind: "primary" });
  fill(
    body,
    card({ title: "Live chain", className: "chain-card", actions: mayWrite() ? [edit] : [] }, live.element),
    said,
    place,
  );

  async function done(revision) {
    fill(place);
    edit.removeAttribute("hidden");
    edit.focus();
    if (revision === null) return;
    append(
      fill(said),
      notice(
        "good",
        h(
          "p",
          {},
          h("strong", {}, `Revision ${revision} is live.`),
          " Messages under way keep the chain they began with.",
        ),
      ),
    );
    announce(`Revision ${revision} is live`);
    await live.reload();
  }
  async function open(focus) {
    fill(said);
    edit.setAttribute("hidden", "");
    try {
      const form = await editor({ tenant, about, signal, done, reopen: () => open(true) });
      fill(place, form.element);
      if (focus) form.focus();
    } catch (problem) {
      edit.removeAttribute("hidden");
      throw problem;
    }
  }
  if (mayWrite() && changedDraft(tenant)) await open(false);
  else discard(tenant);
}
