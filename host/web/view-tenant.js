// One tenant: its name, state and tabs. Knows which tab shows what to whom; each tab is a file of its own.

import { get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { title } from "./frame.js";
import { follow, listen } from "./live.js";
import { link } from "./router.js";
import { isHost, mayWrite } from "./session.js";
import { visible } from "./text.js";
import { chainTab } from "./tab-chain.js";
import { historyTab } from "./tab-history.js";
import { messagesTab } from "./tab-messages.js";
import { overviewTab } from "./tab-overview.js";
import { processorsTab } from "./tab-processors.js";
import { tokensTab } from "./tab-tokens.js";
import { tryTab } from "./tab-try.js";
import { tenantState } from "./view-tenants.js";

/** Address, name, view, and whether it is for those who may write only. */
const TABS = [
  ["", "Overview", overviewTab, false],
  ["chain", "Chain", chainTab, false],
  ["processors", "Processors", processorsTab, false],
  ["history", "History", historyTab, false],
  ["messages", "Messages", messagesTab, false],
  ["try", "Try", tryTab, true],
  ["tokens", "Tokens", tokensTab, true],
];

/** Fills `main`, and goes on until `signal` is aborted. */
export async function tenantView({ main, signal, tenant, tab }) {
  const tabs = TABS.filter(([, , , writes]) => !writes || mayWrite());
  const [address, name, view] = tabs.find(([address]) => address === tab) ?? tabs[0];
  title(name, tenant);
  const about = await get(path`/v1/tenants/${tenant}`, { signal });
  follow(tenant);
  const state = h("span", {});
  const readState = async () => {
    const status = (await get("/v1/status", { signal })).tenants.find((one) => one.name === tenant);
    if (status) fill(state, tenantState(status));
    return status;
  };
  const status = await readState();
  const nav = h(
    "nav",
    { class: "tabs", "aria-label": `Tenant ${tenant}` },
    tabs.map(([to, text]) =>
      h(
        "a",
        {
          href: to ? link("tenant", tenant, to) : link("tenant", tenant),
          "aria-current": to === address ? "page" : null,
        },
        text,
      ),
    ),
  );
  const body = h("div", { class: "tab-body" });
  const head = h(
    "header",
    { class: "view-head tenant-head" },
    h(
      "div",
      {},
      isHost() && h("p", { class: "crumb" }, h("a", { href: link("tenants") }, "Tenants"), " /"),
      h("h1", { tabindex: "-1" }, tenant, h("span", { class: "sr-only" }, `: ${name}`)),
      state,
      h("p", { class: "subtitle domains" }, about.domains.map(visible).join(", ")),
    ),
  );
  fill(main, head, nav, body);
  nav.querySelector("[aria-current=page]").scrollIntoView({ block: "nearest", inline: "center" });
  listen("change", () => readState().catch(() => {}), signal);
  await view({ body, signal, tenant, about, status });
}
