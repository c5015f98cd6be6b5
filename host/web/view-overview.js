// The host's overview: is it well, how much comes in, what becomes of it, from whom, and how each tenant fares.
//
// Knows `/v1/status` and the feed of all tenants together.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { title } from "./frame.js";
import { follow, listen, now } from "./live.js";
import { badge, card, codes, notice } from "./parts.js";
import { link } from "./router.js";
import { busiest, tiles, verdicts } from "./tiles.js";
import { duration, visible } from "./text.js";
import { tenantTable } from "./view-tenants.js";

const STATUS_EVERY_MS = 5000;

/** What an operator should look at, most urgent first. */
export function troubles(status) {
  const found = [];
  if (status.not_ready)
    found.push(notice("bad", h("p", {}, h("strong", {}, "Not ready: "), visible(status.not_ready))));
  if (status.draining)
    found.push(
      notice(
        "some",
        h(
          "p",
          {},
          h("strong", {}, "Draining: "),
          "no new sessions; it ends when the messages at work have ended.",
        ),
      ),
    );
  for (const tenant of status.tenants) {
    for (const breaker of tenant.breakers ?? []) found.push(breakerNotice(tenant.name, breaker));
    if (tenant.problems.length === 0) continue;
    const served =
      tenant.revision === null ? "Its domains get 451." : `Revision ${tenant.revision} goes on serving.`;
    found.push(
      notice(
        "bad",
        h(
          "p",
          {},
          h("a", { href: link("tenant", tenant.name) }, tenant.name),
          `: its file does not hold. ${served}`,
        ),
        h(
          "ul",
          {},
          tenant.problems.map((text) => h("li", {}, visible(text))),
        ),
      ),
    );
  }
  return found;
}

function breakerNotice(tenant, { stage, place, retry_in_ms: wait }) {
  const when =
    wait === null || wait === undefined
      ? "A message is being let through to try it."
      : `One is let through in ${duration(wait / 1000)}.`;
  return notice(
    "bad",
    h(
      "p",
      {},
      h("a", { href: link("tenant", tenant) }, tenant),
      ": the breaker of ",
      codes([stage]),
      place === "recipients" ? " (recipients)" : "",
      " is open: it failed too often, and every message is deferred. ",
      when,
    ),
  );
}

/** Fills `main`, and goes on until `signal` is aborted. */
export async function overview({ main, signal }) {
  title("Overview");
  const about = h("p", { class: "subtitle" });
  const alerts = h("div", { class: "stack", role: "status" });
  const figures = tiles(["messages", "bytes", "refused", "sessions", "in_flight", "memory"]);
  const fates = verdicts();
  const senders = busiest("Top senders", "Domains of senders");
  const clients = busiest("Top clients", "Addresses of clients");
  const tenants = h("div", {});

  function draw() {
    figures.draw(now.points);
    fates.draw(now.points);
    senders.draw(now.senders);
    clients.draw(now.clients);
  }
  let shownAlerts = "";
  async function status() {
    const body = await get("/v1/status", { signal });
    fill(
      about,
      badge(
        body.not_ready ? "not ready" : body.draining ? "draining" : "serving",
        body.not_ready ? "bad" : body.draining ? "some" : "good",
      ),
      ` ${visible(body.version)} · up ${duration(body.uptime_s)} · `,
      body.listeners.map(([name, address], n) => [
        n > 0 && ", ",
        `${visible(name)} `,
        h("code", {}, visible(address)),
      ]),
    );
    const key = JSON.stringify([
      body.not_ready,
      body.draining,
      body.tenants.map((t) => [t.problems, t.breakers]),
    ]);
    if (key !== shownAlerts) fill(alerts, troubles(body));
    shownAlerts = key;
    if (!tenants.contains(document.activeElement)) fill(tenants, tenantTable(body.tenants));
  }

  await status();
  const head = h(
    "header",
    { class: "view-head" },
    h("div", {}, h("h1", { tabindex: "-1" }, "Overview"), about),
  );
  fill(
    main,
    head,
    alerts,
    h("h2", { class: "sr-only" }, "Figures of the last five minutes"),
    figures.element,
    h(
      "div",
      { class: "columns" },
      fates.element,
      h("div", { class: "pair" }, senders.element, clients.element),
    ),
    card(
      { title: "Tenants", actions: [h("a", { class: "button", href: link("tenants") }, "All tenants")] },
      tenants,
    ),
  );
  follow(null);
  draw();
  listen("figures", draw, signal);
  const quietly = () => status().catch(() => {}); // the banner says that the connection is lost
  listen("change", quietly, signal);
  const timer = setInterval(quietly, STATUS_EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}
