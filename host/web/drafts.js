// Chains that are being edited: kept while the page lives, so that a look at another tab loses nothing.
//
// Knows how a chain's settings become texts to edit and a body to send; nothing of the form.

import { ask, path } from "./api.js";
import { insert, parse } from "./chain-spec.js";

const drafts = new Map();

/** Built-in stages and sinks: what is none of these is a component. */
export const NATIVE_STAGES = ["header", "headersparser", "hash", "buffer", "compress", "decompress", "debug"];
export const NATIVE_SINKS = ["maildir", "file", "null"];
export const GRANTS = ["envelope", "redirect", "clock", "random", "kv"];
export const POLICIES = ["defer", "reject", "bypass", "quarantine"];

/** Whether `name` of a chain is a component. */
export const isComponent = (name) =>
  ![...NATIVE_STAGES, ...NATIVE_SINKS].includes(name.processor.replace(/@.*$/, ""));

const pretty = (value) => (value && Object.keys(value).length > 0 ? JSON.stringify(value, null, 2) : "");

/** Settings of one stage as texts: `config` and `rest` are JSON. */
function toTexts({ config, on_failure: policy, grants, ...rest }) {
  return { config: pretty(config), policy: policy ?? "", grants: grants ?? [], rest: pretty(rest) };
}

/** The draft of `tenant`, or undefined. */
export const draftOf = (tenant) => drafts.get(tenant);

/** The draft of `tenant` if it differs from what it was begun with. */
export function changedDraft(tenant) {
  const draft = drafts.get(tenant);
  if (!draft) return undefined;
  return draft.begun === JSON.stringify(toBody(draft)) ? undefined : draft;
}

/** Forgets the draft. */
export const discard = (tenant) => drafts.delete(tenant);

/** The draft of `tenant`; begun from what is live where there is none. */
export async function begin(tenant, signal) {
  if (!drafts.has(tenant)) drafts.set(tenant, await fromLive(tenant, signal));
  return drafts.get(tenant);
}

async function fromLive(tenant, signal) {
  const { body, etag } = await ask("GET", path`/v1/tenants/${tenant}/chain`, { signal });
  const stage = Object.fromEntries(
    Object.entries(body.stage ?? {}).map(([label, settings]) => [label, toTexts(settings)]),
  );
  const draft = {
    revision: etag,
    base: body,
    chain: body.chain,
    stage,
    policy: body.on_failure ?? "",
    recipients: body.recipients ?? "",
  };
  draft.begun = JSON.stringify(toBody(draft));
  return draft;
}

/** Puts a component before the sinks of the draft, with its grants. */
export async function addStage(tenant, processor, grants, signal) {
  const draft = await begin(tenant, signal);
  const { text, label } = insert(draft.chain, processor);
  draft.chain = text;
  if (grants.length > 0)
    settingsOf(draft, label).grants = [...new Set([...settingsOf(draft, label).grants, ...grants])];
  return draft;
}

/** Settings of `label` to edit; empty where there are none. */
export function settingsOf(draft, label) {
  draft.stage[label] ??= toTexts({});
  return draft.stage[label];
}

/** Makes the draft stand upon another revision: its changes are kept. */
export async function rebase(tenant, signal) {
  const draft = drafts.get(tenant);
  const { revision, base, begun } = await fromLive(tenant, signal);
  Object.assign(draft, { revision, base, begun });
}

function object(text, key, problems) {
  if (text.trim() === "") return undefined;
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
    problems.push({ key, text: 'must be a JSON object, such as {"domains": ["t.example"]}' });
  } catch (error) {
    problems.push({ key, text: `is no JSON: ${error.message}` });
  }
  return undefined;
}

/** The names of the draft that may have settings: stages, sinks, and who is asked about recipients. */
export function names(draft) {
  const { stages, sinks } = parse(draft.chain);
  const checkers = parse(draft.recipients);
  return { stages, sinks, checkers: [...checkers.stages, ...checkers.sinks] };
}

const asOne = ({ config, policy, grants, rest }) =>
  JSON.stringify([config.trim(), policy, [...grants].sort(), rest.trim()]);

/** Whether the settings of `label` are what they were: those stay out of the change, as they may be the host's to set. */
const untouched = (draft, label) =>
  asOne(draft.stage[label]) === asOne(toTexts(draft.base.stage?.[label] ?? {}));

/** `{body, problems}`: what to send, and what is no JSON. */
export function toBody(draft) {
  const problems = [];
  const stage = {};
  const { stages, sinks, checkers } = names(draft);
  for (const { label } of [...stages, ...sinks, ...checkers]) {
    const texts = draft.stage[label];
    if (!texts || stage[label] || untouched(draft, label)) continue;
    const rest = object(texts.rest, `stage.${label}`, problems) ?? {};
    const config = object(texts.config, `stage.${label}.config`, problems);
    const settings = { ...rest };
    if (config) settings.config = config;
    if (texts.policy) settings.on_failure = texts.policy;
    if (texts.grants.length > 0) settings.grants = texts.grants;
    if (Object.keys(settings).length > 0) stage[label] = settings;
    else if (draft.base.stage?.[label]) stage[label] = null; // taken away
  }
  const body = { chain: draft.chain, stage };
  const [policy, recipients] = [draft.policy || null, draft.recipients.trim() || null];
  if (policy !== (draft.base.on_failure ?? null)) body.on_failure = policy;
  if (recipients !== (draft.base.recipients ?? null)) body.recipients = recipients;
  return { body, problems };
}
