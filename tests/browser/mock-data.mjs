// What the stand-in server knows at its start, and how its traffic goes. Believable, and hostile where people type.

const RLO = "\u202e";
const hash = (seed) =>
  [...Array(64)].map((_, n) => ((seed * 31 + n * 7 + ((n * n * seed) % 13)) % 16).toString(16)).join("");

export const HOSTILE = {
  subject: "<script>alert(1)</script>",
  sender: `"<img src=x onerror=alert(2)>"@evil.example`,
  helo: `${RLO}<b>evil</b>`,
  log: `<img src=x onerror=alert(3)> ${RLO}gnp.exe`,
};

const component = (owner, name, version, more) => ({
  owner,
  name,
  version,
  hash: hash(name.length + version.charCodeAt(0)),
  size: 61440 + name.length * 9133,
  stored_at: "2026-10-28T09:12:33Z",
  summary: null,
  takes: "message",
  gives: "message",
  imports: ["gatepost:processor/envelope@0.1.0", "gatepost:processor/next@0.1.0"],
  exports: ["gatepost:processor/processor@0.1.0"],
  grants: [],
  used_by: [],
  ...more,
});

export const processors = [
  component("acme", "strip-trackers", "1.0.0", {
    summary: "Takes tracking parameters and pixels out of links.",
    used_by: ["acme"],
  }),
  component("acme", "strip-trackers", "0.9.2", {
    summary: "Takes tracking parameters out of links.",
    stored_at: "2026-09-30T15:01:00Z",
  }),
  component("acme", "vip-route", "2.1.0", {
    summary: `Sends mail for the board elsewhere. <img src=x onerror=alert(4)> ${RLO}txt`,
    grants: ["envelope"],
    imports: [
      "gatepost:processor/envelope@0.1.0",
      "gatepost:processor/envelope-edit@0.1.0",
      "gatepost:processor/next@0.1.0",
    ],
  }),
  component("host", "subject-tag", "1.2.0", {
    summary: "Puts a tag in front of the subject.",
    used_by: ["acme", "globex"],
  }),
  component("host", "attachment-guard", "1.0.1", {
    summary: "Refuses attachments by name, type and content.",
    used_by: ["acme"],
  }),
  component("host", "greylist", "1.0.0", {
    summary: "Defers the first contact of unknown senders.",
    takes: null,
    gives: null,
    grants: ["clock", "kv"],
    imports: ["gatepost:processor/clock@0.1.0", "gatepost:processor/kv@0.1.0"],
    exports: ["gatepost:processor/recipients@0.1.0"],
    used_by: ["acme"],
  }),
];

export const tenants = {
  acme: {
    name: "acme",
    revision: 7,
    domains: ["acme.example", "*.acme.example"],
    breakers: [],
    problems: [],
    chain: "header | attachment-guard@1 | strip-trackers@1 | subject-tag | maildir + archive:file",
    on_failure: null,
    recipients: "greylist",
    stage: {
      "strip-trackers": { config: { domains: ["t.example", "click.example"] }, on_failure: "bypass" },
      greylist: { grants: ["kv", "clock"] },
      "subject-tag": { config: { tag: "[acme]" } },
    },
    limits: { concurrent_messages: 16 },
    host: { grants_allowed: ["kv", "clock", "envelope"], weight: 2 },
  },
  globex: {
    name: "globex",
    revision: 3,
    domains: ["globex.example"],
    problems: [],
    breakers: [{ stage: "subject-tag", place: "chain", retry_in_ms: 21_000 }],
    chain: "header | subject-tag | maildir",
    on_failure: "defer",
    recipients: null,
    stage: {},
    limits: {},
    host: {},
  },
};

const file = (chain, config) =>
  `domains = ["acme.example", "*.acme.example"]\nrecipients = "greylist"\nchain = "${chain}"\n\n[stage.greylist]\ngrants = ["kv", "clock"]\n${config}`;
const strip = '\n[stage.strip-trackers]\nconfig = { domains = ["t.example"] }\non_failure = "bypass"\n';
const texts = {
  7: file(
    "header | attachment-guard@1 | strip-trackers@1 | subject-tag | maildir + archive:file",
    strip.replace('["t.example"]', '["t.example", "click.example"]') +
      '\n[stage.subject-tag]\nconfig = { tag = "[acme]" }\n',
  ),
  6: file("header | attachment-guard@1 | strip-trackers@1 | maildir", strip),
  5: file("header | strip-trackers@1 | maildir", strip),
  4: file("header | maildir", ""),
};

/** A unified diff with one hunk, by lines. */
export function unified(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  if (head === a.length && head === b.length) return "";
  const lead = a.slice(Math.max(0, head - 3), head).map((line) => ` ${line}`);
  const minus = a.slice(head, a.length - tail).map((line) => `-${line}`);
  const plus = b.slice(head, b.length - tail).map((line) => `+${line}`);
  const trail = a.slice(a.length - tail, a.length - tail + 3).map((line) => ` ${line}`);
  return [
    "--- before",
    "+++ after",
    `@@ -${head + 1},${a.length - head - tail} +${head + 1},${b.length - head - tail} @@`,
    ...lead,
    ...minus,
    ...plus,
    ...trail,
  ].join("\n");
}

const days = (n) => new Date(Date.now() - n * 86_400_000).toISOString();
const revision = (n, more) => ({
  revision: n,
  live: n === 7,
  at: days((7 - n) * 3.4 + 0.2),
  author: "host",
  action: "set",
  of: null,
  chain: /chain = "(.*)"/.exec(texts[n])[1],
  components: [],
  text: texts[n],
  ...more,
});
export const histories = {
  acme: [
    revision(7, {
      author: "acme/owner/tk_5f20",
      components: [
        { name: "strip-trackers@1", processor: "acme/strip-trackers@1.0.0", hash: hash(9) },
        { name: "subject-tag", processor: "host/subject-tag@1.2.0", hash: hash(4) },
      ],
    }),
    revision(6, { action: "rollback", of: 3 }),
    revision(5, { author: "acme/owner/tk_5f20" }),
    revision(4, { author: "file", action: "create" }),
  ],
  globex: [
    {
      revision: 3,
      live: true,
      at: days(2),
      author: "host",
      action: "create",
      of: null,
      chain: "header | subject-tag | maildir",
      components: [],
      text: 'domains = ["globex.example"]\nchain = "header | subject-tag | maildir"\n',
    },
  ],
};

export const tokens = {
  acme: [
    {
      id: "tk_5f20",
      role: "owner",
      label: "ada's laptop",
      created: days(40),
      expires: days(-50),
      last_used: days(0.01),
    },
    { id: "tk_a81c", role: "owner", label: "deploys", created: days(12), expires: null, last_used: days(1) },
    {
      id: "tk_02ee",
      role: "reader",
      label: "support desk",
      created: days(3),
      expires: days(-87),
      last_used: null,
    },
  ],
  globex: [],
};

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const SENDERS = [
  "ada@example.org",
  "newsletter@shop.example",
  "billing@hosting.example",
  "",
  "no-reply@forum.example",
  "grace@navy.example",
  HOSTILE.sender,
];
const CLIENTS = ["192.0.2.17", "198.51.100.4", "203.0.113.90", "2001:db8::25"];
const VERDICTS = [
  ["accept", 86],
  ["quarantine", 3],
  ["discard", 2],
  ["reject", 5],
  ["defer", 3],
  ["failed", 1],
];
const REPLIES = {
  accept: "250 2.0.0 Ok: queued as",
  quarantine: "250 2.0.0 Ok: queued as",
  discard: "250 2.0.0 Ok: queued as",
  reject: "550 5.7.1 Attachment refused",
  defer: "451 4.7.1 Come again later",
  failed: "451 4.3.0 Message processing failed",
};

function verdict() {
  let at = Math.random() * 100;
  for (const [name, share] of VERDICTS) if ((at -= share) < 0) return name;
  return "accept";
}

let serial = 1000;

/** A record of a message that `tenant` got. */
export function record(tenant, view, at = Date.now(), given = {}) {
  const id = `01J${(serial += 1).toString(36).toUpperCase()}X9Q`;
  const fate = given.verdict ?? verdict();
  const size = Math.round(900 + Math.random() ** 4 * 400_000);
  const stages = view.stages.map((stage) => ({
    name: stage.name,
    processor: stage.processor.split("#")[0],
    outcome: "pass",
    cpu_us: Math.round(20 + Math.random() * 300),
    wall_us: Math.round(400 + Math.random() * 3000),
    bytes_in: size,
    bytes_out: size + 80,
    memory_peak: stage.processor.includes("@") ? 1_114_112 : 0,
  }));
  if (fate !== "accept" && stages.length > 1) {
    stages[1].outcome = {
      reject: "reject",
      defer: "defer",
      failed: "trapped",
      quarantine: "quarantine",
      discard: "discard",
    }[fate];
    if (fate === "failed" || fate === "reject") stages.splice(2);
  }
  return {
    at,
    id,
    tenant: tenant.name,
    chain_revision: tenant.revision,
    client: pick(CLIENTS),
    helo: Math.random() < 0.1 ? HOSTILE.helo : "mail.example.org",
    tls: Math.random() < 0.8 ? "TLSv1.3" : "",
    sender: pick(SENDERS),
    recipients:
      Math.random() < 0.2
        ? [`ada@${tenant.domains[0]}`, `team@${tenant.domains[0]}`]
        : [`${pick(["ada", "grace", "sales", "info"])}@${tenant.domains[0]}`],
    size,
    verdict: fate,
    reply: REPLIES[fate] + (fate === "reject" || fate === "defer" ? "" : ` ${id}`),
    stages,
    sinks: fate === "accept" ? view.sinks : [],
    ms: 2 + Math.random() * 30,
    ...given,
  };
}

let drift = 0;

/** Figures of the second `at`; `share` of the whole. */
export function point(at, share, host) {
  drift = drift * 0.97 + (Math.random() - 0.5) * 3;
  const wave = 26 + 9 * Math.sin(at / 47) + 5 * Math.sin(at / 13) + drift;
  const messages = Math.max(0, Math.round((wave + (Math.random() - 0.5) * 9) * share));
  const verdicts = {
    accept: 0,
    quarantine: 0,
    discard: 0,
    reject: 0,
    defer: 0,
    failed: 0,
    aborted: Math.random() < 0.05 ? 1 : 0,
  };
  for (let n = 0; n < messages; n += 1) verdicts[verdict()] += 1;
  return {
    at,
    messages,
    bytes: Math.round(messages * (14_000 + Math.random() * 9000)),
    verdicts,
    refused: Math.random() < 0.4 ? Math.round(Math.random() * 4 * share) : 0,
    sessions: host ? Math.round(wave * 1.8 + Math.random() * 4) : null,
    in_flight: Math.round(wave * share * 0.22),
    memory: host ? Math.round(96e6 + 4e6 * Math.sin(at / 90) + (at % 60) * 90_000) : null,
  };
}

export const busiest = (share) => ({
  senders: [
    ["shop.example", 2810],
    ["example.org", 2204],
    ["hosting.example", 1190],
    ["forum.example", 704],
    ["evil<script>.example", 212],
    ["", 96],
  ].map(([name, n]) => ({ name, messages: Math.round(n * share) })),
  clients: [
    ["192.0.2.17", 3011],
    ["198.51.100.4", 2490],
    ["2001:db8::25", 1104],
    ["203.0.113.90", 622],
  ].map(([name, n]) => ({ name, messages: Math.round(n * share) })),
});
