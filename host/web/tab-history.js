// A tenant's revisions: who made each, when and how; what it changed; and the way back.

import { ask, get, path } from "./api.js";
import { diffView } from "./diff.js";
import { fill, h } from "./dom.js";
import { listen } from "./live.js";
import { announce, badge, busy, button, card, confirm, empty, notice, problemBox } from "./parts.js";
import { mayWrite } from "./session.js";
import { ago, dateTime, visible, visibleBlock } from "./text.js";

const ACTIONS = { set: "changed", rollback: "rolled back", file: "edited as a file", create: "created" };

function when(at) {
  return at ? h("time", { datetime: at, title: dateTime(new Date(at)) }, ago(at)) : "time unknown";
}

function actionText({ action, of }) {
  return action === "rollback" && of ? `rolled back to ${of}` : (ACTIONS[action] ?? visible(action));
}

async function showRevision(tenant, revision, live, place, signal) {
  fill(place, h("p", { class: "note" }, "Loading"));
  try {
    const one = await get(path`/v1/tenants/${tenant}/chain/history/${revision}`, { signal });
    const views = [
      [
        "Change",
        [
          one.meant.length > 0 &&
            h(
              "ul",
              { class: "plain" },
              one.meant.map((change) => h("li", {}, h("code", {}, visible(change)))),
            ),
          one.diff
            ? diffView(one.diff, `What revision ${revision} changed`)
            : h("p", { class: "note" }, "The file is the same as before."),
        ],
      ],
      ...(live
        ? []
        : [
            [
              "Against the live one",
              one.diff_live
                ? diffView(one.diff_live, `From the live revision to ${revision}`)
                : h("p", { class: "note" }, "The same as what is live."),
            ],
          ]),
      [
        "Whole file",
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": `File of revision ${revision}` },
          h("pre", { class: "source" }, visibleBlock(one.text)),
        ),
      ],
    ];
    const shown = h("div", {});
    const choices = h("div", { class: "segmented", role: "group", "aria-label": "Show" });
    const choose = (n) => {
      fill(shown, views[n][1]);
      [...choices.children].forEach((control, m) => control.setAttribute("aria-pressed", String(m === n)));
    };
    views.forEach(([name], n) => choices.append(button(name, () => choose(n), { kind: "small" })));
    choose(0);
    const parts =
      one.components?.length > 0 &&
      h(
        "ul",
        { class: "plain components" },
        one.components.map(({ name, processor, hash }) =>
          h(
            "li",
            {},
            h("code", {}, visible(name)),
            " is ",
            h("code", {}, visible(processor)),
            " ",
            h("code", { class: "hash" }, `#${hash.slice(0, 16)}`),
          ),
        ),
      );
    fill(place, choices, shown, parts);
  } catch (problem) {
    fill(place, problemBox(problem));
  }
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function historyTab({ body, signal, tenant }) {
  const list = h("ol", { class: "history" });
  const result = h("div", { role: "alert" });
  const open = new Set();

  function rollbackButton(revision, live) {
    const control = button(
      "Roll back to this",
      async () => {
        const text = [
          `The chain and its settings become what they were in revision ${revision}, as a new revision.`,
          "It is checked first; if it does not hold any more, nothing changes.",
        ];
        if (!(await confirm({ title: `Roll back to revision ${revision}?`, text, action: "Roll back" })))
          return;
        const where = path`/v1/tenants/${tenant}/chain/rollback`;
        let made = null;
        const good = await busy(control, result, async () => {
          try {
            made = (await ask("POST", where, { json: { revision }, ifMatch: live })).body;
          } catch (problem) {
            if (problem.status === 412)
              problem.message = "Somebody else changed the chain meanwhile: the list below is new. Look again.";
            throw problem;
          }
        });
        await draw();
        if (!good) return;
        fill(
          result,
          notice(
            "good",
            h("p", {}, h("strong", {}, `Revision ${made.revision} is live`), `, the same as ${revision}.`),
          ),
        );
        announce(`Revision ${made.revision} is live`);
      },
      { iconName: "undo" },
    );
    return control;
  }

  function row(one, live) {
    const place = h("div", { class: "revision-body" });
    const details = h(
      "details",
      {
        open: open.has(one.revision),
        ontoggle: () => {
          if (!details.open) {
            open.delete(one.revision);
            return;
          }
          open.add(one.revision);
          if (!place.firstChild) showRevision(tenant, one.revision, one.live, place, signal);
        },
      },
      h(
        "summary",
        {},
        h("span", { class: "revision" }, one.revision),
        h(
          "span",
          { class: "revision-text" },
          h(
            "span",
            { class: "revision-line" },
            h("strong", {}, visible(one.author ?? "unknown")),
            ` ${actionText(one)} `,
            h("span", { class: "note" }, when(one.at)),
            one.live && badge("live"),
          ),
          h("code", { class: "spec" }, visible(one.chain)),
        ),
      ),
      place,
    );
    return h(
      "li",
      { class: one.live ? "live" : null },
      details,
      mayWrite() && !one.live && rollbackButton(one.revision, live),
    );
  }

  async function draw() {
    const { revisions } = await get(path`/v1/tenants/${tenant}/chain/history`, { signal });
    const live = revisions.find((one) => one.live)?.revision ?? null;
    fill(
      list,
      revisions.map((one) => row(one, live)),
    );
    none.toggleAttribute("hidden", revisions.length > 0);
  }
  const none = empty({
    title: "No revisions yet",
    text: "Each change of the chain that goes live is kept here, the last 20.",
  });
  await draw();
  fill(
    body,
    card(
      { title: "History", note: "The last 20 revisions that went live. Open one to see what it changed." },
      result,
      none,
      list,
    ),
  );
  listen(
    "change",
    (change) => {
      if (!change.tenant || change.tenant === tenant) draw().catch(() => {});
    },
    signal,
  );
}
