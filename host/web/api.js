// Asks the admin API. Knows paths' syntax, the CSRF token and what a problem looks like; nothing of what is asked.

/** What the API refused (RFC 9457), or a connection that failed (`status` 0). */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || (status === 0 ? "Gatepost cannot be reached." : `Answer ${status}`));
    this.status = status;
    this.problems = Array.isArray(body?.problems) ? body.problems : [];
    this.keys = Array.isArray(body?.keys) ? body.keys : [];
    this.users = Array.isArray(body?.users) ? body.users : [];
    this.type = body?.type ?? "about:blank";
  }
}

let csrf = null; // In memory only: a page of another origin cannot read it, and it ends with this page.
let onSignedOut = () => {};

/** Sets the token that changes must carry, as the session's answer gave it. */
export function useCsrf(token) {
  csrf = token;
}

/** What to do when the session has ended. */
export function whenSignedOut(callback) {
  onSignedOut = callback;
}

/** A path of percent-encoded segments: path`/v1/tenants/${name}/chain`. */
export function path(strings, ...values) {
  return strings.reduce((all, text, n) => all + encodeURIComponent(values[n - 1]) + text);
}

async function problemOf(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // Not ours; the status has to say it.
  }
  const problem = new Problem(response.status, body);
  const wait = response.headers.get("Retry-After");
  if (wait && response.status !== 401) problem.message += ` Try again in ${wait} s.`;
  return problem;
}

/** Asks. Answers `{body, etag, status}`; throws a `Problem`. `json` is sent as JSON; `ifMatch` is a revision. */
export async function ask(method, where, { json, ifMatch, signal, quiet } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch !== undefined && ifMatch !== null) headers["If-Match"] = `"${ifMatch}"`;
  let response;
  try {
    const body = json === undefined ? undefined : JSON.stringify(json);
    response = await fetch(where, {
      method,
      headers,
      body,
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, null);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (response.status === 401 && !quiet) onSignedOut();
    throw problem;
  }
  const body = response.status === 204 ? null : await response.json();
  return { body, status: response.status, etag: response.headers.get("ETag")?.replaceAll('"', "") ?? null };
}

/** The body of a GET. */
export const get = async (where, options) => (await ask("GET", where, options)).body;

/** Sends a file by PUT. XMLHttpRequest, as fetch cannot say how much has been sent. */
export function upload(where, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", where);
    request.responseType = "text";
    request.setRequestHeader("Content-Type", "application/wasm");
    if (csrf) request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(new Problem(0, null)));
    request.addEventListener("abort", () => reject(new Problem(0, null)));
    request.addEventListener("load", () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // As above.
      }
      if (request.status === 401) onSignedOut();
      if (request.status >= 200 && request.status < 300) resolve({ body, status: request.status });
      else reject(new Problem(request.status, body));
    });
    request.send(file);
  });
}
