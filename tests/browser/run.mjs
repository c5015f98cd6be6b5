// Runs the cases against the real binary (GATEPOST_BIN, else target/debug/gatepost) in Chromium, or with
// GATEPOST_PAGE_MOCK=1 against the stand-in. `--screenshots` writes docs/screenshots; other arguments choose cases by words.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import assert from "node:assert/strict";
import { ACCESS } from "./cases-access.mjs";
import { WORK } from "./cases-work.mjs";
import { MOCK, pause, startBrowser, startServer } from "./harness.mjs";

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const SHOTS = process.argv.includes("--screenshots") && resolve(import.meta.dirname, "../../docs/screenshots");
const SHOT_HEIGHT = 1120;
/** For the pictures: until charts have something to show. */
const WARM_UP_MS = 120_000;
const CASE_MS = 180_000;

if (SHOTS) mkdirSync(SHOTS, { recursive: true });

async function shotOf(page, name) {
  if (!SHOTS) return;
  await page.mouse.move(2, 2);
  await page.evaluate(() => window.scrollTo(0, 0));
  await pause(2500); // until charts have something to show
  const size = page.viewportSize();
  if (name !== "phone") await page.setViewportSize({ ...size, height: SHOT_HEIGHT });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  await page.setViewportSize(size);
}

const server = await startServer();
const browser = await startBrowser();
let failed = 0;
const endTraffic = SHOTS ? server.traffic() : () => {};
if (SHOTS && !MOCK) await pause(WARM_UP_MS);
try {
  for (const [name, work] of Object.entries({ ...WORK, ...ACCESS })) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    const visit = await browser.visit();
    visit.page.setDefaultTimeout(15_000);
    const begin = Date.now();
    const late = AbortSignal.timeout(CASE_MS);
    try {
      const over = new Promise((_, fail) =>
        late.addEventListener("abort", () => fail(new Error(`not done after ${CASE_MS} ms`))),
      );
      await Promise.race([
        work({ server, browser, visit, shot: (name) => shotOf(visit.page, name), shotOf }),
        over,
      ]);
      assert.deepEqual(visit.faults, [], "the browser complained");
      console.log(`ok    ${name} (${Date.now() - begin} ms)`);
    } catch (error) {
      failed += 1;
      console.log(
        `FAIL  ${name}\n${String(error.stack).replace(/^/gm, "      ")}\n      ${visit.faults.join("\n      ")}`,
      );
      await visit.page
        .screenshot({ path: join(process.env.TMPDIR ?? "/tmp", `gatepost-page-${failed}.png`) })
        .catch(() => {});
    }
    await visit.close();
  }
} finally {
  endTraffic();
  await browser.close();
  await server.stop();
}
console.log(failed === 0 ? "all hold" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
