// How values are written for people: figures, sizes, times, and text that strangers wrote.
//
// Pure: knows nothing of the document. Whatever a sender or a tenant wrote goes through `visible`, which shows what
// could reorder, hide or forge text as an escape.

/** Controls, what has no width, direction marks and overrides, line separators, tags, lone surrogates. */
const SPOOFS = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
    "\\u200b\\u200c\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1d173}-\\u{1d17a}" +
    "\\u{e0000}-\\u{e0fff}\\p{Cs}]" +
    "|(?<!\\p{Extended_Pictographic}\\ufe0f?)\\u200d", // the joiner is an emoji's, or it hides
  "gu",
);

const escape = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;

/** `text` on one line, with everything that could spoof as a visible escape. */
export function visible(text) {
  return String(text ?? "")
    .replace(SPOOFS, escape)
    .replace(/[\t\n]/g, (char) => (char === "\t" ? "\\t" : "\\n"));
}

/** As `visible`, but lines and tabs stay: for messages and log lines that are shown as a block. */
export function visibleBlock(text) {
  return String(text ?? "")
    .replaceAll("\r\n", "\n")
    .replace(SPOOFS, escape);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `1,234`. */
export const count = (value) => whole.format(value);

/** A rate: `0`, `0.4`, `12`, `1.2k`. */
export function rate(value) {
  if (!Number.isFinite(value) || value <= 0) return "0";
  if (value < 0.05) return "<0.1";
  if (value < 9.95) return value.toFixed(1).replace(/\.0$/, "");
  if (value < 9999.5) return whole.format(value);
  if (value < 999_950) return `${(value / 1000).toFixed(1)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** `512 B`, `1.4 KiB`, `96 MiB`. */
export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : whole.format(value)} ${units[unit]}`;
}

/** CPU time given in microseconds: `84 µs`, `1.2 ms`, `3 s`. */
export function micros(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 999.5) return `${value < 9.95 && value > 0 ? value.toFixed(1) : whole.format(value)} µs`;
  if (value < 999_500) return `${value < 9950 ? (value / 1000).toFixed(1) : whole.format(value / 1000)} ms`;
  return `${(value / 1_000_000).toFixed(1)} s`;
}

/** `45 s`, `12 min`, `3 h 20 min`, `5 days 2 h`, `40 days`. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const [of, small, ofSmall] = s < 86_400 ? [3600, "min", 60] : [86_400, "h", 3600];
  const [large, rest] = [Math.floor(s / of), Math.floor((s % of) / ofSmall)];
  const unit = s < 86_400 ? "h" : large === 1 ? "day" : "days";
  return `${large} ${unit}${rest > 0 && large < 10 ? ` ${rest} ${small}` : ""}`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** `14:03:07` of a Date, or of unix milliseconds. */
export const clock = (at) => clockFormat.format(at);

/** `3 Mar 2026, 14:03:07`. */
export const dateTime = (at) => `${dayFormat.format(at)}, ${clockFormat.format(at)}`;

/** `3 Mar 2026`. */
export const day = (at) => dayFormat.format(at);

/** How long ago, or in how long: `just now`, `5 min ago`, `in 3 days 2 h`. */
export function ago(at, now = Date.now()) {
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (Math.abs(seconds) < 45) return "just now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

/** `1 message`, `2 messages`. */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
