const collator = new Intl.Collator("en", { numeric: true });
const valueOf = cell => cell.dataset.v ?? cell.textContent;
const compare = (one, other) => {
  const [a, b] = [valueOf(one), valueOf(other)];
  return a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : collator.compare(a, b);
};

for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort"), first = head.classList.contains("n") ? "descending" : "ascending";
      const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
      for (const sorted of table.tHead.querySelectorAll("[aria-sort]")) sorted.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      body.append(...[...body.rows].sort((a, b) => sign * compare(a.cells[place], b.cells[place])));
    });
  });
  if (body.rows.length > 8) {
    const find = document.createElement("label"), box = document.createElement("input"), told = document.createElement("span");
    find.className = "find";
    box.type = "search";
    box.placeholder = "Filter rows";
    box.setAttribute("aria-label", `Filter rows: ${table.caption.textContent}`);
    told.setAttribute("role", "status");
    box.addEventListener("input", () => {
      const sought = box.value.trim().toLowerCase();
      for (const row of body.rows) row.hidden = ![...row.cells].some(cell => cell.textContent.toLowerCase().includes(sought));
      const left = [...body.rows].filter(row => !row.hidden).length;
      told.textContent = sought ? `${left} of ${body.rows.length} rows` : "";
    });
    find.append(box, told);
    table.parentElement.before(find);
  }
}

// Who moves by keys must be able to scroll what is too wide, and should not stop where nothing is.
const reachable = () => {
  for (const frame of document.querySelectorAll(".wide")) {
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
    else frame.removeAttribute("tabindex");
  }
};
addEventListener("resize", reachable);
addEventListener("toggle", reachable, true);
reachable();

const root = document.documentElement, theme = document.getElementById("theme");
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const name = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
theme.hidden = false;
name();

const folded = [];
addEventListener("beforeprint", () => {
  folded.push(...document.querySelectorAll("details:not([open])"));
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => { for (const one of folded.splice(0)) one.open = false; });
