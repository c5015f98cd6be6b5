// That everybody can use every view: by names and headings, in both schemes, at the width of a phone.

import assert from "node:assert/strict";
import { faultsOfAccess, overflow } from "./accessible.mjs";
import { pause } from "./harness.mjs";
import { signIn } from "./steps.mjs";

const TABS = ["", "chain", "processors", "history", "messages", "try", "tokens"];

export const ACCESS = {
  async "every view is named, ordered and of good contrast, light and dark"({ server, browser }) {
    for (const scheme of ["light", "dark"]) {
      const visit = await browser.visit({ scheme });
      await visit.page.goto(server.url);
      await visit.page.getByLabel("Token").waitFor();
      assert.deepEqual(await visit.page.evaluate(faultsOfAccess), [], `sign-in, ${scheme}`);
      await signIn(server, visit, server.host);
      for (const address of ["#/", "#/tenants", "#/messages", ...TABS.map((tab) => `#/tenant/acme/${tab}`)]) {
        await visit.page.goto(`${server.url}/${address}`);
        await visit.page.locator(".card").first().waitFor();
        if (address.endsWith("/chain")) {
          await visit.page.getByRole("button", { name: "Edit chain" }).click();
          await visit.page.locator(".stage-row summary").first().click();
          await visit.page
            .locator(".check-state")
            .getByText("holds", { exact: true })
            .waitFor({ timeout: 60_000 });
          await pause(300);
        }
        if (address.endsWith("/messages") || address.endsWith("/history"))
          await visit.page.locator("summary").first().click();
        await pause(200);
        assert.deepEqual(await visit.page.evaluate(faultsOfAccess), [], `${address}, ${scheme}`);
      }
      assert.deepEqual(visit.faults, []);
      await visit.close();
    }
  },

  async "the dark scheme follows the system, and the switch"({ server, browser, shotOf }) {
    const visit = await browser.visit({ scheme: "dark" });
    await signIn(server, visit, server.host);
    await visit.page.locator(".legend").waitFor();
    const ground = () => visit.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await shotOf(visit.page, "overview-dark");
    await visit.page.getByRole("button", { name: /^Colour scheme/ }).click();
    assert.notEqual(await ground(), dark);
    await visit.page.reload();
    await visit.page.locator(".legend").waitFor();
    assert.notEqual(await ground(), dark, "the choice is forgotten");
    assert.deepEqual(visit.faults, []);
    await visit.close();
  },

  async "no view is wider than a phone"({ server, browser, shotOf }) {
    for (const width of [320, 360]) {
      const visit = await browser.visit({ width, height: 740 });
      await signIn(server, visit, server.host);
      for (const address of ["#/", "#/tenants", "#/messages", ...TABS.map((tab) => `#/tenant/acme/${tab}`)]) {
        await visit.page.goto(`${server.url}/${address}`);
        await visit.page.locator(".card").first().waitFor();
        if (address.endsWith("/chain")) await visit.page.getByRole("button", { name: "Edit chain" }).click();
        if (address.endsWith("/messages") || address.endsWith("/history"))
          await visit.page.locator("summary").first().click();
        await pause(300);
        assert.equal(await visit.page.evaluate(overflow), 0, `${address} at ${width} px`);
        if (width === 360 && address === "#/tenant/acme/") await shotOf(visit.page, "phone");
      }
      assert.deepEqual(visit.faults, []);
      await visit.close();
    }
  },
};
