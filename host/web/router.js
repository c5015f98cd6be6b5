// Addresses within the page: `#/tenant/acme/chain`. Knows how they are taken apart and put together, not what they show.

/** The parts of the address, decoded: `["tenant", "acme", "chain"]`. */
export function parts() {
  return location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

/** An address: `link("tenant", name, "chain")`. */
export const link = (...names) => `#/${names.map(encodeURIComponent).join("/")}`;

/** Goes there. */
export function go(...names) {
  location.hash = link(...names);
}

/** Goes there without leaving this place in the browser's history. */
export function replace(...names) {
  history.replaceState(null, "", link(...names));
}

/** Calls back whenever the address changes. */
export function onChange(callback) {
  window.addEventListener("hashchange", callback);
}
