// What every view must hold for those who do not see it or do not use a mouse: names, headings, landmarks, contrast.
//
// Runs in the page; answers a list of faults, each with the element. Knows nothing of what the views show.

/** Given to `page.evaluate`. */
export function faultsOfAccess() {
  const faults = [];
  const shown = (element) =>
    element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  const tell = (element, text) => faults.push(`${text}: ${element.outerHTML.slice(0, 120)}`);
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    const labelled =
      by &&
      by
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent ?? "")
        .join(" ");
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
    return (
      element.getAttribute("aria-label") ||
      labelled ||
      labels ||
      element.textContent ||
      element.getAttribute("title") ||
      ""
    ).trim();
  };

  for (const control of all(
    "button, a[href], input, select, textarea, summary, [role=img], [role=region], dialog[open]",
  )) {
    if (!nameOf(control)) tell(control, "has no name");
  }
  for (const field of all("input, select, textarea")) {
    if (!field.labels?.length && !field.getAttribute("aria-label")) tell(field, "has no label");
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids.filter((id, n) => ids.indexOf(id) !== n)) faults.push(`two elements have the id ${id}`);
  if (all("h1").length !== 1) faults.push(`${all("h1").length} headings of the first level`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!shown(heading)) continue;
    const own = Number(heading.tagName[1]);
    if (own > level + 1) tell(heading, `a heading of level ${own} after one of level ${level}`);
    level = own;
  }
  if (all("main").length !== 1) faults.push(`${all("main").length} main landmarks`);
  for (const table of all("table")) {
    if (!table.caption) tell(table, "a table without caption");
    for (const head of table.querySelectorAll("th")) if (!head.scope) tell(head, "a table head without scope");
  }
  for (const part of document.querySelectorAll(
    "[style*=expression], [onclick], [onerror], [onload], script:not([src]), style",
  ))
    tell(part, "inline");
  for (const element of all("*")) {
    if (
      element.hasAttribute("aria-describedby") &&
      !document.getElementById(element.getAttribute("aria-describedby"))
    )
      tell(element, "described by nothing");
  }

  // Contrast of text on the ground below it (WCAG 1.4.3), with alpha laid over what is below.
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers
      .reverse()
      .reduce(
        (below, [r, g, b, a]) => [r, g, b].map((part, n) => part * a + below[n] * (1 - a)),
        [255, 255, 255],
      );
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const dim = (element) => {
    for (let at = element; at; at = at.parentElement) if (Number(getComputedStyle(at).opacity) < 1) return true;
    return false;
  };
  for (const element of all("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (
      !own ||
      element.closest("svg, .sr-only, .skip, option, [aria-disabled=true], :disabled") ||
      dim(element)
    )
      continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(rgba(style.color).slice(0, 3)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large =
      parseFloat(style.fontSize) >= 24 ||
      (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) tell(element, `contrast ${ratio.toFixed(2)}`);
  }
  return [...new Set(faults)];
}

/** How far the page reaches beyond the window, in pixels. */
export const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
