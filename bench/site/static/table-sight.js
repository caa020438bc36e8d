// What is in sight is laid out and painted first, the rest a moment later: after sorting, that is a tenth of the cells.
// Rows and columns keep their widths and heights meanwhile, so nothing moves. `.soon` in `site.css` leaves out the rest.
"use strict";
window.benchTable.sightOf = function (table, heads) {
  const SOON = 80; // Milliseconds: who types or clicks again before has not waited for what nobody saw.
  const sheet = table.closest(".sheet");
  const columns = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, columns];
  let near = [];
  let last = -1;
  let timer = 0;

  function all() {
    clearTimeout(timer);
    table.classList.remove("soon");
    for (const tr of near) tr.classList.remove("near");
    near = [];
  }

  // The first column that lies wholly beyond the right edge, counted from 1.
  function beyond() {
    const edge = sheet.scrollLeft + sheet.clientWidth;
    let at = heads.length;
    while (at > 1 && heads[at - 1].offsetLeft >= edge) at -= 1;
    return at + 1;
  }

  // Call with what is to be changed: it is measured before that, and marked together with it.
  function first(change) {
    const column = beyond();
    const row = table.querySelector("tbody:not([hidden]) > tr[id]");
    const height = row ? row.offsetHeight : 0;
    const top = sheet.scrollTop, bottom = top + sheet.clientHeight;
    change();
    all();
    if (!height) return;
    const rows = table.querySelectorAll("tbody:not([hidden]) > tr[id]");
    near = Array.from(rows).slice(Math.max(0, Math.floor(top / height) - 8), Math.ceil(bottom / height) + 1);
    for (const tr of near) tr.classList.add("near");
    if (column !== last) columns.replaceSync(`.soon tbody tr[id] > :nth-child(n + ${column}) { display: none; }`);
    last = column;
    table.classList.add("soon");
    timer = setTimeout(all, SOON);
  }

  sheet.addEventListener("scroll", all, { passive: true });
  table.addEventListener("focusin", all);
  window.addEventListener("beforeprint", all);
  return { first, all };
};
