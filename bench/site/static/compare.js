// Any systems of a task side by side, by their means. The address holds what is chosen: #m=nDCG@10&s=bm25&s=muse-small
"use strict";
(function () {
  const data = window.benchCompare;
  const table = document.getElementById("compare");
  if (!data || !table) return;
  const MOST = 6;
  const UNIT = 1000000; // Values are whole numbers of millionths.
  const root = table.dataset.root;
  const box = document.getElementById("chosen");
  const measure = document.getElementById("measure");
  const add = document.getElementById("add");
  const summary = document.getElementById("summary");
  const byKey = new Map(data.sides.map((side) => [side[0], side]));
  let chosen = data.sides.slice(0, 4).map((side) => side[0]);

  // What the address says; names that the page does not have are passed over.
  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const keys = [...new Set(asked.getAll("s"))].filter((key) => byKey.has(key)).slice(0, MOST);
    if (keys.length > 1) chosen = keys;
    if (data.measures.includes(asked.get("m"))) measure.value = asked.get("m");
  }

  function write() {
    const said = new URLSearchParams([["m", measure.value], ...chosen.map((key) => ["s", key])]);
    history.replaceState(null, "", "#" + said);
  }

  const digits = (value) => (value / UNIT).toFixed(3).replace(/^0/, "");
  const signed = (value) => {
    const text = digits(Math.abs(value));
    return text === ".000" ? text : (value > 0 ? "+" : "−") + text;
  };
  const colour = (value) => {
    const step = data.steps.filter((limit) => Math.abs(value) >= limit * UNIT).length;
    return step ? (value > 0 ? "p" : "n") + step : "";
  };

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  const options = (() => {
    const kinds = new Map();
    for (const [key, name, kind] of data.sides) {
      if (!kinds.has(kind)) kinds.set(kind, Object.assign(document.createElement("optgroup"), { label: kind }));
      kinds.get(kind).append(Object.assign(element("option", name), { value: key }));
    }
    return [...kinds.values()];
  })();

  // A choice for each system, with a button that takes it away where two are left without it.
  function choices() {
    box.replaceChildren();
    chosen.forEach((key, at) => {
      const both = element("span");
      const label = element("label", String.fromCharCode(65 + at) + " ");
      const select = element("select");
      select.append(...options.map((group) => group.cloneNode(true)));
      select.value = key;
      select.addEventListener("change", () => { chosen[at] = select.value; show(); });
      label.append(select);
      both.append(label);
      box.append(both);
      if (chosen.length > 2) {
        const less = element("button", "×");
        less.type = "button";
        less.setAttribute("aria-label", "Remove " + byKey.get(key)[1]);
        less.addEventListener("click", () => { chosen.splice(at, 1); choices(); show(); add.focus(); });
        both.append(less);
      }
    });
    add.disabled = chosen.length >= Math.min(MOST, data.sides.length);
  }

  function values(key) {
    return byKey.get(key)[4][data.measures.indexOf(measure.value)] || data.labels.map(() => null);
  }

  function show() {
    const sides = chosen.map((key) => byKey.get(key));
    const columns = chosen.map(values);
    const head = element("tr");
    head.append(Object.assign(element("th", "language", "name"), { scope: "col" }));
    for (const [, name, kind, page] of sides) {
      const cell = Object.assign(element("th"), { scope: "col" });
      cell.append(Object.assign(element("a", name), { href: root + page }), " ", element("small", kind));
      head.append(cell);
    }
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...data.labels.map((label, row) => {
      const line = element("tr");
      line.append(Object.assign(element("th", label), { scope: "row" }));
      columns.forEach((column, at) => {
        const value = column[row];
        const apart = at && value !== null && columns[0][row] !== null ? value - columns[0][row] : null;
        const cell = element("td", value === null ? "–" : digits(value), apart === null ? "" : colour(apart));
        if (apart !== null) cell.append(" ", element("small", signed(apart)));
        line.append(cell);
      });
      return line;
    }));
    document.getElementById("shown-measure").textContent = measure.value;
    summary.replaceChildren(...columns.slice(1).map((column, at) => sentence(sides[0], sides[at + 1], columns[0], column)));
    write();
  }

  // How two systems compare over the languages that both have, and where they are compared query by query.
  function sentence(first, second, a, b) {
    const both = data.labels.map((_, row) => row).filter((row) => row && a[row] !== null && b[row] !== null);
    const above = both.filter((row) => b[row] > a[row]).length;
    const apart = both.reduce((sum, row) => sum + b[row] - a[row], 0) / both.length;
    const said = element("span", both.length
      ? `${second[1]} is higher than ${first[1]} in ${above} of ${both.length}, ${signed(apart)} on average`
      : `${second[1]} and ${first[1]} have nothing in common`);
    const page = data.pairs[first[0] + " " + second[0]] || data.pairs[second[0] + " " + first[0]];
    if (page) said.append(" (", Object.assign(element("a", "query by query"), { href: root + page }), ")");
    return said;
  }

  add.addEventListener("click", () => {
    const next = data.sides.find((side) => !chosen.includes(side[0]));
    if (next) chosen.push(next[0]);
    choices();
    show();
    box.querySelector("span:last-of-type select").focus();
  });
  measure.addEventListener("change", show);
  document.getElementById("copy-link").addEventListener("click", (event) => window.benchCopy(location.href, event.target));
  window.addEventListener("hashchange", () => { read(); choices(); show(); });
  read();
  choices();
  show();
})();
