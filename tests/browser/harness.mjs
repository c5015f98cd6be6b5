// What the cases run against: a browser, and the real binary on a state folder of its own.
//
// Knows how to start both and how mail is handed in; nothing of the page.

import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
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

/** While the page is worked on: its files are those of `host/web`, not those in the binary. */
const PAGE_OF_FOLDER = process.env.GATEPOST_PAGE_OF_FOLDER === "1";
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

/** Says `lines` to an SMTP server, each after a reply; answers the replies. `localAddress`: who it is. */
export async function smtp(port, lines, localAddress = "127.0.0.1") {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
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

/** One of `processors/`, built by the binary. */
async function build(name, folder) {
  const output = join(folder, `${name}.wasm`);
  const words = ["processor", "build", join(ROOT, "processors", name), "--output", output];
  await promisify(execFile)(BINARY, words, { timeout: BUILD_MS, cwd: ROOT });
  return readFileSync(output);
}

/** `subject-tag` with other texts of the same length in it: its description, and how it refuses an empty tag. */
export function hostileComponent(component, { summary, refusal }) {
  let text = component.toString("latin1");
  const instead = (old, other) => {
    const bytes = Buffer.from(other).toString("latin1");
    if (!text.includes(old) || bytes.length !== old.length) throw new Error(`no room for ${other}`);
    text = text.replace(old, bytes);
  };
  instead("Prefixes the subject of a message", summary);
  instead("tag: must not be empty", refusal);
  return Buffer.from(text, "latin1");
}

/** The real binary, with the tenants acme and globex. */
export async function startServer() {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is not built; build it, or set GATEPOST_BIN`);
  const state = mkdtempSync(join(tmpdir(), "gatepost-page-"));
  const [mail, admin] = [await freePort(), await freePort()];
  mkdirSync(join(state, "catalog/tenants"), { recursive: true });
  const config = join(state, "gatepost.toml");
  const lines = [
    `[server]\nhostname = "mx.example.net"\nstate_dir = "${state}"`,
    `[[listener]]\nname = "mx"\naddress = "127.0.0.1:${mail}"`,
    `[admin]\naddress = "127.0.0.1:${admin}"`,
  ];
  writeFileSync(config, `${lines.join("\n\n")}\n`);
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
  process.once("exit", () => {
    child.kill("SIGKILL"); // nothing where it has ended
    rmSync(state, { recursive: true, force: true });
  });
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
    const body = json instanceof Uint8Array ? json : json && JSON.stringify(json);
    const answer = await fetch(url + path, { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const wasm = process.env.GATEPOST_WASM;
  const token = async (role) => (await ask("POST", "/v1/tenants/acme/tokens", { role, label: role })).token;
  return {
    url,
    host,
    owner: await token("owner"),
    reader: await token("reader"),
    component: wasm ? readFileSync(wasm) : await build("subject-tag", state),
    /** One message; a `helo` that is refused is said again in a plain form. */
    async deliver({ sender, recipient, helo, subject }) {
      const [, greeted] = await smtp(mail, [`EHLO ${helo}`]);
      const replies = await smtp(mail, [
        `EHLO ${greeted.startsWith("250") ? helo : "mail.example.org"}`,
        `MAIL FROM:<${sender}>`,
        `RCPT TO:<${recipient}>`,
        "DATA",
        `From: <${sender}>\r\nTo: <${recipient}>\r\nSubject: ${subject}\r\n\r\nHello\r\n.`,
      ]);
      if (!replies.at(-1).startsWith("250")) throw new Error(`not taken: ${replies.join(" | ")}`);
    },
    mail,
    ask,
    build: (name) => build(name, state),
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    async change(chain, stage = {}) {
      await ask("PUT", "/v1/tenants/acme/chain", { chain, stage });
    },
    /** Edits a tenant's file, as with an editor; answers what it was. */
    async edit(tenant, work) {
      const file = join(state, `catalog/tenants/${tenant}.toml`);
      const text = readFileSync(file, "utf8");
      writeFileSync(file, work(text));
      // Refused where the file does not hold.
      await fetch(`${url}/v1/reload`, { method: "POST", headers });
      return text;
    },
    async stop() {
      child.kill("SIGTERM");
      const ended = () => child.exitCode !== null || child.signalCode !== null;
      await until("the end of the server", ended, START_MS);
    },
  };
}

/** Answers with the file of `host/web`, and the headers of the binary. */
async function fromFolder(route) {
  const name = new URL(route.request().url()).pathname.slice("/page/".length) || "index.html";
  const response = await route.fetch();
  await route.fulfill({ response, body: readFileSync(join(ROOT, "host/web", name)) });
}

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
      if (PAGE_OF_FOLDER) await context.route(/^[^#?]*(:\d+\/|\/page\/[^/]+)(#.*)?$/, fromFolder);
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
