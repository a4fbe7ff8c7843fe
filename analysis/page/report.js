// Sorts a table by the column whose header is clicked: by the time in a cell (3m20s) or the number
// that it starts with, else by its text. Cells without a value come last.
function numberIn(cell) {
  const time = cell.match(/^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?$/);
  if (cell && time) return 3600 * (time[1] || 0) + 60 * (time[2] || 0) + 1 * (time[3] || 0);
  return parseFloat(cell.replace(/,/g, ""));
}

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const direction = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
  const rows = [...body.rows].map(row => [row, row.cells[head.cellIndex].textContent]);
  rows.sort(([, a], [, b]) => {
    const x = numberIn(a), y = numberIn(b);
    if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
    return direction * (isNaN(x) ? a.localeCompare(b) : x - y);
  });
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  body.append(...rows.map(([row]) => row));
}

// Hides the rows without all of the words that are typed.
function filterBy(input) {
  const words = input.value.toLowerCase().split(/\s+/);
  for (const row of input.closest(".table").querySelector("tbody").rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
}

// The header and the rows that are shown, with tabs between cells, as spreadsheets paste them.
function textOf(table) {
  return [...table.rows].filter(row => !row.hidden)
    .map(row => [...row.cells].map(cell => cell.textContent).join("\t")).join("\n");
}

async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // A page in a sandboxed frame may not; selecting and copying still works there.
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = label; }, 1500);
}

// A figure as a file of its own: on white, with black text.
function save(button) {
  const svg = button.closest("figure").querySelector("svg").cloneNode(true);
  svg.setAttribute("style", "background: white; color: black; font-family: sans-serif");
  const text = new XMLSerializer().serializeToString(svg);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
  link.download = button.dataset.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const on = (event, selector, action) => {
  for (const found of document.querySelectorAll(selector)) {
    found.addEventListener(event, () => action(found));
  }
};
on("click", "th button", button => sortBy(button.parentElement));
on("click", ".save-figure", save);
on("click", ".copy-table",
  button => copy(textOf(button.closest(".table").querySelector("table")), button));
on("click", ".copy-code",
  button => copy(button.closest(".code").querySelector("pre").textContent.trimEnd(), button));
on("input", "input[type=search]", filterBy);
for (const tool of document.querySelectorAll(".tools, .copy-code, .save-figure")) {
  tool.hidden = false;  // What needs this script is shown only where it runs.
}

// Paper has nothing to click on: it gets everything.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
});
