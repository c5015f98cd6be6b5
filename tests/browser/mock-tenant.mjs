// The stand-in's answers about one tenant: its chain, history, processors, tokens, messages, and trying one.
//
// Knows the contract's shapes and the data in memory; nothing of HTTP or of who asks. It tells of changes by `hooks.tell`.

import { createHash, randomBytes } from "node:crypto";
import * as data from "./mock-data.mjs";

export const hooks = { tell: () => {} };
const NATIVE = {
  header: ["message", "message"],
  headersparser: ["message", "message"],
  hash: ["any", "any"],
  buffer: ["any", "any"],
  compress: ["any", "bytes"],
  decompress: ["bytes", "message"],
  debug: ["any", "any"],
};
const SINKS = ["maildir", "file", "null"];

export class Refusal extends Error {
  constructor(status, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, more });
  }
}

export const messages = { acme: [], globex: [] };

/** What a chain would be; refuses what names nothing. */
function view(tenant, body) {
  const problems = [];
  const names = body.chain.split("|").map((part) => part.trim());
  const sinks = (names.pop() ?? "").split("+").map((part) => part.trim());
  let flows = "message";
  const stages = names.map((text) => {
    const label = text.includes(":") ? text.split(":")[0] : text.replace(/@.*/, "");
    const [, owner, name, pin = ""] = /^(?:.*:)?(?:([^/@]+)\/)?([^@]*)@?(.*)$/.exec(text);
    if (NATIVE[name]) {
      const [takes, gives] = NATIVE[name];
      const given = gives === "any" ? flows : gives;
      flows = given;
      return { name: label, processor: name, takes, gives: given, smoke: null };
    }
    const found = data.processors.find(
      (one) =>
        one.name === name &&
        (!owner || one.owner === owner) &&
        (one.owner === tenant.name || one.owner === "host") &&
        one.version.startsWith(pin),
    );
    if (!found) {
      problems.push({
        file: "acme.toml",
        line: 3,
        key: "chain",
        text: `\`${text}\` is neither a built-in stage nor a processor of ${tenant.name} or the host`,
      });
      return null;
    }
    const missing = found.grants.filter((grant) => !(body.stage?.[label]?.grants ?? []).includes(grant));
    if (missing.length)
      problems.push({
        file: "acme.toml",
        line: 9,
        key: `stage.${label}.grants`,
        text: `\`${text}\` imports ${missing.join(", ")}: grant it, or take another processor`,
      });
    flows = found.gives;
    return {
      name: label,
      processor: `${found.owner}/${found.name}@${found.version}#${found.hash.slice(0, 16)}`,
      takes: found.takes,
      gives: found.gives,
      smoke: {
        stage: label,
        messages: 7,
        runs: 25,
        complete: true,
        cpu_us_median: 60 + name.length * 4,
        cpu_us_max: 512 + name.length * 31,
        memory_peak: 1_114_112,
      },
    };
  });
  for (const sink of sinks)
    if (!SINKS.includes(sink.split(":").pop()))
      problems.push({
        file: "acme.toml",
        line: 3,
        key: "chain",
        text: `\`${sink}\` is no sink: the chain ends in one of ${SINKS.join(", ")}`,
      });
  if (problems.length) throw new Refusal(422, "the chain does not hold", { problems });
  return {
    name: tenant.name,
    revision: tenant.revision,
    chain: body.chain,
    stages,
    recipients: body.recipients ? [{ name: body.recipients, processor: "host/greylist@1.0.0#2f1e" }] : [],
    sinks: sinks.map((sink) => sink.split(":")[0]),
    warnings: body.chain.includes("vip-route")
      ? [
          {
            stage: "vip-route",
            message: "long",
            reason: "out of time",
            text: "used half of its 100 ms of CPU time on `long`",
          },
        ]
      : [],
  };
}

export const viewOf = (tenant) => view(tenant, tenant);

/** A change over what is live: what it does not name stays. */
const over = (tenant, body) => ({ ...tenant, ...body, stage: { ...tenant.stage, ...body.stage } });

export function activate(tenant, body, author, action, of = null) {
  view(tenant, over(tenant, body));
  Object.assign(tenant, {
    chain: body.chain,
    stage: { ...tenant.stage, ...body.stage },
    on_failure: body.on_failure === undefined ? tenant.on_failure : body.on_failure,
    recipients: body.recipients === undefined ? tenant.recipients : body.recipients,
    revision: tenant.revision + 1,
  });
  for (const [label, settings] of Object.entries(tenant.stage))
    if (settings === null) delete tenant.stage[label];
  const all = data.histories[tenant.name];
  for (const one of all) one.live = false;
  const text = body.text ?? all[0].text.replace(/chain = ".*"/, `chain = "${body.chain}"`);
  all.unshift({
    revision: tenant.revision,
    live: true,
    at: new Date().toISOString(),
    author,
    action,
    of,
    chain: body.chain,
    components: [],
    text,
  });
  hooks.tell("change", { event: "tenant_loaded", tenant: tenant.name, revision: tenant.revision }, tenant.name);
  return viewOf(tenant);
}

function tried(tenant, body) {
  const shown = view(tenant, body.change ? over(tenant, body.change) : tenant);
  const raw = Buffer.from(body.message, "base64").toString("utf8");
  const record = data.record(tenant, shown, Date.now(), { verdict: "accept" });
  const subject = /^Subject: (.*)$/im.exec(raw)?.[1].trim() ?? "";
  const out = `Received: from ${body.helo ?? "localhost"} ([${body.ip ?? "127.0.0.1"}])\r\n\tby mx.example.net with ESMTP; Tue, 3 Mar 2026 10:00:01 +0000\r\n${raw.replace(/^Subject: /im, "Subject: [acme] ").replace(/\?utm_\w+=\w+/g, "")}`;
  return {
    verdict: "accept",
    reason: null,
    reply: { code: 250, enhanced: "2.0.0", text: `Ok: queued as ${record.id}` },
    envelope: { sender: body.sender ?? "", recipients: body.recipients ?? [] },
    facts: {
      "x.subject": subject,
      "x.strip.links": "1",
      "x.hash.blake3": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    },
    stages: record.stages,
    failures: [],
    log: [
      { level: "info", stage: shown.stages[0]?.name ?? "", text: data.HOSTILE.log },
      { level: "warn", stage: shown.stages.at(-1)?.name ?? "", text: "tag is longer than eight characters" },
    ],
    message: Buffer.from(out).toString("base64"),
  };
}

function history(tenant, n) {
  const all = data.histories[tenant.name];
  const at = all.findIndex((one) => one.revision === n);
  if (at < 0) throw new Refusal(404, "there is no such revision");
  const live = all.find((one) => one.live);
  return {
    ...all[at],
    diff: all[at + 1] ? data.unified(all[at + 1].text, all[at].text) : "",
    diff_live: data.unified(live.text, all[at].text),
  };
}

function store(owner, name, version, body) {
  if (body.subarray(0, 4).toString("latin1") !== "\0asm")
    throw new Refusal(422, "this is no WebAssembly component: it does not begin as one");
  const hash = createHash("sha256").update(body).digest("hex");
  const there = data.processors.find(
    (one) => one.owner === owner && one.name === name && one.version === version,
  );
  if (there && there.hash !== hash)
    throw new Refusal(
      409,
      `${owner}/${name} ${version} is there already, with other bytes: give them a new version`,
    );
  const made = there ?? {
    owner,
    name,
    version,
    hash,
    size: body.length,
    stored_at: new Date().toISOString(),
    summary: "Writes a greeting into the header. <script>alert(5)</script>",
    takes: "message",
    gives: "message",
    imports: [
      "gatepost:processor/envelope@0.1.0",
      "gatepost:processor/kv@0.1.0",
      "gatepost:processor/next@0.1.0",
    ],
    exports: ["gatepost:processor/processor@0.1.0"],
    grants: ["kv"],
    used_by: [],
  };
  if (!there) data.processors.unshift(made);
  return [there ? 200 : 201, { ...made, warnings: [] }];
}

const ifMatch = (request, tenant) => {
  const wanted = request.headers["if-match"];
  if (wanted && wanted !== `"${tenant.revision}"`)
    throw new Refusal(412, `revision ${tenant.revision} is live`);
};

/** Routes of one tenant: `[method, pattern, work]`. */
export const TENANT = [
  [
    "GET",
    /^$/,
    ({ tenant }) => [
      200,
      {
        name: tenant.name,
        revision: tenant.revision,
        domains: tenant.domains,
        chain: tenant.chain,
        stage: tenant.stage,
        on_failure: tenant.on_failure,
        recipients: tenant.recipients,
        limits: tenant.limits,
        host: tenant.host,
        problems: tenant.problems,
      },
    ],
  ],
  [
    "GET",
    /^chain$/,
    ({ tenant }) => [
      200,
      {
        chain: tenant.chain,
        stage: tenant.stage,
        on_failure: tenant.on_failure,
        recipients: tenant.recipients,
      },
      { ETag: `"${tenant.revision}"` },
    ],
  ],
  [
    "PUT",
    /^chain$/,
    ({ tenant, json, who, request }) => (
      ifMatch(request, tenant),
      [200, activate(tenant, json(), who.role === "host" ? "host" : "acme/owner/tk_5f20", "set")]
    ),
  ],
  ["POST", /^chain\/check$/, ({ tenant, json }) => [200, view(tenant, over(tenant, json()))]],
  ["GET", /^chain\/live$/, ({ tenant }) => [200, viewOf(tenant)]],
  [
    "GET",
    /^chain\/history$/,
    ({ tenant }) => [200, { revisions: data.histories[tenant.name].map(({ text, ...one }) => one) }],
  ],
  ["GET", /^chain\/history\/(\d+)$/, ({ tenant, match }) => [200, history(tenant, Number(match[1]))]],
  [
    "POST",
    /^chain\/rollback$/,
    ({ tenant, json, request }) => {
      ifMatch(request, tenant);
      const old = history(tenant, json().revision);
      return [
        200,
        activate(tenant, { ...tenant, chain: old.chain, text: old.text }, "host", "rollback", old.revision),
      ];
    },
  ],
  [
    "GET",
    /^messages$/,
    ({ tenant, url }) => {
      const all = messages[tenant.name];
      const from = url.searchParams.has("before")
        ? all.findIndex((one) => one.id === url.searchParams.get("before")) + 1
        : 0;
      return [200, { messages: all.slice(from, from + Number(url.searchParams.get("limit") ?? 50)) }];
    },
  ],
  [
    "GET",
    /^processors$/,
    ({ tenant }) => [
      200,
      { processors: data.processors.filter((one) => one.owner === tenant.name || one.owner === "host") },
    ],
  ],
  [
    "PUT",
    /^processors\/([^/]+)\/([^/]+)$/,
    ({ tenant, match, body }) => store(tenant.name, match[1], match[2], body),
  ],
  ["DELETE", /^processors\/([^/]+)\/([^/]+)$/, ({ tenant, match }) => remove(tenant.name, match[1], match[2])],
  ["GET", /^tokens$/, ({ tenant }) => [200, { tokens: data.tokens[tenant.name] }]],
  ["POST", /^tokens$/, ({ tenant, json }) => [201, mint(tenant, json())]],
  [
    "POST",
    /^tokens\/([^/]+)\/rotate$/,
    ({ tenant, match }) => [
      201,
      mint(
        tenant,
        data.tokens[tenant.name].splice(
          data.tokens[tenant.name].findIndex((one) => one.id === match[1]),
          1,
        )[0],
      ),
    ],
  ],
  [
    "DELETE",
    /^tokens\/([^/]+)$/,
    ({ tenant, match }) => (
      data.tokens[tenant.name].splice(
        data.tokens[tenant.name].findIndex((one) => one.id === match[1]),
        1,
      ),
      [204, null]
    ),
  ],
  ["POST", /^try$/, ({ tenant, json }) => [200, tried(tenant, json())]],
];

function mint(tenant, { role, label, expires_in: expiry }) {
  const made = {
    id: `tk_${randomBytes(2).toString("hex")}`,
    role,
    label: label ?? null,
    created: new Date().toISOString(),
    expires: expiry ? new Date(Date.now() + parseInt(expiry, 10) * 86_400_000).toISOString() : null,
    last_used: null,
  };
  data.tokens[tenant.name].unshift(made);
  return { ...made, token: `gp_${tenant.name}_${randomBytes(24).toString("base64url")}` };
}

function remove(owner, name, version) {
  const at = data.processors.findIndex(
    (one) => one.owner === owner && one.name === name && one.version === version,
  );
  if (at < 0) throw new Refusal(404, "there is no such processor");
  if (Object.values(data.tenants).some((one) => one.chain.includes(name)))
    throw new Refusal(409, "it is in use", {
      users: Object.values(data.tenants)
        .filter((one) => one.chain.includes(name))
        .map((one) => one.name),
    });
  data.processors.splice(at, 1);
  return [204, null];
}
