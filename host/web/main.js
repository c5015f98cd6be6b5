// Begins: finds out who is signed in, then shows the view that the address names.
//
// Knows every view by its address. A view is a function of `{tenant, tab, signal, main}` that fills `main`; `signal` is
// aborted when another view takes its place, and everything that the view listens to ends with it.

import { whenSignedOut } from "./api.js";
import { frame, markPlace } from "./frame.js";
import * as live from "./live.js";
import { announce, button, problemBox } from "./parts.js";
import { link, onChange, parts, replace } from "./router.js";
import { forget, isHost, resume, session, signOut } from "./session.js";
import { h } from "./dom.js";
import { messagesView } from "./view-messages.js";
import { overview } from "./view-overview.js";
import { signInView } from "./view-signin.js";
import { tenantView } from "./view-tenant.js";
import { tenantsView } from "./view-tenants.js";

const page = document.getElementById("page");
let shell = null;
let life = new AbortController();
let visit = new AbortController();

function showSignIn(ended) {
  visit.abort();
  life.abort();
  live.close();
  shell = null;
  page.replaceChildren(signInView({ ended, onSignedIn: begin }));
  page.querySelector("input")?.focus();
}

function endSession() {
  if (!session()) return;
  forget();
  showSignIn(true);
}

async function leave() {
  try {
    await signOut();
    showSignIn(false);
  } catch (problem) {
    shell.main.prepend(problemBox(problem));
    announce(problem.message);
  }
}

function begin() {
  life = new AbortController();
  shell = frame(life.signal, leave);
  page.replaceChildren(shell.element);
  show(false);
}

/** The view that the address names; an address that is none, or not for this session, leads home. */
function route() {
  const [first, name, tab = ""] = parts();
  const own = session().tenant;
  if (first === "tenant" && name && (isHost() || name === own)) {
    return (context) => tenantView({ ...context, tenant: name, tab });
  }
  if (!isHost()) {
    replace("tenant", own);
    return (context) => tenantView({ ...context, tenant: own, tab: "" });
  }
  if (first === "tenants") return tenantsView;
  if (first === "messages") return messagesView;
  if (first !== undefined) history.replaceState(null, "", "#/");
  return overview;
}

async function show(moved) {
  if (!shell) return;
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  const { main } = shell;
  const view = route();
  markPlace(shell.element);
  try {
    await view({ main, signal });
  } catch (problem) {
    if (signal.aborted || !session()) return;
    main.replaceChildren(
      h("h1", { tabindex: "-1" }, problem.status === 404 ? "Not found" : "That did not work"),
      problemBox(problem),
      h(
        "div",
        { class: "actions" },
        button("Try again", () => show(true), { kind: "primary" }),
        h("a", { class: "button", href: isHost() ? "#/" : link("tenant", session().tenant) }, "Home"),
      ),
    );
  }
  if (signal.aborted || !moved) return;
  window.scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

// What a button's work refused and nobody caught: it is shown, never lost.
window.addEventListener("unhandledrejection", ({ reason }) => {
  if (reason?.name === "AbortError" || !session() || !shell) return;
  shell.main.prepend(problemBox(reason));
  announce(reason.message);
});
// A file that misses its zone is not opened in the place of the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}
whenSignedOut(endSession);
live.whenEnded(() => showSignIn(true));
onChange(() => show(true));
try {
  if (await resume()) begin();
  else showSignIn(false);
} catch (problem) {
  page.replaceChildren(
    h(
      "main",
      { class: "alone" },
      h("h1", {}, "Gatepost"),
      problemBox(problem),
      button("Try again", () => location.reload(), { kind: "primary" }),
    ),
  );
}
