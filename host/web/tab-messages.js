// Recent messages, of a tenant or of all, live: who to whom, what became of each, and what every stage did.
//
// Knows records; keeps as many as it shows, and fetches as many as it may where one is searched for. While the pointer or
// the keyboard is in the list, new ones wait, so that nothing moves away from under a hand.

import { get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { VERDICTS } from "./figures.js";
import { listen } from "./live.js";
import { badge, button, card, empty, field } from "./parts.js";
import { link } from "./router.js";
import { mayWrite } from "./session.js";
import { address, addresses, stageTable } from "./stage-outcomes.js";
import { bytes, clock, dateTime, plural, visible } from "./text.js";

const PAGE = 50;
/** Most that the API gives at once. */
const PAGE_MAX = 200;
const SHOWN_MAX = 500;
const TAKE_EVERY_MS = 400;

function facts(record) {
  const reply =
    typeof record.reply === "string"
      ? record.reply
      : [record.reply?.code, record.reply?.enhanced, record.reply?.text].filter(Boolean).join(" ");
  const pairs = [
    ["Reply", visible(reply)],
    record.reason && ["Reason", visible(record.reason)],
    ...(record.failures ?? []).map((one) => [
      "Failed",
      [h("strong", {}, visible(one.stage)), ` (${visible(one.policy)}): ${visible(one.text)}`],
    ]),
    [
      "Client",
      [
        visible(record.client),
        record.helo && [" said ", h("code", {}, visible(record.helo))],
        record.tls ? ` over ${visible(record.tls)}` : ", no TLS",
      ],
    ],
    [
      "Recipients",
      h(
        "ul",
        { class: "plain" },
        record.recipients.map((one) => h("li", {}, address(one))),
      ),
    ],
    ["Sinks", record.sinks?.length > 0 ? record.sinks.map(visible).join(", ") : "none"],
    ["Received", dateTime(record.at)],
    ["Id", [h("code", {}, visible(record.id)), ` · revision ${record.chain_revision}`]],
  ];
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function row(record, withTenant) {
  const inside = h("div", { class: "message-body" });
  const details = h(
    "details",
    {
      ontoggle: () => {
        if (!details.open || inside.firstChild) return;
        fill(
          inside,
          facts(record),
          record.stages.length > 0
            ? stageTable(record.stages)
            : h("p", { class: "note" }, "It came to no stage."),
        );
      },
    },
    h(
      "summary",
      {},
      h("span", { class: "m-verdict" }, badge(record.verdict)),
      withTenant && h("span", { class: "m-tenant" }, record.tenant),
      h(
        "span",
        { class: "m-who" },
        h("span", { class: "m-from" }, address(record.sender)),
        h("span", { class: "m-arrow", "aria-hidden": "true" }, "→"),
        h("span", { class: "sr-only" }, " to "),
        h("span", { class: "m-to" }, addresses(record.recipients)),
      ),
      h("span", { class: "m-size" }, bytes(record.size)),
      h("span", { class: "m-ms" }, `${Math.round(record.ms)} ms`),
      h("time", { class: "m-at", datetime: new Date(record.at).toISOString() }, clock(record.at)),
    ),
    inside,
  );
  return h("li", { "data-verdict": record.verdict }, details);
}

/** The filter: by verdict, and by words of addresses and ids. */
function filters(onchange) {
  const verdict = h(
    "select",
    { onchange },
    h("option", { value: "" }, "every verdict"),
    VERDICTS.map(([name]) => h("option", { value: name }, name)),
  );
  const words = h("input", {
    type: "search",
    placeholder: "address, client or id",
    autocomplete: "off",
    spellcheck: "false",
    oninput: onchange,
  });
  const fits = (record) => {
    if (verdict.value && record.verdict !== verdict.value) return false;
    const wanted = words.value.trim().toLowerCase();
    return (
      !wanted ||
      [record.sender, record.client, record.id, record.helo, ...record.recipients]
        .join(" ")
        .toLowerCase()
        .includes(wanted)
    );
  };
  const on = () => Boolean(verdict.value || words.value.trim());
  return { element: h("div", { class: "filters" }, field("Verdict", verdict), field("Search", words)), fits, on };
}

/** What to do where nothing has come in yet: a command with an address that is listened at. */
async function nothing(tenant, domains) {
  const domain = domains.find((name) => !/[*[]/.test(name)) ?? "YOUR-DOMAIN";
  const { listeners } = await get("/v1/status").catch(() => ({ listeners: [] }));
  const address = (listeners?.[0]?.[1] ?? "127.0.0.1:25").replace(/^(0\.0\.0\.0|\[::\])/, location.hostname);
  return empty({
    title: "No messages yet",
    text: "What comes in shows here at once. To send one:",
    iconName: "mail",
    command: `swaks --server ${address} --to you@${domain}`,
    action:
      tenant && mayWrite() && h("a", { class: "button", href: link("tenant", tenant, "try") }, "Try a message"),
  });
}

/** The card with the messages of `tenant`, or with null of all; goes on until `signal` is aborted. */
export async function messageCard({ signal, tenant, domains }) {
  const all = tenant === null;
  const where = all ? "/v1/messages" : path`/v1/tenants/${tenant}/messages`;
  const rowsOf = (some) => some.filter(filter.fits).map((record) => row(record, all));
  let waiting = [];
  // From before the list is asked for: none falls between.
  const hear = (record) => {
    if (all || record.tenant === tenant) waiting = [record, ...waiting].slice(0, SHOWN_MAX);
  };
  listen("message", hear, signal);
  let records = (await get(`${where}?limit=${PAGE}`, { signal })).messages;
  const list = h("ol", { class: `messages ${all ? "all" : ""}`, "aria-label": "Messages, newest first" });
  const none = await nothing(tenant, domains);
  const noMatch = h("p", { class: "note no-match", hidden: true }, "No message here fits the filter.");
  const filter = filters(() => {
    draw();
    deepen();
  });
  const fresh = button(
    "",
    () => {
      take();
      list.querySelector("summary")?.focus();
    },
    { kind: "fresh" },
  );
  let ended = records.length < PAGE;
  let asking = false;
  async function more(limit) {
    const before = encodeURIComponent(records.at(-1).id);
    const found = (await get(`${where}?limit=${limit}&before=${before}`, { signal })).messages;
    records = [...records, ...found].slice(0, SHOWN_MAX);
    ended = found.length < limit || records.length === SHOWN_MAX;
    list.append(...rowsOf(found));
    marks();
  }
  /** Gets what is searched for among older ones. */
  async function deepen() {
    if (asking || ended) return;
    asking = true;
    try {
      while (!ended && filter.on()) await more(PAGE_MAX);
    } catch {
      // The banner says that the connection is lost; Older asks again.
    }
    asking = false;
  }
  const older = button("Older", () => asking || more(PAGE));

  function marks() {
    none.toggleAttribute("hidden", records.length > 0);
    filter.element.toggleAttribute("hidden", records.length === 0);
    noMatch.toggleAttribute("hidden", records.length === 0 || list.children.length > 0);
    older.toggleAttribute("hidden", ended);
    fresh.toggleAttribute("hidden", waiting.length === 0);
    fill(fresh, `Show ${plural(waiting.length, "new message")}`);
  }
  function draw() {
    fill(list, rowsOf(records));
    marks();
  }
  function take() {
    const known = new Set(records.map((record) => record.id));
    const added = waiting.filter((record) => !known.has(record.id));
    waiting = [];
    records = [...added, ...records].slice(0, SHOWN_MAX);
    list.prepend(...rowsOf(added));
    while (list.children.length > SHOWN_MAX) list.lastChild.remove();
    marks();
  }
  const held = () =>
    list.matches(":hover") || list.contains(document.activeElement) || list.querySelector("details[open]");

  // Not one by one: a busy tenant has hundreds a second.
  const timer = setInterval(() => {
    if (waiting.length === 0) return;
    if (held()) marks();
    else take();
  }, TAKE_EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  draw();
  return card(
    { title: "Newest first", note: "Kept in memory only.", actions: [fresh] },
    filter.element,
    none,
    noMatch,
    list,
    h("div", { class: "actions" }, older),
  );
}

/** Fills `body`, and goes on until `signal` is aborted. */
export async function messagesTab({ body, signal, tenant, about }) {
  fill(body, await messageCard({ signal, tenant, domains: about.domains }));
}
