// Sort, filter, measures and links of a task's table: the scripts `table-rows.js`, `table-measure.js` and
// `table-sight.js`, joined. The state is the part of the address after `#`:
//   m measure, sort column, dir asc or desc, q name, from, method, size, licence, trained, row and col of a cell.
// Without it the table is there whole. One listener a table; the keys of a column are read once.
"use strict";
(function () {
  const table = document.getElementById("board");
  if (!table) return;

  const LIMIT = 400; // Rows of a section that are laid out; a button shows the others.
  const FILTERS = ["q", "from", "method", "size", "licence", "trained"];
  const first = table.dataset.measure;
  const board = window.benchTable.rowsOf(table);
  const { heads, codes, place, texts, bodies, rows, byKey } = board;
  const measures = window.benchTable.measuresOf(table, board);
  const meanAt = place.get("_mean");
  const element = (id) => document.getElementById(id);
  const sight = window.benchTable.sightOf(table, heads);
  for (const part of bodies) {
    Object.assign(part, { limit: LIMIT, more: 0 });
    if (part.rows.length <= LIMIT) part.shown = part.rows; // As the page has them.
  }

  const state = { m: first, sort: "", dir: "", q: "", from: "", method: "", size: "", licence: "", trained: "", row: "", col: "" };
  let applied = first; // The measure that the cells show.

  // --- drawing

  function permuted(a, b) {
    const had = new Set(a);
    return had.size === b.length && b.every((row) => had.has(row));
  }

  function standing() { return bodies.filter((part) => !part.body.hidden).flatMap((part) => part.shown.map((row) => row.tr)); }

  function same(a, b) { return a !== null && a.length === b.length && a.every((row, i) => row === b[i]); }

  function draw() {
    const changed = [];
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const column = place.get(state.sort);
    const order = board.order(column, state.dir === "desc");
    let count = 0;
    for (const part of bodies) {
      const found = part.rows.filter((row) => board.fits(row, words, state)).sort(order);
      if (!bodies[part.rows.length ? part.rows[0].home : 0].silent) count += found.length;
      const list = found.slice(0, part.limit);
      if (!same(part.shown, list) || part.more !== found.length - list.length) {
        part.moved = !part.more && found.length === list.length && permuted(part.shown, list);
        part.shown = list;
        part.more = found.length - list.length;
        changed.push(part);
      }
      part.found = found.length;
    }
    if (changed.length) sight.first(() => changed.forEach(replace), changed.every((part) => part.moved) ? standing() : null);
    // The heading of a section stands with its ranked rows; it stays where only the others are left. A section that
    // says nothing under this measure is not there, as without script.
    for (let i = 0; i < bodies.length; i += 2) {
      const [ranked, rest] = [bodies[i], bodies[i + 1]];
      ranked.body.hidden = ranked.silent || !(ranked.found || rest.found);
      rest.body.hidden = ranked.silent || !rest.found;
    }
    const output = element("count");
    const all = rows.filter((row) => !bodies[row.home].silent).length;
    const text = count === all ? `${count} systems` : `${count} of ${all} systems`;
    if (output.textContent !== text) output.textContent = text;
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", state.dir === "desc" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  // What stays is not taken out and put back: the browser would style and measure it again.
  function replace(part) {
    const wanted = new Set(part.shown.map((row) => row.tr));
    for (const tr of Array.from(part.body.rows)) if (tr !== part.head && !wanted.has(tr)) tr.remove();
    let there = part.head.nextElementSibling;
    for (const tr of wanted) {
      if (tr === there) there = there.nextElementSibling;
      else part.body.insertBefore(tr, there);
    }
    if (part.more) part.body.append(moreRow(part));
  }

  function moreRow(part) {
    const tr = document.createElement("tr");
    tr.className = "more";
    const th = document.createElement("th");
    th.colSpan = heads.length;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Show ${part.more} more`;
    button.addEventListener("click", () => { part.limit = Infinity; draw(); });
    th.append(button);
    tr.append(th);
    return tr;
  }

  // --- the state, and the address

  function read() {
    const hash = location.hash.slice(1);
    const isState = hash.includes("=");
    const given = new URLSearchParams(isState ? hash : "");
    for (const name of Object.keys(state)) state[name] = given.get(name) || "";
    if (hash && !isState) {
      try { state.row = decodeURIComponent(hash); } catch (malformed) { state.row = ""; }
    }
    const measure = element("measure");
    const known = measure ? Array.from(measure.options, (option) => option.value) : [first];
    if (!known.includes(state.m)) state.m = first;
    if (!place.has(state.sort)) state.sort = state.dir = "";
    if (state.sort && state.dir !== "asc" && state.dir !== "desc") state.dir = texts.has(state.sort) ? "asc" : "desc";
    if (measure) measure.value = state.m;
    for (const name of FILTERS) {
      const input = element(`f-${name}`);
      if (!input) { state[name] = ""; continue; }
      input.value = state[name];
      if (input.value !== state[name]) input.value = state[name] = ""; // No such choice here.
    }
  }

  function address() {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) {
      if (value && !(name === "m" && value === first)) given.set(name, value);
    }
    const hash = given.toString();
    return location.href.split("#")[0] + (hash ? `#${hash}` : "");
  }

  function write() { history.replaceState(null, "", address()); }

  async function apply() {
    if (state.m !== applied) {
      try { await measures.load(); } catch (failed) {
        state.m = applied;
        element("measure").value = applied;
        say("The data of the other measures could not be loaded.");
        return;
      }
      measures.show(state.m);
      applied = state.m;
    }
    draw();
    choose();
  }

  // --- one cell: its details and its link

  let chosen = null;

  function say(message) { element("readout").querySelector("p").textContent = message; }

  function choose(scroll) {
    if (chosen) {
      chosen.tr.classList.remove("chosen");
      chosen.cell.classList.remove("chosen");
    }
    chosen = null;
    const row = byKey.get(state.row);
    element("copy-link").disabled = !row;
    if (!row) return;
    const part = bodies[row.part];
    if (!row.tr.isConnected && part.rows.includes(row) && part.limit < Infinity) {
      part.limit = Infinity;
      draw();
    }
    const column = place.has(state.col) ? place.get(state.col) : 1;
    const cell = row.cells[column];
    chosen = { tr: row.tr, cell };
    row.tr.classList.add("chosen");
    if (column !== 1) cell.classList.add("chosen");
    say(describe(row, column));
    roving(cell);
    if (scroll) sight.all();
    if (scroll && row.tr.isConnected) cell.scrollIntoView({ block: "center", inline: "center" });
  }

  function describe(row, column) {
    const cell = row.cells[column];
    const name = row.cells[1].title;
    const parts = [name];
    if (column > 1) parts.push(`${heads[column].title || heads[column].textContent}: ${cell.textContent}`);
    if (column >= meanAt) parts.push(applied);
    const about = column === 1 ? row.cells[0].title : cell.title;
    if (about) parts.push(about);
    if (column === meanAt && row.cells[0].title) parts.push(`not ranked: ${row.cells[0].title}`);
    parts.push(row.from);
    return parts.join(" · ");
  }

  let reachable = null;
  function roving(cell) {
    if (reachable && reachable !== cell) reachable.removeAttribute("tabindex"); // It would lose the focus.
    cell.tabIndex = 0;
    reachable = cell;
  }

  function pick(cell) {
    const row = byKey.get(cell.parentElement.id);
    if (!row) return;
    state.row = row.key;
    state.col = cell.cellIndex === 1 ? "" : codes[cell.cellIndex];
    choose(false);
    cell.focus({ preventScroll: true });
    write();
  }

  function neighbour(cell, key) {
    const tr = cell.parentElement;
    if (key === "ArrowLeft") return cell.previousElementSibling;
    if (key === "ArrowRight") return cell.nextElementSibling;
    if (key === "Home") return tr.cells[1];
    if (key === "End") return tr.cells[tr.cells.length - 1];
    const all = Array.from(table.querySelectorAll("tbody:not([hidden]) > tr[id]"));
    const next = all[all.indexOf(tr) + (key === "ArrowUp" ? -1 : 1)];
    return next && next.cells[cell.cellIndex];
  }

  // --- events: one listener for all rows

  table.addEventListener("click", (event) => {
    const sorter = event.target.closest("thead button");
    if (sorter) { sortBy(sorter.parentElement.dataset.code); return; }
    const cell = event.target.closest("tbody td, tbody th[scope=row]");
    if (cell && !event.target.closest("a, button")) pick(cell);
  });

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td, tbody th[scope=row]");
    if (!cell || event.target !== cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
      const next = neighbour(cell, event.key);
      if (next) {
        pick(next);
        next.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
      event.preventDefault();
    } else if (event.key === "Enter") {
      pick(cell);
    }
  });

  function sortBy(code) {
    const begins = texts.has(code) || code === "_rank" ? "asc" : "desc";
    if (state.sort !== code) { state.sort = code; state.dir = begins; }
    else if (state.dir === begins) state.dir = begins === "asc" ? "desc" : "asc";
    else state.sort = state.dir = "";
    draw();
    write();
  }

  for (const name of FILTERS) {
    const input = element(`f-${name}`);
    if (input) input.addEventListener("input", () => { state[name] = input.value; draw(); write(); });
  }
  if (element("measure")) {
    element("measure").addEventListener("change", (event) => { state.m = event.target.value; apply().then(write); });
  }
  element("more").addEventListener("click", (event) => { // A phone's width shows the filters on demand.
    const open = event.target.closest(".tools").classList.toggle("open");
    event.target.setAttribute("aria-expanded", String(open));
  });
  element("reset").addEventListener("click", () => {
    for (const name of [...FILTERS, "sort", "dir", "row", "col"]) state[name] = "";
    for (const name of FILTERS) if (element(`f-${name}`)) element(`f-${name}`).value = "";
    bodies.forEach((part) => { part.limit = LIMIT; });
    say("Choose a cell for its details and a link to it; arrow keys move.");
    apply().then(write);
  });
  element("copy-link").addEventListener("click", (event) => window.benchCopy(address(), event.target));
  window.addEventListener("hashchange", () => { read(); apply().then(() => choose(true)); });

  for (const head of heads) {
    const link = head.querySelector("a");
    const button = document.createElement("button");
    button.type = "button";
    if (link) {
      // A part's page is still one step away: the link stays, sorting is beside it.
      button.textContent = "sort";
      button.setAttribute("aria-label", `Sort by ${link.textContent}`);
      head.append(button);
    } else {
      button.append(...head.childNodes);
      head.append(button);
    }
  }

  if (rows.length) roving(bodies.find((part) => part.rows.length).rows[0].cells[1]);
  read();
  apply().then(() => choose(Boolean(state.row)));
})();
