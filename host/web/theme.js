// Light or dark. Runs before the first paint, as a classic script, so that no page flashes in the wrong scheme.
//
// Knows the attribute `data-theme` of the root and one key of localStorage; nothing of the rest of the page, which
// calls `gatepostTheme.next()` and asks `gatepostTheme.now()`. Without a choice the system's scheme holds.

(() => {
  const key = "gatepost-theme";
  const order = ["system", "light", "dark"];

  function stored() {
    try {
      const value = localStorage.getItem(key);
      return order.includes(value) ? value : "system";
    } catch {
      return "system"; // storage is shut: the choice lasts as long as the page
    }
  }

  let choice = stored();

  function apply() {
    if (choice === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", choice);
  }

  window.gatepostTheme = {
    now: () => choice,
    next() {
      choice = order[(order.indexOf(choice) + 1) % order.length];
      try {
        localStorage.setItem(key, choice);
      } catch {
        // As above.
      }
      apply();
      return choice;
    },
  };
  apply();
})();
