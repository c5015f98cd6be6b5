// A tenant's tokens: who has one, a new one (shown once), rotation and revocation.

import { ask, get, path } from "./api.js";
import { fill, h } from "./dom.js";
import {
  announce,
  badge,
  busy,
  button,
  card,
  confirm,
  copyLine,
  dialog,
  empty,
  field,
  notice,
  table,
} from "./parts.js";
import { ago, dateTime, visible } from "./text.js";

const EXPIRIES = [
  ["90d", "in 90 days"],
  ["365d", "in a year"],
  ["30d", "in 30 days"],
  ["7d", "in 7 days"],
  ["", "never"],
];
const OVERLAPS = [
  ["1h", "for an hour"],
  ["1d", "for a day"],
  ["", "at once"],
];

const when = (at, none) =>
  at ? h("time", { datetime: at, title: dateTime(new Date(at)) }, ago(at)) : h("span", { class: "note" }, none);

const select = (options) =>
  h(
    "select",
    {},
    options.map(([value, text]) => h("option", { value }, text)),
  );

/** The secret, which nobody can see again. */
function secret(made, close) {
  const until = made.expires ? ` It ends ${ago(made.expires)}.` : " It does not end by itself.";
  return notice(
    "good",
    h("p", {}, h("strong", {}, "This is the token. "), `Copy it now: it is shown this once.${until}`),
    copyLine(made.token),
    h("div", { class: "actions end" }, button("Done", close)),
  );
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function tokensTab({ body, signal, tenant }) {
  const where = path`/v1/tenants/${tenant}/tokens`;
  const list = h("div", {});
  const result = h("div", { role: "alert" });
  const shown = h("div", {});

  function show(made) {
    fill(
      shown,
      secret(made, () => {
        fill(shown);
        body.querySelector("form input, form select")?.focus();
      }),
    );
    announce("The new token is shown. Copy it now.");
    shown.querySelector("button")?.focus();
  }

  async function rotate(token) {
    const overlap = select(OVERLAPS);
    const chosen = await dialog("Rotate this token?", (close) => [
      h("p", {}, "A new token takes its place, with the same role and label."),
      field("The old one goes on working", overlap),
      h(
        "div",
        { class: "actions end" },
        button("Cancel", () => close(null)),
        button("Rotate", () => close({ overlap: overlap.value }), { kind: "primary" }),
      ),
    ]);
    if (!chosen) return;
    const json = chosen.overlap ? { overlap: chosen.overlap } : { overlap: "0s" };
    await act(async () =>
      show((await ask("POST", path`/v1/tenants/${tenant}/tokens/${token.id}/rotate`, { json })).body),
    );
  }
  async function revoke(token) {
    const text = `Whoever uses ${token.label ? `“${visible(token.label)}”` : token.id} is shut out at once, sessions of this page included.`;
    if (!(await confirm({ title: "Revoke this token?", text, action: "Revoke", danger: true }))) return;
    await act(() => ask("DELETE", path`/v1/tenants/${tenant}/tokens/${token.id}`));
  }
  async function act(work) {
    await busy(create, result, work);
    await draw();
  }
  async function draw() {
    const { tokens } = await get(where, { signal });
    const rows = tokens.map((token) => [
      h(
        "div",
        {},
        h("strong", {}, visible(token.label || "no label")),
        h("span", { class: "note cell-note mono" }, visible(token.id)),
      ),
      badge(token.role, "none"),
      when(token.created, "unknown"),
      when(token.last_used, "never"),
      when(token.expires, "never"),
      h(
        "div",
        { class: "row-tools" },
        button("Rotate", () => rotate(token), {
          kind: "quiet small",
          label: `Rotate ${token.label || token.id}`,
        }),
        button("Revoke", () => revoke(token), {
          kind: "danger-quiet small",
          label: `Revoke ${token.label || token.id}`,
        }),
      ),
    ]);
    const head = ["Token", "Role", "Made", "Last used", "Ends", { text: "Actions", numeric: true }];
    fill(
      list,
      rows.length > 0
        ? table({ caption: "Tokens", head, rows })
        : empty({
            title: "No tokens yet",
            text: "Give the tenant's people one each, so that each can be taken back alone.",
            iconName: "key",
          }),
    );
  }

  const role = select([
    ["owner", "owner: may change things"],
    ["reader", "reader: may look"],
  ]);
  const label = h("input", { maxlength: 64, autocomplete: "off", placeholder: "who or what it is for" });
  const expiry = select(EXPIRIES);
  const create = button("Create token", null, { kind: "primary", submit: true, iconName: "plus" });
  const form = h(
    "form",
    {
      class: "token-form",
      onsubmit: (event) => {
        event.preventDefault();
        act(async () => {
          const json = { role: role.value };
          if (label.value.trim()) json.label = label.value.trim();
          if (expiry.value) json.expires_in = expiry.value;
          show((await ask("POST", where, { json })).body);
          label.value = "";
        });
      },
    },
    field("Label", label),
    field("Role", role),
    field("Ends", expiry),
    create,
  );
  await draw();
  fill(
    body,
    card(
      {
        title: "New token",
        note: "For this tenant's things only. A reader sees what an owner sees, and changes nothing.",
      },
      form,
      result,
      shown,
    ),
    card({ title: "Tokens" }, list),
  );
}
