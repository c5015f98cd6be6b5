// Arithmetic on points of figures. Pure: knows no document and no feed.

/** Verdicts in the order in which they are stacked and listed, with what each means. */
export const VERDICTS = [
  ["accept", "accepted"],
  ["quarantine", "set apart"],
  ["discard", "dropped, sender told 250"],
  ["reject", "refused for good"],
  ["defer", "sender tries again"],
  ["failed", "a stage failed"],
  ["aborted", "client went away"],
];

/** The mean of `value` over the last `n` points; null where there is none. */
export function recent(points, value, n = 5) {
  const values = points.slice(-n).map(value).filter(Number.isFinite);
  return values.length ? values.reduce((sum, v) => sum + v, 0) / values.length : null;
}

/** Mean and peak of `all` that are figures. */
export function summary(all) {
  const values = all.filter(Number.isFinite);
  if (!values.length) return { mean: 0, peak: 0 };
  return { mean: values.reduce((sum, v) => sum + v, 0) / values.length, peak: Math.max(...values) };
}

/** Sums by verdict. */
export function verdictTotals(points) {
  const totals = Object.fromEntries(VERDICTS.map(([name]) => [name, 0]));
  for (const point of points) for (const [name] of VERDICTS) totals[name] += point.verdicts?.[name] ?? 0;
  return totals;
}

const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
const BINARY_STEPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/** A round figure that is not below `value`: where an axis ends. Of powers of 1024 for bytes. */
export function niceCeiling(value, binary = false) {
  if (!(value > 2)) return value > 1 ? 2 : 1;
  const [base, steps] = binary ? [1024, BINARY_STEPS] : [10, STEPS];
  const unit = base ** Math.floor(Math.log(value) / Math.log(base) + 1e-9);
  const step = steps.find((step) => step * unit >= value * 0.9999) ?? base;
  return Math.ceil(step * unit);
}

/** `value` of each point as the mean of the `n` up to it; null where it has none. */
export function smoothed(points, value, n) {
  const values = points.map(value);
  if (n <= 1) return values;
  return values.map((v, at) => {
    if (!Number.isFinite(v)) return null;
    const some = values.slice(Math.max(0, at - n + 1), at + 1).filter(Number.isFinite);
    return some.reduce((sum, v) => sum + v, 0) / some.length;
  });
}

/** Points summed by `size` seconds: `[{at, points}]`, oldest first, `at` the begin of each. */
export function buckets(points, size) {
  const found = new Map();
  for (const point of points) {
    const at = Math.floor(point.at / size) * size;
    if (!found.has(at)) found.set(at, []);
    found.get(at).push(point);
  }
  return [...found].map(([at, members]) => ({ at, points: members })).sort((a, b) => a.at - b.at);
}
