// Light and dark, the file that is shown, and the table that compares files.

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function startTheme(changed) {
  const button = element("theme");
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    label();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); changed(); });
  label();
}

function showPart(part) {
  for (const each of document.querySelectorAll("[data-part]")) each.hidden = each.dataset.part !== String(part);
  for (const link of document.querySelectorAll(".bar [data-section]")) {
    const target = `${link.dataset.section}-${part}`;
    link.hash = target;
    link.hidden = element(target) === null;
  }
  for (const link of document.querySelectorAll("[data-show]")) {
    link.closest("tr").classList.toggle("shown", link.dataset.show === String(part));
  }
}

function startParts(shown) {
  const select = element("part");
  const show = (part) => {
    if (select) select.value = part;
    showPart(part);
    shown(Number(part));
  };
  select?.addEventListener("change", () => show(select.value));
  for (const link of document.querySelectorAll("[data-show]")) link.addEventListener("click", () => show(link.dataset.show));
  show(0);
}

function startComparison() {
  const table = element("compare");
  if (!table) return;
  const body = table.tBodies[0];
  const value = (row, column) => row.cells[column].dataset.sort;
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const heading = button.parentElement;
      const column = Number(button.dataset.column);
      // numbers from the highest, names from the first
      const previous = heading.getAttribute("aria-sort") ?? (column ? "ascending" : "descending");
      const sign = previous === "ascending" ? -1 : 1;
      for (const each of table.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const compare = (a, b) => {
        const difference = Number(value(a, column)) - Number(value(b, column));
        return Number.isNaN(difference) ? value(a, column).localeCompare(value(b, column), "en", { numeric: true }) : difference;
      };
      body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
    });
  }
}
