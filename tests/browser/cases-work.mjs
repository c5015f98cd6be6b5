// What people do with the page, each case a promise in their words. They share one server and run in this order: what
// one has put into the catalog the next one uses.

import assert from "node:assert/strict";
import { until } from "./harness.mjs";
import { drop, open, quickEdit, signIn, tabTo } from "./steps.mjs";

const MAIL = {
  sender: "grace@partner.example",
  recipient: "ada@acme.example",
  helo: "mail.partner.example",
  subject: "Minutes of Tuesday",
};

export const WORK = {
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
    await drop(page, "subject-tag-1.0.0.wasm", server.component);
    assert.equal(await page.getByLabel("Name").inputValue(), "subject-tag");
    assert.equal(await page.getByLabel("Version").inputValue(), "1.0.0");
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByText("Imports asked").waitFor({ timeout: 60_000 });
    await page.getByText("Grants needed").first().waitFor();
    await page.locator(".uploaded .flow").waitFor({ timeout: 60_000 });
    await shot("upload");
    await page.getByRole("button", { name: "Put it into the chain" }).click();
    await page.getByRole("heading", { name: "Edit chain" }).waitFor();
    assert.match(await page.getByLabel("Chain", { exact: true }).inputValue(), /\| subject-tag@1 \| maildir/);
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
    await page.keyboard.type("header | subject-tag@1 | headersparser | maildir");
    const grants = await page.evaluate(async () => (await fetch("/v1/tenants/acme/processors")).json());
    await tabTo(page, "subject-tag@1"); // its settings: what it needs is granted
    await page.keyboard.press("Enter");
    for (const grant of grants.processors.find((one) => one.name === "subject-tag").grants) {
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
    await page.locator(".flow.live").getByText("subject-tag").first().waitFor();
    await open(server, page, "");
    await shot("chain", 12_000); // its figures are means of ten seconds
  },

  async "a processor in use is not deleted, and who uses it is named"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "processors");
    await page.getByRole("button", { name: "Delete subject-tag 1.0.0" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page
      .getByRole("alert")
      .getByText(/in use by/i)
      .first()
      .waitFor();
    await page.getByRole("rowheader", { name: /^subject-tag/ }).waitFor();
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
    await page.locator(".check-state").getByText("holds", { exact: true }).waitFor({ timeout: 60_000 });
    await from.hover();
    await page.mouse.down();
    await to.hover();
    await to.hover(); // a drag begins with the first move, and is over something with the second
    await page.mouse.up();
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

  async "mail that comes in shows at once, with what every stage did"({ server, visit, shot }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "messages");
    await page.mouse.move(2, 2);
    await page.locator(".connection[data-state=live]").waitFor();
    await server.deliver(MAIL);
    const row = page.locator(".messages li", { hasText: MAIL.sender }).first();
    await row.waitFor();
    await row.locator("summary").first().click();
    await row.getByRole("region", { name: "What each stage did" }).waitFor();
    await row.getByText(MAIL.recipient).last().waitFor();
    await shot("messages");
  },

  async "the host finds a message among those of all tenants, also an older one"({ server, visit }) {
    const { page } = visit;
    // More than the page has at first.
    for (let n = 0; n < 60; n += 10)
      await Promise.all(Array.from({ length: 10 }, () => server.deliver({ ...MAIL, sender: "news@shop.example" })));
    await signIn(server, visit, server.host);
    await page.getByRole("link", { name: "Messages" }).click();
    await page.getByRole("heading", { name: "Messages", level: 1 }).waitFor();
    await page.getByLabel("Search").fill(MAIL.sender);
    await page
      .locator(".messages li", { hasText: "acme" })
      .filter({ hasText: MAIL.sender })
      .first()
      .waitFor();
  },

  async "a message is tried, and what came out can be taken home"({ server, visit, shot }) {
    const { page } = visit;
    await server.change("header | subject-tag@1 | headersparser | maildir");
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
    await server.change("header | subject-tag@1 | maildir", { "subject-tag": { config: { tag: "[outside]" } } });
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
};
