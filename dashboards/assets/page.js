"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const charts = [...document.querySelectorAll(".chart")];
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("words");
  const templates = charts.length ? read("templates") : {}; // a page without charts brings neither these nor Plotly
  const near = new Set(); // charts in the window or close to it; the others are drawn when they come near
  const themes = new Map(); // of each chart that is drawn, the theme it is drawn in
  const config = {
    displaylogo: false,
    showSendToCloud: false,
    responsive: true,
    modeBarButtons: [["toImage"]],
    locale: root.lang,
    locales: { [root.lang]: { dictionary: words.plotly } },
  };

  const other = { light: "dark", dark: "light" };
  const label = () => {
    if (!button) return;
    const next = other[root.dataset.theme];
    button.textContent = words[next];
    button.setAttribute("aria-label", next === "dark" ? words.toDark : words.toLight);
  };

  const setTheme = (theme) => {
    root.dataset.theme = theme;
    label();
    return showVisible().then(showOthers);
  };

  const choose = (theme) => {
    try { localStorage.setItem("mnist-data-theme", theme); } catch {} // not in a notebook
    return setTheme(theme);
  };

  const nameButtons = (chart) => {
    // Plotly's buttons are links without a name; a screen reader would say only "link".
    for (const link of chart.querySelectorAll(".modebar-btn")) link.setAttribute("aria-label", link.dataset.title);
    // What is drawn is a heap of numbers without order; the heading, the caption and the folded table say it in words.
    for (const drawing of chart.querySelectorAll(".main-svg")) drawing.setAttribute("aria-hidden", "true");
  };

  // A number in a cell is black or white, whichever stands out more from the cell's colour: by 4.5 to 1 at least (WCAG 2,
  // relative luminance). Plotly's own choice goes down to 2.6 to 1.
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const channels = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
  const colourAt = (scale, place) => {
    const after = Math.max(1, scale.findIndex(([at]) => at >= place));
    const [[low, first], [high, second]] = [scale[after - 1], scale[after]];
    const [from, to] = [channels(first), channels(second)];
    return from.map((part, channel) => part + ((place - low) / (high - low)) * (to[channel] - part));
  };
  const showNumbers = (chart) => {
    for (const number of chart.querySelectorAll(".heatmap-label")) {
      const { trace } = number.closest(".hm").__data__[0];
      const axis = trace.coloraxis && chart._fullLayout[trace.coloraxis];
      const [low, high] = axis ? [axis.cmin, axis.cmax] : [trace.zmin, trace.zmax];
      const place = Math.min(1, Math.max(0, (number.__data__.z - low) / (high - low || 1)));
      const dark = luminance(colourAt((axis || trace).colorscale, place)) < 0.179;
      number.firstChild.style.fill = dark ? "#fff" : "#000";
    }
  };

  // What a mark stands for is the business of the samples' script; see figures/picks.py.
  const passClicks = (chart, pick) =>
    chart.on("plotly_click", ({ points: [{ curveNumber, pointNumber, x, y }] }) => {
      const point = { curveNumber, pointNumber, x, y };
      chart.dispatchEvent(new CustomEvent("pick", { bubbles: true, detail: { point, pick } }));
    });

  // plotly.js takes a third of a second to start, so it lies in the page packed, and runs when a chart is needed. It is
  // unpacked at once, by another thread, as paper cannot wait for it.
  let plotly = null;
  const unpack = async () => {
    const characters = atob(document.getElementById("plotly").textContent);
    const bytes = new Uint8Array(characters.length);
    for (let place = 0; place < characters.length; place += 1) bytes[place] = characters.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    plotly = await new Response(stream).text();
  };
  const unpacked = charts.length ? unpack() : null;

  const needPlotly = () => {
    if (window.Plotly) return;
    const script = document.createElement("script");
    script.textContent = plotly;
    document.head.append(script);
  };

  const show = async (chart) => {
    if (plotly === null) await unpacked;
    const theme = root.dataset.theme;
    if (themes.get(chart) === theme) return;
    const isDrawn = themes.has(chart);
    themes.set(chart, theme);
    if (isDrawn) return Plotly.relayout(chart, { template: templates[theme] });
    needPlotly();
    const figure = read(`${chart.id}-data`);
    figure.layout.template = templates[theme];
    await Plotly.newPlot(chart, figure.data, figure.layout, config);
    nameButtons(chart);
    showNumbers(chart);
    chart.on("plotly_afterplot", () => showNumbers(chart));
    if (figure.layout.meta?.pick) passClicks(chart, figure.layout.meta.pick);
  };

  const isInWindow = (chart) => {
    const { top, bottom } = chart.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 100));

  const showVisible = () => Promise.all([...near].filter(isInWindow).map(show));
  const showOthers = () => // those close to the window, one by one, when the browser has nothing else to do
    whenIdle(async () => {
      const next = [...near].find((chart) => themes.get(chart) !== root.dataset.theme);
      if (!next) return;
      await show(next);
      showOthers();
    });

  const drawWhenNear = () => {
    const watched = new IntersectionObserver(
      async (entries) => {
        for (const { target, isIntersecting } of entries) near[isIntersecting ? "add" : "delete"](target);
        await Promise.all([unpacked, showVisible()]);
        root.setAttribute("data-drawn", "true");
        setTimeout(showOthers, 500); // what a reader does first, as a click on a finding, waits for none of them
      },
      { rootMargin: "400px 0px" },
    );
    for (const chart of charts) watched.observe(chart);
    if (!charts.length) root.setAttribute("data-drawn", "true");
  };

  const markSection = () => {
    const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
    links.values().next().value?.setAttribute("aria-current", "true");
    const seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          for (const link of links.values()) link.removeAttribute("aria-current");
          const link = links.get(entry.target.id);
          if (!link) continue;
          link.setAttribute("aria-current", "true");
          const bar = document.querySelector("nav");
          if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft = link.offsetLeft - bar.clientWidth / 3;
        }
      },
      { rootMargin: "-15% 0px -75% 0px" },
    );
    for (const section of document.querySelectorAll("main > section")) seen.observe(section);
  };

  label();
  button?.addEventListener("click", () => choose(other[root.dataset.theme]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) =>
    setTheme(event.matches ? "dark" : "light"),
  );

  const written = document.getElementById("written");
  if (written && location.protocol === "file:") { // the time is the file's own, for equal inputs give equal pages
    const time = new Date(document.lastModified);
    written.textContent = time.toLocaleString(root.lang, { dateStyle: "long", timeStyle: "short" });
    written.parentElement.hidden = false;
  }

  const textOf = (place) => {
    if (place.tagName === "PRE") return `${place.textContent}\n`;
    const facts = [...place.children].filter((fact) => !fact.hidden);
    const lines = facts.map((fact) => `${fact.querySelector("dt").textContent}: ${fact.querySelector("dd").textContent}`);
    const commands = document.getElementById("commands");
    return [...(commands ? [commands.textContent, ""] : []), ...lines].join("\n");
  };
  for (const copy of navigator.clipboard ? document.querySelectorAll("button.copy") : []) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(textOf(document.getElementById(copy.dataset.of)));
      copy.textContent = words.copied;
    });
  }

  // In a frame of a notebook, an address without a page would be looked for in the notebook.
  if (location.protocol === "about:") {
    document.addEventListener("click", (event) => {
      const hash = event.target.closest("a[href^='#']")?.hash;
      if (!hash) return;
      event.preventDefault();
      document.getElementById(hash.slice(1))?.scrollIntoView();
    });
  }

  // Paper is white, whatever the screen was, shows every chart, and cannot open a fold.
  let before = null;
  let folds = [];
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    folds = [...document.querySelectorAll("details:not([open])")];
    for (const fold of folds) fold.open = true;
    setTheme("light");
    charts.forEach(show);
  });
  addEventListener("afterprint", () => {
    for (const fold of folds) fold.open = false;
    if (before) setTheme(before);
  });

  markSection();
  drawWhenNear();
})();
