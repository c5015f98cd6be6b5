// A unified diff as lines, each with its sign, its meaning for a screen reader, and a colour.
//
// Knows the format of `diff -u`, and how two short lists of lines differ; nothing of what the lines mean.

import { h } from "./dom.js";
import { visibleBlock } from "./text.js";

const KINDS = { "+": ["added", "added"], "-": ["removed", "removed"], "@": ["hunk", ""] };

function kindOf(line) {
  if (/^(---|\+\+\+) /.test(line)) return ["file", ""];
  return KINDS[line[0]] ?? ["same", ""];
}

/** The lines of `text`, a unified diff. */
export function diffView(text, label) {
  const lines = text.replace(/\n$/, "").split("\n");
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "pre",
      { class: "diff" },
      lines.map((line) => {
        const [kind, word] = kindOf(line);
        return h(
          "span",
          { class: `diff-${kind}` },
          word && h("span", { class: "sr-only" }, `${word}: `),
          `${visibleBlock(line)}\n`,
        );
      }),
    ),
  );
}

/** Two lists of lines as a diff without context: by the longest common subsequence. Null where they are the same. */
export function diffLines(before, after) {
  const long = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let a = before.length - 1; a >= 0; a -= 1) {
    for (let b = after.length - 1; b >= 0; b -= 1) {
      long[a][b] = before[a] === after[b] ? long[a + 1][b + 1] + 1 : Math.max(long[a + 1][b], long[a][b + 1]);
    }
  }
  const out = [];
  let changed = false;
  for (let a = 0, b = 0; a < before.length || b < after.length;) {
    if (a < before.length && b < after.length && before[a] === after[b]) {
      out.push(` ${before[a]}`);
      a += 1;
      b += 1;
    } else {
      changed = true;
      if (a < before.length && (b === after.length || long[a + 1][b] >= long[a][b + 1]))
        out.push(`-${before[a++]}`);
      else out.push(`+${after[b++]}`);
    }
  }
  return changed ? out.join("\n") : null;
}
