// Mail for the pictures: some messages a second of several senders and clients to three tenants, with what is refused.

import { smtp } from "./harness.mjs";

const SENDERS = [
  ["news@shop.example", "127.0.0.21"],
  ["no-reply@forum.example", "127.0.0.34"],
  ["billing@hosting.example", "127.0.0.21"],
  ["news@shop.example", "127.0.0.21"],
  ["lin@university.example", "127.0.0.8"],
  ["", "127.0.0.34"],
  ["ada@example.org", "127.0.0.5"],
];
const TENANTS = ["acme", "acme", "globex", "acme", "acme", "northwind"];
const EVERY_MS = 90;

function message(n) {
  const words = "Please find the figures of the week below.\r\n".repeat(4 + ((n * 37) % 260));
  if (n % 13 !== 0) return `Subject: Report ${n}\r\n\r\n${words}.`;
  const file = 'Content-Disposition: attachment; filename="invoice.exe"\r\n\r\nTVo=';
  return `Subject: Invoice ${n}\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n${file}\r\n.`;
}

async function tenants({ ask, build }) {
  await ask("PUT", "/v1/processors/attachment-guard/1.0.0", await build("attachment-guard"));
  const chain = "header | attachment-guard@1 | maildir";
  const guarded = (action) => ({ chain, stage: { "attachment-guard": { config: { action } } } });
  await ask("PUT", "/v1/tenants/globex/chain", guarded("reject"));
  await ask("PUT", "/v1/tenants/northwind", { domains: ["northwind.example"], ...guarded("quarantine") });
}

/** Goes on until what it answers is called. */
export async function traffic(server) {
  await tenants(server);
  let n = 0;
  const timer = setInterval(() => {
    n += 1;
    // It comes in waves of about a minute and a half.
    if (Math.random() > 0.65 + 0.3 * Math.sin(n / 150)) return;
    const [sender, client] = SENDERS[Math.floor(Math.random() * SENDERS.length)];
    const tenant = n % 29 === 0 ? "elsewhere" : TENANTS[Math.floor(Math.random() * TENANTS.length)];
    const begin = ["EHLO mail.example.org", `MAIL FROM:<${sender}>`, `RCPT TO:<team@${tenant}.example>`];
    // What fails here shows in the page, not in the cases.
    smtp(server.mail, n % 29 === 0 ? begin : [...begin, "DATA", message(n)], client).catch(() => {});
  }, EVERY_MS);
  return () => clearInterval(timer);
}
