// What several pages use: the choice of light or dark, and buttons that copy.
"use strict";
(function () {
  window.benchCopy = function (text, button) {
    const said = button.textContent;
    const show = (message) => {
      button.textContent = message;
      setTimeout(() => { button.textContent = said; }, 1500);
    };
    const byHand = () => {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "unseen";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      button.focus();
      show(done ? "Copied" : "Not copied");
    };
    if (!navigator.clipboard) { byHand(); return; }
    navigator.clipboard.writeText(text).then(() => show("Copied"), byHand);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    const source = button && document.getElementById(button.dataset.copy);
    if (source) window.benchCopy(source.textContent, button);
  });

  const list = document.querySelector(".top ul");
  if (!list) return;
  const toggle = document.createElement("button");
  toggle.type = "button";
  toggle.id = "theme";
  const root = document.documentElement;
  const isDark = () => root.dataset.theme === "dark" ||
    (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const name = () => { toggle.textContent = isDark() ? "Light" : "Dark"; };
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("bench-theme", root.dataset.theme); } catch (refused) { /* For this page alone. */ }
    name();
  });
  name();
  list.after(toggle);
})();
