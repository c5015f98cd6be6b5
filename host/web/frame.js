// What stands around every view: skip link, header with the way around, the theme switch, the state of the connection.
//
// Knows who is signed in and whether the feed holds; nothing of the views.

import { fill, h, say, set } from "./dom.js";
import { icon, mark } from "./icons.js";
import { listen, now } from "./live.js";
import { button, liveRegion } from "./parts.js";
import { link, parts } from "./router.js";
import { isHost, session } from "./session.js";

function themeSwitch() {
  const names = { system: "System", light: "Light", dark: "Dark" };
  const icons = { system: "system", light: "sun", dark: "moon" };
  const control = h("button", {
    type: "button",
    class: "button quiet icon-only",
    onclick: () => show(window.gatepostTheme.next()),
  });
  function show(choice) {
    const label = `Colour scheme: ${names[choice]}`;
    set(control, "aria-label", label);
    set(control, "title", label);
    fill(control, icon(icons[choice]));
  }
  show(window.gatepostTheme.now());
  return control;
}

function connection(signal) {
  const text = h("span", {});
  const element = h("span", { class: "connection" }, h("span", { class: "dot" }), text);
  const show = (state) => {
    set(element, "data-state", state);
    say(text, { connecting: "Connecting", live: "Live", lost: "Connection lost" }[state]);
  };
  show(now.state);
  listen("state", show, signal);
  return element;
}

function lostBanner(signal) {
  const banner = h("div", { class: "lost", role: "status" });
  const show = (state) => {
    if (state === "lost")
      fill(banner, icon("alert"), "Connection lost. What you see is no longer live; trying again.");
    else fill(banner);
  };
  show(now.state);
  listen("state", show, signal);
  return banner;
}

/** Marks the link of the header that leads to where we are. */
export function markPlace(root) {
  const [first] = parts();
  for (const anchor of root.querySelectorAll(".top nav a")) {
    const place = { undefined: "#/", tenant: link("tenants") }[first] ?? link(first);
    const mine = anchor.getAttribute("href") === place;
    set(anchor, "aria-current", mine ? "page" : null);
  }
}

/** The frame and the `main` in it. `onSignOut` is called by its button. */
export function frame(signal, onSignOut) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h(
    "a",
    {
      class: "skip",
      href: "#main",
      onclick: (event) => {
        event.preventDefault(); // the address belongs to the router
        main.focus();
      },
    },
    "Skip to content",
  );
  const { role, tenant } = session();
  const home = isHost() ? "#/" : link("tenant", tenant);
  const nav =
    isHost() &&
    h(
      "nav",
      { "aria-label": "Main" },
      h("a", { href: "#/" }, "Overview"),
      h("a", { href: link("tenants") }, "Tenants"),
      h("a", { href: link("messages") }, "Messages"),
    );
  const who = h("span", { class: "who" }, isHost() ? "Host" : [h("strong", {}, tenant), ` ${role}`]);
  const top = h(
    "header",
    { class: "top" },
    h(
      "div",
      { class: "top-inner" },
      h("a", { class: "brand", href: home }, mark(), h("span", {}, "Gatepost")),
      nav,
      h(
        "div",
        { class: "tools" },
        connection(signal),
        who,
        themeSwitch(),
        button("Sign out", onSignOut, { kind: "quiet", iconName: "out" }),
      ),
    ),
  );
  return { main, element: h("div", { class: "shell" }, skip, top, lostBanner(signal), main, liveRegion()) };
}

/** Says on the page, in its title and to a screen reader where we are. */
export function title(...names) {
  document.title = [...names, "Gatepost"].join(" · ");
}

export { themeSwitch };
