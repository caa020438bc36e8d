// The cells of a task's table under another measure, from data that are loaded when they are first asked for.
"use strict";
window.benchTable.measuresOf = function (table, { place, bodies, byKey, changed }) {
  const STEPS = 12;
  const UNIT = 1000000; // Values are whole numbers of millionths: they round here as they do in the page.
  const stem = table.dataset.stem;
  const meanAt = place.get("_mean");
  const groupsAt = place.get("_groups");
  const element = (id) => document.getElementById(id);

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

  function show(measure) {
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
    changed();
    table.dataset.measure = measure;
    element("shown-measure").textContent = measure;
    element("low").textContent = `≤ ${text(data.scale[0] * UNIT)}`;
    element("high").textContent = text(data.scale[1] * UNIT);
  }

  let loading = null;
  function load() {
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

  return { show, load };
};
