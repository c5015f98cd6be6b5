// What people do with the page, each case a promise in their words. They share one server and run in this order: what
// one has put into the catalog the next one uses.

import assert from "node:assert/strict";
import { MOCK, until } from "./harness.mjs";
import { drop, HOSTILE, inert, open, quickEdit, signIn, tabTo } from "./steps.mjs";

export const WORK = {
  async "a wrong token says so and nothing of it is kept"({ server, visit }) {
    const { page } = visit;
    await page.goto(server.url);
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("not known").waitFor();
    assert.equal(await page.getByLabel("Token").inputValue(), "");
  },

  async "the host signs in and sees live figures"({ server, visit, shot }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await page.locator(".connection[data-state=live]").waitFor();
    await page.getByRole("img", { name: /^Messages by verdict/ }).waitFor();
    const rects = () => page.locator(".tile .line").first().getAttribute("d");
    await until("a line", rects);
    const before = await rects();
    await until("the line to move on", async () => (await rects()) !== before);
    await shot("overview-light");
    const kept = await page.evaluate(() =>
      [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, location.href].join(" "),
    );
    assert.ok(!kept.includes(server.host), "the token is kept where scripts read it");
  },

  async "a component is uploaded by drag and drop, and shown with what it asks"({ server, visit, shot }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "processors");
    await drop(page, "hello-1.0.0.wasm", server.component);
    assert.equal(await page.getByLabel("Name").inputValue(), "hello");
    assert.equal(await page.getByLabel("Version").inputValue(), "1.0.0");
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Imports asked").waitFor({ timeout: 60_000 });
    await page.getByText("Grants needed").first().waitFor();
    await page.locator(".uploaded .flow").waitFor({ timeout: 60_000 });
    await shot("upload");
    await page.getByRole("button", { name: "Put it into the chain" }).click();
    await page.getByRole("heading", { name: "Edit chain" }).waitFor();
    assert.match(await page.getByLabel("Chain", { exact: true }).inputValue(), /\| hello@1 \| maildir/);
    await page.locator(".check-state").getByText("holds", { exact: true }).waitFor({ timeout: 60_000 });
  },

  async "what is no component is refused with the reason"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "processors");
    await drop(page, "Notes from today.wasm", Buffer.from("no component"));
    assert.equal(await page.getByLabel("Name").inputValue(), "notes-from-today");
    await page.getByLabel("Version").fill("1.0.0");
    await page.getByRole("button", { name: "Upload" }).click();
    await page.locator(".upload-place .notice.bad").waitFor({ timeout: 60_000 });
  },

  async "a chain is checked while it is typed, and goes live by the keyboard alone"({ server, visit, shot }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await page.locator("nav.tabs").waitFor();
    await tabTo(page, "Chain");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Edit chain" }).waitFor();
    await tabTo(page, "Edit chain");
    await page.keyboard.press("Enter");
    await page.locator("textarea:focus").waitFor();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("header | nowhere | maildir");
    await page.locator(".problems").getByText("nowhere").waitFor({ timeout: 60_000 });
    assert.equal(await page.getByRole("button", { name: "Activate" }).getAttribute("aria-disabled"), "true");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("header | hello@1 | headersparser | maildir");
    const grants = await page.evaluate(async () => (await fetch("/v1/tenants/acme/processors")).json());
    await tabTo(page, "hello@1"); // its settings: what it needs is granted
    await page.keyboard.press("Enter");
    for (const grant of grants.processors.find((one) => one.name === "hello").grants) {
      await tabTo(page, grant);
      if (!(await page.evaluate(() => document.activeElement.checked))) await page.keyboard.press("Space");
    }
    await page.locator(".check-state").getByText("holds", { exact: true }).waitFor({ timeout: 60_000 });
    await shot("edit");
    await tabTo(page, "Activate");
    await page.keyboard.press("Enter");
    await page
      .getByText(/Revision \d+ is live\./)
      .first()
      .waitFor({ timeout: 60_000 });
    await page.locator(".flow.live").getByText("hello").first().waitFor();
    await open(server, page, "");
    await shot("chain");
  },

  async "a processor in use is not deleted, and who uses it is named"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "processors");
    await page.getByRole("button", { name: "Delete hello 1.0.0" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page
      .getByRole("alert")
      .getByText(/in use by/i)
      .first()
      .waitFor();
    await page.getByRole("rowheader", { name: /^hello/ }).waitFor();
  },

  async "stages change places, by keyboard and by mouse"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "chain");
    await quickEdit(page, "header | headersparser | maildir");
    await page.getByRole("button", { name: "Move header down" }).focus();
    await page.keyboard.press("Enter");
    assert.equal(
      await page.getByLabel("Chain", { exact: true }).inputValue(),
      "headersparser | header | maildir",
    );
    assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /^Move header/);
    const [from, to] = [page.locator(".stage-row.stage").nth(0), page.locator(".stage-row.stage").nth(1)];
    await page.locator(".stage-list").evaluate((list) => list.scrollIntoView({ block: "center" }));
    await from.dragTo(to);
    assert.equal(
      await page.getByLabel("Chain", { exact: true }).inputValue(),
      "header | headersparser | maildir",
    );
    await page.getByRole("button", { name: "Discard the draft" }).click();
  },

  async "who changed the chain meanwhile is not overwritten"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "chain");
    await quickEdit(page, "header | debug | maildir");
    await page.locator(".check-state").getByText("holds", { exact: true }).waitFor({ timeout: 60_000 });
    await server.change("header | headersparser | maildir");
    await page.getByRole("button", { name: "Activate" }).click();
    await page.getByText("Somebody else changed the chain", { exact: false }).first().waitFor();
    await page.getByRole("button", { name: "Reload, and lose my draft" }).click();
    await until(
      "the other's chain",
      async () =>
        (await page.getByLabel("Chain", { exact: true }).inputValue()) === "header | headersparser | maildir",
    );
    await page.getByRole("button", { name: "Discard the draft" }).click();
  },

  async "mail that comes in shows at once, and hostile text in it is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "messages");
    await page.mouse.move(2, 2);
    await page.locator(".connection[data-state=live]").waitFor();
    await server.deliver(HOSTILE);
    await page.getByLabel("Search").fill("evil.example");
    const row = page.locator(".messages li", { hasText: HOSTILE.sender }).first();
    await row.waitFor();
    await row.locator("summary").first().click();
    await row.getByRole("region", { name: "What each stage did" }).waitFor();
    await inert(page);
  },

  async "the host finds a message among those of all tenants"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.getByRole("link", { name: "Messages" }).click();
    await page.getByRole("heading", { name: "Messages", level: 1 }).waitFor();
    await page.getByLabel("Search").fill("evil.example");
    await page
      .locator(".messages li", { hasText: "acme" })
      .filter({ hasText: HOSTILE.sender })
      .first()
      .waitFor();
    await inert(page);
  },

  async "hostile text in problems, summaries, results and logs is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "chain");
    await quickEdit(page, HOSTILE.chain);
    await page.locator(".check-state").getByText("does not hold").waitFor({ timeout: 60_000 });
    await page.locator(".stage-list").getByText("<img src=x onerror=alert(4)>").waitFor();
    await inert(page);
    await page.getByRole("button", { name: "Discard the draft" }).click();
    if (MOCK) {
      await open(server, page, "processors");
      await page.getByText("<img src=x onerror=alert(4)> \\u{202e}txt", { exact: false }).first().waitFor();
      await inert(page);
    }
    await open(server, page, "try");
    await page
      .getByLabel("Message", { exact: true })
      .fill(`From: <ada@example.org>\nSubject: ${HOSTILE.subject}\n\nHello\n`);
    await page.getByRole("button", { name: "Try it" }).click();
    await page
      .locator(".try-result")
      .getByText("\\u{202e}gnp.exe", { exact: false })
      .first()
      .waitFor({ timeout: 60_000 });
    await inert(page);
  },

  async "a message is tried, and what came out can be taken home"({ server, visit, shot }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "try");
    await page.getByRole("button", { name: "Try it" }).click();
    await page.getByRole("heading", { name: "Result" }).waitFor({ timeout: 60_000 });
    await page.locator(".verdict-line").getByText("accept").waitFor();
    await page.locator(".try-result .diff-added").first().waitFor();
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: /^Download/ }).click();
    assert.equal((await saved).suggestedFilename(), "result.eml");
    await shot("try");
  },

  async "history shows what changed, and leads back"({ server, visit, shot }) {
    const { page } = visit;
    await server.change("header | debug | maildir");
    await signIn(server, visit, server.owner);
    await open(server, page, "history");
    await page.locator(".history summary").first().click();
    await page.locator(".diff-added").first().waitFor();
    assert.match(await page.locator(".diff-added").first().textContent(), /^added: \+/);
    assert.match(await page.locator(".diff-removed").first().textContent(), /^removed: -/);
    await shot("history");
    const second = page.locator(".history > li").nth(1);
    const chain = await second.locator("summary code").textContent();
    await second.getByRole("button", { name: "Roll back to this" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
    await page
      .getByText(/Revision \d+ is live/)
      .first()
      .waitFor({ timeout: 60_000 });
    await until(
      "the old chain on top",
      async () => (await page.locator(".history > li.live summary code").textContent()) === chain,
    );
  },

  async "a token is shown once, and can be rotated and revoked"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "tokens");
    await page.getByLabel("Label").fill("page test");
    await page.getByRole("button", { name: "Create token" }).click();
    const secret = await page.locator(".copy-text").textContent();
    assert.ok(secret.length > 20);
    await page.getByRole("button", { name: "Done" }).click();
    assert.ok(!(await page.content()).includes(secret), "the token is still there");
    await page.getByRole("button", { name: "Rotate page test" }).click();
    await page.getByRole("dialog").getByLabel("The old one goes on working").selectOption("at once");
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    await until(
      "another token",
      async () => ![secret, ""].includes(await page.locator(".copy-text").textContent()),
    );
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Revoke page test" }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const left = () => page.getByRole("button", { name: "Revoke page test" }).count();
    await until("none of them", async () => (await left()) === 0);
  },

  async "a tenant sees its own only, a reader changes nothing"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.reader);
    await page.goto(`${server.url}/#/tenant/globex`);
    await page.getByRole("heading", { name: /^acme/, level: 1 }).waitFor();
    await page.goto(`${server.url}/#/tenants`);
    await page.getByRole("heading", { name: /^acme/, level: 1 }).waitFor();
    assert.equal(await page.getByText("globex").count(), 0);
    const tabs = await page.locator("nav.tabs a").allTextContents();
    assert.deepEqual(tabs, ["Overview", "Chain", "Processors", "History", "Messages"]);
    for (const tab of ["", "chain", "processors", "history", "messages"]) {
      await open(server, page, tab);
      const names = await page
        .locator(".tab-body button:visible, .tab-body input[type=file]")
        .allTextContents();
      const allowed = names.filter((name) => !["Older", "Copy"].includes(name));
      assert.deepEqual(allowed, [], `a reader has controls at ${tab}`);
    }
  },

  async "the host makes a tenant, and removes it"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Tenants" }).click();
    await page.getByRole("button", { name: "New tenant" }).click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Name").fill("initech");
    await form.getByLabel("Domains").fill("initech.example");
    await form.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: /^initech/, level: 1 }).waitFor();
    await page.locator(".flow.live").getByText("maildir").waitFor();
    await page.getByRole("link", { name: "Messages" }).last().click();
    await page.getByText("No messages yet").waitFor();
    await page
      .getByRole("navigation", { name: "Tenant initech" })
      .getByRole("link", { name: "Overview" })
      .click();
    await page.getByRole("button", { name: "Remove tenant" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Tenants", level: 1 }).waitFor();
    await page.getByRole("link", { name: "acme" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "initech" }).count(), 0);
  },

  async "a lost connection is said, and comes back"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.locator(".connection[data-state=live]").waitFor();
    server.freeze();
    await page.getByText("Connection lost.", { exact: false }).waitFor({ timeout: 30_000 });
    server.thaw();
    await page.locator(".connection[data-state=live]").waitFor({ timeout: 30_000 });
    assert.equal(await page.locator(".lost").textContent(), "");
    visit.faults.splice(0, Infinity, ...visit.faults.filter((fault) => !fault.includes("net::ERR_")));
  },

  async "signing out ends the session"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
    await page.reload();
    await page.getByLabel("Token").waitFor();
  },
};
