// A stand-in for the admin address: serves host/web under the real headers, and answers /v1 from memory. For work on
// the page without a build: `npm run mock`, then http://127.0.0.1:8026 with the token `host`, `acme-owner` or `acme-reader`.
//
// Knows the contract (docs/api.md) well enough for every view to be seen; checks nothing as the real server would.

import { randomBytes } from "node:crypto";
import { readFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { basename, extname } from "node:path";
import * as data from "./mock-data.mjs";
import { activate, hooks, messages, Refusal, TENANT, viewOf } from "./mock-tenant.mjs";

const WEB = new URL("../../host/web/", import.meta.url);
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const BEARERS = {
  host: { role: "host", tenant: null },
  "acme-owner": { role: "owner", tenant: "acme" },
  "acme-reader": { role: "reader", tenant: "acme" },
};

const sessions = new Map();
const points = { null: [], acme: [], globex: [] };
const shares = { null: 1, acme: 0.7, globex: 0.3 };
const feeds = new Set();
const started = Date.now();
let frozen = false;

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

hooks.tell = tell;

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
