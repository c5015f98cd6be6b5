// What a tried message came to. Knows the answer of `try`; every text in it may come from a stranger.

import { h } from "./dom.js";
import { diffLines, diffView } from "./diff.js";
import { badge, button, card, notice } from "./parts.js";
import { address, stageTable } from "./stage-outcomes.js";
import { bytes, visible, visibleBlock } from "./text.js";

/** Longest header section that is compared, in lines: the comparison takes time by their product. */
const HEADER_LINES_MAX = 600;
/** How much of the message is shown; all of it is in the download. */
const SHOWN_BYTES = 64 * 1024;

/** Base64 to bytes, and back. */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
export function toBase64(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 0x8000)
    text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(text);
}

const decode = (data) => new TextDecoder("utf-8").decode(data);

function headerLines(data) {
  return decode(data).replaceAll("\r\n", "\n").split("\n\n")[0].split("\n").slice(0, HEADER_LINES_MAX);
}

function envelope(before, after) {
  const sides = [
    ["Before", before],
    ["After", after],
  ];
  return h(
    "div",
    { class: "sides" },
    sides.map(([name, side]) =>
      h(
        "div",
        {},
        h("h4", {}, name),
        h(
          "dl",
          { class: "facts" },
          h("div", {}, h("dt", {}, "Sender"), h("dd", {}, address(side.sender))),
          h(
            "div",
            {},
            h("dt", {}, "Recipients"),
            h(
              "dd",
              {},
              h(
                "ul",
                { class: "plain" },
                side.recipients.map((one) => h("li", {}, address(one))),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

function download(data) {
  const url = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  const anchor = h("a", { href: url, download: "result.eml" });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const nothing = () => h("p", { class: "note" }, "No message came out.");

function header(sent, result) {
  if (!result.message) return nothing();
  const changed = diffLines(headerLines(sent), headerLines(fromBase64(result.message)));
  return changed
    ? diffView(changed, "Header of the message, before and after")
    : h("p", { class: "note" }, "The header is as it was.");
}

function message(result) {
  if (!result.message) return nothing();
  const data = fromBase64(result.message);
  const cut = data.length > SHOWN_BYTES;
  return [
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Resulting message" },
      h("pre", { class: "source" }, visibleBlock(decode(data.subarray(0, SHOWN_BYTES)))),
    ),
    h(
      "div",
      { class: "actions" },
      button(`Download (${bytes(data.length)})`, () => download(data)),
      cut && h("span", { class: "note" }, "Only its begin is shown."),
    ),
  ];
}

const section = (title, ...content) => h("section", { class: "result-part" }, h("h3", {}, title), content);

/** The answer as a card. `sent`: the message's bytes; `before`: its envelope. */
export function tryResult({ result, sent, before }) {
  const { reply } = result;
  const facts = Object.entries(result.facts ?? {});
  const said = [reply?.code, reply?.enhanced, reply?.text].filter(Boolean).join(" ");
  return card(
    { title: "Result", className: "try-result" },
    h("p", { class: "verdict-line" }, badge(result.verdict), h("code", {}, visible(said))),
    result.reason && notice("some", h("p", {}, visible(result.reason))),
    result.failures?.length > 0 &&
      notice(
        "bad",
        h(
          "ul",
          {},
          result.failures.map((one) =>
            h("li", {}, h("code", {}, visible(one.stage)), ` (${visible(one.reason)}): ${visible(one.text)}`),
          ),
        ),
      ),
    section(
      "Stages",
      result.stages.length > 0 ? stageTable(result.stages) : h("p", { class: "note" }, "It came to no stage."),
    ),
    section("Header, before and after", header(sent, result)),
    section("Envelope", envelope(before, result.envelope)),
    section(
      "Facts",
      facts.length > 0
        ? h(
            "dl",
            { class: "facts mono" },
            facts.map(([name, value]) => h("div", {}, h("dt", {}, visible(name)), h("dd", {}, visible(value)))),
          )
        : h("p", { class: "note" }, "No stage found any."),
    ),
    section(
      "Log",
      result.log?.length > 0
        ? h(
            "ul",
            { class: "log" },
            result.log.map((line) =>
              h(
                "li",
                {},
                badge(line.level, line.level === "error" ? "bad" : line.level === "warn" ? "some" : "none"),
                h("code", {}, visible(line.stage)),
                h("span", {}, visible(line.text)),
              ),
            ),
          )
        : h("p", { class: "note" }, "No stage logged anything."),
    ),
    section("Message that came out", message(result)),
  );
}
