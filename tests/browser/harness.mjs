// What the cases run against: a browser, and a server: the real binary on a state folder of its own, or the stand-in.
//
// Knows how to start both and how mail is handed in; nothing of the page.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(process.env.GATEPOST_BIN ?? join(ROOT, "target/debug/gatepost"));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];
const START_MS = 30_000;
const BUILD_MS = 300_000;

export const MOCK = process.env.GATEPOST_PAGE_MOCK === "1";
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until `work` answers something. */
export async function until(what, work, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await work();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await pause(50);
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Says `lines` to an SMTP server, each after a reply; answers the replies. `line` may be refused where it ends in `?`. */
export async function smtp(port, lines) {
  const socket = connect(port, "127.0.0.1");
  const replies = [];
  let text = "";
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  const reply = () =>
    until("a reply", () => {
      const match = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(text);
      if (!match) return null;
      text = text.slice(match[0].length);
      replies.push(match[0].trim());
      return match[0];
    });
  await reply();
  for (const line of lines) {
    socket.write(`${line}\r\n`);
    await reply();
  }
  socket.end("QUIT\r\n");
  return replies;
}

const SENDERS = [
  "ada@example.org",
  "news@shop.example",
  "billing@hosting.example",
  "no-reply@forum.example",
  "",
  "news@shop.example",
];

/** Some messages a second to acme and globex, one in ten to a domain that nobody has; answers what ends it. */
export function traffic(port) {
  let n = 0;
  const timer = setInterval(
    () => {
      n += 1;
      const sender = SENDERS[(n * 7) % SENDERS.length];
      const recipient =
        n % 10 === 0 ? "nobody@elsewhere.example" : `team@${n % 4 === 0 ? "globex" : "acme"}.example`;
      const text = "What a day.\r\n".repeat(10 + ((n * 37) % 900));
      const content = [`Subject: Report ${n}\r\n\r\n${text}.`];
      const begin = ["EHLO mail.example.org", `MAIL FROM:<${sender}>`, `RCPT TO:<${recipient}>`];
      // What fails here shows in the page, not in the cases.
      smtp(port, n % 10 === 0 ? begin : [...begin, "DATA", ...content]).catch(() => {});
    },
    100 + 60 * Math.random(),
  );
  return () => clearInterval(timer);
}

/** A component to upload: of GATEPOST_WASM, or `subject-tag`, which the binary builds. */
function component(folder) {
  if (process.env.GATEPOST_WASM) return readFileSync(process.env.GATEPOST_WASM);
  const output = join(folder, "subject-tag.wasm");
  const build = ["processor", "build", join(ROOT, "processors/subject-tag"), "--output", output];
  const { status, stderr } = spawnSync(BINARY, build, { encoding: "utf8", timeout: BUILD_MS, cwd: ROOT });
  if (status !== 0) throw new Error(`no component to upload: ${stderr}`);
  return readFileSync(output);
}

/** The real binary, with the tenants acme and globex. */
async function startReal() {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is not built; set GATEPOST_BIN, or GATEPOST_PAGE_MOCK=1`);
  const state = mkdtempSync(join(tmpdir(), "gatepost-page-"));
  const [mail, admin] = [await freePort(), await freePort()];
  mkdirSync(join(state, "catalog/tenants"), { recursive: true });
  const config = join(state, "gatepost.toml");
  writeFileSync(
    config,
    `[server]\nhostname = "mx.example.net"\nstate_dir = "${state}"\n\n[[listener]]\nname = "mx"\naddress = "127.0.0.1:${mail}"\n\n[admin]\naddress = "127.0.0.1:${admin}"\n`,
  );
  const grants = '\n[host]\ngrants_allowed = ["kv", "clock", "envelope"]\n';
  writeFileSync(
    join(state, "catalog/tenants/acme.toml"),
    `domains = ["acme.example"]\nchain = "header | headersparser | maildir"\n${grants}`,
  );
  writeFileSync(
    join(state, "catalog/tenants/globex.toml"),
    'domains = ["globex.example"]\nchain = "header | maildir"\n',
  );
  const child = spawn(BINARY, ["serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (part) => {
    log = (log + part).slice(-20_000);
  });
  const url = `http://127.0.0.1:${admin}`;
  const ready = () =>
    fetch(`${url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  await until(
    "the server",
    () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${log}`);
      return ready();
    },
    START_MS,
  );
  const host = readFileSync(join(state, "admin.token"), "utf8").trim();
  const headers = { Authorization: `Bearer ${host}`, "Content-Type": "application/json" };
  const ask = async (method, path, json) => {
    const answer = await fetch(url + path, { method, headers, body: json && JSON.stringify(json) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const token = async (role) => (await ask("POST", "/v1/tenants/acme/tokens", { role, label: role })).token;
  return {
    url,
    host,
    owner: await token("owner"),
    reader: await token("reader"),
    component: component(state),
    /** One message to acme; `helo` that is refused is said again in a plain form. */
    async deliver({ sender, helo, subject }) {
      const [, greeted] = await smtp(mail, [`EHLO ${helo}`]);
      await smtp(mail, [
        `EHLO ${greeted.startsWith("250") ? helo : "mail.example.org"}`,
        `MAIL FROM:<${sender}>`,
        "RCPT TO:<ada@acme.example>",
        "DATA",
        `From: <${sender}>\r\nTo: <ada@acme.example>\r\nSubject: ${subject}\r\n\r\nHello\r\n.`,
      ]);
    },
    traffic: () => traffic(mail),
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    async change(chain) {
      await ask("PUT", "/v1/tenants/acme/chain", { chain });
    },
    async stop() {
      child.kill("SIGTERM");
      await until(
        "the end of the server",
        () => child.exitCode !== null || child.signalCode !== null,
        START_MS,
      );
      rmSync(state, { recursive: true, force: true });
    },
  };
}

async function startMock() {
  const mock = await (await import("./mock.mjs")).start();
  const component = Buffer.concat([Buffer.from("\0asm\r\0\x01\0", "latin1"), Buffer.alloc(90_000, 7)]);
  return {
    url: mock.url,
    host: "host",
    owner: "acme-owner",
    reader: "acme-reader",
    component,
    deliver: async ({ sender, helo }) => mock.deliver({ sender, helo, verdict: "accept" }),
    change: async (chain) => mock.change({ chain }),
    traffic: () => () => {},
    freeze: () => mock.freeze(true),
    thaw: () => mock.freeze(false),
    stop: async () => mock.close(),
  };
}

export const startServer = () => (MOCK ? startMock() : startReal());

/** A browser; `visit` opens a page of its own, with everything that went wrong on it in `faults`. */
export async function startBrowser() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  return {
    async visit({ width = 1280, height = 800, scheme = "light" } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        reducedMotion: "reduce",
      });
      const page = await context.newPage();
      const faults = [];
      // That nobody is signed in yet is a 401, which the browser puts into the console by itself.
      const expected = (text) => /status of (401|412|422|409)/.test(text);
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type()) && !expected(message.text()))
          faults.push(`console: ${message.text()}`);
      });
      page.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
      page.on("dialog", (dialog) => {
        faults.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
      });
      page.on("request", (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (protocol !== "blob:" && hostname !== "127.0.0.1")
          faults.push(`asked another host: ${request.url()}`);
      });
      await page.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) =>
          console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
        );
      });
      return { page, faults, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}
