// A tenant's overview: its live chain as a picture, and its figures.

import { ask, get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { chainPicture, warningList } from "./chain-picture.js";
import { recent } from "./figures.js";
import { listen, now } from "./live.js";
import { busy, button, card, confirm, empty, notice } from "./parts.js";
import { go, link } from "./router.js";
import { isHost, mayWrite } from "./session.js";
import { busiest, tiles, verdicts } from "./tiles.js";
import { troubles } from "./view-overview.js";

/** The live chain, kept live until `signal` is aborted: a place in the page, and `reload`. */
export async function liveChain({ tenant, signal, status }) {
  const place = h("div", {});
  let breakers = status?.breakers ?? [];
  let picture = null;
  const draw = () =>
    picture?.update(
      now.stages ?? [],
      breakers,
      recent(now.points, (point) => point.messages, 10),
    );
  async function reload() {
    try {
      const view = await get(path`/v1/tenants/${tenant}/chain/live`, { signal });
      picture = chainPicture(view, { mode: "live", label: "The live chain" });
      const warnings = warningList(view);
      fill(place, picture.element, warnings.length > 0 && notice("some", h("ul", {}, warnings)));
      draw();
    } catch (problem) {
      if (problem.status !== 404 && problem.status !== 409) throw problem;
      picture = null;
      fill(place, empty({ title: "No chain is live", text: "Its domains get 451 until one holds." }));
    }
  }
  await reload();
  listen("figures", draw, signal);
  listen(
    "change",
    async () => {
      try {
        const found = (await get("/v1/status", { signal })).tenants.find((one) => one.name === tenant);
        breakers = found?.breakers ?? [];
        await reload();
      } catch {
        // The banner says that the connection is lost.
      }
    },
    signal,
  );
  return { element: place, reload };
}

function removal(tenant) {
  const result = h("div", { role: "alert" });
  const remove = button(
    "Remove tenant",
    async () => {
      const text = [
        `${tenant} takes no mail any more: its domains get 550.`,
        "Its history and processors stay on disk.",
      ];
      if (!(await confirm({ title: `Remove ${tenant}?`, text, action: "Remove", danger: true }))) return;
      if (await busy(remove, result, () => ask("DELETE", path`/v1/tenants/${tenant}`))) go("tenants");
    },
    { kind: "danger-quiet", iconName: "trash" },
  );
  return h("footer", { class: "view-foot" }, remove, result);
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function overviewTab({ body, signal, tenant, status }) {
  const chain = await liveChain({ tenant, signal, status });
  const alerts = status ? troubles({ tenants: [status] }) : [];
  const figures = tiles(["messages", "bytes", "refused", "in_flight"]);
  const fates = verdicts();
  const senders = busiest("Top senders", "Domains of senders");
  const clients = busiest("Top clients", "Addresses of clients");
  function draw() {
    figures.draw(now.points);
    fates.draw(now.points);
    senders.draw(now.senders);
    clients.draw(now.clients);
  }
  const edit = h(
    "a",
    { class: "button", href: link("tenant", tenant, "chain") },
    mayWrite() ? "Edit chain" : "Open",
  );
  fill(
    body,
    alerts,
    card({ title: "Chain", actions: [edit], className: "chain-card" }, chain.element),
    h("h2", { class: "sr-only" }, "Figures of the last five minutes"),
    figures.element,
    h(
      "div",
      { class: "columns" },
      fates.element,
      h("div", { class: "pair" }, senders.element, clients.element),
    ),
    isHost() && removal(tenant),
  );
  draw();
  listen("figures", draw, signal);
}
