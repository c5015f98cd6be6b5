// That what strangers write is only ever text: senders, clients, messages, and the components and files of tenants.

import assert from "node:assert/strict";
import { overflow } from "./accessible.mjs";
import { hostileComponent } from "./harness.mjs";
import { drop, open, quickEdit, signIn } from "./steps.mjs";

const mark = (n) => `<img src=x onerror=alert(${n})>`;
/** Right-to-left override: what follows it is shown backwards. */
const RLO = "\u202e";
const SHOWN_RLO = "\\u{202e}";
const MAIL = {
  sender: `"${mark(1)}"@evil.example`,
  recipient: `"${mark(2)}${"x".repeat(30)}"@acme.example`,
  helo: `[${mark(3)}]`,
  subject: `<script>alert(4)</script> ${RLO}gnp.exe`,
};
// As long as what they stand for in the component.
const SUMMARY = `${mark(5)}${RLO}tx`;
const REFUSAL = `<b onclick=a()>x${RLO}yzz`;

/** No text has become markup, and none pushes the page out of its window. */
async function inert(page) {
  const made = await page.evaluate(
    () => document.querySelectorAll("body img, body script, body iframe, body b").length,
  );
  assert.equal(made, 0, "text became markup");
  assert.ok(!(await page.evaluate(() => document.body.innerText)).includes("\u202e"), "text is turned around");
  assert.equal(await page.evaluate(overflow), 0, "text pushes the page out of its window");
}

const seen = (page, text) => page.getByText(text, { exact: false }).first().waitFor({ timeout: 60_000 });

export const HOSTILE = {
  async "what a client says is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await page.goto(`${server.url}/#/tenant/acme/messages`);
    await page.locator(".connection[data-state=live]").waitFor();
    await server.deliver(MAIL);
    await page.getByLabel("Search").fill("evil.example");
    const row = page.locator(".messages li", { hasText: MAIL.sender }).first();
    await row.waitFor();
    await row.locator("summary").first().click();
    await row.getByRole("region", { name: "What each stage did" }).waitFor();
    await seen(page, mark(2));
    await inert(page);
    await page.goto(`${server.url}/#/messages`);
    await seen(page, mark(1));
    await inert(page);
  },

  async "what a component says is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "processors");
    const component = hostileComponent(server.component, { summary: SUMMARY, refusal: REFUSAL });
    await drop(page, `hostile-1.0.0${mark(6)}.wasm`, component);
    await page.getByLabel("Name").fill("hostile");
    await page.getByLabel("Version").fill("1.0.0");
    await page.getByRole("button", { name: "Upload" }).click();
    await seen(page, "Imports asked");
    await seen(page, `${mark(5)}${SHOWN_RLO}tx`);
    await inert(page);
    await server.change("header | headersparser | maildir"); // whatever was left behind
    await open(server, page, "chain");
    await quickEdit(page, "header | hostile@1 | maildir");
    await page.locator(".stage-row summary", { hasText: "hostile@1" }).click();
    await page.getByLabel("Config").last().fill('{"tag": ""}');
    await seen(page, `<b onclick=a()>x${SHOWN_RLO}yzz`);
    await inert(page);
    await page.getByRole("button", { name: "Discard the draft" }).click();
  },

  async "what stands in a chain or a tenant's file is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.host);
    await open(server, page, "chain");
    await quickEdit(page, `header | ${mark(7)} | maildir`);
    await page.locator(".check-state").getByText("does not hold").waitFor({ timeout: 60_000 });
    await page.locator(".stage-list").getByText(mark(7)).waitFor();
    await inert(page);
    await page.getByRole("button", { name: "Discard the draft" }).click();
    const kept = await server.edit("globex", (text) => `# ${mark(8)} ${RLO}\n${text}`);
    await page.goto(`${server.url}/#/tenant/globex/history`);
    await page.locator(".history summary").first().click();
    await page.getByRole("button", { name: "Whole file" }).click();
    await seen(page, `${mark(8)} ${SHOWN_RLO}`);
    await inert(page);
    await server.edit("globex", () => `"${mark(9)}" = 1\n${kept}`);
    for (const address of ["#/", "#/tenant/globex"]) {
      await page.goto(`${server.url}/${address}`);
      await seen(page, mark(9));
      await inert(page);
    }
    await server.edit("globex", () => kept);
  },

  async "what a tried message does and its stages log is only text"({ server, visit }) {
    const { page } = visit;
    await server.change("header | headersparser | seen:debug | maildir", { seen: { log_reads: true } });
    await signIn(server, visit, server.owner);
    await open(server, page, "try");
    const message = `From: <ada@example.org>\nSubject: ${MAIL.subject}\n\n<script>alert(10)</script>\n`;
    await page.getByLabel("Message", { exact: true }).fill(message);
    await page.getByLabel("Sender").fill(MAIL.sender);
    await page.getByRole("button", { name: "Try it" }).click();
    await seen(page, `${SHOWN_RLO}gnp.exe`);
    await page.locator(".try-result .log").getByText("alert(4)").first().waitFor();
    await page.locator(".try-result").getByText(mark(1)).first().waitFor();
    await inert(page);
  },

  async "what a token is called is only text"({ server, visit }) {
    const { page } = visit;
    await signIn(server, visit, server.owner);
    await open(server, page, "tokens");
    await page.getByLabel("Label").fill(`${mark(11)}${RLO}`);
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("rowheader", { name: `${mark(11)}${SHOWN_RLO}` }).waitFor();
    await inert(page);
    await page.getByRole("button", { name: /^Revoke <img/ }).click();
    await page.getByRole("dialog").waitFor();
    await inert(page);
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  },
};
