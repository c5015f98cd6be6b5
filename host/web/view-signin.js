// Signing in: a token for a session. Knows the form; the token is given to the API once and kept nowhere.

import { h } from "./dom.js";
import { themeSwitch } from "./frame.js";
import { mark } from "./icons.js";
import { busy, button, field, notice } from "./parts.js";
import { signIn } from "./session.js";
import { Problem } from "./api.js";

/** `ended`: a session was there and is no more. `onSignedIn` is called once there is one. */
export function signInView({ ended, onSignedIn }) {
  document.title = "Sign in · Gatepost";
  const token = h("input", {
    type: "password",
    name: "token",
    required: true,
    autocomplete: "current-password",
    autocapitalize: "off",
    spellcheck: "false",
  });
  const result = h("div", { role: "alert" });
  const submit = button("Sign in", null, { kind: "primary wide", submit: true });
  const form = h(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const good = await busy(submit, result, async () => {
          try {
            await signIn(token.value.trim());
          } catch (problem) {
            throw problem.status === 401
              ? new Problem(401, { detail: "This token is not known, or has ended." })
              : problem;
          }
        });
        token.value = "";
        if (good) onSignedIn();
        else token.focus();
      },
    },
    field("Token", token),
    submit,
    result,
  );
  return h(
    "div",
    { class: "signin" },
    h("div", { class: "signin-tools" }, themeSwitch()),
    h(
      "main",
      { class: "signin-box" },
      h("div", { class: "signin-brand" }, mark(), h("h1", {}, "Gatepost")),
      ended && notice("some", h("p", {}, "Your session has ended. Sign in again.")),
      form,
      h(
        "details",
        { class: "signin-help" },
        h("summary", {}, "Where do I find a token?"),
        h(
          "p",
          {},
          "Who runs the host finds one in ",
          h("code", {}, "STATE_DIR/admin.token"),
          ", made at the first start.",
        ),
        h(
          "p",
          {},
          "A tenant's people are given theirs by the host, or make one under ",
          h("em", {}, "Tokens"),
          ".",
        ),
      ),
    ),
  );
}
