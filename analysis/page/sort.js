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

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.parentElement));
}
