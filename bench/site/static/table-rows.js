// The rows of a task's table, read from the page once: their order by a column, and what filters leave.
// One of three scripts of that page; `table.js` is the last and joins them.
"use strict";
window.benchTable = {};
window.benchTable.rowsOf = function (table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const codes = heads.map((head) => head.dataset.code);
  const place = new Map(codes.map((code, i) => [code, i]));
  const texts = new Set(["_name", "_method", "_groups"]);

  const bodies = Array.from(table.tBodies, (body) => ({ body, head: body.rows[0], rows: [], shown: null }));
  for (let i = 0; i < bodies.length; i += 2) bodies[i].silent = bodies[i].body.hidden;
  const rows = [];
  const byKey = new Map();
  bodies.forEach((part, number) => {
    for (const tr of Array.from(part.body.rows).slice(1)) {
      const data = tr.dataset;
      const row = {
        tr, cells: tr.cells, key: tr.id, home: number - number % 2, part: number, order: rows.length,
        name: tr.cells[1].textContent.toLowerCase(), from: part.body.dataset.from, method: data.method || "none",
        size: data.size === undefined ? NaN : Number(data.size), licence: data.licence || "none", trained: data.trained,
      };
      rows.push(row);
      byKey.set(row.key, row);
      part.rows.push(row);
    }
  });

  rows.forEach((row, index) => { row.index = index; });

  // --- sorting

  let keys = new Map(); // Column -> sort keys by the order of rows.

  function numberOf(text) {
    const found = /-?\d*\.?\d+/.exec(text);
    return found ? Number(found[0]) : NaN;
  }

  function sizeOf(row) { return row.size; }

  function keysOf(column) {
    if (!keys.has(column)) {
      const code = codes[column];
      keys.set(column, rows.map((row) => {
        if (code === "_size") return sizeOf(row);
        const text = row.cells[column].textContent;
        return texts.has(code) ? text.toLowerCase() : numberOf(text);
      }));
    }
    return keys.get(column);
  }

  function compare(column, descending) {
    const key = keysOf(column);
    const sign = descending ? -1 : 1;
    const asText = texts.has(codes[column]);
    return (a, b) => {
      const x = key[a.index], y = key[b.index];
      if (asText) {
        if (x === y) return a.order - b.order;
        if (!x || !y) return x ? -1 : 1; // What is not there stands last, in either direction.
        return x < y ? -sign : sign;
      }
      const noX = Number.isNaN(x), noY = Number.isNaN(y);
      if (noX || noY) return noX && noY ? a.order - b.order : noX ? 1 : -1;
      return x === y ? a.order - b.order : x < y ? -sign : sign;
    };
  }

  // In the order of a column, or, without one, in that of the measure's ranks.
  function order(column, descending) {
    return column === undefined ? (a, b) => a.order - b.order : compare(column, descending);
  }

  // --- filtering

  function sizeFits(row, wanted) {
    if (wanted === "none") return Number.isNaN(row.size);
    if (wanted === "more") return row.size > 2000;
    return row.size <= Number(wanted);
  }

  function fits(row, words, state) {
    return words.every((word) => row.name.includes(word)) &&
      (!state.from || row.from === state.from) && (!state.method || row.method === state.method) &&
      (!state.licence || row.licence === state.licence) && (!state.size || sizeFits(row, state.size)) &&
      (!state.trained || state.trained.split(" ").includes(row.trained));
  }

  return { heads, codes, place, texts, bodies, rows, byKey, order, fits, changed() { keys = new Map(); } };
};
