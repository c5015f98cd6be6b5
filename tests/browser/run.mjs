// Runs the cases against the real binary (GATEPOST_BIN, else target/debug/gatepost) in Chromium. `--screenshots` writes
// docs/screenshots; other arguments choose cases by words.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { ACCESS } from "./cases-access.mjs";
import { HOSTILE } from "./cases-hostile.mjs";
import { SESSION } from "./cases-session.mjs";
import { traffic } from "./traffic.mjs";
import { WORK } from "./cases-work.mjs";
import { pause, startBrowser, startServer } from "./harness.mjs";

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const SHOTS =
  process.argv.includes("--screenshots") && fileURLToPath(new URL("../../docs/screenshots", import.meta.url));
/** A picture is as high as the page, within these. */
const [SHOT_MIN, SHOT_MAX] = [700, 1500];
/** For the pictures: until charts are full. */
const WARM_UP_MS = Number(process.env.GATEPOST_WARM_UP_MS ?? 320_000);
const CASE_MS = 180_000;

if (SHOTS) mkdirSync(SHOTS, { recursive: true });

async function shotOf(page, name, wait = 2500) {
  if (!SHOTS) return;
  await page.mouse.move(2, 2);
  await page.evaluate(() => window.scrollTo(0, 0));
  await pause(wait);
  const size = page.viewportSize();
  const full = await page.evaluate(() => document.querySelector("#page").scrollHeight);
  if (name !== "phone")
    await page.setViewportSize({ ...size, height: Math.min(Math.max(full, SHOT_MIN), SHOT_MAX) });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  await page.setViewportSize(size);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const server = await startServer();
const browser = await startBrowser();
let failed = 0;
const endTraffic = SHOTS ? await traffic(server) : () => {};
if (SHOTS) await pause(WARM_UP_MS);
try {
  for (const [name, work] of Object.entries({ ...WORK, ...ACCESS, ...SESSION, ...HOSTILE })) {
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
        work({ server, browser, visit, shot: (name, wait) => shotOf(visit.page, name, wait), shotOf }),
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
