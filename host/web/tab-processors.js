// A tenant's processors and the host's: what is there, what it asks for, who uses it; upload and removal.

import { ask, get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { addStage } from "./drafts.js";
import { listen } from "./live.js";
import { badge, busy, button, card, codes, confirm, empty, table } from "./parts.js";
import { go } from "./router.js";
import { isHost, mayWrite } from "./session.js";
import { bytes, dateTime, day, visible } from "./text.js";
import { uploader } from "./wasm-upload.js";

function imports({ imports: list }) {
  if (!list?.length) return h("span", { class: "note" }, "none");
  return h(
    "details",
    { class: "inline" },
    h("summary", {}, `${list.length}`),
    h(
      "ul",
      { class: "plain" },
      list.map((name) => h("li", {}, h("code", {}, visible(name)))),
    ),
  );
}

function tools(tenant, one, reload, result, signal) {
  const { name, version, owner } = one;
  const put = button(
    "Put into chain",
    async () => {
      await addStage(tenant, `${name}@${version.split(".")[0]}`, one.grants ?? [], signal);
      go("tenant", tenant, "chain");
    },
    { kind: "quiet small" },
  );
  const mine = owner === tenant || isHost();
  const where =
    owner === tenant
      ? path`/v1/tenants/${tenant}/processors/${name}/${version}`
      : path`/v1/processors/${name}/${version}`;
  const remove =
    mine &&
    button(
      "",
      async () => {
        const text = `${owner}/${name} ${version} is deleted from the catalog. Chains that use it would not let it go.`;
        if (!(await confirm({ title: `Delete ${name} ${version}?`, text, action: "Delete", danger: true })))
          return;
        if (await busy(remove, result, () => ask("DELETE", where))) await reload();
      },
      { kind: "quiet icon-only", iconName: "trash", label: `Delete ${name} ${version}` },
    );
  return h("div", { class: "row-tools" }, one.takes !== null && put, remove);
}

function rows(tenant, processors, reload, result, signal) {
  return processors.map((one) => [
    h(
      "div",
      {},
      h("strong", {}, visible(one.name)),
      " ",
      h("span", { class: "version" }, visible(one.version)),
      one.summary && h("p", { class: "note cell-note" }, visible(one.summary)),
    ),
    one.owner === tenant ? "own" : "host",
    one.takes ? `${one.takes} → ${one.gives}` : "recipients",
    imports(one),
    one.grants?.length > 0 ? codes(one.grants) : h("span", { class: "note" }, "none"),
    bytes(one.size),
    one.stored_at
      ? h(
          "time",
          { datetime: one.stored_at, title: dateTime(new Date(one.stored_at)) },
          day(new Date(one.stored_at)),
        )
      : "–",
    one.used_by?.length > 0
      ? badge(`in use${isHost() && one.owner !== tenant ? ` by ${one.used_by.length}` : ""}`, "good")
      : h("span", { class: "note" }, "unused"),
    ...(mayWrite() ? [tools(tenant, one, reload, result, signal)] : []),
  ]);
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function processorsTab({ body, signal, tenant }) {
  const list = h("div", {});
  const result = h("div", { role: "alert" });
  const head = [
    "Processor",
    "Owner",
    "Takes and gives",
    "Imports",
    "Grants needed",
    { text: "Size", numeric: true },
    "Stored",
    "Use",
    ...(mayWrite() ? [{ text: "Actions", numeric: true }] : []),
  ];
  async function reload() {
    const { processors } = await get(path`/v1/tenants/${tenant}/processors`, { signal });
    fill(
      list,
      processors.length > 0
        ? table({
            caption: "Processors",
            head,
            rows: rows(tenant, processors, reload, result, signal),
            className: "processors",
          })
        : empty({
            title: "No processors yet",
            text: "A processor is a WebAssembly component that reads and changes mail. Begin one in a minute:",
            command: "gatepost processor new hello",
          }),
    );
  }
  await reload();
  fill(
    body,
    mayWrite() &&
      card(
        {
          title: "Upload",
          note: "It is compiled and inspected. No chain changes by it.",
          className: "upload-card",
        },
        uploader({ tenant, signal, stored: () => reload().catch(() => {}) }),
      ),
    card({ title: "Processors", note: "This tenant's own, and the host's that all share." }, result, list),
  );
  listen(
    "change",
    (change) => {
      if (String(change.event).startsWith("processor")) reload().catch(() => {});
    },
    signal,
  );
}
