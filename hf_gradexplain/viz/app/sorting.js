// Tables are sorted by a click on a column's head: first from the highest number, then from the lowest.

function cellValue(cell) {
  const text = cell.textContent.trim().replaceAll("−", "-").replaceAll(",", "").replace(/^< /, "");
  const number = Number.parseFloat(text);
  return text === "–" || text === "" ? null : Number.isNaN(number) ? cell.textContent : number;
}

function compareCells(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const difference = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return descending ? -difference : difference;
}

function sortRows(table, column, descending) {
  const rows = [...table.tBodies[0].rows].map(row => ({ row, value: cellValue(row.cells[column]) }));
  rows.sort((a, b) => compareCells(a.value, b.value, descending));
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const isNumeric = [...table.tBodies[0].rows].every(row => typeof cellValue(row.cells[column]) !== "string");
    const sort = () => {
      const descending = head.ariaSort ? head.ariaSort === "ascending" : isNumeric;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table, column, descending);
    };
    head.replaceChildren(make("button", { type: "button", click: sort }, ...head.childNodes));
  });
}
