// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Draws the chosen panel of each chart. The root element says how far it is: data-charts is
// "drawn" or "failed", the latter with data-reason.
(function () {
  "use strict";
  const root = document.documentElement;
  function failed(reason) {
    root.dataset.charts = "failed";
    root.dataset.reason = String(reason);
    const box = document.createElement("p");
    box.className = "failed";
    box.setAttribute("role", "alert");
    box.textContent = "A chart could not be drawn: " + reason;
    document.querySelector("main").prepend(box);
  }
  const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // interpreted, so that the page needs no right to make code from text
    tooltip: { theme: isDark ? "dark" : "light" },
  };
  function start() {
    const charts = JSON.parse(document.getElementById("charts").textContent);
    return Promise.all(charts.map(function (chart) {
      const box = document.getElementById("chart-" + chart.id);
      const note = document.getElementById("note-" + chart.id);
      const choice = document.getElementById("choice-" + chart.id);
      let drawn = null;
      function draw(index) {
        const panel = chart.panels[index];
        if (drawn) {
          drawn.finalize();
        }
        note.textContent = panel.note;
        return vegaEmbed(box, panel.spec, options).then(function (result) {
          drawn = result;
        });
      }
      if (choice) {
        choice.addEventListener("change", function () {
          draw(Number(choice.value)).catch(failed);
        });
      }
      return draw(choice ? Number(choice.value) : 0);
    }));
  }
  try {
    start().then(function () { root.dataset.charts = "drawn"; }, failed);
  } catch (reason) {
    failed(reason);
  }
})();
