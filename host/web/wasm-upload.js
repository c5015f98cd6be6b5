// Uploads a component: from a file dropped or chosen to what it asks for and how it does on the smoke corpus.
//
// Knows names, versions and the answers of the upload and the check. Nothing of it is in a chain before somebody says so.

import { ask, path, upload } from "./api.js";
import { checkedView, problemList } from "./chain-check.js";
import { fill, h, newId, say } from "./dom.js";
import { addStage } from "./drafts.js";
import { icon } from "./icons.js";
import { announce, badge, button, codes, field, notice, problemBox } from "./parts.js";
import { go } from "./router.js";
import { isHost } from "./session.js";
import { bytes, visible } from "./text.js";

const FILE_NAME = /^(.+?)[-_@](\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?)\.wasm$/i;

/** Name and version that a file's name speaks of. */
export function guess(fileName) {
  const match = FILE_NAME.exec(fileName);
  const stem = match ? match[1] : fileName.replace(/\.wasm$/i, "");
  const name = stem
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return { name, version: match?.[2] ?? "" };
}

/** Drop zone and file input. `onfile(file)` for the first file. */
export function dropZone({ text, accept, onfile }) {
  const input = h("input", {
    type: "file",
    class: "sr-only",
    accept,
    id: newId("file"),
    onchange: () => {
      if (input.files[0]) onfile(input.files[0]);
      input.value = "";
    },
  });
  const zone = h(
    "div",
    { class: "drop" },
    icon("upload"),
    h("p", {}, text),
    input,
    h("label", { class: "button", for: input.id }, "Choose a file"),
  );
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files[0]) onfile(event.dataTransfer.files[0]);
  });
  return zone;
}

const listOf = (names, none) =>
  names.length > 0
    ? h(
        "ul",
        { class: "plain" },
        names.map((name) => h("li", {}, h("code", {}, visible(name)))),
      )
    : h("span", { class: "note" }, none);

const checksRecipientsOnly = (done) =>
  done.exports?.length > 0 && done.exports.every((name) => name.startsWith("gatepost:processor/recipients"));

function facts(done) {
  const pairs = [
    ["Size", bytes(done.size)],
    ["Hash", h("code", { class: "hash" }, done.hash)],
    ["Takes and gives", done.takes ? `${done.takes} → ${done.gives}` : "checks recipients"],
    ["Imports asked", listOf(done.imports, "none: it can only read and write its message")],
    ["Grants needed", done.grants.length > 0 ? codes(done.grants) : h("span", { class: "note" }, "none")],
  ];
  return h(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

async function smoke(tenant, done, place) {
  if (checksRecipientsOnly(done)) {
    fill(
      place,
      h(
        "p",
        { class: "note" },
        "It checks recipients, so there is no message to try it on. Name it under “Asked about each recipient”.",
      ),
    );
    return;
  }
  fill(place, badge("trying it on the smoke corpus", "none"));
  const own = `${done.owner}/${done.name}`;
  const chain = `${done.takes === "bytes" ? "compress | " : ""}${own}@${done.version} | null`;
  const stage = done.grants.length > 0 ? { [own]: { grants: done.grants } } : {};
  try {
    const { body } = await ask("POST", path`/v1/tenants/${tenant}/chain/check`, {
      json: { chain, stage, recipients: null },
    });
    fill(place, checkedView(body));
    announce("The smoke corpus went through");
  } catch (problem) {
    fill(
      place,
      notice(
        "some",
        h(
          "p",
          {},
          h("strong", {}, "With no config it does not hold. "),
          "It may want some; the editor checks it with yours.",
        ),
      ),
      problem.problems?.length ? problemList(problem.problems) : problemBox(problem),
    );
    announce("It does not hold without config");
  }
}

function outcome(tenant, done, status, signal) {
  const place = h("div", { class: "check-result" });
  const put = checksRecipientsOnly(done)
    ? null
    : button(
        "Put it into the chain",
        async () => {
          await addStage(tenant, `${done.name}@${done.version.split(".")[0]}`, done.grants, signal);
          go("tenant", tenant, "chain");
        },
        { kind: "primary", iconName: "plus" },
      );
  smoke(tenant, done, place);
  return h(
    "div",
    { class: "uploaded" },
    h(
      "div",
      { class: "uploaded-head" },
      h("h3", {}, visible(done.name), " ", h("span", { class: "version" }, visible(done.version))),
      badge(status === 200 ? "was there already" : "stored", "good"),
      put,
    ),
    done.summary && h("p", {}, visible(done.summary)),
    facts(done),
    done.warnings?.length > 0 &&
      notice(
        "some",
        h(
          "ul",
          {},
          done.warnings.map((text) => h("li", {}, visible(text))),
        ),
      ),
    h("h4", {}, "On the smoke corpus"),
    place,
  );
}

function naming(file, tenant, onsend, oncancel) {
  const { name, version } = guess(file.name);
  const nameInput = h("input", {
    class: "mono",
    required: true,
    value: name,
    maxlength: 63,
    pattern: "[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  const versionInput = h("input", {
    class: "mono",
    required: true,
    value: version,
    placeholder: "1.0.0",
    pattern: "\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.\\-]+)?",
    autocomplete: "off",
    spellcheck: "false",
  });
  const shared =
    isHost() &&
    h(
      "select",
      {},
      h("option", { value: "" }, `${tenant} only`),
      h("option", { value: "host" }, "all tenants"),
    );
  const form = h(
    "form",
    {
      class: "naming",
      onsubmit: (event) => {
        event.preventDefault();
        onsend(nameInput.value, versionInput.value, shared && shared.value === "host");
      },
    },
    h("p", {}, h("strong", {}, visible(file.name)), ` · ${bytes(file.size)}`),
    h(
      "div",
      { class: "pair-fields" },
      field("Name", nameInput, "As chains will call it."),
      field("Version", versionInput, "x.y.z; the same version never changes its bytes."),
      shared && field("For", shared),
    ),
    h(
      "div",
      { class: "actions" },
      button("Upload", null, { kind: "primary", submit: true, iconName: "upload" }),
      button("Cancel", oncancel),
    ),
  );
  return { form, focus: () => (versionInput.value ? form.querySelector(".primary") : versionInput).focus() };
}

/** The whole way, in one place. `stored()` once something is there that was not. */
export function uploader({ tenant, signal, stored }) {
  const place = h("div", { class: "upload-place" });
  const zone = dropZone({
    text: "Drop a component (.wasm) here",
    accept: ".wasm,application/wasm",
    onfile: choose,
  });
  const reset = () => fill(place);

  function choose(file) {
    const { form, focus } = naming(
      file,
      tenant,
      (name, version, forAll) => send(file, name, version, forAll),
      reset,
    );
    fill(place, form);
    focus();
  }
  async function send(file, name, version, forAll) {
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
    const text = h("p", { class: "note" }, "Sending");
    fill(place, h("div", { class: "sending" }, h("p", {}, h("code", {}, `${name} ${version}`)), bar, text));
    announce("Uploading");
    try {
      const where = forAll
        ? path`/v1/processors/${name}/${version}`
        : path`/v1/tenants/${tenant}/processors/${name}/${version}`;
      const { body, status } = await upload(where, file, (part) => {
        bar.value = part;
        if (part >= 1) say(text, "Compiling and inspecting it");
      });
      fill(place, outcome(tenant, body, status, signal));
      announce(`${name} ${version} is stored`);
      stored();
    } catch (problem) {
      fill(
        place,
        problemBox(problem),
        h(
          "div",
          { class: "actions" },
          button("Change name or version", () => choose(file)),
          button("Close", reset),
        ),
      );
      announce(problem.message);
    }
  }
  return h("div", {}, zone, place);
}
