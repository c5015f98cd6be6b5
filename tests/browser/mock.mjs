// A stand-in for the admin address: serves host/web under the real headers, and answers /v1 from memory. For work on
// the page without a build: `npm run mock`, then http://127.0.0.1:8026 with the token `host`, `acme-owner` or `acme-reader`.
//
// Knows the contract (docs/api.md) well enough for every view to be seen; checks nothing as the real server would.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { basename, extname } from "node:path";
import * as data from "./mock-data.mjs";

const WEB = new URL("../../host/web/", import.meta.url);
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
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
const BEARERS = {
  host: { role: "host", tenant: null },
  "acme-owner": { role: "owner", tenant: "acme" },
  "acme-reader": { role: "reader", tenant: "acme" },
};

class Refusal extends Error {
  constructor(status, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, more });
  }
}

const sessions = new Map();
const messages = { acme: [], globex: [] };
const points = { null: [], acme: [], globex: [] };
const shares = { null: 1, acme: 0.7, globex: 0.3 };
const feeds = new Set();
const started = Date.now();
let frozen = false;

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

const viewOf = (tenant) => view(tenant, tenant);

/** A change over what is live: what it does not name stays. */
const over = (tenant, body) => ({ ...tenant, ...body, stage: { ...tenant.stage, ...body.stage } });

function activate(tenant, body, author, action, of = null) {
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
  tell("change", { event: "tenant_loaded", tenant: tenant.name, revision: tenant.revision }, tenant.name);
  return viewOf(tenant);
}

const stagesOf = (tenant, share) =>
  viewOf(tenant).stages.map((stage, n) => ({
    name: stage.name,
    processor: stage.processor,
    messages: 26 * share * (1 + Math.random() * 0.1),
    failures: tenant.name === "globex" && n === 1 ? 0.4 : 0,
    cpu_us: 26 * share * (18 + n * 41),
    bytes_in: 1e5,
    bytes_out: 1e5,
  }));
const figures = (scope) => ({
  ...data.busiest(shares[scope]),
  stages: scope === null ? null : stagesOf(data.tenants[scope], shares[scope]),
});
const sees = (who, scope) => (who.role === "host" ? scope : who.tenant);

function tell(event, body, tenant) {
  for (const feed of feeds) {
    if (feed.scope !== null && feed.scope !== tenant) continue;
    feed.response.write(`event: ${event}\ndata: ${JSON.stringify(body)}\n\n`);
  }
}

function deliver(tenant, given = {}) {
  const one = data.record(tenant, viewOf(tenant), Date.now(), given);
  messages[tenant.name].unshift(one);
  messages[tenant.name].splice(300);
  tell("message", one, tenant.name);
}

function tick() {
  const at = Math.floor(Date.now() / 1000);
  for (const scope of [null, "acme", "globex"]) {
    points[scope].push(data.point(at, shares[scope], scope === null));
    points[scope].splice(0, Math.max(0, points[scope].length - 300));
  }
  if (frozen) return;
  for (const feed of feeds) {
    const body = { point: points[feed.scope].at(-1), ...figures(feed.scope) };
    feed.response.write(`event: figures\ndata: ${JSON.stringify(body)}\n\n`);
  }
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
const TENANT = [
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
        data.tokens[tenant.name].find((one) => one.id === match[1]),
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

const status = (who) => ({
  version: "0.2.0",
  uptime_s: 273_900 + Math.round((Date.now() - started) / 1000),
  draining: false,
  not_ready: null,
  listeners: [
    ["mx", "0.0.0.0:25"],
    ["submission", "0.0.0.0:587"],
  ],
  tenants: Object.values(data.tenants)
    .filter((one) => who.role === "host" || one.name === who.tenant)
    .map((one) => ({
      name: one.name,
      revision: one.revision,
      chain: one.chain,
      messages: one.name === "acme" ? 4 : 1,
      breakers: one.breakers,
      problems: one.problems,
    })),
});

function answer(request, url, body) {
  const json = () => JSON.parse(body.toString("utf8"));
  const cookie = /gatepost_session=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
  if (url.pathname === "/v1/session" && request.method === "POST") {
    const who = BEARERS[json().token];
    if (!who) throw new Refusal(401, "unknown token");
    const id = randomBytes(16).toString("hex");
    const session = {
      ...who,
      csrf: randomBytes(16).toString("hex"),
      expires: new Date(Date.now() + 43_200_000).toISOString(),
    };
    sessions.set(id, session);
    return [200, session, { "Set-Cookie": `gatepost_session=${id}; HttpOnly; SameSite=Strict; Path=/` }];
  }
  const who = sessions.get(cookie);
  if (!who) throw new Refusal(401, "sign in");
  if (request.method !== "GET" && request.headers["x-csrf-token"] !== who.csrf)
    throw new Refusal(403, "the CSRF token is missing");
  if (url.pathname === "/v1/session")
    return request.method === "DELETE" ? (sessions.delete(cookie), [204, null]) : [200, who];
  if (who.role === "reader" && request.method !== "GET") throw new Refusal(403, "a reader changes nothing");
  if (url.pathname === "/v1/status") return [200, status(who)];
  if (url.pathname === "/v1/figures") {
    const scope = sees(who, url.searchParams.get("tenant"));
    return [200, { every_ms: 1000, points: points[scope], ...figures(scope) }];
  }
  if (who.role === "host" && url.pathname === "/v1/tenants")
    return [200, { tenants: Object.values(data.tenants).map((one) => ({ ...one, messages: 2 })) }];
  if (who.role === "host" && url.pathname === "/v1/messages") {
    return [
      200,
      {
        messages: Object.values(messages)
          .flat()
          .sort((a, b) => b.at - a.at)
          .slice(0, 50),
      },
    ];
  }
  const [, , kind, name, ...rest] = url.pathname.split("/").map(decodeURIComponent);
  const tenant = kind === "tenants" && (who.role === "host" || who.tenant === name) ? data.tenants[name] : null;
  if (kind === "tenants" && who.role === "host" && rest.length === 0 && request.method === "PUT") {
    data.tenants[name] = {
      name,
      revision: 1,
      stage: {},
      on_failure: null,
      recipients: null,
      limits: {},
      host: {},
      breakers: [],
      problems: [],
      ...json(),
    };
    [data.histories[name], data.tokens[name], messages[name], points[name], shares[name]] = [
      [],
      [],
      [],
      [data.point(0, 0, false)],
      0,
    ];
    return [201, viewOf(data.tenants[name])];
  }
  if (!tenant) throw new Refusal(404, "there is nothing here");
  if (who.role === "host" && rest.length === 0 && request.method === "DELETE")
    return (delete data.tenants[name], [204, null]);
  for (const [method, pattern, work] of TENANT) {
    const match = pattern.exec(rest.join("/"));
    if (match && method === request.method) return work({ tenant, match, json, body, who, request, url });
  }
  throw new Refusal(404, "there is nothing here");
}

function page(url, response) {
  const name = url.pathname === "/" ? "index.html" : basename(url.pathname);
  const file = fileURLToPath(new URL(name, WEB));
  if (!existsSync(file)) return response.writeHead(404).end();
  const headers = {
    "Content-Type": TYPES[extname(name)],
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
  };
  return response.writeHead(200, headers).end(readFileSync(file));
}

function feed(request, url, response) {
  const cookie = /gatepost_session=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
  const who = sessions.get(cookie);
  if (!who) return response.writeHead(401).end();
  const one = { scope: sees(who, url.searchParams.get("tenant")), response };
  feeds.add(one);
  response
    .writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" })
    .write(": here\n\n");
  return response.on("close", () => feeds.delete(one));
}

function serve(request, response) {
  const url = new URL(request.url, "http://127.0.0.1");
  if (url.pathname === "/" || url.pathname.startsWith("/page/")) return page(url, response);
  if (url.pathname === "/v1/events") return feed(request, url, response);
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  return request.on("end", () => {
    let status, body, headers;
    try {
      [status, body, headers] = answer(request, url, Buffer.concat(chunks));
    } catch (error) {
      status = error.status ?? 500;
      if (status === 500) console.error(error);
      body = { type: "about:blank", title: "Refused", status, detail: error.message, ...error.more };
    }
    response.writeHead(status, {
      "Content-Type": status < 400 ? "application/json" : "application/problem+json",
      ...headers,
    });
    response.end(body === null ? undefined : JSON.stringify(body));
  });
}

/** Starts it; answers its address, `deliver` a message, `close`. */
export async function start(port = 0) {
  const begin = Math.floor(Date.now() / 1000) - 280;
  for (const scope of [null, "acme", "globex"])
    for (let n = 0; n < 280; n += 1) points[scope].push(data.point(begin + n, shares[scope], scope === null));
  for (const tenant of Object.values(data.tenants))
    for (let n = 120; n > 0; n -= 1)
      messages[tenant.name].unshift(data.record(tenant, viewOf(tenant), Date.now() - n * 2300));
  const server = createServer(serve).listen(port, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const timers = [
    setInterval(tick, 1000),
    setInterval(() => deliver(data.tenants.acme), 1900),
    setInterval(() => deliver(data.tenants.globex), 3100),
  ];
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    deliver: (given) => deliver(data.tenants.acme, given),
    change: (body) => activate(data.tenants.acme, { ...data.tenants.acme, ...body }, "host", "set"),
    freeze: (value) => {
      frozen = value;
    },
    close: () => {
      timers.forEach(clearInterval);
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await start(8026)).url);
