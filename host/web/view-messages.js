// The recent messages of all tenants, for the host.

import { fill, h } from "./dom.js";
import { title } from "./frame.js";
import { follow } from "./live.js";
import { messageCard } from "./tab-messages.js";

/** Fills `main`, and goes on until `signal` is aborted. */
export async function messagesView({ main, signal }) {
  title("Messages");
  follow(null);
  const list = await messageCard({ signal, tenant: null, domains: [] });
  fill(main, h("header", { class: "view-head" }, h("h1", { tabindex: "-1" }, "Messages")), list);
}
