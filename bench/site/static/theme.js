// Light or dark as the reader chose; before the page is drawn, so that it does not flash.
"use strict";
(function () {
  try {
    const chosen = localStorage.getItem("bench-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (refused) { /* No storage: the system's own choice holds. */ }
  document.documentElement.classList.add("scripted");
})();
