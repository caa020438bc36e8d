// What is in sight is laid out and painted first, the rest a moment later: after sorting, that is a tenth of the cells.
// Rows and columns keep their widths and heights meanwhile, so nothing moves. `.wait` in `site.css` leaves out the rest.
"use strict";
window.benchTable.sightOf = function (table, heads) {
  const SOON = 80; // Milliseconds: who types or clicks again before has not waited for what nobody saw.
  const BESIDE = 100; // Rows further away are left out by the browser itself.
  const sheet = table.closest(".sheet");
  const columns = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, columns];
  let beside = []; // Rows so near to those in sight that they would be laid out with them.
  let later = null; // What is put off until everything is laid out.
  let last = -1;
  let timer = 0;

  function finish() {
    const put = later;
    later = null;
    if (put) put();
  }

  function all() {
    clearTimeout(timer);
    finish();
    table.classList.remove("soon");
    table.removeAttribute("aria-busy");
    for (const tr of beside) tr.classList.remove("wait");
    beside = [];
  }

  // The first column that lies wholly beyond the right edge, counted from 1.
  function beyond() {
    const edge = sheet.scrollLeft + sheet.clientWidth;
    let at = heads.length;
    while (at > 1 && heads[at - 1].offsetLeft >= edge) at -= 1;
    return at + 1;
  }

  function rowsThere() { return Array.from(table.querySelectorAll("tbody:not([hidden]) > tr[id]")); }

  // Puts the rows of `order` from one place to another where they belong, each in exchange for the one that is there.
  function exchange(order, from, to) {
    const rows = rowsThere();
    const at = new Map(rows.map((tr, i) => [tr, i]));
    for (let i = from; i < to; i += 1) {
      const there = rows[i], wanted = order[i];
      if (there === wanted) continue;
      const place = document.createComment("");
      there.replaceWith(place);
      wanted.replaceWith(there);
      place.replaceWith(wanted);
      rows[at.get(wanted)] = there;
      at.set(there, at.get(wanted));
    }
  }

  // Call with what is to be changed: it is measured before that, and marked together with it. Where the rows that are
  // there only change places, `order` has them as they will stand: those in sight go there, the change is put off.
  function first(change, order) {
    finish();
    const column = beyond();
    const row = table.querySelector("tbody:not([hidden]) > tr[id]");
    const height = row ? row.offsetHeight : 0;
    // What of the sheet is in the window, measured from the first row: caption and head stand above it.
    const box = sheet.getBoundingClientRect();
    const start = row ? row.getBoundingClientRect().top : 0;
    const top = Math.max(box.top, 0) - start;
    const bottom = Math.min(box.top + sheet.clientHeight, window.innerHeight) - start;
    const only = height > 0 && order !== null;
    if (!only) change();
    all();
    if (!height) return;
    const rows = only ? order : rowsThere();
    const from = Math.max(0, Math.floor(top / height) - 8), to = Math.min(rows.length, Math.ceil(bottom / height) + 1);
    beside = [...rows.slice(Math.max(0, from - BESIDE), from), ...rows.slice(to, to + BESIDE)];
    if (only) {
      exchange(order, from, to);
      later = change;
    }
    for (const tr of beside) tr.classList.add("wait");
    if (column !== last) columns.replaceSync(`.soon tbody tr[id] > :nth-child(n + ${column}) { display: none; }`);
    last = column;
    table.classList.add("soon");
    table.setAttribute("aria-busy", "true");
    timer = setTimeout(all, SOON);
  }

  for (const scrolled of [sheet, window]) scrolled.addEventListener("scroll", all, { passive: true });
  window.addEventListener("resize", all);
  table.addEventListener("focusin", all);
  window.addEventListener("beforeprint", all);
  return { first, all };
};
