// The chain's text taken apart and put together: `before:debug | acme/strip@1 | maildir + copy:file`.
//
// Pure. Knows where a name begins and ends, not whether there is anything of that name: that is for the check to say.

/** One name: `text` as it stands, `label` by which settings go, `processor` without label. */
function nameOf(text) {
  const colon = text.indexOf(":");
  const processor = (colon < 0 ? text : text.slice(colon + 1)).trim();
  const label = colon < 0 ? processor.replace(/@.*$/, "") : text.slice(0, colon);
  return { text, label: label.trim().toLowerCase(), processor: processor.toLowerCase() };
}

const split = (text, mark) =>
  text
    .split(mark)
    .map((part) => part.trim())
    .filter(Boolean);

/** `{stages, sinks}` of names; what stands last is the sinks. */
export function parse(text) {
  const segments = split(text ?? "", "|");
  const last = segments.pop();
  return { stages: segments.map(nameOf), sinks: last === undefined ? [] : split(last, "+").map(nameOf) };
}

/** The text of `{stages, sinks}`. */
export function format({ stages, sinks }) {
  return [
    ...stages.map((name) => name.text),
    ...(sinks.length ? [sinks.map((name) => name.text).join(" + ")] : []),
  ].join(" | ");
}

/** `text` with a stage before the sinks; under a label of its own where the name stands there already. */
export function insert(text, stage) {
  const spec = parse(text);
  const taken = new Set([...spec.stages, ...spec.sinks].map((name) => name.label));
  let name = nameOf(stage);
  for (let n = 2; taken.has(name.label); n += 1) {
    const label = `${name.label.replace(/^.*\//, "").replace(/-\d+$/, "")}-${n}`;
    if (!taken.has(label)) name = nameOf(`${label}:${name.processor}`);
  }
  return { text: format({ ...spec, stages: [...spec.stages, name] }), label: name.label };
}

/** `text` with the stage at `from` moved to `to`. */
export function move(text, from, to) {
  const spec = parse(text);
  if (to < 0 || to >= spec.stages.length) return text;
  spec.stages.splice(to, 0, ...spec.stages.splice(from, 1));
  return format(spec);
}

/** `text` without the stage at `n`. */
export function remove(text, n) {
  const spec = parse(text);
  spec.stages.splice(n, 1);
  return format(spec);
}
