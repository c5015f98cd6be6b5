// Who is signed in, and what they may do. Knows the three roles; the CSRF token goes to `api` and nowhere else.

import { ask, useCsrf } from "./api.js";

let current = null;

function take(body) {
  current = { role: body.role, tenant: body.tenant, expires: body.expires ? new Date(body.expires) : null };
  useCsrf(body.csrf);
  return current;
}

/** The session that the cookie stands for; null: none. */
export async function resume() {
  try {
    return take((await ask("GET", "/v1/session", { quiet: true })).body);
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

/** Gives a token for a session. */
export async function signIn(token) {
  return take((await ask("POST", "/v1/session", { json: { token }, quiet: true })).body);
}

/** Ends the session. */
export async function signOut() {
  try {
    await ask("DELETE", "/v1/session", { quiet: true });
  } catch (problem) {
    if (problem.status !== 401) throw problem;
  }
  forget();
}

/** Forgets who was signed in: the session has ended. */
export function forget() {
  current = null;
  useCsrf(null);
}

/** `{role, tenant, expires}`, or null. */
export const session = () => current;

/** Whether the host's own figures and all tenants may be seen. */
export const isHost = () => current?.role === "host";

/** Whether anything may be changed. */
export const mayWrite = () => current?.role === "host" || current?.role === "owner";
