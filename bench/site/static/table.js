// Sort, filter, measures and links of a task's table. The state is the part of the address after `#`:
//   m measure, sort column, dir asc or desc, q name, from, method, size, licence, trained, row and col of a cell.
// Without it the table is there whole. One listener a table; the keys of a column are read once.
"use strict";
(function () {
  const table = document.getElementById("board");
  if (!table) return;

  const LIMIT = 400; // Rows of a section that are laid out; a button shows the others.
  const STEPS = 12;
  const UNIT = 1000000; // Values are whole numbers of millionths: they round here as they do in the page.
  const FILTERS = ["q", "from", "method", "size", "licence", "trained"];
  const stem = table.dataset.stem;
  const first = table.dataset.measure;
  const heads = Array.from(table.tHead.rows[0].cells);
  const codes = heads.map((head) => head.dataset.code);
  const place = new Map(codes.map((code, i) => [code, i]));
  const meanAt = place.get("_mean");
  const groupsAt = place.get("_groups");
  const texts = new Set(["_name", "_method", "_groups"]);
  const element = (id) => document.getElementById(id);

  // --- rows, read from the page once

  const bodies = Array.from(table.tBodies, (body) => ({ body, head: body.rows[0], rows: [], limit: LIMIT, shown: null }));
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

  const state = { m: first, sort: "", dir: "", q: "", from: "", method: "", size: "", licence: "", trained: "", row: "", col: "" };
  let applied = first; // The measure that the cells show.
  let keys = new Map(); // Column -> sort keys by the order of rows.

  // --- sorting

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
  rows.forEach((row, index) => { row.index = index; });

  // --- filtering

  function sizeFits(row, wanted) {
    if (wanted === "none") return Number.isNaN(row.size);
    if (wanted === "more") return row.size > 2000;
    return row.size <= Number(wanted);
  }

  function fits(row, words) {
    return words.every((word) => row.name.includes(word)) &&
      (!state.from || row.from === state.from) && (!state.method || row.method === state.method) &&
      (!state.licence || row.licence === state.licence) && (!state.size || sizeFits(row, state.size)) &&
      (!state.trained || state.trained.split(" ").includes(row.trained));
  }

  // --- drawing

  function same(a, b) { return a !== null && a.length === b.length && a.every((row, i) => row === b[i]); }

  function draw() {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const column = place.get(state.sort);
    const order = column === undefined ? (a, b) => a.order - b.order : compare(column, state.dir === "desc");
    let count = 0;
    for (const part of bodies) {
      const found = part.rows.filter((row) => fits(row, words)).sort(order);
      if (!bodies[part.rows.length ? part.rows[0].home : 0].silent) count += found.length;
      const list = found.slice(0, part.limit);
      if (!same(part.shown, list) || part.more !== found.length - list.length) {
        part.shown = list;
        part.more = found.length - list.length;
        part.body.replaceChildren(part.head, ...list.map((row) => row.tr), ...(part.more ? [moreRow(part)] : []));
      }
      part.found = found.length;
    }
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

  // --- another measure

  function text(value) {
    const digits = (value / UNIT).toFixed(3);
    return digits.startsWith("0") ? digits.slice(1) : digits;
  }

  function signed(value) {
    const digits = text(Math.abs(value));
    return digits === ".000" ? digits : (value > 0 ? "+" : "−") + digits;
  }

  function stepOf(value, scale) {
    const [low, high] = scale;
    if (high <= low) return STEPS / 2;
    return Math.min(STEPS - 1, Math.max(0, Math.floor((value / UNIT - low) / (high - low) * STEPS)));
  }

  function fill(td, cell, scale, extra) {
    const list = Array.isArray(cell);
    const value = list ? cell[0] : cell;
    const marks = list ? cell[1] : "";
    const title = list ? cell[2] : "";
    if (value === null) {
      td.className = "no" + extra;
      td.textContent = "–";
    } else {
      const saturated = marks.includes("s");
      const classes = [...(saturated ? [] : [`h${stepOf(value, scale)}`]), ...marks];
      td.className = classes.join(" ") + extra;
      td.textContent = saturated ? `(${text(value)})` : text(value);
      if (/[fe]/.test(marks)) td.append(small("i", "!"));
      if (list && cell.length > 3) td.append(small("small", signed(cell[3])));
    }
    if (title) td.title = title; else if (td.title) td.removeAttribute("title");
  }

  function small(name, content) {
    const made = document.createElement(name);
    made.textContent = content;
    return made;
  }

  function fillRow(row, line, scale) {
    const [rank, ranks, groups, reason, coverage, mean, cells] = line;
    const td = row.cells[0];
    td.textContent = rank === null ? "–" : String(rank);
    if (rank !== null && ranks && ranks[0] !== ranks[1]) td.append(small("small", `${ranks[0]}–${ranks[1]}`));
    if (rank === null) td.title = reason || ""; else td.removeAttribute("title");
    row.cells[place.get("_cover")].textContent = coverage;
    if (groupsAt !== undefined) row.cells[groupsAt].textContent = groups;
    fill(row.cells[meanAt], mean, scale, " mean");
    cells.forEach((cell, i) => fill(row.cells[meanAt + 1 + i], cell, scale, ""));
    row.part = row.home + (rank === null ? 1 : 0);
  }

  function showMeasure(measure) {
    const data = window.BENCH_DATA[stem][measure];
    if (!data) return;
    let order = 0;
    bodies.forEach((part) => { part.rows = []; part.shown = null; part.silent = true; });
    for (const [key, line] of Object.entries(data.rows)) {
      const row = byKey.get(key);
      if (!row) continue;
      fillRow(row, line, data.scale);
      row.order = order++;
      bodies[row.part].rows.push(row);
      if (line[5] !== null || line[6].some((cell) => cell !== null)) bodies[row.home].silent = false;
    }
    keys = new Map();
    applied = measure;
    table.dataset.measure = measure;
    element("shown-measure").textContent = measure;
    element("low").textContent = `≤ ${text(data.scale[0] * UNIT)}`;
    element("high").textContent = text(data.scale[1] * UNIT);
  }

  let loading = null;
  function loaded() {
    if (window.BENCH_DATA && window.BENCH_DATA[stem]) return Promise.resolve();
    loading = loading || new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = table.dataset.source;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
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
      try { await loaded(); } catch (failed) {
        state.m = applied;
        element("measure").value = applied;
        say("The data of the other measures could not be loaded.");
        return;
      }
      showMeasure(state.m);
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
