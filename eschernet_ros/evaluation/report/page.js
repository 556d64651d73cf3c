// SPDX-License-Identifier: Apache-2.0
// Sorting and filtering of tables; everything else of the page works without it.
"use strict";
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text !== "" && !Number.isNaN(number) ? number : text;
  };
  const missing = (entry) => entry === "" || entry === "–";
  const compare = (one, two) => {
    if (typeof one === "number" && typeof two === "number") return one - two;
    return String(one).localeCompare(String(two), "en", { numeric: true });
  };
  const sort = (table, column, descending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([one], [two]) => {
      if (missing(one) || missing(two)) return missing(one) - missing(two); // what is missing stays below
      return descending ? compare(two, one) : compare(one, two);
    });
    body.append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
  });
  document.querySelectorAll(".filters").forEach((box) => {
    const table = document.getElementById(box.dataset.table);
    const shown = box.querySelector("output");
    const rows = [...table.tBodies[0].rows];
    const selects = [...box.querySelectorAll("select")];
    const apply = () => {
      let count = 0;
      for (const row of rows) {
        const fits = selects.every((select) => !select.value || row.dataset[select.name] === select.value);
        row.hidden = !fits;
        count += fits;
      }
      shown.textContent = `${count} of ${rows.length} rows`;
    };
    for (const select of selects) {
      for (const word of new Set(rows.map((row) => row.dataset[select.name]))) {
        select.append(new Option(word, word));
      }
      select.addEventListener("change", apply);
    }
    box.hidden = false;
    apply();
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
