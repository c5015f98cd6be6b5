// Makes elements. The only place that does.
//
// Knows which elements and attributes this page uses and refuses all others, so that no text of a stranger can become
// markup, a handler or an address: children are elements or text, never HTML. Knows nothing of what is shown.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "rect", "circle", "line", "g", "text", "title"]);

const TAGS = new Set(
  (
    "a article aside button caption code dd details dialog div dl dt em fieldset figcaption figure footer form h1 h2 h3 " +
    "h4 header input kbd label legend li main nav ol optgroup option p pre progress section select small span strong " +
    "summary table tbody td textarea tfoot th thead time tr ul datalist"
  ).split(" "),
);

const ATTRIBUTES = new Set(
  (
    "accept autocomplete autocapitalize class cols colspan d datetime download disabled draggable fill for height hidden " +
    "href id inputmode label lang list max maxlength method min multiple name open pattern placeholder points r readonly " +
    "required role rows rx scope selected spellcheck stroke stroke-width stroke-linecap stroke-linejoin tabindex title " +
    "transform type value viewBox width wrap x x1 x2 y y1 y2 cx cy preserveAspectRatio vector-effect"
  ).split(" "),
);

const ADDRESS = /^(#|blob:|\/page\/)/;

/**
 * An element. `attributes`: `onclick` and the like take functions; `true` stands for an empty attribute, `false`, null
 * and undefined for none. Children may be nested lists; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const svg = SVG_TAGS.has(tag);
  if (!svg && !TAGS.has(tag)) throw new Error(`no such element here: ${tag}`);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

/** Sets one attribute, or a listener. */
export function set(element, name, value) {
  if (name.startsWith("on")) {
    if (value) element.addEventListener(name.slice(2), value);
    return;
  }
  if (!ATTRIBUTES.has(name) && !/^(aria|data)-[a-z-]+$/.test(name))
    throw new Error(`no such attribute here: ${name}`);
  if (name === "href" && !ADDRESS.test(value)) throw new Error("an address that leads out of the page");
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Appends elements and text. */
export function append(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Puts `children` in the place of what is in `element`. */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

/** Sets the text only where it changed: a screen reader is not told twice, and the selection stays. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

/** An id that nothing else has. */
export const newId = (prefix) => `${prefix}-${(ids += 1)}`;
