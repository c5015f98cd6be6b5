// The parts of the page that touch no document: how text of strangers is written, how a chain's text is taken apart.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

// Older Node takes a `.js` for a module only where a package.json says so; beside the page there is none.
const folder = mkdtempSync(join(tmpdir(), "gatepost-pure-"));
after(() => rmSync(folder, { recursive: true }));
cpSync(fileURLToPath(new URL("../../host/web", import.meta.url)), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
const of = (name) => import(pathToFileURL(join(folder, name)));
const { format, insert, move, parse, remove } = await of("chain-spec.js");
const { names, toBody } = await of("drafts.js");
const { buckets, niceCeiling, recent, smoothed, summary } = await of("figures.js");
const { ago, bytes, duration, micros, rate, visible, visibleBlock } = await of("text.js");

test("what could spoof is shown as an escape, and everything else as it is", () => {
  const cases = {
    "a\u202eb": "a\\u{202e}b",
    "\u2066x\u2069": "\\u{2066}x\\u{2069}",
    "zero\u200bwidth\ufeff": "zero\\u{200b}width\\u{feff}",
    "\u001b[31m\u0000\u007f\u0085": "\\u{1b}[31m\\u{0}\\u{7f}\\u{85}",
    "two\r\nlines\t.": "two\\u{d}\\nlines\\t.",
    "\u{e0041}": "\\u{e0041}",
    "\ud800": "\\u{d800}",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "Grüße, 你好, שלום, 🎉 ❤️ 👩‍💻": "Grüße, 你好, שלום, 🎉 ❤️ 👩‍💻",
    "pay\u200dpal": "pay\\u{200d}pal",
  };
  for (const [text, shown] of Object.entries(cases)) assert.equal(visible(text), shown);
  assert.equal(visible(null), "");
  assert.equal(visibleBlock("a\r\n\tb\u202e"), "a\n\tb\\u{202e}");
});

test("a chain is the same after it was taken apart and put together", () => {
  for (const text of ["header | maildir", "before:debug | acme/strip@1.2 | maildir + copy:file", "null", ""]) {
    assert.equal(format(parse(text)), text);
  }
  assert.deepEqual(
    parse("a:Debug|acme/Strip@1 | maildir+c:file").stages.map(({ label, processor }) => [label, processor]),
    [
      ["a", "debug"],
      ["acme/strip", "acme/strip@1"],
    ],
  );
  assert.deepEqual(
    parse("x | maildir + c:file").sinks.map(({ label }) => label),
    ["maildir", "c"],
  );
});

test("a stage goes in front of the sinks, under a label that is free", () => {
  assert.deepEqual(insert("header | maildir + file", "hello@1"), {
    text: "header | hello@1 | maildir + file",
    label: "hello",
  });
  assert.deepEqual(insert("hello | maildir", "hello@1"), {
    text: "hello | hello-2:hello@1 | maildir",
    label: "hello-2",
  });
  assert.equal(insert("hello | hello-2:hello | maildir", "hello@1").label, "hello-3");
  assert.equal(move("a | b | c | null", 0, 2), "b | c | a | null");
  assert.equal(move("a | null", 0, 1), "a | null");
  assert.equal(remove("a | b | null", 0), "b | null");
});

test("figures", () => {
  assert.deepEqual([0, 0.01, 0.44, 12.4, 12_345, 2e6].map(rate), ["0", "<0.1", "0.4", "12", "12.3k", "2.0M"]);
  assert.deepEqual([0, 1023, 1024, 1536, 1048576, 5e9].map(bytes), [
    "0 B",
    "1,023 B",
    "1.0 KiB",
    "1.5 KiB",
    "1.0 MiB",
    "4.7 GiB",
  ]);
  assert.deepEqual([0, 8.46, 84, 1200, 15_000, 3e6].map(micros), [
    "0 µs",
    "8.5 µs",
    "84 µs",
    "1.2 ms",
    "15 ms",
    "3.0 s",
  ]);
  assert.deepEqual([5, 125, 12_000, 90_000, 7_776_000].map(duration), [
    "5 s",
    "2 min",
    "3 h 20 min",
    "1 day 1 h",
    "90 days",
  ]);
  assert.deepEqual([ago(0, 1000), ago(0, 300_000), ago(300_000, 0)], ["just now", "5 min ago", "in 5 min"]);
});

test("an axis ends at a round figure that is not below what it shows", () => {
  for (const binary of [false, true]) {
    for (const value of [0, 0.3, 1, 7, 10, 99, 101, 1000, 1023, 1025, 123_456, 1e9]) {
      const top = niceCeiling(value, binary);
      assert.ok(top >= value && top <= Math.max(2, value * 2.1), `${value}: ${top}`);
    }
  }
  assert.equal(niceCeiling(700 * 1024, true), 768 * 1024);
});

test("points become means, sums and bars; what is missing stays missing", () => {
  const points = [1, 3, null, 5].map((messages, n) => ({ at: 100 + n, messages }));
  const value = (point) => point.messages;
  assert.deepEqual(smoothed(points, value, 2), [1, 2, null, 5]);
  assert.equal(recent(points, value, 2), 5);
  assert.equal(recent([], value), null);
  assert.deepEqual(summary([1, null, 3]), { mean: 2, peak: 3 });
  assert.deepEqual(
    buckets(points, 2).map(({ at, points }) => [at, points.length]),
    [
      [100, 2],
      [102, 2],
    ],
  );
});

test("a draft sends what was changed, and leaves the rest to what is live", () => {
  const settings = (more) => ({ config: "", policy: "", grants: [], rest: "", ...more });
  const base = {
    chain: "a | maildir",
    stage: { maildir: { path: "/srv" }, a: { config: { n: 1 } } },
    on_failure: "reject",
    recipients: "g",
  };
  const maildir = settings({ rest: JSON.stringify({ path: "/srv" }, null, 2) });
  const a = settings({ config: JSON.stringify({ n: 1 }, null, 2) });
  const draft = (more) => ({
    base,
    chain: base.chain,
    stage: { maildir, a },
    policy: "reject",
    recipients: "g",
    ...more,
  });
  assert.deepEqual(toBody(draft({})), { body: { chain: "a | maildir", stage: {} }, problems: [] });
  assert.deepEqual(toBody(draft({ policy: "", recipients: " " })).body, {
    chain: "a | maildir",
    stage: {},
    on_failure: null,
    recipients: null,
  });
  assert.deepEqual(toBody(draft({ stage: { maildir, a: settings({}) } })).body.stage, { a: null });
  const granted = settings({
    config: '{"n": 2}',
    grants: ["kv"],
    policy: "bypass",
    rest: '{"cpu_per_message": "20ms"}',
  });
  assert.deepEqual(toBody(draft({ stage: { maildir, a: granted } })).body.stage, {
    a: { cpu_per_message: "20ms", config: { n: 2 }, on_failure: "bypass", grants: ["kv"] },
  });
  for (const config of ["{", "[]", "3", "null"]) {
    const { problems } = toBody(draft({ stage: { a: settings({ config }) } }));
    assert.deepEqual(
      problems.map(({ key }) => key),
      ["stage.a.config"],
    );
  }
  assert.deepEqual(
    names(draft({})).checkers.map(({ label }) => label),
    ["g"],
  );
});
