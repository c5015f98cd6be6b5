// Who may see and do what, and what becomes of a session: signing in and out, tokens, roles, a lost connection.

import assert from "node:assert/strict";
import { until } from "./harness.mjs";
import { open, signIn } from "./steps.mjs";

export const SESSION = {
  async "a wrong token says so and nothing of it is kept"({ server, visit }) {
    const { page } = visit;
    await page.goto(server.url);
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("not known").waitFor();
    assert.equal(await page.getByLabel("Token").inputValue(), "");
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
