// Steps that several cases take: signing in, opening a tab, dropping a file, going by the keyboard.
//
// Knows the page's words and roles, as people do; classes only where there is nothing else to hold on to.

/** Opens the page and signs in, by the keyboard alone. */
export async function signIn(server, visit, token) {
  const { page } = visit;
  await page.goto(server.url);
  await page.getByLabel("Token").waitFor();
  await page.keyboard.type(token); // the field has the focus already
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

export async function open(server, page, tab) {
  await page.goto(`${server.url}/#/tenant/acme${tab ? `/${tab}` : ""}`);
  await page.locator("nav.tabs [aria-current=page]").waitFor();
  await page.locator(".tab-body .card").first().waitFor();
}

/** Drops a file, as a mouse would. */
export async function drop(page, name, bytes) {
  const base64 = Buffer.from(bytes).toString("base64");
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const data = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([data], name));
      return transfer;
    },
    [name, base64],
  );
  await page.dispatchEvent(".drop", "dragover", { dataTransfer: transfer });
  await page.dispatchEvent(".drop", "drop", { dataTransfer: transfer });
}

/** Presses Tab until the focus is on what `fits` an element's words; answers whether it came there. */
export async function tabTo(page, words) {
  for (let n = 0; n < 120; n += 1) {
    const now = await page.evaluate(() => {
      const { activeElement: at } = document;
      return (at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent || "").trim();
    });
    if (now.startsWith(words)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not come to “${words}”`);
}

/** Types a chain into the editor. */
export async function quickEdit(page, chain) {
  await page.getByRole("button", { name: "Edit chain" }).click();
  await page.getByLabel("Chain", { exact: true }).fill(chain);
}
