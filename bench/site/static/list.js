// A search over the rows of a list.
"use strict";
(function () {
  const input = document.getElementById("find");
  const table = input && document.getElementById(input.dataset.list);
  if (!table) return;
  const rows = Array.from(table.tBodies[0].rows, (tr) => ({ tr, text: tr.textContent.toLowerCase() }));
  const output = document.getElementById("found");
  const draw = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.tr.hidden = !words.every((word) => row.text.includes(word));
      count += !row.tr.hidden;
    }
    output.textContent = count === rows.length ? `${count} systems` : `${count} of ${rows.length} systems`;
    history.replaceState(null, "", location.href.split("#")[0] + (input.value ? `#q=${encodeURIComponent(input.value)}` : ""));
  };
  const given = new URLSearchParams(location.hash.slice(1)).get("q");
  if (given) { input.value = given; draw(); }
  input.addEventListener("input", draw);
})();
