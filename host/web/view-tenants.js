// All tenants, for the host: what each serves, and a new one.

import { ask, get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { title } from "./frame.js";
import { follow, listen } from "./live.js";
import { badge, busy, button, card, dialog, empty, field, table } from "./parts.js";
import { go, link } from "./router.js";
import { count, visible } from "./text.js";

/** How a tenant fares, as a badge. */
export function tenantState({ revision, problems, breakers }) {
  if (revision === null) return badge("not serving", "bad");
  if (breakers?.length > 0) return badge("breaker open", "bad");
  if (problems?.length > 0) return badge("file does not hold", "some");
  return badge("serving", "good");
}

/** The tenants, a row each. */
export function tenantTable(tenants) {
  if (tenants.length === 0) {
    return empty({
      title: "No tenants yet",
      text: "A tenant has domains and a chain that its mail goes through. Make one here, or put a file into the catalog:",
      command: "gatepost tenant add acme --domain acme.example",
      iconName: "box",
    });
  }
  const withDomains = tenants.some((tenant) => tenant.domains);
  const head = [
    "Tenant",
    "State",
    ...(withDomains ? ["Domains"] : []),
    "Chain",
    { text: "Revision", numeric: true },
    { text: "In flight", numeric: true },
  ];
  const rows = tenants.map((tenant) => [
    h("a", { class: "row-link", href: link("tenant", tenant.name) }, tenant.name),
    tenantState(tenant),
    ...(withDomains ? [h("span", { class: "domains" }, (tenant.domains ?? []).map(visible).join(", "))] : []),
    h("code", { class: "spec" }, visible(tenant.chain)),
    tenant.revision === null ? "–" : String(tenant.revision),
    count(tenant.messages),
  ]);
  return table({ caption: "Tenants", head, rows, className: "tenants" });
}

function newTenant() {
  return dialog("New tenant", (close) => {
    const name = h("input", {
      required: true,
      pattern: "[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?",
      maxlength: 63,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: "acme",
    });
    const domains = h("input", {
      required: true,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: "acme.example, *.acme.example",
    });
    const chain = h("input", {
      class: "mono",
      required: true,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      value: "header | maildir",
    });
    const result = h("div", { role: "alert" });
    const submit = button("Create", null, { kind: "primary", submit: true });
    return h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          const list = domains.value.split(/[\s,]+/).filter(Boolean);
          const where = path`/v1/tenants/${name.value}`;
          const made = await busy(submit, result, () =>
            ask("PUT", where, { json: { domains: list, chain: chain.value } }),
          );
          if (made) close(name.value);
        },
      },
      field("Name", name, "Lower-case letters, digits and hyphens."),
      field("Domains", domains, "Whose mail it takes; *.x is any depth below x."),
      field("Chain", chain, "The last name is the sink. It can be changed at any time."),
      result,
      h(
        "div",
        { class: "actions end" },
        button("Cancel", () => close(null)),
        submit,
      ),
    );
  });
}

/** Fills `main`, and goes on until `signal` is aborted. */
export async function tenantsView({ main, signal }) {
  title("Tenants");
  follow(null);
  const list = h("div", {});
  const draw = async () => fill(list, tenantTable((await get("/v1/tenants", { signal })).tenants));
  await draw();
  const add = button(
    "New tenant",
    async () => {
      const name = await newTenant();
      if (name) go("tenant", name);
    },
    { kind: "primary", iconName: "plus" },
  );
  fill(
    main,
    h(
      "header",
      { class: "view-head" },
      h("h1", { tabindex: "-1" }, "Tenants"),
      h("div", { class: "actions" }, add),
    ),
    card({ title: "All tenants" }, list),
  );
  listen("change", () => draw().catch(() => {}), signal);
}
