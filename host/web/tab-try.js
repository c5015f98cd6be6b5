// Tries a message: through the live chain, or through the draft, without delivering it.
//
// Knows the form; `try-result` shows what came of it. A message is typed, pasted or dropped; its bytes stay as they are.

import { ask, path, Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { changedDraft, toBody } from "./drafts.js";
import { announce, busy, button, card, field } from "./parts.js";
import { bytes, visible } from "./text.js";
import { dropZone } from "./wasm-upload.js";
import { toBase64, tryResult } from "./try-result.js";

/** A file up to this size is shown to be edited; a larger one is sent as it is. */
const EDIT_MAX = 128 * 1024;

function sample(recipient) {
  return [
    `From: Ada <ada@example.org>`,
    `To: <${recipient}>`,
    "Subject: A message to try",
    "Date: Tue, 3 Mar 2026 10:00:00 +0000",
    "Message-ID: <try-1@example.org>",
    "",
    "Hello,",
    "",
    "see https://t.example/?utm_source=mail for more.",
    "",
    "Ada",
    "",
  ].join("\n");
}

/** `text` with the line ends that mail has. */
const crlf = (text) => new TextEncoder().encode(text.replace(/\r?\n/g, "\r\n"));

/** Fills `body`, and goes on until `signal` is aborted. */
export async function tryTab({ body, signal, tenant, about }) {
  const domain = about.domains.find((name) => !name.includes("*") && !name.startsWith("[")) ?? "example.com";
  const recipient = `you@${domain}`;
  let file = null; // bytes that were dropped and are not edited

  const text = h("textarea", {
    class: "mono message-text",
    rows: 14,
    spellcheck: "false",
    autocomplete: "off",
    value: sample(recipient),
    oninput: () => {
      file = null;
      fill(from);
    },
  });
  const from = h("p", { class: "note", role: "status" });
  async function dropped(one) {
    const data = new Uint8Array(await one.arrayBuffer());
    file = data;
    const small = data.length <= EDIT_MAX;
    text.value = small ? new TextDecoder("utf-8").decode(data) : "";
    fill(
      from,
      h("code", {}, visible(one.name)),
      `, ${bytes(data.length)}, is sent byte by byte`,
      small ? " unless you edit it." : ".",
    );
  }
  const input = (attributes) =>
    h("input", { autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...attributes });
  const sender = input({ value: "ada@example.org", placeholder: "nobody (a bounce)" });
  const recipients = input({ value: recipient, required: true });
  const helo = input({ value: "mail.example.org" });
  const ip = input({ value: "192.0.2.10" });
  const draft = changedDraft(tenant);
  const proposed = h("input", { type: "radio", name: "chain", value: "draft", disabled: !draft });
  const live = h("input", { type: "radio", name: "chain", value: "live" });
  (draft ? proposed : live).checked = true;
  const which = h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, "Through"),
    h("label", { class: "check" }, live, "the live chain"),
    h(
      "label",
      { class: "check" },
      proposed,
      "my draft",
      !draft && h("span", { class: "note" }, " (none: edit the chain to make one)"),
    ),
    draft && h("code", { class: "spec" }, visible(draft.chain)),
  );

  const result = h("div", { role: "alert" });
  const place = h("div", {});
  const submit = button("Try it", null, { kind: "primary", submit: true });

  async function run() {
    const sent = file ?? crlf(text.value);
    const before = {
      sender: sender.value.trim(),
      recipients: recipients.value.split(/[\s,]+/).filter(Boolean),
    };
    const json = { message: toBase64(sent), sender: before.sender, recipients: before.recipients };
    if (helo.value.trim()) json.helo = helo.value.trim();
    if (ip.value.trim()) json.ip = ip.value.trim();
    if (proposed.checked) {
      const { body: change, problems } = toBody(draft);
      if (problems.length > 0) throw new Problem(422, { detail: "The draft is not complete.", problems });
      json.change = change;
    }
    const answer = (await ask("POST", path`/v1/tenants/${tenant}/try`, { json, signal })).body;
    const shown = tryResult({ result: answer, sent, before });
    fill(place, shown);
    shown.setAttribute("tabindex", "-1");
    shown.focus({ preventScroll: true });
    shown.scrollIntoView({ block: "start", behavior: "smooth" });
    announce(`Verdict ${answer.verdict}`);
  }
  const form = h(
    "form",
    {
      class: "try-form",
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, result, run);
      },
    },
    h(
      "div",
      { class: "try-message" },
      field("Message", text, "Header, empty line, body."),
      from,
      dropZone({ text: "or drop an .eml file", accept: ".eml,message/rfc822", onfile: dropped }),
    ),
    h(
      "div",
      { class: "try-envelope" },
      field("Sender", sender),
      field("Recipients", recipients, "Separated by commas."),
      h("div", { class: "pair-fields" }, field("HELO", helo), field("Client address", ip)),
      which,
      result,
      h("div", { class: "actions" }, submit),
    ),
  );
  fill(
    body,
    card(
      {
        title: "Try a message",
        note: "It goes through the chain and nowhere else: nothing is delivered, nothing is kept.",
      },
      form,
    ),
    place,
  );
}
