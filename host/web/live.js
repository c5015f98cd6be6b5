// The live feed: one EventSource, the last five minutes of figures, and whoever wants to hear of them.
//
// Knows whose figures are asked for (one tenant's, or all that the session may see) and whether the connection holds;
// nothing of what is drawn. A view listens with the AbortSignal that ends with it.

import { get } from "./api.js";
import { resume, forget } from "./session.js";

/** Seconds of figures that are kept; the API has as many. */
export const WINDOW = 300;
const RETRY_MS = [1000, 2000, 5000, 10_000];
/** Figures come every second: after so long a silence the connection counts as lost, though nobody closed it. */
const SILENCE_MS = 6000;

const bus = new EventTarget();
let scope; // undefined: closed; null: all that the session may see; else a tenant's name
let source = null;
let timer = null;
let tries = 0;
let heard = 0;
let onEnded = () => {};

/** What is known now. `state`: connecting, live or lost. */
export const now = { state: "connecting", points: [], senders: [], clients: [], stages: [] };

/** Calls back at `figures`, `message`, `change` or `state`, until `signal` is aborted. */
export function listen(kind, callback, signal) {
  bus.addEventListener(kind, (event) => callback(event.detail), { signal });
}

/** What to do when the session turns out to have ended. */
export function whenEnded(callback) {
  onEnded = callback;
}

const tell = (kind, detail) => bus.dispatchEvent(new CustomEvent(kind, { detail }));

function setState(state) {
  if (now.state === state) return;
  now.state = state;
  tell("state", state);
}

/** The points of the last five minutes: seconds may be missing. */
const lastOf = (points) => points.filter((point) => point.at > points.at(-1).at - WINDOW);

/** Follows `tenant`'s figures, or with null all. What is followed already goes on. */
export function follow(tenant) {
  if (scope === tenant && source) return;
  close();
  scope = tenant;
  Object.assign(now, { points: [], senders: [], clients: [], stages: [] });
  connect();
}

/** Ends the feed. */
export function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
  scope = undefined;
  tries = 0;
  now.state = "connecting";
}

const query = () => (scope === null ? "" : `?tenant=${encodeURIComponent(scope)}`);

async function history(of) {
  try {
    const figures = await get(`/v1/figures${query()}`);
    if (of !== source) return;
    const newest = figures.points.at(-1)?.at ?? 0;
    const points = lastOf([...figures.points, ...now.points.filter((point) => point.at > newest)]);
    Object.assign(now, {
      points,
      senders: figures.senders,
      clients: figures.clients,
      stages: figures.stages ?? [],
    });
    tell("figures", now);
  } catch {
    // The feed itself says whether the connection holds.
  }
}

function retry(from) {
  if (from !== source) return;
  from.close();
  setState("lost");
  clearTimeout(timer);
  timer = setTimeout(again, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], from);
  tries += 1;
}

setInterval(() => {
  if (source && now.state === "live" && performance.now() - heard > SILENCE_MS) retry(source);
}, 1000);

function connect() {
  const mine = new EventSource(`/v1/events${query()}`);
  source = mine;
  mine.addEventListener("open", () => {
    tries = 0;
    heard = performance.now();
    setState("live");
    history(mine);
  });
  mine.addEventListener("figures", (event) => take(JSON.parse(event.data)));
  mine.addEventListener("message", (event) => tell("message", JSON.parse(event.data)));
  mine.addEventListener("change", (event) => tell("change", JSON.parse(event.data)));
  // By itself the browser tries again only where the connection broke, not where it was refused.
  mine.addEventListener("error", () => retry(mine));
}

async function again(old) {
  if (old !== source) return;
  try {
    if (!(await resume())) {
      forget();
      onEnded();
      return;
    }
  } catch {
    // Not there yet; the next try will tell.
  }
  if (old === source) connect();
}

function take({ point, senders, clients, stages }) {
  heard = performance.now();
  if (now.points.at(-1)?.at >= point.at) return;
  now.points = lastOf([...now.points, point]);
  Object.assign(now, {
    senders: senders ?? now.senders,
    clients: clients ?? now.clients,
    stages: stages ?? now.stages,
  });
  setState("live");
  tell("figures", now);
}
